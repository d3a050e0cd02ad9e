"""PUT and GET of files by signed URL: what S3's presigned URLs do on AWS."""

from collections.abc import Iterator
from functools import partial
from typing import Final, cast

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from foundation import adapters
from foundation.adapters.embedded.files import DiskFiles
from foundation.errors import MethodNotAllowed, Problem, TooLarge

PART: Final = 2**20


@csrf_exempt
def transfer(request: HttpRequest, grant: str, name: str) -> HttpResponseBase:
    """Take or give the one file that the signed grant is for; the name in the URL is for people only."""
    files = cast(DiskFiles, adapters.files)
    try:
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method not in ("GET", "PUT"):
            raise MethodNotAllowed("Method Not Allowed")
        granted = files.grant(grant, method)
        if method == "GET":
            return FileResponse(files.open(granted.path), content_type=content_type(granted.path))
        if int(request.META.get("CONTENT_LENGTH") or 0) > granted.limit:
            raise TooLarge(f"the file is larger than {granted.limit:,} bytes, the limit of this upload")
        files.receive(granted, cast(Iterator[bytes], iter(partial(request.read, PART), b"")))
    except Problem as problem:
        return JsonResponse(dict(problem.body()), status=problem.status)
    return HttpResponse(status=200)


def content_type(path: str) -> str:
    """Stored results are JSON; anything else is only ever handed back as bytes, so that no browser runs it."""
    return "application/json" if path.endswith(".json") else "application/octet-stream"
