"""Phrases that an application may not say or hear: whole words, whatever their case, width, or the spaces between them."""

import re
import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

GAP: Final = 4  # characters that are no letters between two words of a phrase, at most
WORDS: Final = re.compile(r"[^\W_]+")
BETWEEN: Final = rf'(?:[^\w"\0]|_){{1,{GAP}}}'
# Scripts that put no spaces between words: there a phrase is found wherever it stands.
UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
SPACED: Final = rf"[^\W_{UNSPACED}]"
IS_SPACED: Final = re.compile(SPACED)
ACCENTS: Final = "\u0300-\u036f"


class Folds(dict[int, str]):
    """A table for str.translate, made as characters come: small letters, and the plain form of other widths of a character."""

    def __missing__(self, code: int) -> str:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", chr(code)).casefold())
        if len(self) < 20_000:
            self[code] = folded
        return folded


FOLDS: Final = Folds()


def folded(text: str) -> str:
    """The text as phrases are compared."""
    return text.lower() if text.isascii() else text.translate(FOLDS)


class Folded:
    """A folded text that knows from which character of the text each of its own comes."""

    def __init__(self, text: str) -> None:
        self.text, self.folded = text, folded(text)
        self.ends: list[int] | None = None

    def place(self, place: int) -> int:
        """The character of the text that the folded text's character at `place` comes from."""
        if self.text.isascii():
            return place
        if self.ends is None:
            self.ends = list(accumulate(len(folded(letter)) for letter in self.text))
        return bisect_right(self.ends, place)


class Phrases:
    """Denied phrases, compiled once. Each is known by its number in their list, from 1."""

    def __init__(self, denied: Sequence[str]) -> None:
        self.numbers: list[int] = []
        words = {number: WORDS.findall(folded(phrase)) for number, phrase in enumerate(denied, 1)}
        self.longest = max((2 * sum(map(len, found)) + GAP * len(found) for found in words.values()), default=0)
        rows: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for number, found in words.items():
            for spelt in spellings(BETWEEN.join(map(re.escape, found)) if found else ""):
                rows[spelt[0]].append((spelt[1:] + ending(found[-1]), number))
        self.pattern = re.compile("|".join(self._branch(first, rests) for first, rests in rows.items()) or "(?!)")
        self.opening = re.compile("|".join(map(opening, rows)) or "(?!)")

    def _branch(self, first: str, rests: list[tuple[str, int]]) -> str:
        """All phrases that begin with one letter; the pattern begins with the letter itself, which lets re skip to it."""
        rests.sort(key=lambda row: -len(row[0]))
        self.numbers += [number for _, number in rests]
        return opening(first) + "(?:" + "|".join(f"({rest})" for rest, _ in rests) + ")"

    def spans(self, text: str, start: int) -> Iterator[tuple[int, int, int]]:
        """Start, end and number of each phrase in a text, from `start` on."""
        given = Folded(text)
        for found in self.pattern.finditer(given.folded):
            first = given.place(found.start())
            if first >= start:
                yield first, given.place(found.end() - 1) + 1, self.numbers[(found.lastindex or 1) - 1]

    def begun(self, text: str) -> int:
        """From where a text that goes on could hold a phrase that is not whole."""
        from_here = max(0, len(text) - self.longest - 1)
        given = Folded(text[max(0, from_here - 1) :])
        found = self.opening.search(given.folded, 1 if from_here else 0)
        return len(text) if found is None else max(0, from_here - 1) + given.place(found.start())


def opening(first: str) -> str:
    """The first letter of a phrase, where a word may begin."""
    return f"{re.escape(first)}(?<!{SPACED}{re.escape(first)})" if IS_SPACED.match(first) else re.escape(first)


def ending(word: str) -> str:
    """That a phrase with this last word ends there."""
    return f"(?!{SPACED}|[{ACCENTS}])" if IS_SPACED.match(word[-1]) else ""


def spellings(pattern: str) -> Iterator[str]:
    """A pattern that takes letters with accents as one character, and one that takes them as two."""
    if pattern:
        yield pattern
    apart = unicodedata.normalize("NFD", pattern)
    if apart != pattern:
        yield apart
