"""The wire shapes of chunking."""

import json
from typing import Any

from rest_framework import serializers

from apps.chunking.cuts import Sizes, Strategy
from apps.chunking.records import ChunkingJob
from foundation.wire import Text, Timestamp, Whole


class ChunkSizes(serializers.Serializer[Any]):
    """How long chunks may be and how much of one may begin the next, in characters."""

    chunk_size = Whole(source="size", required=False, allow_null=True, help_text="At least 1; without it 1000.")
    chunk_overlap = Whole(
        source="overlap", required=False, allow_null=True, help_text="At least 0, less than chunk_size; without it 0."
    )

    def to_internal_value(self, data: Any) -> Any:
        given = super().to_internal_value(data)
        return Sizes(**{name: value for name, value in given.items() if value is not None})


class WantedChunkingJob(serializers.Serializer[Any]):
    """What to cut, and how. The strategy and its sizes do not matter for files whose names end in .json and .jsonl."""

    extraction_job_id = Text(help_text="A finished extraction job.")
    chunking_strategy = serializers.ChoiceField(
        choices=[strategy.value for strategy in Strategy],
        help_text="fixed_size: whole paragraphs, put together. recursive: cut at blank lines, lines, words, at last "
        "characters. page: each page is a chunk.",
    )
    chunking_params = ChunkSizes(required=False, allow_null=True)


class NamedChunkedFile(serializers.Serializer[Any]):
    """A file of a job by its name."""

    chunking_job_id = Text()
    file_name = Text()


class CreatedChunkingJob(serializers.Serializer[Any]):
    """A new job."""

    chunking_job_id = Text(source="job")
    extraction_job_id = Text(source="extraction")
    status = Text()
    total_file_count = serializers.IntegerField(source="total")


class ChunkingJobState(serializers.Serializer[Any]):
    """Where a job stands."""

    chunking_job_id = Text(source="job")
    status = Text()
    total_file_count = serializers.IntegerField(source="total")
    completed_files = serializers.IntegerField(source="completed")
    failed_files = serializers.IntegerField(source="failed")
    reason = Text(required=False, help_text="Only where the job could not be begun: why.")

    def to_representation(self, instance: Any) -> Any:
        return _without_empty_reason(super().to_representation(instance))


class ChunkedFileInList(serializers.Serializer[Any]):
    """A file in the list of a job's files."""

    file_name = Text(source="name")
    status = Text()
    timestamp = Timestamp(source="updated", help_text="When its status last changed.")
    reason = Text(required=False, help_text="Only for a FAILED file: why, and what to do about it.")

    def to_representation(self, instance: Any) -> Any:
        return _without_empty_reason(super().to_representation(instance))


class ChunkingJobFiles(serializers.Serializer[Any]):
    """The files of a job, by name."""

    chunking_job_id = Text(source="job")
    files = ChunkedFileInList(many=True)


class LocatedChunkFile(serializers.Serializer[Any]):
    """Where a file's chunks can be fetched."""

    file_name = Text(source="file.name")
    chunk_file_url = Text(
        source="url",
        help_text="A JSON array by GET, without any header, for one hour; each item has `chunk`, and where it comes from: "
        "`page_number`, and `start` and `end` in the characters of that page's text.",
    )
    chunking_job_id = Text(source="file.job")


class ChunkingJobInList(serializers.Serializer[Any]):
    """A job in the list of all jobs."""

    chunking_job_id = Text(source="job")
    extraction_job_id = Text(source="extraction")
    status = Text()
    chunking_strategy = Text(source="strategy")
    chunking_params = serializers.SerializerMethodField(
        help_text="The sizes that were asked for, as the text of a JSON object; empty when none were."
    )
    total_file_count = serializers.IntegerField(source="total")
    queued_files = serializers.IntegerField(source="queued", help_text="How many files are with the workers.")
    completed_files = serializers.IntegerField(source="completed")
    failed_files = serializers.IntegerField(source="failed")
    updated_at = Timestamp(source="updated", help_text="When the job last changed.")

    def get_chunking_params(self, listed: ChunkingJob) -> str:
        if listed.sizes is None:
            return ""
        return json.dumps({"chunk_size": listed.sizes.size, "chunk_overlap": listed.sizes.overlap})


def _without_empty_reason(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name != "reason" or value is not None}
