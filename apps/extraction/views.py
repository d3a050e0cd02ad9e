"""/document/extraction over HTTP."""

from typing import Any

from apps.extraction import serializers as shapes
from apps.extraction import services
from apps.extraction.records import ExtractedFile, ExtractionJob
from foundation.endpoint import Endpoint
from foundation.identity import Caller
from foundation.records import Page


class CreateJob(Endpoint):
    """Create a job that files can be registered for."""

    response_shape = shapes.CreatedJob

    def get(self, caller: Caller) -> ExtractionJob:
        return services.create_job(caller)


class RegisterFile(Endpoint):
    """Register a file for a job and get the URL that takes its content."""

    request_shape, response_shape = shapes.NamedFile, shapes.RegisteredFile

    def post(self, caller: Caller, wanted: dict[str, Any]) -> services.Registered:
        return services.register_file(caller, wanted["extraction_job_id"], wanted["file_name"])


class StartJob(Endpoint):
    """Start extracting the files of a job; their upload URLs end."""

    request_shape, response_shape = shapes.NamedJob, shapes.StartedJob

    def post(self, caller: Caller, wanted: dict[str, Any]) -> ExtractionJob:
        return services.start_job(caller, wanted["extraction_job_id"])


class JobStatus(Endpoint):
    """Where a job stands, with the counts of its files."""

    response_shape = shapes.JobState

    def get(self, caller: Caller, extraction_job_id: str) -> ExtractionJob:
        return services.job(caller, extraction_job_id)


class JobFiles(Endpoint):
    """The files of a job and where each stands."""

    response_shape, many, paged = shapes.FileInJob, True, True

    def get(self, caller: Caller, extraction_job_id: str, limit: int, cursor: str | None) -> Page[ExtractedFile]:
        return services.job_files(caller, extraction_job_id, limit=limit, cursor=cursor)


class FileStatus(Endpoint):
    """Where one file of a job stands, and the URL of its result once there is one."""

    request_shape, response_shape = shapes.NamedFile, shapes.FileState

    def post(self, caller: Caller, wanted: dict[str, Any]) -> services.Result:
        return services.file_result(caller, wanted["extraction_job_id"], wanted["file_name"])


class JobResults(Endpoint):
    """The URLs of the text and the tables of every completed file of a finished job."""

    response_shape, paged = shapes.JobResults, True

    def get(self, caller: Caller, extraction_job_id: str, limit: int, cursor: str | None) -> Page[services.Result]:
        return services.job_results(caller, extraction_job_id, limit=limit, cursor=cursor)


class ListJobs(Endpoint):
    """The application's jobs, newest first."""

    response_shape, many, paged = shapes.JobInList, True, True

    def get(self, caller: Caller, limit: int, cursor: str | None) -> Page[ExtractionJob]:
        return services.jobs(caller.application, limit=limit, cursor=cursor)
