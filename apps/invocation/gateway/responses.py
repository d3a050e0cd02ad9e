"""The door of OpenAI's Responses API: POST /v1/responses."""

from functools import partial
from typing import Final

from apps.invocation import pipeline, refused
from apps.invocation.dialects import sse
from apps.invocation.dialects.openai import errors as openai_errors
from apps.invocation.dialects.openai import responses as openai_responses
from apps.invocation.dialects.openai.responses_events import ResponseEvents
from apps.invocation.dialects.openai.responses_shapes import ResponseObject, ResponsesRequest
from apps.invocation.gateway.beginning import begun
from foundation.hot import Reply, Route
from foundation.identity import Caller
from foundation.visits import Headers, Visit

RESPONSES: Final = "/v1/responses"


async def responses(caller: Caller, wanted: ResponsesRequest, headers: Headers, visit: Visit) -> Reply:
    """POST /v1/responses."""
    request = openai_responses.request(wanted)
    call = await begun(
        caller,
        request,
        headers,
        visit,
        dialect="openai_responses",
        streamed=bool(wanted.stream),
        unheard=openai_responses.ignored(wanted),
        places=partial(openai_responses.places, wanted),
    )
    beginning = openai_responses.begun(wanted, call.invocation, int(call.created.timestamp()), call.asked.name)
    if not wanted.stream:
        answer = await pipeline.complete(call)
        return Reply(openai_responses.response(beginning, answer), call.headers)
    events = ResponseEvents(beginning)
    told = sse.told(pipeline.stream(call), events.write, events.failure, RESPONSES)
    return Reply(told, lambda: call.headers)


routes: Final = (
    Route(
        path=RESPONSES,
        handler=responses,
        booking=refused.booking("openai_responses"),
        request=ResponsesRequest,
        response=ResponseObject,
        summary="OpenAI's Responses API: answer a text or continue a conversation, whole or as events.",
        failure=openai_errors.failure,
        refusal=openai_errors.OpenAIError,
        streams=True,
    ),
)
