"""The one shape of every stack: parameters in groups, conditions, resources and outputs, and the template they make."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import troposphere
from troposphere import AWSObject, Template

LONGEST_LINE: Final = 160  # what of a list or object is shorter stands in one line of a template


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One question of a stack. `label` is what the console shows, `help` the words under it.

    source: `stack.Output`, the output of another stack that the root passes here; deployed alone, the stack asks for it.
    Without one, the root asks: parameters of several stacks with one name are one question, and must be equal.
    """

    name: str
    label: str
    help: str
    type: str = "String"
    default: str | int | None = None
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    hint: str | None = None
    lowest: int | None = None
    highest: int | None = None
    hidden: bool = False
    source: str | None = None

    def made(self) -> troposphere.Parameter:
        """The parameter of a template."""
        known = {
            "Type": self.type,
            "Description": self.help,
            "Default": self.default,
            "AllowedValues": list(self.allowed) or None,
            "AllowedPattern": self.pattern,
            "ConstraintDescription": self.hint,
            "MinValue": self.lowest,
            "MaxValue": self.highest,
            "NoEcho": self.hidden or None,
        }
        return troposphere.Parameter(self.name, **{name: value for name, value in known.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that the console shows together, under a title."""

    title: str
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """What a stack tells other stacks and its operator. `shown`: the root tells it too. It is never conditional."""

    name: str
    value: Any
    help: str
    shown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One stack as data. `name` names its template's file and, as a logical id, its place in the root.

    after: names of stacks that must be complete before it although it takes no output of theirs.
    """

    name: str
    title: str
    groups: tuple[Group, ...] = ()
    conditions: Mapping[str, Any] = field(default_factory=dict)
    mappings: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] = field(default_factory=dict)
    resources: tuple[AWSObject, ...] = ()
    outputs: tuple[Output, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All of its questions, in their order."""
        return tuple(parameter for group in self.groups for parameter in group.parameters)

    @property
    def file(self) -> str:
        """Its template's file name."""
        return f"{self.name}.json"

    def template(self) -> str:
        """Its template, as JSON text that is the same for the same stack, always."""
        made = Template(self.title)
        made.set_version("2010-09-09")
        made.set_metadata({"AWS::CloudFormation::Interface": interface(self.groups)})
        for parameter in self.parameters:
            made.add_parameter(parameter.made())
        for name, condition in self.conditions.items():
            made.add_condition(name, condition)
        for name, mapping in self.mappings.items():
            made.add_mapping(name, mapping)
        for name, rule in self.rules.items():
            made.add_rule(name, rule)
        for resource in self.resources:
            made.add_resource(resource)
        for output in self.outputs:
            made.add_output(troposphere.Output(output.name, Description=output.help, Value=output.value))
        return written(made.to_dict())


def interface(groups: Sequence[Group]) -> Mapping[str, Any]:
    """How the console lays out the questions."""
    return {
        "ParameterGroups": [
            {"Label": {"default": group.title}, "Parameters": [each.name for each in group.parameters]} for group in groups
        ],
        "ParameterLabels": {each.name: {"default": each.label} for group in groups for each in group.parameters},
    }


def logical(*parts: str) -> str:
    """A logical id from names, the same for the same names: `extraction_jobs` is ExtractionJobs."""
    return "".join(word[:1].upper() + word[1:] for part in parts for word in re.findall("[a-zA-Z0-9]+", part))


def written(document: Any) -> str:
    """A JSON document with sorted keys, short values on one line, and a line's end at its end."""
    return "".join(_lines(document, 0)) + "\n"


def _lines(value: Any, depth: int) -> Iterator[str]:
    flat = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if not isinstance(value, dict | list) or (len(flat) + depth <= LONGEST_LINE and depth > 1):
        yield flat
        return
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    pairs = [(f"{json.dumps(key)}: ", value[key]) for key in sorted(value)] if isinstance(value, dict) else []
    entries = pairs or [("", each) for each in value]
    yield opening
    for place, (label, each) in enumerate(entries):
        yield f"{',' if place else ''}\n{' ' * (depth + 1)}{label}"
        yield from _lines(each, depth + 1)
    yield f"\n{' ' * depth}{closing}"
