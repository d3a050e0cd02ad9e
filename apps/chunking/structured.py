"""Cut JSON by its keys and JSON lines by line. Pure: text in, cuts out; sizes chosen for text do not matter here.

The rules are those of LangChain's RecursiveJsonSplitter, with a target of 300 and a least size of 100 characters, for
objects; arrays, which that splitter refuses, are cut between their elements.
"""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from json import dumps
from typing import Any, Final

from apps.chunking.cuts import Cut, Sizes
from foundation.errors import Invalid

TARGET: Final = 300
LEAST: Final = 100
DEEPEST: Final = 100

Object = dict[str, Any]


def by_key(text: str, sizes: Sizes) -> Iterator[Cut]:
    """A JSON text in chunks that are JSON texts themselves, each with every key on the way from the root to its values.

    An object is cut between its members, at every depth; an array only where it is the root; anything else stays whole.
    Every chunk's place is the whole text. Invalid, with the reason, for what is not JSON or nested too deeply.
    """
    for part in _parts(_parsed(text)):
        yield Cut(dumps(part), 0, len(text))


def by_line(text: str, sizes: Sizes) -> Iterator[Cut]:
    """Each line that is not blank, as it is."""
    start = 0
    for line in text.split("\n"):
        kept = line.removesuffix("\r")
        if kept.strip():
            yield Cut(kept, start, start + len(kept))
        start += len(line) + 1


def _parsed(text: str) -> Any:
    try:
        value = json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as wrong:
        where = f"line {wrong.lineno}, column {wrong.colno}"
        raise Invalid(f"The file is not valid JSON: {wrong.msg} at {where}. Correct it and extract it again.") from wrong
    except ValueError as wrong:
        raise Invalid("A number in the file has too many digits. Write it as a text and extract the file again.") from wrong
    except RecursionError as deep:
        raise Invalid(_too_deep()) from deep
    _measure(value, 1)
    return value


def _measure(value: Any, level: int) -> None:
    """Invalid where arrays and objects are nested too deeply."""
    if not isinstance(value, dict | list):
        return
    if level > DEEPEST:
        raise Invalid(_too_deep())
    for inner in value.values() if isinstance(value, dict) else value:
        _measure(inner, level + 1)


def _too_deep() -> str:
    return f"The file's arrays and objects are nested more than {DEEPEST} levels deep. Flatten them and extract it again."


def _parts(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            yield from _objects(value)
        case list():
            yield from _arrays(value)
        case _:
            yield value


def _arrays(elements: Sequence[Any]) -> Iterator[list[Any]]:
    """Neighbouring elements in arrays of at most the target; an object that is longer alone is cut by its keys."""
    held: list[Any] = []
    length = 0
    for element in elements:
        own = len(dumps(element)) + len(", ")
        if held and length + own > TARGET:
            yield held
            held, length = [], 0
        if own > TARGET and isinstance(element, dict):
            yield from ([part] for part in _objects(element))
            continue
        held.append(element)
        length += own
    if held:
        yield held


def _objects(value: Mapping[str, Any]) -> Iterator[Object]:
    """The members in objects near the target, in their order."""
    last = yield from _spread(value, (), {})
    if last:
        yield last


def _spread(value: Mapping[str, Any], path: tuple[str, ...], part: Object) -> Generator[Object, None, Object]:
    """Put each member into the part if it fits; else into a new one, unless the part has not its least size yet.

    Yields the parts that are done and returns the one that is still open.
    """
    for key, inner in value.items():
        held, way = len(dumps(part)), (*path, key)
        if held + len(dumps({key: inner})) < TARGET:
            _place(part, way, inner)
            continue
        if held >= LEAST:
            yield part
            part = {}
        if isinstance(inner, dict) and inner:
            part = yield from _spread(inner, way, part)
        else:
            _place(part, way, inner)
    return part


def _place(part: Object, path: Sequence[str], value: Any) -> None:
    """Set the value at the end of the path, making the objects on the way."""
    for key in path[:-1]:
        part = part.setdefault(key, {})
    part[path[-1]] = value
