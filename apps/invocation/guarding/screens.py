"""An application's guard, compiled: what is found in a text, and what happens to it."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from apps.applications.records import Action, Guard
from apps.invocation.guarding import blocks
from apps.invocation.guarding.detectors import NONE, PERSONAL, SECRETS, Detector, Family
from apps.invocation.guarding.phrases import Phrases
from foundation.errors import Blocked

SIZE: Final = "size"  # the rule of a guard that something is too long for
PART: Final = re.compile(r"system\[\d+\]|messages\[\d+\]\.content\[\d+\]")
PLACES: Final = 5  # named for each rule; of the rest, how many
DONE: Final = {Action.NOTE: "noted", Action.MASK: "masked", Action.BLOCK: "blocked"}


class Span(NamedTuple):
    """A piece of a text that a rule found."""

    start: int
    end: int
    rule: str
    action: Action


class Screen:
    """What is looked for, and what then happens. None of it is looked for where its action is OFF."""

    def __init__(self, guard: Guard) -> None:
        self.secrets = guard.secrets
        self.phrases = Phrases(guard.denied) if guard.denied and guard.phrases is not Action.OFF else None
        self.denying = guard.phrases
        grouped: dict[int, tuple[Family, list[tuple[Detector, Action]]]] = {}
        for rows, action in ((PERSONAL, guard.personal), (SECRETS, guard.secrets)):
            for row in rows if action is not Action.OFF else ():
                grouped.setdefault(id(row.family), (row.family, []))[1].append((row, action))
        self.families = tuple(grouped.values())
        self.looks = bool(self.families or self.phrases)
        actions = (guard.personal, guard.secrets, guard.phrases if self.phrases else Action.OFF)
        self.strictest = max(actions, key=list(Action).index)
        self.alters = self.strictest in (Action.MASK, Action.BLOCK)

    def spans(self, text: str, start: int) -> list[Span]:
        """All that begins at `start` or later in a plain text, in its order; private keys are looked for by themselves."""
        found = []
        for family, rows in self.families:
            if family.present(text):
                for row, action in rows:
                    if not row.openings or any(opening in text for opening in row.openings):
                        found += [Span(first, last, row.rule, action) for first, last in matches(row, text, start)]
        if self.phrases is not None:
            found += [Span(first, last, f"phrase {n}", self.denying) for first, last, n in self.phrases.spans(text, start)]
        found.sort()
        return once(found)

    def begun(self, text: str) -> int:
        """From where a plain text that goes on could hold something that is not whole yet.

        Where a private key may begin, what stands before it may end there, or go on.
        """
        if self.secrets is not Action.OFF:
            text = text[: blocks.begun(text)]
        places = [family.begun(text) for family, _ in self.families]
        if self.phrases is not None:
            places.append(self.phrases.begun(text))
        return min(places, default=len(text))


def matches(row: Detector, text: str, start: int) -> Iterable[tuple[int, int]]:
    """Start and end of each that a row finds."""
    while match := row.pattern.search(text, start):
        end = row.ends(match)
        if end != NONE:
            yield match.start(), end
        start = match.start() + 1 if end == NONE else end


def once(spans: Iterable[Span]) -> list[Span]:
    """Spans in their order; those of one rule that overlap, as two of its forms find the same thing, as one."""
    apart: list[Span] = []
    latest: dict[str, int] = {}  # the place of each rule's last one
    for span in spans:
        place = latest.get(span.rule)
        if place is not None and span.start < apart[place].end:
            apart[place] = apart[place]._replace(end=max(apart[place].end, span.end))
        else:
            latest[span.rule] = len(apart)
            apart.append(span)
    return apart


def mask(rule: str) -> str:
    """What stands in the place of what a rule found."""
    return f"[{rule.partition(' ')[0].upper()}]"


class Findings:
    """What was found in one request or answer: rules, counts and places; never any text. remedy: what its author can do;
    places: where each part of it stands for its author."""

    def __init__(self, remedy: str = "", places: Callable[[], Mapping[str, str]] | None = None) -> None:
        self.remedy, self.places = remedy, None if places is None else cache(places)
        self.counted: dict[tuple[str, Action], dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def add(self, rule: str, action: Action, place: str) -> None:
        """One more. Blocked when the guard blocks it."""
        place = self._named(place)
        self.counted[rule, action][place] += 1
        if action is Action.BLOCK:
            raise Blocked(f"the guard of this application blocks {rule}, which it found in {place}{self.remedy}")

    def blocked(self, rule: str, place: str) -> None:
        """One more that is blocked, by who says so itself."""
        self.counted[rule, Action.BLOCK][place] += 1

    def _named(self, place: str) -> str:
        """A place as the author of the request knows it."""
        part = PART.match(place)
        if self.places is None or part is None:
            return place
        return self.places().get(part[0], part[0]) + place[part.end() :]

    @property
    def lines(self) -> list[str]:
        """A line for each rule: how often it found something, what was done, where."""
        return [
            f"{rule}: {sum(places.values())} {DONE[action]} in {', '.join(list(places)[:PLACES])}"
            + (f" and {len(places) - PLACES} more" if len(places) > PLACES else "")
            for (rule, action), places in self.counted.items()
        ]


def unmasked(guard: Guard) -> Guard:
    """The guard for what cannot carry a mask: what would be masked is blocked."""
    strict = {Action.MASK: Action.BLOCK}
    return replace(
        guard,
        personal=strict.get(guard.personal, guard.personal),
        secrets=strict.get(guard.secrets, guard.secrets),
        phrases=strict.get(guard.phrases, guard.phrases),
    )


@lru_cache(1000)
def screen(guard: Guard) -> Screen:
    """The screen of a guard, compiled once."""
    return Screen(guard)
