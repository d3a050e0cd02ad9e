"""An account's quotas, and what of them is used already."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from foundation.adapters.aws.clients import answering, client, code_of
from foundation.settings import Settings

USED: Final[Mapping[str, tuple[str, Callable[[Any], int]]]] = {  # by the quota's code: of what a region has in all
    "L-0263D0A3": ("ec2", lambda ec2: len(ec2.describe_addresses()["Addresses"])),
    "L-F678F1CE": ("ec2", lambda ec2: len(ec2.describe_vpcs()["Vpcs"])),
}


@dataclass(frozen=True, slots=True)
class Need:
    """So much of a quota is wanted; `what` says of what, in words."""

    service: str
    code: str
    what: str
    amount: float


def room(settings: Settings, need: Need) -> str:
    """How the quota stands, in words. OSError: it is too low, or AWS does not tell it."""
    whole = quota(client("service-quotas", settings), need)
    if whole is None:
        raise OSError(f"AWS tells no quota of {need.what} ({need.service} {need.code}); {need.amount:g} are needed")
    used = 0
    if need.code in USED:
        service, count = USED[need.code]
        with answering(service):
            used = count(client(service, settings))
    told = (
        f"{need.amount:g} of {whole:g} {need.what} are needed, {used} are used"
        if used
        else (f"{need.amount:g} of {whole:g} {need.what} are needed")
    )
    if used + need.amount > whole:
        raise OSError(told)
    return told


def quota(quotas: Any, need: Need) -> float | None:
    """The account's own quota, or else AWS's default of it; None where AWS knows neither."""
    with answering("Service Quotas"):
        for ask in (quotas.get_service_quota, quotas.get_aws_default_service_quota):
            try:
                return float(ask(ServiceCode=need.service, QuotaCode=need.code)["Quota"]["Value"])
            except ClientError as refused:
                if code_of(refused) != "NoSuchResourceException":
                    raise
    return None
