"""The one inner form of a call and of its answer: every dialect is translated into it, every provider out of it."""

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

CacheLife: TypeAlias = Literal["5m", "1h"]


class Role(enum.StrEnum):
    """Who speaks in a turn. What the application itself says stands in Request.system; SYSTEM is what it says after the first
    turn of another (text alone)."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class Text(Struct, frozen=True, tag="text"):
    """A part that is text. `cache`: the provider may keep everything up to here for so long (a cache point)."""

    text: str
    cache: CacheLife | None = None


class Image(Struct, frozen=True, tag="image"):
    """A picture: base64 of its bytes with their media type, or a URL that the provider itself fetches; never this platform."""

    media_type: str = ""
    base64: str = ""
    url: str = ""
    cache: CacheLife | None = None


class Document(Struct, frozen=True, tag="document"):
    """A document to read, as base64 of its bytes."""

    media_type: str
    base64: str
    name: str = "document"
    cache: CacheLife | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is text as it stands."""
        return self.media_type.lower().startswith("text/")


class Thinking(Struct, frozen=True, tag="thinking"):
    """What a model thought before it answered. `signature` proves to its provider that it is unchanged; `redacted` is all of
    a thought that only its provider can read."""

    text: str
    signature: str = ""
    redacted: str = ""


class ToolUse(Struct, frozen=True, tag="tool_use"):
    """The model asks for a tool. `input` is the text of a JSON object, as the model wrote it."""

    id: str
    name: str
    input: str


class ToolResult(Struct, frozen=True, tag="tool_result"):
    """What the tool gave for ToolUse `id`."""

    id: str
    content: tuple[Text | Image, ...]
    failed: bool = False
    cache: CacheLife | None = None


Part: TypeAlias = Text | Image | Document | Thinking | ToolUse | ToolResult


class Message(Struct, frozen=True):
    """One turn."""

    role: Role
    content: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text of all its text parts, a line for each."""
        return "\n".join(part.text for part in self.content if isinstance(part, Text))


class Tool(Struct, frozen=True):
    """A tool that the model may ask for; `schema` is the JSON schema of its input."""

    name: str
    description: str
    schema: Mapping[str, Any]
    strict: bool | None = None
    cache: CacheLife | None = None


class ToolChoice(Struct, frozen=True):
    """Whether a tool must be asked for: `auto`, `none`, `any` (some tool), or `tool` (the one called `name`)."""

    mode: Literal["auto", "none", "any", "tool"]
    name: str = ""


class OutputFormat(Struct, frozen=True):
    """The answer is JSON: any object where `schema` is None, else one that the schema allows."""

    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    strict: bool | None = None
    description: str = ""


class Guardrail(Struct, frozen=True):
    """A guardrail of the provider (Bedrock): its id and version, and whether its trace is wanted."""

    id: str
    version: str
    trace: bool = False


class Request(Struct, frozen=True):
    """What a model is asked. `model` is a name of the catalogue; a provider gets its own id for the model in its place.

    messages: at least one; a last turn of the assistant is the beginning of its answer, which the model continues.
    None: not said, the provider's default holds. A temperature of 0 is 0. `labels` and `prompt` (a template's name and
    version) are the caller's own words for the account; no model reads them (Bedrock's log of invocations has the labels).
    """

    model: str
    messages: tuple[Message, ...]
    system: tuple[Text, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: int | None = None  # how many likeliest tokens beside each chosen one; 0: only the chosen one's
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    output: OutputFormat | None = None
    thinking_tokens: int | None = None
    thinking_mode: Literal["off", "adaptive", "between_tools"] | None = None  # where it is no number of tokens
    effort: str | None = None
    service_tier: str | None = None
    user: str | None = None
    guardrail: Guardrail | None = None
    labels: Mapping[str, str] = {}
    prompt: tuple[str, int] | None = None


class Usage(Struct, frozen=True):
    """Tokens read and tokens written.

    input_tokens: all that were read; cached_tokens of them came from the provider's cache, cache_written_tokens were put
    there. output_tokens: all that were written; reasoning_tokens of them are thoughts. estimated: the provider did not tell
    all of it.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_written_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


NOTHING: Final = Usage(0, 0)


class StopReason(enum.StrEnum):
    """Why a model ended its answer."""

    END = "end"
    LENGTH = "length"
    STOP = "stop"  # at one of Request.stop
    TOOLS = "tools"  # it waits for the results of the tools that it asked for
    FILTERED = "filtered"


class TextDelta(Struct, frozen=True, tag="text_delta"):
    """The next piece of the answer's text; `logprobs` as OpenAI has the members of `logprobs.content`."""

    text: str
    logprobs: tuple[Mapping[str, Any], ...] = ()


class ThinkingDelta(Struct, frozen=True, tag="thinking_delta"):
    """The next piece of the model's thoughts, or their signature at their end; `redacted` is a whole thought (see Thinking)."""

    text: str
    signature: str = ""
    redacted: str = ""


class ToolStart(Struct, frozen=True, tag="tool_start"):
    """The model begins to ask for a tool: its `index`-th of this answer."""

    index: int
    id: str
    name: str


class ToolDelta(Struct, frozen=True, tag="tool_delta"):
    """The next piece of the JSON text of the `index`-th tool's input."""

    index: int
    json: str


class Finish(Struct, frozen=True, tag="finish"):
    """The last event of every answer that ended well. `stop` is the one of Request.stop that ended it, where known."""

    usage: Usage
    reason: StopReason
    stop: str | None = None


Event: TypeAlias = TextDelta | ThinkingDelta | ToolStart | ToolDelta | Finish


class Completion(Struct, frozen=True):
    """A whole answer: Text, Thinking and ToolUse parts in their order. `model` is the name that was asked for,
    `served_by` the one that answered."""

    content: tuple[Text | Thinking | ToolUse, ...]
    usage: Usage
    reason: StopReason
    stop: str | None = None
    logprobs: tuple[Mapping[str, Any], ...] = ()
    model: str = ""
    served_by: str = ""

    @property
    def text(self) -> str:
        """The text alone."""
        return "".join(part.text for part in self.content if isinstance(part, Text))


class Embeddings(Struct, frozen=True):
    """One vector for each text, in their order, and the tokens of all texts together."""

    vectors: Sequence[Sequence[float]]
    input_tokens: int
    model: str = ""
    served_by: str = ""
    estimated: bool = False

    @property
    def usage(self) -> Usage:
        """Tokens read; none are written."""
        return Usage(self.input_tokens, 0, estimated=self.estimated)


class Ranked(Struct, frozen=True):
    """The place of a document in what was given, and how well it answers the query: 0 to 1."""

    index: int
    score: float


class Ranking(Struct, frozen=True):
    """Documents by their relevance to a query, the best first."""

    ranked: tuple[Ranked, ...]
    usage: Usage = NOTHING
    model: str = ""
    served_by: str = ""


def json_of(value: Any) -> str:
    """A JSON value as text."""
    return msgspec.json.encode(value).decode()
