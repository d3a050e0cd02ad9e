"""How a setting is declared, and what its text becomes; settings.py has the settings themselves.

A reader gets the text of one variable, and raises ValueError with what it may hold.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import field, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import urlsplit


def setting(name: str, read: Callable[[str], Any], default: str | Callable[[Any], Any], meaning: str) -> Any:
    """A field of Settings. `default` is read as a value of the variable is, or derived from the settings before it.

    A derived default is an expression that reads well with the variables' names in it, or a function whose docstring
    says what it gives; docs/settings.md shows the one or the other.
    """
    return field(metadata={"name": name, "read": read, "default": default, "meaning": meaning})


def read_fields(table: type, environment: Mapping[str, str], hidden: Collection[str] = ()) -> SimpleNamespace:
    """Each field of a table of settings; ValueError as of `checked`. hidden: the variables whose value it does not tell."""
    known = SimpleNamespace()
    for each in fields(table):
        name, read, default = each.metadata["name"], each.metadata["read"], each.metadata["default"]
        text = environment.get(name, "")
        if not text and callable(default):
            setattr(known, each.name, default(known))
            continue
        setattr(known, each.name, checked(name, read, text or default, hidden=name in hidden))
    return known


def checked(name: str, read: Callable[[str], Any], text: str, *, hidden: bool = False) -> Any:
    """What the text of a variable becomes; ValueError names the variable, what it holds unless that is hidden, and what it
    may hold."""
    try:
        return read(text)
    except ValueError as wrong:
        raise ValueError(f"{name} is {'…' if hidden else told(text)!r}; it must be {wrong}") from wrong


def told(text: str) -> str:
    """A wrong value as the log may show it: without the user and password of a URL."""
    return re.sub(r"^\S*@", "…@", text)


def words(text: str) -> tuple[str, ...]:
    """Words separated by commas, without the white space around them."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """A reader of whole numbers inside two bounds."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return int(text)

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader that takes one of a few words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(" or ".join(choices))
        return text

    return read


def or_nothing(read: Callable[[str], str]) -> Callable[[str], str]:
    """A reader that also takes nothing."""
    return lambda text: read(text) if text else ""


def url_of(*schemes: str, example: str = "") -> Callable[[str], str]:
    """A reader of URLs of these schemes that have a host; without the slash at their end."""
    begins = " or ".join(f"{scheme}://" for scheme in schemes)

    def read(text: str) -> str:
        try:
            parts = urlsplit(text)
            good = parts.scheme in schemes and parts.hostname and parts.port != 0 and not re.search(r"\s", text)
        except ValueError:
            good = False
        if not good:
            raise ValueError(f"a URL that begins with {begins}{example and f', for example {example}'}")
        return text.rstrip("/")

    return read


url: Final = url_of("http", "https")
redis_url: Final = url_of(
    "redis", "rediss", example="rediss://user:password@cache:6379; /, # and ? in a password are %2F, %23 and %3F"
)


def region(text: str) -> str:
    """The name of an AWS region."""
    if not re.fullmatch("[a-z]{2,6}(-[a-z]+)+-[0-9]{1,2}", text):
        raise ValueError("the name of an AWS region, for example eu-central-1")
    return text


def deployment(text: str) -> str:
    """The name of a deployment."""
    if not re.fullmatch("[a-z][a-z0-9-]{1,18}[a-z0-9]", text):
        raise ValueError("3 to 20 lower-case letters, digits and hyphens, a letter first")
    return text


def assignments(text: str) -> Mapping[str, str]:
    """`NAME=value` with semicolons between them; each name once, each with a value."""
    some = [each.strip().partition("=") for each in text.split(";") if each.strip()]
    names = [name for name, _, _ in some]
    if not all(re.fullmatch("[A-Z][A-Z0-9_]*", name) and value for name, _, value in some) or len({*names}) < len(names):
        raise ValueError("NAME=value with semicolons between them, each name once, for example USAGE_DAYS=90;WEB_CONCURRENCY=2")
    return {name: value for name, _, value in some}


def pairs(text: str) -> Mapping[str, str]:
    """`name=value` pairs separated by commas, in their order."""
    read = {}
    for word in words(text):
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            raise ValueError("name=value pairs separated by commas")
        read[name.strip()] = value.strip()
    return read


def path(text: str) -> Path:
    """A path, from the working directory when it is not absolute."""
    try:
        return Path(text).expanduser().resolve()
    except RuntimeError as unknown:
        raise ValueError("a path; there is no such user") from unknown
