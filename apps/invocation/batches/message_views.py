"""/v1/messages/batches over HTTP."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from apps.invocation import serializers
from apps.invocation.batches import message_shapes as shapes
from apps.invocation.batches import messages
from apps.invocation.batches.views import Pieces
from apps.invocation.dialects.anthropic import errors as anthropic_errors
from foundation.ambient import new_timed_id
from foundation.endpoint import Endpoint
from foundation.errors import Problem
from foundation.identity import Caller

OWN_ID: Final = "request-id"


class AnthropicEndpoint(Endpoint):
    """A path of Anthropic's dialect."""

    refusal_shape = serializers.AnthropicError
    other_refusals = (529,)

    tells = {OWN_ID: anthropic_errors.TELLS[OWN_ID]}

    def failure(self, problem: Problem) -> tuple[int, Mapping[str, Any]]:
        problem.headers = problem.headers or ((anthropic_errors.REQUEST_ID, new_timed_id().encode()),)
        return anthropic_errors.failure(problem)

    def _failed(self, problem: Problem) -> Response:
        response = super()._failed(problem)
        for name, value in problem.headers:
            response.headers[name.decode()] = value.decode()
        return response

    def finalize_response(self, request: Request, response: Response, *args: Any, **path: Any) -> Response:
        """With the id that every response has, also by Anthropic's name."""
        if OWN_ID not in response.headers:
            response.headers[OWN_ID] = response.headers["x-request-id"] = new_timed_id()
        return super().finalize_response(request, response, *args, **path)


class CreateMessageBatch(AnthropicEndpoint):
    """Have every one of many requests answered within 24 hours."""

    request_shape, response_shape = shapes.WantedMessageBatch, shapes.MessageBatch

    def post(self, caller: Caller, wanted: dict[str, Any]) -> Mapping[str, Any]:
        return shapes.shown(messages.create(caller, wanted["requests"]))


class ListMessageBatches(AnthropicEndpoint):
    """The application's batches of messages, newest first."""

    query_shape, response_shape = shapes.ListedMessageBatches, shapes.MessageBatchList

    def get(self, caller: Caller, after_id: str, before_id: str, limit: int, beta: str) -> Mapping[str, Any]:
        some, more = messages.listed(caller, after=after_id, before=before_id, limit=limit)
        return shapes.listed(some, more=more)


class OneMessageBatch(AnthropicEndpoint):
    """A batch of messages as it stands."""

    response_shape = shapes.MessageBatch

    def get(self, caller: Caller, message_batch_id: str) -> Mapping[str, Any]:
        return shapes.shown(messages.batch(caller, message_batch_id))


class CancelMessageBatch(AnthropicEndpoint):
    """Begin no more of a batch of messages; the results that it has stay."""

    response_shape = shapes.MessageBatch

    def post(self, caller: Caller, message_batch_id: str) -> Mapping[str, Any]:
        return shapes.shown(messages.cancel(caller, message_batch_id))


class MessageBatchResults(AnthropicEndpoint):
    """What became of each request, once the batch has ended: one JSON object a line."""

    file = "application/x-jsonl"

    def get(self, caller: Caller, message_batch_id: str) -> HttpResponseBase:
        lines = messages.results(messages.batch(caller, message_batch_id))
        return StreamingHttpResponse(Pieces(lines), headers={"Content-Type": self.file, "Content-Disposition": "attachment"})
