"""/document/chunking over HTTP."""

from typing import Any

from apps.chunking import serializers as shapes
from apps.chunking import services
from apps.chunking.cuts import Strategy
from apps.chunking.records import ChunkingJob
from foundation.endpoint import CURSOR_HEADER, Endpoint
from foundation.identity import Caller
from foundation.records import Page


class CreateJob(Endpoint):
    """Cut the text of every file that an extraction job completed into chunks."""

    request_shape, response_shape = shapes.WantedChunkingJob, shapes.CreatedChunkingJob

    def post(self, caller: Caller, wanted: dict[str, Any]) -> ChunkingJob:
        strategy = Strategy(wanted["chunking_strategy"])
        return services.create_job(caller, wanted["extraction_job_id"], strategy, wanted.get("chunking_params"))


class JobStatus(Endpoint):
    """Where a job stands, with the counts of its files."""

    response_shape = shapes.ChunkingJobState

    def get(self, caller: Caller, job_id: str) -> ChunkingJob:
        return services.job(caller, job_id)


class JobFiles(Endpoint):
    """The files of a job and where each stands."""

    response_shape, paged = shapes.ChunkingJobFiles, True

    def get(self, caller: Caller, job_id: str, limit: int, cursor: str | None) -> dict[str, Any]:
        page = services.job_files(caller, job_id, limit=limit, cursor=cursor)
        if page.cursor:
            self.headers[CURSOR_HEADER] = page.cursor
        return {"job": job_id, "files": page.items}


class ChunkFileUrl(Endpoint):
    """Where the chunks of one file can be fetched."""

    request_shape, response_shape = shapes.NamedChunkedFile, shapes.LocatedChunkFile

    def post(self, caller: Caller, wanted: dict[str, Any]) -> services.Located:
        return services.chunk_file_url(caller, wanted["chunking_job_id"], wanted["file_name"])


class ListJobs(Endpoint):
    """The application's jobs, newest first."""

    response_shape, many, paged = shapes.ChunkingJobInList, True, True

    def get(self, caller: Caller, limit: int, cursor: str | None) -> Page[ChunkingJob]:
        return services.jobs(caller.application, limit=limit, cursor=cursor)
