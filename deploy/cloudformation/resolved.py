"""Templates as a deployment has them: questions answered, conditions decided, outputs handed on; what only AWS knows stays."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.cloudformation.generate import FOLDER

ROOT: Final = "foundation.json"
REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
ANSWERS: Final[Mapping[str, str]] = {  # what an operator has to say, because no default can
    "AdministratorEmail": "administrator@example.com",
    "TemplatesBucket": "templates-of-a-company",
}
NOTHING: Final = object()  # AWS::NoValue
NAME: Final = re.compile(r"\$\{([A-Za-z0-9:.]+)\}")


def deployment(region: str = REGION, **answers: str) -> Mapping[str, dict[str, Any]]:
    """Every nested template by its file name, as the root would deploy them with these answers; others are defaults."""
    root = read(ROOT)
    said = {**defaults(root), **ANSWERS, **answers}
    made: dict[str, dict[str, Any]] = {}
    told: dict[str, Any] = {}
    for name in order(root):
        nested = root["Resources"][name]["Properties"]
        file = file_of(nested)
        given = {key: handed(value, said, told) for key, value in nested["Parameters"].items()}
        template = resolved(read(file), given, region)
        made[file] = template
        told |= {f"{name}.Outputs.{key}": _known(key, out["Value"]) for key, out in template.get("Outputs", {}).items()}
    return made


def read(file: str) -> dict[str, Any]:
    """A template as it is committed."""
    template: dict[str, Any] = json.loads((FOLDER / file).read_text())
    return template


def resolved(template: Mapping[str, Any], given: Mapping[str, Any], region: str = REGION) -> dict[str, Any]:
    """One template without its parameters and conditions; `given` are answers, defaults stand for the rest."""
    answers = {name: _typed(one["Type"], given[name]) for name, one in template["Parameters"].items() if name in given}
    scope = _Scope(template, {**defaults(template), **answers}, region)
    resources = {name: made for name, made in template["Resources"].items() if scope.holds(made.get("Condition"))}
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Resources": {
            name: {key: scope.value(value) for key, value in made.items() if key not in ("Condition", "Metadata")}
            for name, made in resources.items()
        },
        "Outputs": scope.value(template.get("Outputs", {})),
    }


def file_of(nested: Mapping[str, Any]) -> str:
    """The template's file name of a nested stack's properties."""
    return str(nested["TemplateURL"]["Fn::Sub"]).rpartition("}")[2]


def defaults(template: Mapping[str, Any]) -> dict[str, Any]:
    asked = template.get("Parameters", {})
    return {name: _typed(one["Type"], one.get("Default", invented(name))) for name, one in asked.items()}


def _typed(kind: str, value: Any) -> Any:
    if kind == "Number":
        return int(value)
    return value.split(",") if kind.startswith(("List<", "Comma")) and isinstance(value, str) else value


def invented(name: str) -> str:
    """What stands for a value that only AWS knows: an ARN, a URL, an image or a name."""
    if name.endswith("ImageUri"):
        return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/platform:1"
    if name.endswith("Arn"):
        return f"arn:aws:service:{REGION}:{ACCOUNT}:{name.removesuffix('Arn').lower()}/1"
    return f"https://{name.lower()}.example.com" if name.endswith(("Url", "Domain", "Issuer")) else name.lower()


def _known(name: str, value: Any) -> Any:
    return invented(name) if isinstance(value, dict) else value


def handed(value: Any, said: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    if "Ref" in value:
        return said[value["Ref"]]
    return told[".".join(value["Fn::GetAtt"])]


def order(root: Mapping[str, Any]) -> Iterator[str]:
    """Nested stacks, each after those whose outputs it takes."""
    waiting = {
        name: {each["Fn::GetAtt"][0] for each in made["Properties"]["Parameters"].values() if "Fn::GetAtt" in each}
        for name, made in root["Resources"].items()
    }
    done: set[str] = set()
    while waiting:
        ready = sorted(name for name, needs in waiting.items() if needs <= done)
        assert ready, f"stacks wait for each other: {sorted(waiting)}"
        for name in ready:
            del waiting[name]
        done.update(ready)
        yield from ready


class _Scope:
    """The answers of one template, and what its functions make of them."""

    def __init__(self, template: Mapping[str, Any], answers: Mapping[str, Any], region: str) -> None:
        self.conditions, self.mappings = template.get("Conditions", {}), template.get("Mappings", {})
        pseudo = {"Region": region, "AccountId": ACCOUNT, "Partition": "aws", "URLSuffix": "amazonaws.com"}
        self.names = {**answers, **{f"AWS::{key}": value for key, value in pseudo.items()}, "AWS::NoValue": NOTHING}

    def holds(self, condition: str | None) -> bool:
        """Whether a condition holds; none always does."""
        return condition is None or self.decided(self.conditions[condition])

    def decided(self, asked: Any) -> bool:
        """The truth of a condition's function."""
        ((function, given),) = asked.items()
        match function:
            case "Condition":
                return self.holds(given)
            case "Fn::Equals":
                return bool(self.value(given[0]) == self.value(given[1]))
            case "Fn::Not":
                return not self.decided(given[0])
            case "Fn::And":
                return all(map(self.decided, given))
            case "Fn::Or":
                return any(map(self.decided, given))
        raise ValueError(f"a condition asks {function}")

    def value(self, value: Any) -> Any:
        """A value with all that is known put in its place."""
        if isinstance(value, list):
            return [each for each in map(self.value, value) if each is not NOTHING]
        if not isinstance(value, dict):
            return value
        match [*value.items()]:
            case [("Ref", name)]:
                return self.names.get(name, value)
            case [("Fn::If", [condition, one, other])]:
                return self.value(one if self.holds(condition) else other)
            case [("Fn::FindInMap", [mapping, first, second])]:
                return self.mappings[mapping][self.value(first)][self.value(second)]
            case [("Fn::Sub", given)]:
                return self.text(given)
            case [("Fn::Join", [between, parts])] if all(isinstance(each, str) for each in self.value(parts)):
                return between.join(self.value(parts))
            case [("Fn::Split", [between, text])] if isinstance(self.value(text), str):
                return self.value(text).split(between)
            case [("Fn::Select", [place, some])] if isinstance(self.value(some), list):
                return self.value(some)[int(place)]
            case [("Fn::GetAtt", _)]:
                return value
        return {key: made for key, each in value.items() if (made := self.value(each)) is not NOTHING}

    def text(self, given: Any) -> Any:
        """Fn::Sub, as text when all names in it are known."""
        pattern, own = (given, {}) if isinstance(given, str) else (given[0], self.value(given[1]))
        known = {key: value for key, value in {**self.names, **own}.items() if isinstance(value, str | int)}
        filled = NAME.sub(lambda name: str(known.get(name[1], name[0])), pattern)
        unknown = {key: value for key, value in own.items() if key not in known}
        return {"Fn::Sub": [filled, unknown] if unknown else filled} if NAME.search(filled) else filled
