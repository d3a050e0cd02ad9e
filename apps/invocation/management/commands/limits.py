"""manage.py limits: which models an application may call, how often, and for how much money."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from apps.applications import services as applications
from apps.applications.records import Allowance, Policy
from apps.invocation import services
from foundation.management.actions import ActionsCommand, number, said

WHOLE: Final = {
    "requests_per_minute": "requests in a minute",
    "tokens_per_minute": "tokens in a minute, read and written",
    "concurrent": "calls under way at once",
}
MONEY: Final = {"usd_per_day": "US dollars in a day (UTC)", "usd_per_month": "US dollars in a month (UTC)"}


def limit_arguments(parser: ArgumentParser) -> None:
    """The limits themselves."""
    for fields, read in ((WHOLE, int), (MONEY, float)):
        for field, text in fields.items():
            flag = f"--{field.replace('_', '-')}"
            parser.add_argument(flag, type=partial(number, read), metavar="N", help=f"the most {text}; none: no limit")
    parser.add_argument(
        "--allow",
        nargs="*",
        metavar="PATTERN",
        help="names of models that it may call and no others; * and ? stand for other characters; without one: all models",
    )


def show(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """limits show APPLICATION."""
    found = applications.find_by_name_or_id(given["application"])
    policy = applications.policy_of(found.application)
    return {
        "application": found.name,
        "app_id": found.application,
        "allow": list(policy.models),
        "limits": [
            {
                "model": scope.model or None,
                **{share.field: share.limit for share in scope.shares},
                "used": {share.field: share.used for share in scope.shares},
            }
            for scope in services.limits_of(policy)
        ],
    }


def change(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """limits set APPLICATION."""
    values = said({field: given[field] for field in (*WHOLE, *MONEY)})
    return changed(given, lambda allowance: replace(allowance, **values), given["allow"])


def clear(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """limits clear APPLICATION."""
    if given["model"]:
        return changed(given, lambda _: Allowance(), None)
    found = applications.find_by_name_or_id(given["application"])
    applications.change_policy(found.application, lambda policy: replace(policy, models=(), allowance=Allowance(), by_model={}))
    return show(given)


def changed(
    given: Mapping[str, Any], change: Callable[[Allowance], Allowance], allow: tuple[str, ...] | None
) -> Mapping[str, Any]:
    """The limits after a change of one allowance, and of the allow-list where one is given."""
    model = services.find_model(given["model"]).name if given["model"] else None

    def anew(policy: Policy) -> Policy:
        if model is None:
            policy = replace(policy, allowance=change(policy.allowance))
        else:
            own = change(policy.by_model.get(model, Allowance()))
            policy = replace(policy, by_model={**policy.by_model, model: own})
        return policy if allow is None else replace(policy, models=tuple(allow))

    applications.change_policy(applications.find_by_name_or_id(given["application"]).application, anew)
    return show(given)


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """The limits for people: a line for each, with what is used of it."""
    yield f"{told['application']} may call {', '.join(told['allow']) or 'every model'}."
    for scope in told["limits"]:
        yield f"\nUse of {scope['model']}" if scope["model"] else "\nAll models together"
        for field in (*WHOLE, *MONEY):
            yield f"  {field.replace('_', ' '):<20}  {amount(scope[field], field):>12}  {used(scope, field)}".rstrip()


def amount(limit: float | None, field: str) -> str:
    """A limit to read."""
    return "no limit" if limit is None else f"{limit:,.2f}" if field in MONEY else f"{limit:,}"


def used(scope: Mapping[str, Any], field: str) -> str:
    """What is used of it, to read."""
    used = scope["used"][field]
    return "" if used is None else f"{used:,.6f} spent" if field in MONEY else f"{used:,} used"


ACTIONS: Final = {
    "show": ("show the limits of an application, and what is used of them now", show),
    "set": ("set limits; those that are not named stay as they are", change),
    "clear": ("remove all limits of an application and its list of models, or the limits of one model", clear),
}


class Command(ActionsCommand):
    help = (
        "Show and set the limits of an application: the models that it may call, requests and tokens a minute, calls at once, "
        "US dollars a day and a month; for all models together, and further ones for a single model. A change holds "
        "everywhere within 5 seconds. Caching, checks and logging of content are set by `manage.py policies`."
    )
    actions = ACTIONS
    lines = staticmethod(lines)

    def arguments(self, action: str, parser: ArgumentParser) -> None:
        parser.add_argument("application", help="the application's name or id")
        if action != "show":
            parser.add_argument("--model", metavar="NAME", help="the limits of this model alone (default: of all together)")
        if action == "set":
            limit_arguments(parser)
