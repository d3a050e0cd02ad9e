"""The platform's own dialect: POST /model/invoke and /model/embed, as its clients have spoken it from the beginning."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from apps.invocation import folding
from apps.invocation.catalogue import held
from apps.invocation.invocations import Completion, Embeddings, Message, Request, Role, Text
from foundation.errors import Invalid

WORDS: Final = {"stop": "stop_sequences"}  # its name of a field of the inner request
TEMPERATURE: Final = 0.7
TOP_P: Final = 0.9
TOP_K: Final = 40
TEXT: Final = {"messages[0].content[0]": "input_text"}  # where the text to embed stands
DEFAULTED: Final = ("temperature", "top_p", "top_k")

Name = Annotated[str, Meta(max_length=300, description="A name that /model/list_models has.")]
Tokens = Annotated[int, Meta(ge=1, le=2**31 - 1, description="Most tokens to write; above the model's limit, its limit.")]
Temperature = Annotated[float, Meta(ge=0, le=2, description="0 takes the likeliest word each time.")]
Probability = Annotated[float, Meta(ge=0, le=1, description="Choose among the likeliest words that together reach this.")]
Candidates = Annotated[int, Meta(ge=0, le=2**31 - 1, description="Choose among this many likeliest words; 0: all.")]


class Turn(Struct, frozen=True):
    """One turn; content is text, or a list of objects with a `text` each."""

    role: str
    content: str | list[dict[str, str]]


class SystemPrompt(Struct, frozen=True):
    """What the application itself tells the model."""

    text: str


class InvokeRequest(Struct, frozen=True):
    """A prompt, which becomes one turn of the user, or a conversation."""

    model_name: Name
    prompt: str | list[Turn]
    max_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    top_k: Candidates | None = None
    stop_sequences: list[str] | None = None
    system_prompts: list[SystemPrompt] | None = None


class InvokeResponse(Struct, frozen=True, omit_defaults=True):
    """The answer; `model` is the name that was asked for, `served_by` the one that answered."""

    output_text: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    model: str | None = None
    served_by: str | None = None


class EmbedRequest(Struct, frozen=True):
    """One text to embed."""

    model_name: Name
    input_text: str | None = None


class EmbedResponse(Struct, frozen=True, omit_defaults=True):
    """Its unit vector; `served_by` is the model that made it."""

    embedding: list[float]
    input_tokens: int | None = None
    model: str | None = None
    served_by: str | None = None


def request(wanted: InvokeRequest) -> Request:
    """The inner request. A plain prompt has the dialect's defaults, a conversation those of the model.

    Instruct models answer a plain prompt far better as a turn of the user than bare, so that is what it becomes for all.
    Invalid names the turn that no model could take. To be called after `catalogue.soon`.
    """
    plain = isinstance(wanted.prompt, str)
    turns = [Turn("user", wanted.prompt)] if isinstance(wanted.prompt, str) else wanted.prompt
    spoken = [(turn.role, parts(place, turn)) for place, turn in enumerate(turns)]
    if all(role == Role.SYSTEM for role, _ in spoken) or wanted.prompt == "":
        raise Invalid("prompt is empty; it must be text, or hold a message of the user or the assistant")
    said, messages = folding.conversation(Message(Role(role), content) for role, content in spoken)
    known = held().find(wanted.model_name)
    return Request(
        model=wanted.model_name,
        messages=messages,
        system=(*(Text(prompt.text) for prompt in wanted.system_prompts or ()), *said),
        max_tokens=wanted.max_tokens or (known.default_max_tokens if plain and known else None),
        temperature=TEMPERATURE if plain and wanted.temperature is None else wanted.temperature,
        top_p=TOP_P if plain and wanted.top_p is None else wanted.top_p,
        top_k=TOP_K if plain and wanted.top_k is None else wanted.top_k,
        stop=tuple(filter(None, wanted.stop_sequences or ())),
    )


def places(wanted: InvokeRequest) -> Mapping[str, str]:
    """Where each part of the inner request stands in this one."""
    before = [f"system_prompts[{n}]" for n, _ in enumerate(wanted.system_prompts or ())]
    if isinstance(wanted.prompt, str):
        return folding.places([(Message(Role.USER, (Text(wanted.prompt),)), ["prompt"])], before)
    turns = ((Message(Role(turn.role), parts(n, turn)), spots(n, turn)) for n, turn in enumerate(wanted.prompt))
    return folding.places(turns, before)


def spots(place: int, turn: Turn) -> list[str]:
    """The places of the texts of a turn."""
    where = f"prompt[{place}].content"
    return [where] if isinstance(turn.content, str) else [f"{where}[{n}]" for n, _ in enumerate(turn.content)]


def unsaid(wanted: InvokeRequest) -> frozenset[str]:
    """The fields of the inner request that are the dialect's defaults and not the caller's words."""
    return frozenset(name for name in DEFAULTED if getattr(wanted, name) is None)


def parts(place: int, turn: Turn) -> tuple[Text, ...]:
    """The content of one turn; Invalid names what is wrong with it."""
    if turn.role not in ("user", "assistant", "system"):
        raise Invalid(f"prompt[{place}].role is {turn.role[:50]!r}; it must be user, assistant or system")
    pieces = [{"text": turn.content}] if isinstance(turn.content, str) else turn.content
    missing = [number for number, piece in enumerate(pieces) if "text" not in piece]
    if missing or not pieces:
        raise Invalid(f"prompt[{place}].content[{missing[0] if missing else 0}] has no text")
    return tuple(Text(piece["text"]) for piece in pieces)


def unheard(wanted: InvokeRequest) -> Iterator[str]:
    """The names of what stands beside the texts of turns and goes to no model."""
    for turn in wanted.prompt if isinstance(wanted.prompt, list) else ():
        for piece in turn.content if isinstance(turn.content, list) else ():
            yield from (f"prompt.content.{name[:64]}" for name in piece if name not in ("text", "type"))


def response(completion: Completion) -> InvokeResponse:
    """The answer on the wire."""
    usage = completion.usage
    return InvokeResponse(completion.text, usage.input_tokens, usage.output_tokens, completion.model, completion.served_by)


def embedding(embeddings: Embeddings) -> EmbedResponse:
    """The one vector on the wire."""
    return EmbedResponse(list(embeddings.vectors[0]), embeddings.input_tokens, embeddings.model, embeddings.served_by)
