"""manage.py policies: caching, checks and logging of content for an application's calls of models."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from msgspec.structs import asdict, replace

from apps.applications import services
from apps.applications.records import Action, CacheScope, Policy
from foundation.management.actions import ActionsCommand, number, said

KINDS: Final[Mapping[str, tuple[bool, bool]]] = {
    "off": (False, False),
    "exact": (True, False),
    "semantic": (False, True),
    "both": (True, True),
}
CHECKS: Final = {"personal": "personal data", "secrets": "secrets", "phrases": "the phrases of --deny"}
CHARACTERS: Final = {"input_characters": "a request", "output_characters": "an answer"}


def cache_arguments(parser: ArgumentParser) -> None:
    """Answers that are given again."""
    parser.add_argument(
        "--cache", choices=list(KINDS), help="give an answer again: to the same request, to one that means the same, or to both"
    )
    parser.add_argument(
        "--cache-threshold", type=float, metavar="COSINE", help="how near a request must mean the same: 0.5 to 1"
    )
    parser.add_argument("--cache-seconds", type=int, metavar="N", help="how long an answer is good")
    parser.add_argument(
        "--cache-scope",
        choices=[scope.value for scope in CacheScope],
        help="who shares answers: all, or those with the same user",
    )


def guard_arguments(parser: ArgumentParser) -> None:
    """Checks of what goes to a model and of what comes from it."""
    for field, text in CHECKS.items():
        parser.add_argument(f"--{field}", choices=[action.value for action in Action], help=f"what is done about {text}")
    parser.add_argument("--deny", nargs="*", metavar="PHRASE", help="the phrases that are looked for; without one: none")
    for field, text in CHARACTERS.items():
        flag = f"--{field.replace('_', '-')}"
        parser.add_argument(flag, type=partial(number, int), metavar="N", help=f"the most characters of {text}; none: no bound")
    parser.add_argument("--bedrock-guardrail", metavar="ID:VERSION", help="put on every call to Bedrock; none: none")


def show(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """policies show APPLICATION."""
    found = services.find_by_name_or_id(given["application"])
    policy = services.policy_of(found.application)
    return {
        "application": found.name,
        "app_id": found.application,
        "caching": asdict(policy.caching),
        "guard": asdict(policy.guard),
        "content_days": policy.content_days,
    }


def change(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """policies set APPLICATION."""
    found = services.find_by_name_or_id(given["application"])
    services.change_policy(found.application, lambda policy: changed(policy, given))
    return show(given)


def changed(policy: Policy, given: Mapping[str, Any]) -> Policy:
    """The policy with what was given; what was not stays."""
    caching = {field: given[f"cache_{field}"] for field in ("threshold", "seconds", "scope")}
    exact, semantic = KINDS[given["cache"]] if given["cache"] else (None, None)
    guard = {field: given[field] for field in (*CHECKS, *CHARACTERS, "bedrock_guardrail")}
    return replace(
        policy,
        caching=replace(
            policy.caching,
            **said({**caching, "exact": exact, "semantic": semantic, "scope": read(CacheScope, caching["scope"])}),
        ),
        guard=replace(
            policy.guard,
            **said({**guard, **{field: read(Action, given[field]) for field in CHECKS}, "denied": read(tuple, given["deny"])}),
        ),
        **said({"content_days": given["content_days"]}),
    )


def read(kind: Any, value: Any) -> Any:
    """The value as what it is kept as; None stays."""
    return None if value is None else kind(value)


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """The policy for people."""
    cache, guard = told["caching"], told["guard"]
    kind = next(name for name, flags in KINDS.items() if flags == (cache["exact"], cache["semantic"]))
    yield f"{told['application']}"
    yield f"  caching            {kind}"
    if kind != "off":
        yield f"    good for         {cache['seconds']:,} seconds"
        yield f"    shared by        {'those with the same user' if cache['scope'] == 'user' else 'all of the application'}"
    if cache["semantic"]:
        yield f"    threshold        {cache['threshold']:g}"
    for field, text in CHECKS.items():
        yield f"  {text if field != 'phrases' else 'denied phrases':<17}  {guard[field]}"
    for phrase in guard["denied"]:
        yield f"                     {phrase}"
    for field, text in CHARACTERS.items():
        yield f"  longest {text.split()[1]:<9}  {'no bound' if guard[field] is None else f'{guard[field]:,} characters'}"
    yield f"  Bedrock guardrail  {guard['bedrock_guardrail'] or 'none'}"
    days = told["content_days"]
    yield f"  content            {f'kept for {days} days, redacted' if days else 'not kept'}"


ACTIONS: Final = {
    "show": ("show what is done with the calls of an application", show),
    "set": ("change it; what is not named stays as it is", change),
}


class Command(ActionsCommand):
    help = (
        "Show and set what is done with an application's calls of models: whether answers are kept and given again, what is "
        "checked before and after, and whether what was said is kept. A change holds everywhere within 5 seconds. Limits and "
        "budgets are set by `manage.py limits`."
    )
    actions = ACTIONS
    lines = staticmethod(lines)

    def arguments(self, action: str, parser: ArgumentParser) -> None:
        parser.add_argument("application", help="the application's name or id")
        if action == "set":
            cache_arguments(parser)
            guard_arguments(parser)
            parser.add_argument(
                "--content-days", type=int, metavar="DAYS", help="keep what is said, redacted, for so many days; 0: do not"
            )
