"""The wire shapes of files and batches, as OpenAI has them.

https://platform.openai.com/docs/api-reference/files/object and /batch/object
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.invocation.batches.records import Batch, BatchStatus, Results, UploadedFile
from foundation.wire import Identifier, Text

MOMENT = "In seconds since 1970."


class Exact(serializers.Serializer[Any]):
    """A body in which nothing stands that would have no effect."""

    def validate(self, attrs: Any) -> Any:
        unknown = sorted(set(self.initial_data) - set(self.fields))
        if unknown:
            raise serializers.ValidationError({str(unknown[0])[:64]: "this platform does not know it"})
        return attrs


class Upload(Exact):
    """A file to keep."""

    file = serializers.FileField(help_text="Requests, one JSON object a line (JSONL).", max_length=255)
    purpose = serializers.ChoiceField(["batch"], help_text="What it is for.")


class ListedFiles(serializers.Serializer[Any]):
    """Which files."""

    after = Identifier(required=False, default="", help_text="The id after which the list goes on.")
    limit = serializers.IntegerField(required=False, default=1000, min_value=1, max_value=10_000, help_text="At most so many.")
    order = serializers.ChoiceField(["asc", "desc"], required=False, default="desc", help_text="By time.")
    purpose = serializers.ChoiceField(["batch", "batch_output"], required=False, default=None, help_text="Only these.")


class ListedBatches(serializers.Serializer[Any]):
    """Which batches."""

    after = Identifier(required=False, default="", help_text="The id after which the list goes on.")
    limit = serializers.IntegerField(required=False, default=20, min_value=1, max_value=100, help_text="At most so many.")


class WantedBatch(Exact):
    """A batch to work on."""

    input_file_id = Identifier(help_text="The id of an uploaded file.")
    endpoint = Text(max_length=100, help_text="The path that answers every line.")
    completion_window = serializers.ChoiceField(["24h"], help_text="What has not begun by then expires.")
    metadata = serializers.DictField(
        child=Text(max_length=512), required=False, default=None, allow_null=True, help_text="At most 16 pairs of your own."
    )

    def validate_metadata(self, value: Mapping[str, str] | None) -> Mapping[str, str] | None:
        if value is not None and (len(value) > 16 or any(len(name) > 64 for name in value)):
            raise serializers.ValidationError("at most 16 pairs, with names of at most 64 characters")
        return value


class OpenAIFile(serializers.Serializer[Any]):
    """A file."""

    id = Text()
    object = Text(help_text="Always file.")
    bytes = serializers.IntegerField(help_text="Its size; a file of results grows while its batch is worked on.")
    created_at = serializers.IntegerField(help_text=MOMENT)
    expires_at = serializers.IntegerField(help_text=MOMENT)
    filename = Text()
    purpose = Text(help_text="batch or batch_output.")
    status = Text(help_text="Always processed.")
    status_details = Text(allow_null=True, help_text="Always null.")


class DeletedFile(serializers.Serializer[Any]):
    """A file that is gone."""

    id = Text()
    object = Text(help_text="Always file.")
    deleted = serializers.BooleanField()


class BatchError(serializers.Serializer[Any]):
    """What is wrong with the file of a batch."""

    code = Text(help_text="A stable word.")
    message = Text()
    line = serializers.IntegerField(allow_null=True, help_text="The number of the line; null for the whole file.")
    param = Text(allow_null=True, help_text="The member of the line that it is about.")


class BatchErrors(serializers.Serializer[Any]):
    """The first of all that is wrong."""

    object = Text(help_text="Always list.")
    data = BatchError(many=True)  # type: ignore[assignment]  # DRF collects it; it does not hide Serializer.data


class RequestCounts(serializers.Serializer[Any]):
    """How many lines there are, how many were answered, and how many failed."""

    total = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()


class OpenAIBatch(serializers.Serializer[Any]):
    """A batch. Its files can be read while it is worked on: they hold what there is by then."""

    id = Text()
    object = Text(help_text="Always batch.")
    endpoint = Text()
    errors = BatchErrors(allow_null=True)  # type: ignore[assignment]  # as above
    input_file_id = Text()
    completion_window = Text()
    status = Text(help_text=", ".join(BatchStatus))
    output_file_id = Text(allow_null=True, help_text="The answers; null before there is one.")
    error_file_id = Text(allow_null=True, help_text="The lines that have no answer, with the reason; null before there is one.")
    created_at = serializers.IntegerField(help_text=MOMENT)
    in_progress_at = serializers.IntegerField(allow_null=True)
    expires_at = serializers.IntegerField()
    finalizing_at = serializers.IntegerField(allow_null=True)
    completed_at = serializers.IntegerField(allow_null=True)
    failed_at = serializers.IntegerField(allow_null=True)
    expired_at = serializers.IntegerField(allow_null=True)
    cancelling_at = serializers.IntegerField(allow_null=True)
    cancelled_at = serializers.IntegerField(allow_null=True)
    request_counts = RequestCounts()
    metadata = serializers.DictField(child=Text(), allow_null=True)


class OpenAIFileList(serializers.Serializer[Any]):
    """Some of the files."""

    object = Text(help_text="Always list.")
    data = OpenAIFile(many=True)  # type: ignore[assignment]  # as above
    first_id = Text(allow_null=True)
    last_id = Text(allow_null=True, help_text="What `after` goes on from.")
    has_more = serializers.BooleanField()


class OpenAIBatchList(serializers.Serializer[Any]):
    """Some of the batches, newest first."""

    object = Text(help_text="Always list.")
    data = OpenAIBatch(many=True)  # type: ignore[assignment]  # as above
    first_id = Text(allow_null=True)
    last_id = Text(allow_null=True, help_text="What `after` goes on from.")
    has_more = serializers.BooleanField()


def file_shown(file: UploadedFile, size: int) -> Mapping[str, Any]:
    """A file as OpenAI has it."""
    return {
        "id": file.file,
        "object": "file",
        "bytes": size,
        "created_at": int(file.created.timestamp()),
        "expires_at": int(file.expires.timestamp()),
        "filename": file.name,
        "purpose": file.purpose.value,
        "status": "processed",
        "status_details": None,
    }


def batch_shown(batch: Batch) -> Mapping[str, Any]:
    """A batch as OpenAI has it."""
    finished = seconds(batch.finished)

    def at(status: BatchStatus) -> int | None:
        return finished if batch.status is status else None

    errors = [{"code": e.code, "message": e.message, "line": e.line, "param": e.param} for e in batch.errors]
    return {
        "id": batch.batch,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": batch.input_file,
        "completion_window": batch.window,
        "status": batch.status.value,
        "output_file_id": batch.file_of(Results.OUTPUT) if batch.output_size else None,
        "error_file_id": batch.file_of(Results.ERRORS) if batch.errors_size else None,
        "created_at": seconds(batch.created),
        "in_progress_at": seconds(batch.begun),
        "expires_at": seconds(batch.deadline),
        "finalizing_at": seconds(batch.finalizing),
        "completed_at": at(BatchStatus.COMPLETED),
        "failed_at": at(BatchStatus.FAILED),
        "expired_at": at(BatchStatus.EXPIRED),
        "cancelling_at": seconds(batch.cancelling),
        "cancelled_at": at(BatchStatus.CANCELLED),
        "request_counts": {"total": batch.total, "completed": batch.completed, "failed": batch.failed + batch.expired},
        "metadata": dict(batch.metadata) or None,
    }


def listed(shown: list[Mapping[str, Any]], *, more: bool) -> Mapping[str, Any]:
    """Some of a list as OpenAI has it."""
    ids = [each["id"] for each in shown] or [None]
    return {"object": "list", "data": shown, "first_id": ids[0], "last_id": ids[-1], "has_more": more}


def seconds(moment: datetime | None) -> int | None:
    """A moment as OpenAI has it."""
    return None if moment is None else int(moment.timestamp())
