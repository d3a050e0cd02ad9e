"""One text on its way through a screen, whole or in pieces: pieces give together just what the whole gives.

What could be the beginning of something that is looked for waits until it is clear; everything before it goes on at once.
"""

from collections.abc import Iterator, Sequence
from re import Match
from typing import Final

from apps.applications.records import Action
from apps.invocation.guarding import blocks
from apps.invocation.guarding.detectors import CONTEXT
from apps.invocation.guarding.screens import Findings, Screen, Span, mask
from apps.invocation.guarding.texts import BOUNDARY, escape_begun, plain

SHORT_BLOCK: Final = 256  # characters of a private key that are read at first


class Window:
    """A text that is screened. `place` names it in the findings; json: it is the text of a JSON value, and stays one."""

    def __init__(self, screen: Screen, findings: Findings, place: str, *, json: bool = False) -> None:
        self.screen, self.findings, self.place, self.json = screen, findings, place, json
        self.before = ""  # the end of what went on, as it was: what stands before a match may count
        self.waiting = ""
        self.at = 0  # how far of that has gone on
        self.inside = False  # a private key
        self.quoted = False  # a string of the JSON text
        self.changed = False

    def whole(self, text: str) -> str:
        """What becomes of a text that is whole. Blocked when the screen blocks something in it."""
        return self.feed(text, last=True)

    def feed(self, text: str, *, last: bool = False) -> str:
        """What may go on, now that this has come; with the last of it, all of it."""
        self.waiting = self.waiting[self.at :] + text
        self.at = 0
        given: list[str] = []
        while True:
            if self.inside:
                given.append(self._block(last))
            if self.inside:
                break
            begin = self._begin()
            if begin is None:
                given.append(self._screened(len(self.waiting), last))
                break
            given.append(self._screened(begin.start(), last=True))
            given.append(self._enter(begin[0]))
        return "".join(given)

    def _begin(self) -> Match[str] | None:
        if self.screen.secrets is Action.OFF or self.waiting.find("-----BEGIN", self.at) < 0:
            return None
        return blocks.BEGIN.search(self.waiting, self.at)

    def _enter(self, begin: str) -> str:
        """A private key begins: what stands in its place."""
        self.findings.add(blocks.RULE, self.screen.secrets, self.place)
        self.at, self.before, self.inside = self.at + len(begin), "", True
        return self._instead(blocks.RULE) if self.screen.secrets is Action.MASK else begin

    def _block(self, last: bool) -> str:
        """What goes on of the inside of a private key. Read is no more than a few times its length: others may follow it."""
        size, left = SHORT_BLOCK, len(self.waiting) - self.at
        while True:
            text = plain(self.waiting[self.at : self.at + size], json=self.json)
            end, over = blocks.body(text)
            if over or size >= left:
                break
            size *= 4
        if not (over or last):
            end = max(0, end - blocks.LONGEST_END)
            while end and text[end] == BOUNDARY:
                end -= 1
        gone, self.at = self.waiting[self.at : self.at + end], self.at + end
        self.inside = not (over or last)
        return "" if self.screen.secrets is Action.MASK else gone

    def _screened(self, stop: int, last: bool) -> str:
        """What goes on of what waits, up to `stop`."""
        if stop <= self.at:
            return ""
        raw = self.waiting[self.at : stop]
        text = self.before + plain(raw, json=self.json)
        spans = self.screen.spans(text, len(self.before))
        end = len(text) if last else self._clear(text, spans)
        given = "".join(self._masked(raw, text, end, [span for span in spans if span.start < end]))
        self.at, self.before = self.at + end - len(self.before), text[max(0, end - CONTEXT) : end]
        return given

    def _clear(self, text: str, spans: Sequence[Span]) -> int:
        """Up to where it is clear what is in a text that goes on."""
        begun = min(self.screen.begun(text), escape_begun(text) if self.json else len(text))
        end = max(len(self.before), begun)
        for span in reversed(spans):
            if span.start < end < span.end:
                end = span.start
        return end

    def _masked(self, raw: str, text: str, end: int, spans: Sequence[Span]) -> Iterator[str]:
        """The pieces of the text up to `end`, with masks for what is masked; all that was found is in the findings."""
        base = at = len(self.before)
        for span in spans:
            self.findings.add(span.rule, span.action, self.place)
        for start, stop, rule in joined([span for span in spans if span.action is Action.MASK]):
            self._count_quotes(text, at, start)
            if self.json and not self.quoted and start > at and text[start - 1] == "-":
                start -= 1  # the mask is a string in the place of a number
            yield raw[at - base : start - base]
            yield self._instead(rule)
            at = stop
        self._count_quotes(text, at, end)
        yield raw[at - base : end - base]

    def _count_quotes(self, text: str, start: int, end: int) -> None:
        if self.json and text.count('"', start, end) % 2:
            self.quoted = not self.quoted

    def _instead(self, rule: str) -> str:
        """The mask in the place of something."""
        self.changed = True
        return f'"{mask(rule)}"' if self.json and not self.quoted else mask(rule)


def joined(spans: Sequence[Span]) -> Iterator[tuple[int, int, str]]:
    """Spans in their order, those that overlap as one, which has the first one's rule."""
    whole: tuple[int, int, str] | None = None
    for span in spans:
        if whole is not None and span.start < whole[1]:
            whole = whole[0], max(whole[1], span.end), whole[2]
        else:
            if whole is not None:
                yield whole
            whole = span.start, span.end, span.rule
    if whole is not None:
        yield whole
