"""The wire shapes of Message Batches, as Anthropic has them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from apps.invocation.batches.lines import MOST_LINES
from apps.invocation.batches.messages import COUNT
from apps.invocation.batches.records import Batch
from apps.invocation.batches.shapes import Exact
from foundation.settings import CHOSEN
from foundation.wire import Identifier, Text

MOMENT = "RFC 3339, in UTC."


class MessageBatchRequest(serializers.Serializer[Any]):
    """One request to make a message."""

    custom_id = Text(
        validators=[RegexValidator("^[a-zA-Z0-9_-]{1,64}\\Z", "must be 1 to 64 letters, digits, _ and -")],
        help_text="Your own name of it, by which its result is known.",
    )
    params = serializers.DictField(help_text="The body of a request to /v1/messages.")

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({str(unknown[0])[:64]: "this platform does not know it"})
        return super().to_internal_value(data)


class WantedMessageBatch(Exact):
    """Requests that are answered within 24 hours."""

    requests = MessageBatchRequest(many=True, allow_empty=False, max_length=MOST_LINES)  # type: ignore[call-arg]  # of the list


class ListedMessageBatches(serializers.Serializer[Any]):
    """Which of them."""

    after_id = Identifier(required=False, default="", help_text="The id after which the list goes on.")
    before_id = Identifier(required=False, default="", help_text="The id before which it ends.")
    limit = serializers.IntegerField(required=False, default=20, min_value=1, max_value=1000, help_text="At most so many.")
    beta = Text(required=False, default="", help_text="What Anthropic's SDKs add to paths of their beta; it changes nothing.")


class MessageBatchCounts(serializers.Serializer[Any]):
    """Requests by what became of them; all are processing until the batch has ended."""

    processing = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    errored = serializers.IntegerField()
    canceled = serializers.IntegerField()
    expired = serializers.IntegerField()


class MessageBatch(serializers.Serializer[Any]):
    """A batch of requests."""

    id = Text()
    type = Text(help_text="Always message_batch.")
    processing_status = Text(help_text="in_progress, canceling or ended.")
    request_counts = MessageBatchCounts()
    created_at = Text(help_text=MOMENT)
    expires_at = Text(help_text=MOMENT)
    ended_at = Text(allow_null=True, help_text=MOMENT)
    cancel_initiated_at = Text(allow_null=True, help_text=MOMENT)
    archived_at = Text(allow_null=True, help_text="Always null.")
    results_url = Text(allow_null=True, help_text="Where the results are, once it has ended.")


class MessageBatchList(serializers.Serializer[Any]):
    """Some of the batches, newest first."""

    data = MessageBatch(many=True)  # type: ignore[assignment]  # DRF collects it; it does not hide Serializer.data
    first_id = Text(allow_null=True)
    last_id = Text(allow_null=True)
    has_more = serializers.BooleanField()


def shown(batch: Batch) -> Mapping[str, Any]:
    """A batch as Anthropic has it."""
    over = batch.is_over
    return {
        "id": batch.batch,
        "type": "message_batch",
        "processing_status": "ended" if over else "in_progress" if batch.cancelling is None else "canceling",
        "request_counts": counts(batch),
        "created_at": moment(batch.created),
        "expires_at": moment(batch.deadline),
        "ended_at": moment(batch.finished),
        "cancel_initiated_at": moment(batch.cancelling),
        "archived_at": None,
        "results_url": f"{CHOSEN.api_url}/v1/messages/batches/{batch.batch}/results" if over else None,
    }


def counts(batch: Batch) -> Mapping[str, int]:
    """Its requests by what became of them. Those of which nothing is known were not begun before it was cancelled, or failed
    with the whole of it."""
    count, over = int(batch.metadata[COUNT]), batch.is_over
    ended = {"succeeded": batch.completed, "errored": batch.failed, "expired": batch.expired}
    if not over:
        return {"processing": count, **dict.fromkeys((*ended, "canceled"), 0)}
    left = count - sum(ended.values())
    failed, canceled = (left, 0) if batch.errors else (0, left)
    return {**ended, "errored": batch.failed + failed, "canceled": canceled, "processing": 0}


def listed(some: Sequence[Batch], *, more: bool) -> Mapping[str, Any]:
    """Some of a list as Anthropic has it."""
    first, last = (some[0].batch, some[-1].batch) if some else (None, None)
    return {"data": [shown(each) for each in some], "first_id": first, "last_id": last, "has_more": more}


def moment(at: datetime | None) -> str | None:
    """A moment as Anthropic has it."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
