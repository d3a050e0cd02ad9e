"""A role that a service of AWS takes to work for a deployment."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from troposphere import Ref
from troposphere.iam import Policy, Role

from deploy.cloudformation.common import tags

OURS: Final[Mapping[str, Any]] = {"Condition": {"StringEquals": {"aws:SourceAccount": Ref("AWS::AccountId")}}}
ANY: Final[Mapping[str, Any]] = {}  # for services that do not say for which account they work


def role(
    title: str, name: str, service: str, may: Sequence[Mapping[str, Any]], *, when: Mapping[str, Any] = OURS, **more: Any
) -> Role:
    """The role with a logical id, its name in tags, the service that takes it, and the statements of what it may do.

    when: the condition under which the service takes it.
    """
    taken = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole", **when}
    return Role(
        title,
        AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": [taken]},
        Policies=[Policy(PolicyName="grants", PolicyDocument={"Version": "2012-10-17", "Statement": [*may]})],
        Tags=tags(name),
        **more,
    )
