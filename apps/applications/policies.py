"""What a policy may hold: each field with its bounds, and what to do where a value is outside of them."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from apps.applications.records import Action, Allowance, Caching, Guard, Policy
from foundation.errors import Invalid
from foundation.records import UNSAFE

LONGEST_NAME: Final = 300
MOST_PATTERNS: Final = 100
MOST_PHRASES: Final = 200
GUARDRAIL: Final = re.compile(r"(?:[a-z0-9]{1,64}|arn:aws[a-z-]*:bedrock:[a-z0-9:/-]{1,200}):(?:[1-9][0-9]{0,7}|DRAFT)")

WHOLE: Final[Mapping[str, tuple[int, int]]] = {
    "requests_per_minute": (1, 10**9),
    "tokens_per_minute": (1, 10**12),
    "concurrent": (1, 10**6),
    "seconds": (1, 31_536_000),
    "input_characters": (1, 10**9),
    "output_characters": (1, 10**9),
    "content_days": (0, 3650),
}
NUMBERS: Final[Mapping[str, tuple[float, float]]] = {
    "usd_per_day": (0.01, 1e9),
    "usd_per_month": (0.01, 1e9),
    "threshold": (0.5, 1.0),
}
LIMITS: Final = ("requests_per_minute", "tokens_per_minute", "concurrent", "usd_per_day", "usd_per_month")
NONE_AT_ALL: Final = "leave it out for no limit; to let an application do nothing, deactivate it"


def checked(policy: Policy) -> Policy:
    """The policy, with what says nothing left out of it. Invalid names the field that is wrong, and what it may hold."""
    patterns = texts("models", policy.models, MOST_PATTERNS, LONGEST_NAME)
    names = texts("by_model", tuple(policy.by_model), MOST_PATTERNS, LONGEST_NAME)
    by_model = {name: allowance(policy.by_model[name], f" of {name}") for name in names}
    whole("content_days", policy.content_days)
    return replace(
        policy,
        models=patterns,
        allowance=allowance(policy.allowance),
        by_model={name: own for name, own in by_model.items() if own != Allowance()},
        caching=caching(policy.caching),
        guard=guard(policy.guard),
    )


def allowance(given: Allowance, of: str = "") -> Allowance:
    """Limits inside their bounds, and a day's budget that the month's leaves room for."""
    for field in LIMITS:
        value = getattr(given, field)
        if value is not None:
            (number if field in NUMBERS else whole)(field, value, of, NONE_AT_ALL)
    day, month = given.usd_per_day, given.usd_per_month
    if day is not None and month is not None and day > month:
        raise Invalid(f"usd_per_day{of} ({day:g}) must not be more than usd_per_month{of} ({month:g})")
    return given


def caching(given: Caching) -> Caching:
    """How answers are kept, inside the bounds."""
    number("threshold", given.threshold)
    whole("seconds", given.seconds)
    return given


def guard(given: Guard) -> Guard:
    """Checks that have what they need."""
    denied = texts("denied", given.denied, MOST_PHRASES, LONGEST_NAME)
    if given.phrases is not Action.OFF and not denied:
        raise Invalid(f"phrases ({given.phrases}) needs denied phrases; name at least one, or switch it off")
    for field in ("input_characters", "output_characters"):
        if getattr(given, field) is not None:
            whole(field, getattr(given, field))
    rail = given.bedrock_guardrail
    if rail is not None and not GUARDRAIL.fullmatch(rail):
        raise Invalid(f"bedrock_guardrail ({rail[:100]}) must be the id or ARN of a guardrail, a colon, and a version or DRAFT")
    return replace(given, denied=denied)


def whole(field: str, value: Any, of: str = "", remedy: str = "") -> None:
    """Invalid unless it is a whole number inside the bounds of its field."""
    low, high = WHOLE[field]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise Invalid(f"{field}{of} ({shown(value)}) must be a whole number from {low:,} to {high:,}{remedy and '; '}{remedy}")


def number(field: str, value: Any, of: str = "", remedy: str = "") -> None:
    """Invalid unless it is a number inside the bounds of its field."""
    low, high = NUMBERS[field]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not low <= value <= high:
        raise Invalid(f"{field}{of} ({shown(value)}) must be a number from {low:g} to {high:,.0f}{remedy and '; '}{remedy}")


def texts(field: str, given: Sequence[str], most: int, longest: int) -> tuple[str, ...]:
    """Texts without the white space around them, each once; Invalid for too many, or one that is none."""
    bare = tuple(dict.fromkeys(text.strip() for text in given))
    if len(bare) > most:
        raise Invalid(f"{field} holds {len(bare)} entries; it may hold at most {most}")
    for text in bare:
        if not text or len(text) > longest or UNSAFE.search(text):
            raise Invalid(f"{field} ({shown(text)!r}) must hold texts of 1 to {longest} characters without control characters")
    return bare


def shown(value: Any) -> str:
    """A value that is wrong, short enough for a message."""
    return str(value)[:50] if not isinstance(value, int) or abs(value) < 10**30 else "a number of more than 30 digits"


def limits_of(allowance: Allowance) -> Iterator[tuple[str, float]]:
    """The limits that there are, by the name of their field."""
    for field in LIMITS:
        value = getattr(allowance, field)
        if value is not None:
            yield field, value
