"""The lines of a batch's file: what each must be, and the lines that answer them. No I/O.

https://platform.openai.com/docs/api-reference/batch/request-input
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Raw, Struct

from apps.invocation.batches.records import LineError

ENDPOINTS: Final = ("/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/v1/messages")
MOST_LINES: Final = 50_000
MOST_ERRORS: Final = 50
PART_LINES: Final = 20
PART_BYTES: Final = 4 * 2**20
LONGEST_ID: Final = 512


class Line(Struct, frozen=True):
    """One request: `place` is the number of its line, from 1."""

    place: int
    custom_id: str
    body: Any


class LineResponse(Struct, frozen=True, omit_defaults=True):
    """What the line's URL answered. headers: those that say what of the line did not hold as it was asked."""

    status_code: int
    request_id: str
    body: Raw
    headers: Mapping[str, str] = {}


class LineFailure(Struct, frozen=True):
    """Why the line was not answered at all."""

    code: str
    message: str


class LineResult(Struct, frozen=True):
    """The line that answers a line."""

    id: str
    custom_id: str
    response: LineResponse | None
    error: LineFailure | None

    @property
    def is_good(self) -> bool:
        """Whether it belongs to the answers, not to the errors."""
        return self.response is not None and self.response.status_code < 300


class Wrong(Exception):
    """A line cannot be a request."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param


class Reading:
    """Reads the lines of one file for one endpoint; what is wrong with them is collected, the first of it."""

    def __init__(self, endpoint: str, longest: int) -> None:
        self.endpoint, self.longest = endpoint, longest
        self.errors: list[LineError] = []
        self.seen: set[str] = set()

    def lines(self, file: BinaryIO) -> Iterator[Line]:
        """The good lines. Ends early when there are more of them, or more errors, than may be."""
        place = 0
        while raw := file.readline(self.longest + 1):
            place += 1
            if len(raw) > self.longest:
                self._note("line_too_long", f"the line is longer than {self.longest:,} bytes (BODY_LIMIT_MB)", place)
                return
            if not raw.strip():
                continue
            if len(self.seen) == MOST_LINES:
                return self._note("too_many_lines", f"the file has more than {MOST_LINES:,} requests", None)
            try:
                yield self._line(raw, place)
            except Wrong as wrong:
                self._note(wrong.code, wrong.message, place, wrong.param)
                if len(self.errors) >= MOST_ERRORS:
                    return
        if not self.seen and not self.errors:
            self._note("empty_file", "the file has no requests", None)

    def _note(self, code: str, message: str, place: int | None, param: str | None = None) -> None:
        self.errors.append(LineError(code, message, place, param))

    def _line(self, raw: bytes, place: int) -> Line:
        try:
            given = msgspec.json.decode(raw)
        except (msgspec.DecodeError, ValueError, RecursionError) as malformed:
            raise Wrong("invalid_json_line", f"the line is not valid JSON: {malformed}") from malformed
        if not isinstance(given, dict):
            raise Wrong("invalid_json_line", "the line is not a JSON object")
        custom_id, body = given.get("custom_id"), given.get("body")
        if not isinstance(custom_id, str) or not (0 < len(custom_id) <= LONGEST_ID and custom_id.isprintable()):
            raise Wrong("invalid_custom_id", f"custom_id must be a text of 1 to {LONGEST_ID} characters", "custom_id")
        if custom_id in self.seen:
            raise Wrong("duplicate_custom_id", f"the custom_id {custom_id[:100]} has been used by a line before", "custom_id")
        self.seen.add(custom_id)
        if given.get("method") != "POST":
            raise Wrong("invalid_method", "method must be POST", "method")
        if given.get("url") != self.endpoint:
            raise Wrong("invalid_url", f"url must be the endpoint of the batch, {self.endpoint}", "url")
        if not isinstance(body, dict):
            raise Wrong("missing_required_parameter", "body must be a JSON object", "body")
        if body.get("stream"):
            raise Wrong("unsupported_parameter", "a batch streams nothing: leave out stream", "body.stream")
        return Line(place, custom_id, body)


def parted(lines: Iterable[Line]) -> Iterator[tuple[int, bytes]]:
    """The lines in parts that one message each stands for: how many, and their JSON, one a line."""
    part: list[bytes] = []
    size = 0
    for line in lines:
        encoded = msgspec.json.encode(line) + b"\n"
        if part and (len(part) == PART_LINES or size + len(encoded) > PART_BYTES):
            yield len(part), b"".join(part)
            part, size = [], 0
        part.append(encoded)
        size += len(encoded)
    if part:
        yield len(part), b"".join(part)


def lines_of(part: bytes) -> list[Line]:
    """The lines of a part."""
    return [msgspec.json.decode(raw, type=Line) for raw in part.splitlines()]


def written(results: Iterable[LineResult]) -> bytes:
    """Results as lines."""
    return b"".join(msgspec.json.encode(result) + b"\n" for result in results)
