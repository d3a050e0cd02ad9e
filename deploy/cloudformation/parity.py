"""docs/parity.md: each resource of the original sample beside what stands for it here, or why nothing does."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

from deploy.cloudformation.pages import table, wrapped
from deploy.cloudformation.resolved import read

FILE: Final = Path(__file__).parent / "original.json"


@dataclass(frozen=True, slots=True)
class Original:
    """A resource of the original. ours: `stack.LogicalId`, or a pattern of ids; empty where `why` says why there is none."""

    id: str
    type: str
    purpose: str
    ours: tuple[str, ...]
    why: str
    properties: Mapping[str, Any]


@cache
def originals() -> tuple[Original, ...]:
    """All of them, in the order of their types and ids."""
    known = json.loads(FILE.read_text())["resources"]
    return tuple(
        Original(
            each["id"], each["type"], each["purpose"], tuple(each["ours"]), each.get("why", ""), each.get("properties", {})
        )
        for each in known
    )


def matching(place: str) -> Iterator[str]:
    """The resources of our templates that a place, `stack.LogicalId`, names; the id may be a pattern."""
    stack, _, pattern = place.partition(".")
    yield from (name for name in read(f"{stack}.json")["Resources"] if fnmatchcase(name, pattern))


WHAT: Final = """This platform rebuilds an AWS sample. Each of the sample's resources is here, by kind and purpose, with
what stands for it in our templates (stack: logical ids, `*` for any ending), or why nothing does. The page is generated
by `manage.py docs` from our templates and from `deploy/cloudformation/original.json`, the facts about the original's."""
SOURCE: Final = "The original: {source}; {how}. Of its {all} resources, {kept} have a counterpart and {none} need none."


def page() -> str:
    """The page. A place that no resource of ours has is a ValueError."""
    known, facts = originals(), json.loads(FILE.read_text())
    kept = sum(bool(each.ours) for each in known)
    counts = {"all": len(known), "kept": kept, "none": len(known) - kept}
    parts = (
        "# Parity with the original",
        wrapped(WHAT),
        wrapped(SOURCE.format(source=facts["source"], how=facts["how"], **counts)),
        table(("kind", "original", "for", "here", "note"), map(_row, known)),
    )
    return "\n\n".join(parts) + "\n"


def _row(each: Original) -> tuple[str, ...]:
    places: dict[str, list[str]] = {}
    for place in each.ours:
        if not [*matching(place)]:
            raise ValueError(f"{each.id}: no resource of our templates is {place}")
        stack, _, name = place.partition(".")
        places.setdefault(stack, []).append(name.replace("*", "\\*"))
    here = "; ".join(f"{stack}: {', '.join(names)}" for stack, names in places.items())
    return each.type.removeprefix("AWS::"), each.id, each.purpose, here or "nothing", each.why
