"""The root stack: it nests every other one, asks each question once, and hands outputs on."""

from collections.abc import Iterator, Sequence, Set
from typing import Any, Final

from troposphere import GetAtt, Ref, Sub, Tags
from troposphere.cloudformation import Stack as NestedStack

from deploy.cloudformation.common import ADMINISTRATORS_GROUP, RELEASE_BUCKET, RELEASE_GROUP
from deploy.cloudformation.frame import Group, Output, Parameter, Stack, logical

PREFIX: Final = Parameter(
    name="TemplatesPrefix",
    label="Path of the templates",
    help="What stands before `network.json` in the bucket, with the slash at its end; may be empty.",
    default="foundation/",
    pattern="([A-Za-z0-9._-]+/)*",
    hint="folder names, each with a slash at its end",
)
OWN: Final = Group(RELEASE_GROUP, (RELEASE_BUCKET, PREFIX))  # what the root itself asks, to find the templates

FIRST: Final = (RELEASE_GROUP, ADMINISTRATORS_GROUP)  # what has to be answered; every other question has a default


def root(stacks: Sequence[Stack]) -> Stack:
    """The stack that an operator deploys."""
    return Stack(
        name="foundation",
        title="Generative AI Foundation: one place between a company's applications and generative AI.",
        groups=tuple(_groups(stacks)),
        rules={name: rule for stack in stacks for name, rule in stack.rules.items()},
        resources=tuple(_nested(stack, {each.name for each in stacks}) for stack in stacks),
        outputs=tuple(_shown(stacks)),
    )


def _nested(stack: Stack, nested: Set[str]) -> NestedStack:
    order = {"DependsOn": [logical(name) for name in stack.after]} if stack.after else {}
    return NestedStack(
        logical(stack.name),
        TemplateURL=Sub(
            f"https://${{TemplatesBucket}}.s3.${{AWS::Region}}.${{AWS::URLSuffix}}/${{TemplatesPrefix}}{stack.file}"
        ),
        Parameters={parameter.name: _given(parameter, nested) for parameter in stack.parameters},
        Tags=Tags(Deployment=Ref("Deployment")),
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        **order,
    )


def _given(parameter: Parameter, nested: Set[str]) -> Any:
    if _asked(parameter, nested):
        return Ref(parameter.name)
    stack, _, output = str(parameter.source).partition(".")
    return GetAtt(logical(stack), f"Outputs.{output}")


def _asked(parameter: Parameter, nested: Set[str]) -> bool:
    return parameter.source is None or parameter.source.partition(".")[0] not in nested


def _groups(stacks: Sequence[Stack]) -> Iterator[Group]:
    nested = {stack.name for stack in stacks}
    asked: dict[str, dict[str, Parameter]] = {}  # under the title where it comes first
    known: dict[str, Parameter] = {}
    for name, group in (("the root", OWN), *((stack.name, group) for stack in stacks for group in stack.groups)):
        for parameter in group.parameters:
            first = parameter.name not in known
            if known.setdefault(parameter.name, parameter) != parameter:
                raise ValueError(f"{name} asks for {parameter.name} in other words than a stack before it")
            if first and _asked(parameter, nested):
                asked.setdefault(group.title, {})[parameter.name] = parameter
    for title in sorted(asked, key=lambda title: title not in FIRST):
        yield Group(title, tuple(asked[title].values()))


def _shown(stacks: Sequence[Stack]) -> Iterator[Output]:
    for stack in stacks:
        for output in stack.outputs:
            if output.shown:
                yield Output(output.name, GetAtt(logical(stack.name), f"Outputs.{output.name}"), output.help)
