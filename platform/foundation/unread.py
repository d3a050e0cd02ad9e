"""What a body holds that its shape does not: it changes nothing, and that has to be said."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

MOST_NAMES: Final = 20
SAYS_NOTHING: Final[tuple[Any, ...]] = (None, [], {})


def unread(given: Mapping[str, Any], made: Struct) -> set[str]:
    """The members of a body that have no place in the shape that it was made into, each by its path without the places in
    lists (`messages.name`). What is null or empty says nothing, and is not among them."""
    found: set[str] = set()
    compare(given, made, "", found)
    return found


def compare(given: Any, made: Any, path: str, found: set[str]) -> None:
    """Put into `found` what is in `given` and not in `made`."""
    if isinstance(made, Struct):
        known = attributes(type(made))
        for name, value in given.items():
            attribute = known.get(name)
            if attribute is None:
                if value not in SAYS_NOTHING:
                    found.add(f"{path}{name[:64]}")
            elif type(value) is list or type(value) is dict:
                compare(value, getattr(made, attribute, None), f"{path}{name}.", found)
    elif type(given) is list and isinstance(made, list | tuple):
        for one, other in zip(given, made, strict=True):
            compare(one, other, path, found)


@cache
def attributes(shape: type[Struct]) -> Mapping[str, str]:
    """A shape's members by their names on the wire, with the attributes that hold them; its tag is one too."""
    tag = shape.__struct_config__.tag_field
    members = dict(zip(shape.__struct_encode_fields__, shape.__struct_fields__, strict=True))
    return members if tag is None else {**members, tag: tag}


def named(names: Iterable[str]) -> bytes:
    """The names as a header's value."""
    return ",".join(listed(names)).encode()


def listed(names: Iterable[str]) -> list[str]:
    """The names as a header can have them, whatever their author wrote: the first of them, and how many more there are."""
    ordered = sorted(names)
    more = [f"+{len(ordered) - MOST_NAMES}"] if len(ordered) > MOST_NAMES else []
    return [*(quote(name, safe="./=", errors="replace") for name in ordered[:MOST_NAMES]), *more]
