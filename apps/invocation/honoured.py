"""What a request asks for beside its text, and whether the models that may answer it can honour that.

What changes the meaning of an answer is refused where no model of the call can honour it, and goes to no deployment that
cannot; what only tunes it is left out where it is unknown, or is honoured in another form, and is reported. The contract's own
dialects only report.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from operator import attrgetter
from typing import Final

from apps.invocation.adapters import provider
from apps.invocation.balance import Place, allows, chain
from apps.invocation.calls import Call
from apps.invocation.catalogue import held
from apps.invocation.invocations import Document, Image, Part, Request, Role, Thinking, ToolResult, ToolUse
from apps.invocation.ports import Connection, Selective
from apps.invocation.records import Kind, Model
from foundation.errors import InvalidParameter

DIALECTS: Final = {  # the modules of those that have names of their own for what is asked
    "platform": "platform",
    "openai_chat": "openai.chat",
    "openai_responses": "openai.responses",
    "anthropic_messages": "anthropic.messages",
}
REPORTING: Final = frozenset({"platform", "raw", "async"})
NOTHING: Final[frozenset[str]] = frozenset()
MEANING: Final = frozenset(
    {
        *("stop", "logprobs", "tools", "tool_choice", "output", "thinking_tokens", "thinking_mode", "guardrail"),
        *("image", "document"),
    }
)
INPUTS: Final = frozenset({"image", "document"})
SYSTEM_TURNS: Final = "system_turns"
TEXT_DOCUMENT: Final = "text_document"  # one that is plain text: where no documents are read, it is given as text
# What is honoured in another form where it is unknown, with what is said of that.
ADJUSTED: Final[Mapping[str, str]] = {SYSTEM_TURNS: "messages=system-first", TEXT_DOCUMENT: "document=text"}
# The fields of Request that need not be said; the others are what is asked, and what is said for the account.
FIELDS: Final = tuple(
    field for field in Request.__struct_fields__ if field not in ("model", "messages", "system", "labels", "prompt")
)
VALUES: Final = attrgetter(*FIELDS)
PARTS: Final[Mapping[type[Part], str]] = {
    Image: "image",
    Document: "document",
    Thinking: "thinking",
    ToolUse: "tools",
    ToolResult: "tools",
}


def check(call: Call) -> None:
    """Put on the call what it asks for. InvalidParameter, in the dialect's word, when no model of it can honour that."""
    call.asks, call.wanted_tokens = one(asked(call.request)), call.request.max_tokens
    call.needs = NOTHING if call.dialect in REPORTING else meant(call.asks)
    if call.needs and not any(fits(call, place) for place in places(call)):
        raise refusal(call)


@lru_cache(1024)
def one(names: frozenset[str]) -> frozenset[str]:
    """The same set, once for all calls that are under way."""
    return names


@lru_cache(1024)
def meant(names: frozenset[str]) -> frozenset[str]:
    """Those that change the meaning of an answer."""
    return names & MEANING


def fits(call: Call, place: Place) -> bool:
    """Whether nothing that the call needs would be lost here."""
    return not call.needs or not call.needs & lost(call, place)


def tell(call: Call, place: Place) -> None:
    """Put on the call what it gets without here, and what in another form: a parameter with the value that holds; both in the
    dialect's words."""
    missing, said = lost(call, place), words(call.dialect)
    call.lost = tuple(sorted(said(name) for name in missing if name not in ADJUSTED)) if missing else ()
    tokens = most_tokens(call.request, place.model)
    changed = () if tokens == call.wanted_tokens else (f"{said('max_tokens')}={tokens}",)
    call.adjusted = (*changed, *(how for name, how in ADJUSTED.items() if name in missing)) if missing else changed


def without_likelihoods(call: Call) -> None:
    """Put on the call that it gets none of the likelihoods that it asked for, though its provider takes the parameter."""
    call.lost = tuple(sorted({*call.lost, words(call.dialect)("logprobs")}))


def most_tokens(request: Request, model: Model) -> int | None:
    """How many tokens the answer of this model may have: as many as are asked for, and no more than it can write."""
    limit = model.output_limit
    return min(request.max_tokens, limit) if request.max_tokens and limit else request.max_tokens


def lost(call: Call, place: Place) -> frozenset[str]:
    """What the call asks for and gets without here. Embedding and ranking pass nothing on but their texts."""
    if call.asked.kind is not Kind.TEXT:
        return call.asks
    connection = place.deployment.connection
    missing = call.asks - able(connection, place.model.inputs)
    by_model = telling(connection)
    return missing if by_model is None else missing | by_model(place.deployment.id, call.asks)


def asked(request: Request) -> frozenset[str]:
    """The optional fields that a request has, and the kinds of its parts: the names that Provider.honours has."""
    named = {field for field, value in zip(FIELDS, VALUES(request), strict=True) if value is not None and value != ()}
    named.update(kinds(request))
    if request.tool_choice is not None and request.tool_choice.mode == "auto":
        named.discard("tool_choice")
    if request.thinking_mode == "off":
        named.discard("thinking_mode")
    return frozenset(named)


def kinds(request: Request) -> Iterator[str]:
    """The kinds of parts and turns that a request holds, `cache` where it has cache points, and what else its tools and its
    form of the answer say."""
    if request.tools and any(tool.strict for tool in request.tools):
        yield "strict_tools"
    if request.output is not None and request.output.description:
        yield "described_output"
    for message in request.messages:
        if message.role is Role.SYSTEM:
            yield SYSTEM_TURNS
        for part in message.content:
            if type(part) in PARTS:
                yield TEXT_DOCUMENT if isinstance(part, Document) and part.is_text else PARTS[type(part)]
            if isinstance(part, ToolResult):
                yield from ("image" for each in part.content if isinstance(each, Image))
                yield from ("cache" for each in part.content if each.cache is not None)
            if not isinstance(part, Thinking | ToolUse) and part.cache is not None:
                yield "cache"
    if any(text.cache is not None for text in request.system) or any(tool.cache is not None for tool in request.tools):
        yield "cache"


def places(call: Call) -> Iterator[Place]:
    """Every place that a call may go to."""
    return (Place(each, deployment) for each in chain(call.by, call.policy) for deployment in each.usable)


@cache
def able(connection: Connection, inputs: tuple[str, ...] | None) -> frozenset[str]:
    """What a provider can pass on to a model that reads these inputs; None: not known, and then the provider says."""
    honours = provider(connection).honours
    known = honours if inputs is None else honours - (INPUTS - frozenset(inputs))
    return known | {TEXT_DOCUMENT} if PARTS[Document] in known else known


@cache
def telling(connection: Connection) -> Callable[[str, frozenset[str]], frozenset[str]] | None:
    """How a provider tells what one of its models cannot honour; None where all of them honour the same."""
    made = provider(connection)
    return made.lost if isinstance(made, Selective) else None


def refusal(call: Call) -> InvalidParameter:
    """Says what cannot be honoured, and which other model could."""
    best = min((call.needs & lost(call, place) for place in places(call)), key=len)
    param = words(call.dialect)(min(best))
    other = next((model.name for model in held().models.values() if suits(call, model)), None)
    answering = "" if call.by is call.asked else f", which answers for {call.asked.name}"
    instead = f"; {other} can" if other else "; no model that this application may call can"
    return InvalidParameter(f"{param} cannot be honoured by {call.by.name}{answering}{instead}", param=param)


def suits(call: Call, model: Model) -> bool:
    """Whether the application could make the same call to another model."""
    if model.kind is not call.asked.kind or not allows(call.policy, model):
        return False
    return any(fits(call, Place(model, deployment)) for deployment in model.usable)


@cache
def words(dialect: str) -> Callable[[str], str]:
    """A dialect's own name of a field of the inner request: by WORDS of its module, where they differ."""
    module = DIALECTS.get(dialect)
    own: Mapping[str, str] = importlib.import_module(f"apps.invocation.dialects.{module}").WORDS if module else {}
    return lambda field: own.get(field, field)
