"""Tokens as providers count them: what can be read of what they say, and about how many there are where they say nothing."""

import math
from typing import Any, Final

CHARACTERS_A_TOKEN: Final = 4
MOST: Final = 2**40  # a count beyond this is none: sums of it would not fit in a store


def count(said: Any, *path: str) -> int | None:
    """The tokens at a place in what a provider says, never less than none; None where it says nothing that is a number of
    them. A whole number is one in any form: 12, 12.0, "12"."""
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    if said is None:
        return None
    tokens = said if type(said) is int else whole(said)
    return None if tokens is None or tokens > MOST else max(tokens, 0)


def whole(said: Any) -> int | None:
    """A whole number that is given as a float or as a text."""
    try:
        number = float(said) if isinstance(said, float | str) else math.nan
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def told(tokens: int | None, characters: int) -> int:
    """As many tokens as a provider says; where it says nothing, about as many as so many characters are."""
    return estimated(characters) if tokens is None else tokens


def estimated(characters: int) -> int:
    """About how many tokens so many characters are."""
    return math.ceil(characters / CHARACTERS_A_TOKEN)
