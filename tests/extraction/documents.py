"""Jobs with documents in them, as clients and workers would leave them."""

import json
from collections.abc import Mapping
from typing import Any

from apps.extraction import services
from apps.extraction.records import ExtractedFile, FileStatus
from foundation.adapters import files, records
from foundation.identity import Caller


def registered(caller: Caller, documents: Mapping[str, bytes]) -> str:
    """A job whose documents are uploaded; it has not started."""
    job = services.create_job(caller).job
    for name, content in documents.items():
        files.write(services.register_file(caller, job, name).file.upload, content)
    return job


def started(caller: Caller, documents: Mapping[str, bytes]) -> str:
    """A job that was started; no worker has touched it."""
    job = registered(caller, documents)
    services.start_job(caller, job)
    return job


def extracted(caller: Caller, documents: Mapping[str, bytes]) -> str:
    """A job whose every document a worker has worked on."""
    job = started(caller, documents)
    for name in documents:
        services.extract_document(caller.application, job, name)
    return job


def file_of(caller: Caller, job: str, name: str) -> ExtractedFile:
    """The record of one file."""
    found = records.get(ExtractedFile, caller.application, job, name)
    assert found is not None
    return found


def stored(path: str) -> Any:
    """The JSON that is kept at a path."""
    return json.loads(files.read(path))


def counts(caller: Caller, job: str) -> tuple[str, int, int, int]:
    """Status, total, completed and failed of a job."""
    found = services.job(caller, job)
    return found.status.value, found.total, found.completed, found.failed


def seen(caller: Caller, job: str) -> dict[str, FileStatus]:
    """Where each file stands, the same in the list and asked for by name."""
    listed = {file.name: file.status for file in services.job_files(caller, job).items}
    assert {name: services.file_result(caller, job, name).file.status for name in listed} == listed
    return listed
