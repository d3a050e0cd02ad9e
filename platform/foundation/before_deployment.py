"""manage.py deploy-check --before: what stands against a deployment on AWS in this account and region."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPException
from typing import Final

from foundation.adapters.aws import account, quotas
from foundation.adapters.aws.quotas import Need
from foundation.doctor import Finding
from foundation.errors import Problem
from foundation.manifest import load
from foundation.settings import CHOSEN, HOUSE

CREDENTIALS: Final = "Sign in by AWS's own tools: aws configure, aws sso login, or AWS_PROFILE."
STAYED: Final = "Choose another Deployment, or delete what stayed: docs/deploy.md, Removal."
MORE: Final = "Ask for more in Service Quotas, in this region, and wait until it is granted."
UPLOAD: Final = "Upload what is missing, into a bucket of this region: docs/deploy.md, The bucket of the release."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A deployment that is to be made. names: those that must be free; bucket: where its release is, if that is to be looked
    at; keys: what must be there.
    """

    region: str
    deployment: str
    stack: str
    needs: Sequence[Need]
    names: Sequence[str] = ()
    bucket: str = ""
    keys: Sequence[str] = ()


def found(subject: str, check: Callable[[], str], remedy: str) -> Finding:
    """What a check says, or what is wrong and what to do."""
    try:
        return Finding(subject, True, check())
    except (Problem, OSError, HTTPException, ValueError) as wrong:
        return Finding(subject, False, str(wrong), remedy)


def findings(plan: Plan) -> Iterator[Finding]:
    """What stands against the plan. Without credentials nothing else is asked. Nothing is changed."""
    there = replace(CHOSEN, aws_region=plan.region, deployment=plan.deployment)
    signed_in = found("credentials", partial(account.identity, there), CREDENTIALS)
    yield signed_in
    if not signed_in.good:
        return
    yield found("region", partial(account.services, there), "Choose us-east-1 or us-west-2, which have all of them.")
    for need in plan.needs:
        yield found(f"quota of {need.what}", partial(quotas.room, there, need), MORE)
    yield found("stack", partial(account.stack, there, plan.stack), "Update it, or choose another name for the stack.")
    yield found("names", partial(account.left, there, plan.names), STAYED)
    yield found("vectors", partial(account.collections, there), STAYED)
    yield found("role for logs", partial(account.log_role, there), "See docs/deploy.md, Before you begin.")
    if plan.bucket:
        yield found("release", partial(account.release, there, plan.bucket, plan.keys), UPLOAD)
    for capability in HOUSE.needed:
        if capability.manifest.before:
            yield from load(capability.manifest.before)(plan.region)
