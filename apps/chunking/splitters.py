"""Cut text into chunks. Pure: text and sizes in, cuts with their places in the text out.

The rules, and where they cut, are those of LangChain's CharacterTextSplitter and RecursiveCharacterTextSplitter with their
default settings, which applications have tuned their sizes for; the places are this module's own.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from apps.chunking.cuts import Cut, Sizes, Strategy
from apps.chunking.structured import by_key, by_line
from foundation.errors import Invalid

Span = tuple[int, int]
Splitter = Callable[[str, Sizes], Iterator[Cut]]

BLANK_LINE: Final = "\n\n"
BOUNDARIES: Final = (BLANK_LINE, "\n", " ")
ALWAYS_ALLOWED: Final = 64 * 2**20
GROWTH: Final = 10
JOINER: Final = "\u200d"
ATTACHED: Final = (("\U0001f3fb", "\U0001f3ff"), ("\U000e0020", "\U000e007f"))  # skin tones, and the letters inside a flag
FLAG_LETTERS: Final = "".join(map(chr, range(0x1F1E6, 0x1F200)))
JAMO: Final = ("\u1100", "\u11ff")
FIRST_VOWEL: Final = "\u1160"


class Bound:
    """Stops a split whose overlap makes it far longer than its text, also where most of it would be trimmed away."""

    def __init__(self, text: str) -> None:
        self.left = max(ALWAYS_ALLOWED, GROWTH * len(text))

    def checked(self, span: Span) -> Span:
        """The span; Invalid once all of them together are too long."""
        self.left -= span[1] - span[0]
        if self.left < 0:
            raise Invalid(
                f"The file's chunks would together be more than {GROWTH} times as long as its text. "
                "Choose a smaller chunk_overlap and chunk it again."
            )
        return span


def fixed(text: str, sizes: Sizes) -> Iterator[Cut]:
    """Paragraphs, put together up to the size; one that is longer than the size stays whole.

    Paragraphs end at blank lines; between two of them in a chunk there is one blank line, however many the text has.
    """
    paragraphs = list(_between(text, BLANK_LINE))
    bound = Bound(text)
    for run in _runs(paragraphs, sizes, joint=len(BLANK_LINE)):
        span = bound.checked((run[0][0], run[-1][1]))
        joined = BLANK_LINE.join(text[start:end] for start, end in run).strip()
        if joined:
            yield Cut(joined, *_trimmed(text, span))


def recursive(text: str, sizes: Sizes) -> Iterator[Cut]:
    """Chunks of at most the size, cut at the highest boundary that fits: blank line, line, word, at last character.

    Each begins with as many whole pieces from the end of the one before as fit into the overlap. A character is never
    torn from the marks, joiners and modifiers that make one sign with it, unless the sign alone is longer than the size.
    """
    bound = Bound(text)
    for span in _descended(text, (0, len(text)), BOUNDARIES, sizes):
        start, end = _trimmed(text, bound.checked(span))
        if start < end:
            yield Cut(text[start:end], start, end)


def by_page(text: str, sizes: Sizes) -> Iterator[Cut]:
    """The page as it is, also an empty one; the sizes do not matter."""
    yield Cut(text, 0, len(text))


STRATEGIES: Final[Mapping[Strategy, Splitter]] = {
    Strategy.FIXED_SIZE: fixed,
    Strategy.RECURSIVE: recursive,
    Strategy.PAGE: by_page,
}
FORMATS: Final[Mapping[str, Splitter]] = {
    "json": by_key,
    "jsonl": by_line,
}


def splitter_for(name: str, strategy: Strategy) -> Splitter:
    """What cuts a file: its format by the ending of its name, in upper or lower case, else the strategy."""
    return FORMATS.get(name.rpartition(".")[2].lower(), STRATEGIES[strategy])


def _between(text: str, separator: str) -> Iterator[Span]:
    """What is between the separators, where there is anything."""
    start = 0
    while (found := text.find(separator, start)) >= 0:
        if found > start:
            yield start, found
        start = found + len(separator)
    if start < len(text):
        yield start, len(text)


def _from_each(text: str, span: Span, separator: str) -> Iterator[Span]:
    """Pieces that begin with the separator, and what is before the first; together they are the whole span."""
    start, end = span
    found = text.find(separator, start, end)
    while found >= 0:
        if found > start:
            yield start, found
        start = found
        found = text.find(separator, found + len(separator), end)
    yield start, end


def _runs(pieces: Sequence[Span], sizes: Sizes, joint: int) -> Iterator[Sequence[Span]]:
    """Neighbouring pieces in runs of at most the size, counting `joint` characters between two pieces.

    A run begins with the last pieces of the run before that fit into the overlap. A piece longer than the size is a run.
    """
    first = total = 0
    for here, (start, end) in enumerate(pieces):
        length = end - start
        if here > first and total + length + joint > sizes.size:
            yield pieces[first:here]
            while first < here and (total > sizes.overlap or total + length + joint > sizes.size):
                total -= pieces[first][1] - pieces[first][0] + (joint if here - first > 1 else 0)
                first += 1
        total += length + (joint if here > first else 0)
    if pieces:
        yield pieces[first:]


def _descended(text: str, span: Span, boundaries: Sequence[str], sizes: Sizes) -> Iterator[Span]:
    """The span in spans of at most the size, cut at the first of the boundaries that it has, where too long at the next."""
    level = next((level for level, boundary in enumerate(boundaries) if text.find(boundary, *span) >= 0), None)
    if level is None:
        yield from _windows(text, span, sizes)
        return
    short: list[Span] = []
    for piece in _from_each(text, span, boundaries[level]):
        if piece[1] - piece[0] < sizes.size:
            short.append(piece)
            continue
        yield from _whole(short, sizes)
        short = []
        yield from _descended(text, piece, boundaries[level + 1 :], sizes)
    yield from _whole(short, sizes)


def _whole(pieces: Sequence[Span], sizes: Sizes) -> Iterator[Span]:
    """Pieces without gaps between them as one span a run."""
    return ((run[0][0], run[-1][1]) for run in _runs(pieces, sizes, joint=0))


def _windows(text: str, span: Span, sizes: Sizes) -> Iterator[Span]:
    """The span in windows of the size, each beginning the overlap before the end of the last, none inside a sign."""
    start, last = span
    while last - start > sizes.size:
        end = _edge(text, start, start + sizes.size)
        yield start, end
        back = end - sizes.overlap
        start = _edge(text, start, back) if back > start else end
    yield start, last


def _edge(text: str, after: int, place: int) -> int:
    """The nearest place at or before `place` that is not inside a sign; `place` when there is none behind `after`."""
    edge = place
    while edge > after and _inside(text, after, edge):
        edge -= 1
    return edge if edge > after else place


def _inside(text: str, after: int, place: int) -> bool:
    """Whether the character at `place` makes one sign with the one before it: the cases of Unicode UAX 29 that occur.

    `after` is a place before it where a sign begins.
    """
    character, before = text[place], text[place - 1]
    if character < "\u0300":
        return character == "\n" and before == "\r"
    if character in FLAG_LETTERS:
        earlier = text[after:place]
        return (len(earlier) - len(earlier.rstrip(FLAG_LETTERS))) % 2 == 1
    return (
        unicodedata.category(character).startswith("M")
        or JOINER in (character, before)
        or any(_is_within(attached, character) for attached in ATTACHED)
        or (character >= FIRST_VOWEL and _is_within(JAMO, character) and _is_within(JAMO, before))
    )


def _is_within(bounds: tuple[str, str], character: str) -> bool:
    return bounds[0] <= character <= bounds[1]


def _trimmed(text: str, span: Span) -> Span:
    """The span without the white space at its ends."""
    start, end = span
    body = text[start:end].rstrip()
    return start + len(body) - len(body.lstrip()), start + len(body)
