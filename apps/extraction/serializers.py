"""The wire shapes of extraction."""

from collections.abc import Iterable
from typing import Any, Final

from rest_framework import serializers

from apps.extraction.services import Result
from foundation.wire import Text, Timestamp

REASON: Final = "Why the file FAILED and what to do about it, or what is missing from a COMPLETED one; else not there."


class NamedJob(serializers.Serializer[Any]):
    """A job by its id."""

    extraction_job_id = Text()


class NamedFile(serializers.Serializer[Any]):
    """A file of a job by its name."""

    extraction_job_id = Text()
    file_name = Text(help_text="The file's name, with one of the known extensions and without white space.")


class CreatedJob(serializers.Serializer[Any]):
    """A new job."""

    extraction_job_id = Text(source="job")
    status = Text()


class RegisteredFile(serializers.Serializer[Any]):
    """A registered file and where to PUT its content."""

    extraction_job_id = Text(source="file.job")
    file_name = Text(source="file.name")
    file_id = Text(source="file.file")
    upload_url = Text(help_text="Takes the file's content by PUT, without any header, for one hour.")


class StartedJob(serializers.Serializer[Any]):
    """A job that has just been started."""

    extraction_job_id = Text(source="job")
    total_files = serializers.IntegerField(source="total")
    status = Text()


class JobState(serializers.Serializer[Any]):
    """Where a job stands."""

    job_id = Text(source="job")
    completed_file_count = serializers.IntegerField(source="completed")
    total_file_count = serializers.IntegerField(source="total")
    failed_file_count = serializers.IntegerField(source="failed")
    status = Text()


class JobInList(JobState):
    """A job in the list of all jobs."""

    queued_files = serializers.IntegerField(source="queued", help_text="How many files are with the workers.")
    updated_at = Timestamp(source="updated")


class Explained(serializers.Serializer[Any]):
    """A shape with a `reason` that is there only when there is one."""

    def to_representation(self, instance: Any) -> Any:
        shown = super().to_representation(instance)
        if shown.get("reason") is None:
            shown.pop("reason", None)
        return shown


class FileInJob(Explained):
    """A file in the list of a job's files."""

    job_id = Text(source="job")
    file_name = Text(source="name")
    status = Text()
    reason = Text(required=False, help_text=REASON)


class FileState(Explained):
    """Where a file stands."""

    status = Text(source="file.status")
    result_url = Text(source="text_url", allow_null=True, help_text="The result JSON; null until the file is COMPLETED.")
    extraction_job_id = Text(source="file.job")
    reason = Text(source="file.reason", required=False, help_text=REASON)


class FileUrls(serializers.Serializer[Any]):
    """Where one file's results can be fetched, for one hour, without any header."""

    file_name = Text(source="file.name")
    extracted_text_url = Text(source="text_url")
    extracted_tables_url = Text(source="tables_url")


class JobResults(serializers.Serializer[Any]):
    """The results of a finished job."""

    files = FileUrls(many=True)

    def to_representation(self, instance: Iterable[Result]) -> dict[str, Any]:
        return {"files": FileUrls(list(instance), many=True).data}
