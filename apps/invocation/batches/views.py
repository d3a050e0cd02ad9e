"""/v1/files and /v1/batches over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse

from apps.invocation.batches import services, shapes
from apps.invocation.batches.records import Purpose, UploadedFile
from apps.invocation.views import OpenAIEndpoint
from foundation.identity import Caller
from foundation.together import each


class UploadFile(OpenAIEndpoint):
    """Keep a file with the requests of a batch, for 30 days."""

    request_shape, response_shape, form = shapes.Upload, shapes.OpenAIFile, True

    def post(self, caller: Caller, wanted: dict[str, Any]) -> Mapping[str, Any]:
        uploaded = wanted["file"]
        return shown(services.keep_file(caller, uploaded.name, uploaded.chunks()))


class ListFiles(OpenAIEndpoint):
    """The application's files, and those with results of its batches."""

    query_shape, response_shape = shapes.ListedFiles, shapes.OpenAIFileList

    def get(self, caller: Caller, **which: Any) -> Mapping[str, Any]:
        some, more = services.listed_files(caller, **which)
        return shapes.listed(each(shown, some), more=more)


class OneFile(OpenAIEndpoint):
    """A file, without what is in it."""

    response_shape = shapes.OpenAIFile

    def get(self, caller: Caller, file_id: str) -> Mapping[str, Any]:
        return shown(services.file(caller, file_id))


class DeleteFile(OpenAIEndpoint):
    """Delete a file with what is in it."""

    response_shape = shapes.DeletedFile

    def delete(self, caller: Caller, file_id: str) -> Mapping[str, Any]:
        return {"id": services.delete_file(caller, file_id).file, "object": "file", "deleted": True}


class FileContent(OpenAIEndpoint):
    """What is in a file: one JSON object a line. Results can be read while their batch is worked on."""

    file = "application/jsonl"

    def get(self, caller: Caller, file_id: str) -> HttpResponseBase:
        kept = services.file(caller, file_id)
        headers = {"Content-Type": self.file, "Content-Disposition": "attachment"}
        if kept.purpose is Purpose.BATCH:
            headers["Content-Length"] = str(kept.size)
        return StreamingHttpResponse(Pieces(services.content(kept)), headers=headers)


class CreateBatch(OpenAIEndpoint):
    """Have every request of a file answered within 24 hours."""

    request_shape, response_shape = shapes.WantedBatch, shapes.OpenAIBatch

    def post(self, caller: Caller, wanted: dict[str, Any]) -> Mapping[str, Any]:
        made = services.create(
            caller,
            input_file=wanted["input_file_id"],
            endpoint=wanted["endpoint"],
            window=wanted["completion_window"],
            metadata=wanted["metadata"] or {},
        )
        return shapes.batch_shown(made)


class ListBatches(OpenAIEndpoint):
    """The application's batches, newest first."""

    query_shape, response_shape = shapes.ListedBatches, shapes.OpenAIBatchList

    def get(self, caller: Caller, **which: Any) -> Mapping[str, Any]:
        some, more = services.listed_batches(caller, **which)
        return shapes.listed([shapes.batch_shown(each) for each in some], more=more)


class OneBatch(OpenAIEndpoint):
    """A batch as it stands."""

    response_shape = shapes.OpenAIBatch

    def get(self, caller: Caller, batch_id: str) -> Mapping[str, Any]:
        return shapes.batch_shown(services.batch(caller, batch_id))


class CancelBatch(OpenAIEndpoint):
    """Begin no more of a batch; the results that it has stay."""

    response_shape = shapes.OpenAIBatch

    def post(self, caller: Caller, batch_id: str) -> Mapping[str, Any]:
        return shapes.batch_shown(services.cancel(caller, batch_id))


def shown(kept: UploadedFile) -> Mapping[str, Any]:
    """A file as OpenAI has it."""
    return shapes.file_shown(kept, services.size_of(kept))


class Pieces:
    """A content in pieces, each read beside the event loop that sends it."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(next, self.pieces, b""):
            yield piece
