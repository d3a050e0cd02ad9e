"""PUT and GET of files by signed URL: what S3's presigned URLs do on AWS."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import BinaryIO, Final, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from foundation import adapters
from foundation.adapters.embedded.files import DiskFiles
from foundation.errors import MethodNotAllowed, Problem, TooLarge, allow

PART: Final = 2**20
METHODS: Final = ("GET", "HEAD", "PUT")


@csrf_exempt
def transfer(request: HttpRequest, grant: str, name: str) -> HttpResponseBase:
    """Take or give the one file that the signed grant is for; the name in the URL is for people only."""
    files = cast(DiskFiles, adapters.files)
    try:
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method == "OPTIONS":
            return HttpResponse(status=204, headers=allow(METHODS))
        if method not in METHODS:
            raise MethodNotAllowed(METHODS)
        granted = files.grant(grant, method)
        if method == "GET":
            return given(files.open(granted.path), granted.path, whole=request.method == "GET")
        if int(request.META.get("CONTENT_LENGTH") or 0) > granted.limit:
            raise TooLarge(f"the file is larger than {granted.limit:,} bytes, the limit of this upload")
        files.receive(granted, cast(Iterator[bytes], iter(partial(request.read, PART), b"")))
    except Problem as problem:
        return JsonResponse(dict(problem.body()), status=problem.status, headers=dict(problem.told))
    return HttpResponse(status=200)


def given(file: BinaryIO, path: str, *, whole: bool) -> HttpResponseBase:
    """The file as a response, or only its headers."""
    headers = {"Content-Type": content_type(path), "Content-Length": str(os.fstat(file.fileno()).st_size)}
    if whole:
        return StreamingHttpResponse(Parts(file), headers=headers)
    file.close()
    return HttpResponse(headers=headers)


class Parts:
    """A file in parts, read beside the event loop that sends them; the response closes it."""

    def __init__(self, file: BinaryIO) -> None:
        self.close, self.read = file.close, file.read

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while part := await asyncio.to_thread(self.read, PART):
            yield part


def content_type(path: str) -> str:
    """Stored results are JSON; anything else is only ever handed back as bytes, so that no browser runs it."""
    return "application/json" if path.endswith(".json") else "application/octet-stream"
