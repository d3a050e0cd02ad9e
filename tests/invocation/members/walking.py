"""Every member of a request that an SDK documents, and a body that has just this one.

A path is the names from the body on, with the kind of an object in brackets where there are several:
`messages[user].content[image_url].image_url.detail`.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NotRequired, Required, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

WRAPPERS = (Required, NotRequired, Annotated)
SEGMENT = re.compile(r"([^.\[]+)(?:\[([^\]]+)\])?")


@dataclass(frozen=True)
class Row:
    """What becomes of a member: `honoured` (it reaches the provider), `here` (the platform itself does it, or it says nothing
    that a model could heed), `reported`, or `refused`; of what is reported or refused, all that it holds is.

    shown: what the provider gets, where that is not the value; of a report, the name in the header. beside: what has to be
    asked for with it.
    """

    verdict: str
    value: Any = None
    shown: Any = None
    beside: Mapping[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether what the member holds, if it holds others, is decided with it."""
        return self.verdict != "honoured"


def honoured(value: Any, shown: Any = None, **beside: Any) -> Row:
    return Row("honoured", value, value if shown is None else shown, beside)


def here(value: Any, **beside: Any) -> Row:
    return Row("here", value, None, beside)


def reported(value: Any, told: str = "", **beside: Any) -> Row:
    return Row("reported", value, told, beside)


def refused(value: Any = None, **beside: Any) -> Row:
    return Row("refused", value, None, beside)


@dataclass(frozen=True)
class Table:
    """A dialect's rows by their paths. base: a request that says nothing more than it must. objects: an object of each kind
    that holds members, by its path; around: how it stands in what holds it, where not alone; finish: what the whole needs."""

    rows: Mapping[str, Row]
    base: Mapping[str, Any]
    objects: Mapping[str, Any]
    around: Mapping[str, Callable[[Any], Any]]
    finish: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body

    def body(self, path: str) -> dict[str, Any]:
        """A request with this member, or this kind of object."""
        row = self.rows[path]
        body: dict[str, Any] = {**copy.deepcopy(dict(self.base)), **copy.deepcopy(dict(row.beside))}
        *outer, (last, kind) = SEGMENT.findall(path)
        inside, prefix = body, ""
        for name, tag in outer:
            prefix += f"{name}[{tag}]" if tag else name
            made = copy.deepcopy(self.objects.get(prefix, {}))
            inside[name] = self.around.get(prefix, alone)(made)
            inside, prefix = made, f"{prefix}."
        value = {"type": kind} if row.value is None and kind else copy.deepcopy(row.value)
        inside[last] = self.around.get(path, alone)(value) if kind else value
        return self.finish(body)


def alone(made: Any) -> Any:
    return made


def plain(path: str) -> str:
    """A path without the kinds of objects, and without places in lists."""
    return re.sub(r"\[[^\]]*\]|\.\d+(?=\.)", "", path)


def listed(made: Any) -> Any:
    return [made]


def members(
    shape: Any, rows: Mapping[str, Row], kinds: Mapping[str, str], path: str = "", within: tuple[Any, ...] = ()
) -> Iterator[str]:
    """The paths of all members that hold no others, and of those that are decided as a whole. kinds: other names of kinds."""
    for name, hint in get_type_hints(shape, include_extras=True).items():
        here = f"{path}{name}"
        inner = list(dict.fromkeys(shapes(hint)))
        decided = here in rows and (rows[here].whole or not inner)
        if decided or (not inner and not is_fixed(hint)):
            yield here
            continue
        for each in inner:
            kind = here if len(inner) == 1 else f"{here}[{kinds.get(tag_of(each), tag_of(each))}]"
            if kind in rows and rows[kind].whole:
                yield kind
            elif each not in within:
                yield from members(each, rows, kinds, f"{kind}.", (*within, each))


def shapes(hint: Any) -> Iterator[Any]:
    """The objects with named members that a type may be, or may be a list of."""
    if is_typeddict(hint):
        yield hint
    elif get_origin(hint) not in (Literal, dict):
        for each in get_args(hint):
            yield from shapes(each)


def is_fixed(hint: Any) -> bool:
    """Whether there is one value only, which tells kinds of objects apart."""
    bare = unwrapped(hint)
    inner = [each for each in (bare, *get_args(bare)) if get_origin(each) is Literal]
    return len(inner) == 1 and len(get_args(inner[0])) == 1


def tag_of(shape: Any) -> str:
    """How an object says of which kind it is."""
    hints = get_type_hints(shape, include_extras=True)
    for name in ("type", "role"):
        for each in (unwrapped(hints.get(name)), *get_args(unwrapped(hints.get(name)))):
            if get_origin(each) is Literal:
                return str(get_args(each)[0])
    return str(shape.__name__)


def unwrapped(hint: Any) -> Any:
    while get_origin(hint) in WRAPPERS:
        hint = get_args(hint)[0]
    return hint
