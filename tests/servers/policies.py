"""Policies of roles as IAM evaluates them: whether a need is allowed, and which grants no need has used.

Of conditions, StringLike on kms:ViaService is evaluated; any other is refused here, so that none passes unseen. Nothing denies,
and no boundary or policy of an organization is known.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deploy.cloudformation.grants import Grant
from tests.servers.aws_calls import Need

NAME = re.compile(r"\$\{([A-Za-z0-9:]+)\}")


def like(pattern: str, text: str) -> bool:
    """Whether a text has a pattern of IAM's: `*` is any text, `?` any character."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None


def allowed(statements: Iterable[Mapping[str, Any]], need: Need) -> bool:
    """Whether some statement allows it."""
    return any(
        said["Effect"] == "Allow"
        and any(like(action.lower(), need.action.lower()) for action in said["Action"])
        and any(like(resource, need.resource) for resource in said["Resource"])
        and met(said.get("Condition", {}), need)
        for said in statements
    )


def met(condition: Mapping[str, Any], need: Need) -> bool:
    """Whether a condition holds; a request that is not made through a service has no kms:ViaService."""
    for operator, keys in condition.items():
        for key, values in keys.items():
            if (operator, key) != ("StringLike", "kms:ViaService"):
                raise ValueError(f"the condition {operator} on {key} is not known here")
            if not any(like(value, need.through) for value in values):
                return False
    return True


def unused(grants: Iterable[Grant], needs: Iterable[Need], given: Mapping[str, str]) -> Iterator[Grant]:
    """The grants without which everything would have been allowed as well; `given` fills what is open in their resources."""
    asked = tuple(needs)
    for grant in grants:
        resource = NAME.sub(lambda name: given[name[1]], grant.resource)
        if not any(grant.action == need.action and like(resource, need.resource) for need in asked):
            yield grant
