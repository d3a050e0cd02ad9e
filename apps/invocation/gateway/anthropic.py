"""The door of Anthropic's dialect: POST /v1/messages and /v1/messages/count_tokens."""

from functools import partial
from typing import Final

from apps.invocation import counting, pipeline, refused
from apps.invocation.calls import Call
from apps.invocation.dialects import sse
from apps.invocation.dialects.anthropic import answers as anthropic_answers
from apps.invocation.dialects.anthropic import errors as anthropic_errors
from apps.invocation.dialects.anthropic import messages as anthropic_messages
from apps.invocation.dialects.anthropic import places as anthropic_places
from apps.invocation.dialects.anthropic.answers import MessageAnswer, MessageEvents, TokenCount
from apps.invocation.dialects.anthropic.errors import AnthropicError
from apps.invocation.dialects.anthropic.shapes import CountTokensRequest, MessagesRequest
from apps.invocation.gateway.beginning import begun
from foundation.hot import Reply, Route
from foundation.identity import Caller
from foundation.visits import Headers, Visit

DIALECT: Final = "anthropic_messages"
MESSAGES: Final = "/v1/messages"
COUNT: Final = "/v1/messages/count_tokens"


async def messages(caller: Caller, wanted: MessagesRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /v1/messages."""
    call = await asked(caller, wanted, headers, visit, streamed=wanted.stream)
    if wanted.stream:
        write = MessageEvents(call.invocation, call.asked.name, lambda: counting.prompt(call)).write
        events = sse.told(pipeline.stream(call), write, anthropic_errors.event, MESSAGES)
        return Reply(events, lambda: anthropic_errors.named(call.headers))
    answer = anthropic_answers.message(call.invocation, await pipeline.complete(call, anthropic_answers.sayable))
    return Reply(answer, anthropic_errors.named(call.headers))


async def asked(caller: Caller, wanted: CountTokensRequest, headers: Headers, visit: Visit, *, streamed: bool) -> Call:
    """The call that a body is."""
    return await begun(
        caller,
        anthropic_messages.request(wanted),
        headers,
        visit,
        dialect=DIALECT,
        streamed=streamed,
        unheard=anthropic_messages.ignored(wanted, headers),
        places=partial(anthropic_places.places, wanted),
    )


async def count_tokens(caller: Caller, wanted: CountTokensRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /v1/messages/count_tokens."""
    call = await asked(caller, wanted, headers, visit, streamed=False)
    count = await pipeline.count(call)
    how = (b"x-token-count", b"counted" if count.exact else b"estimated")
    return Reply(TokenCount(count.tokens), [*anthropic_errors.named(call.headers), how])


routes: Final = (
    Route(
        path=MESSAGES,
        handler=messages,
        booking=refused.booking(DIALECT),
        request=MessagesRequest,
        response=MessageAnswer,
        summary="Anthropic's Messages API: continue a conversation, whole or as events.",
        failure=anthropic_errors.failure,
        refusal=AnthropicError,
        streams=True,
        tells=anthropic_errors.TELLS,
    ),
    Route(
        path=COUNT,
        handler=count_tokens,
        booking=refused.booking(DIALECT, called=pipeline.COUNT),
        request=CountTokensRequest,
        response=TokenCount,
        summary="Anthropic's count of the tokens that a conversation has; it runs no model and costs nothing.",
        failure=anthropic_errors.failure,
        refusal=AnthropicError,
        tells={**anthropic_errors.TELLS, "x-token-count": "counted by the provider, or estimated."},
    ),
)
