"""/v1/messages/batches over HTTP."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse

from apps.invocation import serializers
from apps.invocation.batches import message_shapes as shapes
from apps.invocation.batches import messages
from apps.invocation.batches.views import Pieces
from apps.invocation.dialects.anthropic import errors as anthropic_errors
from foundation.endpoint import Endpoint
from foundation.errors import Problem
from foundation.identity import Caller


class AnthropicEndpoint(Endpoint):
    """A path of Anthropic's dialect."""

    refusal_shape = serializers.AnthropicError
    other_refusals = (529,)

    def failure(self, problem: Problem) -> tuple[int, Mapping[str, Any]]:
        return anthropic_errors.failure(problem)


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
