"""Extraction jobs for chunking to build on, and chunking jobs brought to their end, through the doors of both."""

import json
from collections.abc import Mapping, Sequence

from apps.chunking import services, work
from apps.chunking.cuts import Sizes, Strategy
from apps.chunking.records import ChunkingJob
from apps.extraction import services as extractions
from apps.extraction import work as extraction
from apps.extraction.results import Page, encode_text
from foundation.adapters import files
from foundation.identity import Caller


def uploaded(caller: Caller, documents: Mapping[str, bytes]) -> str:
    """A started extraction job of these files, which no worker has touched yet."""
    identifier = extractions.create_job(caller).job
    for name, content in documents.items():
        files.write(extractions.register_file(caller, identifier, name).file.upload, content)
    extractions.start_job(caller, identifier)
    return identifier


def extracted(caller: Caller, documents: Mapping[str, bytes]) -> str:
    """A finished extraction job of these files; what is not UTF-8 has failed in it."""
    identifier = uploaded(caller, documents)
    for name in documents:
        extraction.extract(caller.application, identifier, name)
    return identifier


def extracted_pages(caller: Caller, name: str, pages: Sequence[str]) -> str:
    """A finished extraction job of one file whose text has these pages."""
    identifier = extracted(caller, {name: b"to be replaced"})
    (file,) = extractions.completed_files(caller, identifier)
    numbered = [Page(number, text) for number, text in enumerate(pages, 1)]
    files.write(file.text, encode_text(identifier, name, numbered))
    return identifier


def begun(caller: Caller, extraction: str, strategy: str = "recursive", sizes: Sizes | None = None) -> ChunkingJob:
    """A chunking job whose files were handed to the workers, and which no worker has touched yet."""
    created = services.create_job(caller, extraction, Strategy(strategy), sizes)
    work.begin(caller.application, created.job)
    return services.job(caller, created.job)


def finished(caller: Caller, extraction: str, strategy: str = "recursive", sizes: Sizes | None = None) -> ChunkingJob:
    """A chunking job whose files are all cut."""
    target = begun(caller, extraction, strategy, sizes)
    for file in list(work.files_of(target)):
        work.chunk(caller.application, target.job, file.name)
    return services.job(caller, target.job)


def texts(caller: Caller, job: str, name: str) -> list[str]:
    """The texts of a file's chunks, read as a client reads the chunk file."""
    file = next(file for file in services.completed_files(caller, job) if file.name == name)
    return [item["chunk"] for item in json.loads(files.read(file.chunks))]
