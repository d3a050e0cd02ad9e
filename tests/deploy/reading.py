"""The templates as read back: what they refer to, and text with a deployment's names in it."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from deploy.cloudformation.generate import FOLDER, templates
from deploy.cloudformation.house import platform
from deploy.cloudformation.stacks import alone, stacks

PLATFORM: Final = platform()
STACKS: Final = {stack.name: stack for stack in stacks(PLATFORM)}
TEXTS: Final = templates(PLATFORM)
ROOT: Final = "foundation.json"
NESTED: Final = tuple(stack.file for stack in STACKS.values())
SINGLE: Final = (*NESTED, *(stack.file for stack in alone(PLATFORM)))  # all but the root
PSEUDO: Final = re.compile("AWS::[A-Za-z]+")


@cache
def template(file: str) -> dict[str, Any]:
    """One template."""
    read: dict[str, Any] = json.loads((FOLDER / file).read_text())
    return read


def references(value: Any) -> Iterator[tuple[str, str | None]]:
    """Every Ref and GetAtt inside, also those within Fn::Sub: a name, and the attribute if any."""
    if isinstance(value, list):
        for each in value:
            yield from references(each)
        return
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        match key, inner:
            case "Ref", str():
                yield inner, None
            case "Fn::GetAtt", [name, attribute]:
                yield name, attribute
            case "Fn::Sub", _:
                text, own = (inner, {}) if isinstance(inner, str) else inner
                yield from ((n, a or None) for n, _, a in (m.partition(".") for m in _names(text)) if n not in own)
                yield from references(own)
            case _:
                yield from references(inner)


def _names(text: str) -> list[str]:
    return re.findall(r"\$\{([A-Za-z0-9:.]+)\}", text)


def conditions(value: Any) -> Iterator[str]:
    """Every condition that is used inside: by If, by And, Or, Not, or as a resource's own."""
    if isinstance(value, list):
        for each in value:
            yield from conditions(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "Fn::If":
                yield inner[0]
            if key == "Condition" and isinstance(inner, str):
                yield inner
            yield from conditions(inner)


def after(resource: dict[str, Any]) -> set[str]:
    """What a resource names in DependsOn."""
    named = resource.get("DependsOn", [])
    return {named} if isinstance(named, str) else {*named}


def resources(file: str, kind: str) -> dict[str, Any]:
    """The properties of a template's resources of one type, by logical id."""
    found = template(file)["Resources"]
    return {name: made["Properties"] for name, made in found.items() if made["Type"] == kind}


def said(value: Any) -> str:
    """A text as in the deployment `d` of the account 123456789012 in us-west-2; other names stand for themselves."""
    known = {"Deployment": "d", "AWS::AccountId": "123456789012", "AWS::Region": "us-west-2", "AWS::Partition": "aws"}
    text = value["Fn::Sub"] if isinstance(value, dict) and "Fn::Sub" in value else value
    return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", lambda name: known.get(name[1], name[0]), str(text))


def holds(file: str, condition: str, known: dict[str, str]) -> bool:
    """Whether a condition of a template holds, given its parameters and the region."""
    return _true(template(file)["Conditions"][condition], file, known)


def _true(asked: dict[str, Any], file: str, known: dict[str, str]) -> bool:
    ((kind, inner),) = asked.items()
    match kind:
        case "Condition":
            return holds(file, inner, known)
        case "Fn::Not":
            return not _true(inner[0], file, known)
        case "Fn::And":
            return all(_true(each, file, known) for each in inner)
        case "Fn::Or":
            return any(_true(each, file, known) for each in inner)
        case "Fn::Equals":
            first, second = (known[each["Ref"]] if isinstance(each, dict) else each for each in inner)
            return first == second
    raise ValueError(f"{file} has a condition that nobody reads here: {asked}")
