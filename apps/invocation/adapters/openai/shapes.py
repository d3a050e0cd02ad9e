"""OpenAI's answers, from OpenAI itself and from those who imitate it: chat completions, whole or in chunks, and embeddings."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from apps.invocation.adapters.counts import count, estimated, told
from apps.invocation.folding import Answer
from apps.invocation.invocations import (
    Completion,
    Event,
    Finish,
    Ranked,
    Request,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    Usage,
    json_of,
)
from apps.invocation.lengths import characters
from foundation.ambient import new_hex_id
from foundation.errors import UpstreamFailed

REASONS: Final[Mapping[str, StopReason]] = {
    "length": StopReason.LENGTH,
    "max_tokens": StopReason.LENGTH,
    "content_filter": StopReason.FILTERED,
    "tool_calls": StopReason.TOOLS,
    "function_call": StopReason.TOOLS,
}
BROKEN: Final = frozenset({"error", "abort"})  # OpenRouter's and vLLM's word for an answer that broke off


class Function(Struct, frozen=True):
    """A tool's name and the text of its input, or a piece of it; a few servers give the input as an object."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCall(Struct, frozen=True):
    """A tool that is asked for, or a piece of that."""

    index: int | None = None
    id: str | None = None
    function: Function = Function()


class Piece(Struct, frozen=True):
    """A part of content that is a list, as Mistral's is when its model thinks."""

    text: str = ""
    thinking: "str | list[Piece]" = ""


class Words(Struct, frozen=True):
    """A message, or a piece of one. Thoughts are `reasoning_content` (DeepSeek, vLLM) or `reasoning` (OpenRouter, Ollama)."""

    content: str | list[Piece] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[ToolCall] | None = None


class Likelihoods(Struct, frozen=True):
    """The tokens of the text and their likelihoods."""

    content: list[dict[str, Any]] | None = None


class Choice(Struct, frozen=True):
    """`delta` in a stream, `message` in a whole answer. `stop_reason`: vLLM's, the stop sequence that ended the answer."""

    delta: Words | None = None
    message: Words | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    logprobs: Likelihoods | None = None


class Chunk(Struct, frozen=True):
    """One piece of an answer, or all of it. usage: as it is said, for `counts.count`."""

    choices: list[Choice] | None = None
    usage: Any = None
    error: Any = None


class Vector(Struct, frozen=True):
    """One embedding and the place of its text."""

    embedding: list[float]
    index: int = 0


class EmbeddingsAnswer(Struct, frozen=True):
    """The answer of the embeddings endpoint."""

    data: list[Vector] = []
    usage: Any = None
    error: Any = None


CHUNK: Final = msgspec.json.Decoder(Chunk)


class Place(Struct, frozen=True):
    """The place of a document in what was given, and its relevance."""

    index: int
    relevance_score: float


class RankingAnswer(Struct, frozen=True):
    """The answer of the rerank endpoint that vLLM, Jina and others have beside OpenAI's."""

    results: list[Place] = []
    usage: Any = None
    error: Any = None


EMBEDDINGS: Final = msgspec.json.Decoder(EmbeddingsAnswer)
RANKING: Final = msgspec.json.Decoder(RankingAnswer)
Shape = TypeVar("Shape", Chunk, EmbeddingsAnswer, RankingAnswer)


def read(decoder: msgspec.json.Decoder[Shape], text: bytes) -> Shape:
    """A JSON text as its shape; UpstreamFailed when it cannot be read, or says that the server failed. What the server says of
    that may name its insides, and is not for the caller."""
    try:
        answer = decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as odd:
        raise UpstreamFailed(f"the model server's answer cannot be read: {odd}") from odd
    if answer.error:
        error = answer.error
        said = error.get("message") if isinstance(error, dict) else error
        inside = f"the model server failed: {said if isinstance(said, str) else json_of(error)}"[:500]
        raise UpstreamFailed("the model server failed in its answer", inside=inside)
    return answer


class Reading:
    """One answer as it is read, piece by piece, whole or streamed."""

    __slots__ = ("counted", "ids", "reason", "refused", "request", "stopped", "tools", "written")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.tools: dict[int, int] = {}  # by the server's numbers, which are not always from 0 on, or not there
        self.ids: list[str] = []
        self.written, self.reason, self.refused = 0, "", False
        self.stopped: Any = None
        self.counted: Any = None

    def events(self, chunk: Chunk) -> Iterator[Event]:
        """What a piece says. Only the first of several choices counts: one is all that was asked for."""
        self.counted = chunk.usage or self.counted
        for choice in (chunk.choices or ())[:1]:
            self.reason = choice.finish_reason or self.reason
            self.stopped = choice.stop_reason or self.stopped
            words = choice.delta or choice.message
            if words is not None:
                yield from self._said(words, choice.logprobs)

    def _said(self, words: Words, said: Likelihoods | None) -> Iterator[Event]:
        thought, text = words.reasoning_content or words.reasoning or "", words.content or ""
        if isinstance(text, list):
            thought, text = thought + "".join(map(thoughts, text)), "".join(piece.text for piece in text)
        if thought:
            self.written += len(thought)
            yield ThinkingDelta(thought)
        if text:
            self.written += len(text)
            yield TextDelta(text, self._likelihoods(said) if said is not None else ())
        if words.refusal:
            self.written, self.refused = self.written + len(words.refusal), True
            yield TextDelta(words.refusal)
        for call in words.tool_calls or ():
            yield from self._asked(call)

    def _likelihoods(self, said: Likelihoods) -> tuple[Mapping[str, Any], ...]:
        """Each token with as many others beside it as were asked for: llama.cpp gives more."""
        beside = self.request.logprobs or 0
        return tuple({**each, "top_logprobs": (each.get("top_logprobs") or [])[:beside]} for each in said.content or ())

    def _asked(self, call: ToolCall) -> Iterator[Event]:
        """A tool call begins where a name comes that its place does not have yet."""
        given, name = call.function.arguments, call.function.name
        piece = json_of(given) if isinstance(given, dict) else given or ""
        place = self._place(call)
        if name and (place is None or (call.id or "") not in ("", self.ids[place])):
            place = self.tools[len(self.ids) if call.index is None else call.index] = len(self.ids)
            self.ids.append(call.id or f"call_{new_hex_id()}")
            yield ToolStart(place, self.ids[place], name)
        if piece:
            if place is None:
                raise UpstreamFailed("the model server gave the input of a tool that it had not named")
            self.written += len(piece)
            yield ToolDelta(place, piece)

    def _place(self, call: ToolCall) -> int | None:
        """Which tool of this answer a piece belongs to: by its number, else by its id, else the last; None for a new one."""
        if call.index is not None:
            return self.tools.get(call.index)
        if call.id:
            return self.ids.index(call.id) if call.id in self.ids else None
        return len(self.ids) - 1 if self.ids and not call.function.name else None

    def finish(self) -> Finish:
        """The end of the answer; UpstreamFailed when it has not come."""
        if not self.reason or self.reason in BROKEN:
            raise UpstreamFailed("the model server's answer ended before its end")
        reason = REASONS.get(self.reason, StopReason.END)
        stop = self.stopped if self.stopped in self.request.stop else None
        if self.refused:
            reason = StopReason.FILTERED
        elif reason is StopReason.END and self.ids:
            reason = StopReason.TOOLS  # OpenAI says `stop` where the tool was forced
        elif reason is StopReason.END and stop is not None:
            reason = StopReason.STOP
        return Finish(self.usage, reason, stop if reason is StopReason.STOP else None)

    @property
    def usage(self) -> Usage:
        """As counted; what the server has not counted is a token for each 4 characters."""
        said = self.counted
        prompt, answer = count(said, "prompt_tokens"), count(said, "completion_tokens")
        read = estimated(characters(self.request)) if prompt is None else prompt
        written = told(answer, self.written)
        cached = (
            count(said, "prompt_tokens_details", "cached_tokens") or count(said, "prompt_cache_hit_tokens") or 0
        )  # DeepSeek's
        thought = count(said, "completion_tokens_details", "reasoning_tokens") or 0
        if thought:  # xAI and Gemini count thoughts in the total alone
            written = max(written, (count(said, "total_tokens") or 0) - read, thought)
        return Usage(read, written, min(cached, read), 0, thought, prompt is None or answer is None)


def completion(request: Request, chunk: Chunk) -> Completion:
    """A whole answer; UpstreamFailed when it is none."""
    reading, answer = Reading(request), Answer()
    for event in reading.events(chunk):
        answer.add(event)
    answer.add(reading.finish())
    return answer.completion()


def thoughts(piece: Piece) -> str:
    """What a part of a list of content thinks."""
    return piece.thinking if isinstance(piece.thinking, str) else "".join(each.text for each in piece.thinking)


def tokens_read(usage: Any) -> int | None:
    """Tokens read where none are written: of rankings vLLM tells the total alone."""
    read = count(usage, "prompt_tokens")
    return count(usage, "total_tokens") if read is None else read


def vectors(answer: EmbeddingsAnswer) -> list[Sequence[float]]:
    """The vectors of an answer, in the order of their texts, of unit length."""
    return [unit(entry.embedding) for entry in sorted(answer.data, key=lambda entry: entry.index)]


def order(answer: RankingAnswer, documents: int) -> tuple[Ranked, ...]:
    """The documents of an answer, the best first; UpstreamFailed when it names one that was not given."""
    if not answer.results or not all(0 <= each.index < documents for each in answer.results):
        raise UpstreamFailed("the model server ranked no document, or one that it was not given")
    best = sorted(answer.results, key=lambda each: -each.relevance_score)
    return tuple(Ranked(each.index, each.relevance_score) for each in best)


def unit(vector: list[float]) -> list[float]:
    """The same direction at length 1; what has no length stays as it is."""
    length = math.hypot(*vector)
    return vector if not length or abs(length - 1) < NEARLY else [number / length for number in vector]


NEARLY: Final = 1e-3
