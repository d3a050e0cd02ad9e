"""What a request's body holds, for both ways in over HTTP: JSON, declared as such or not declared, up to a limit."""

import json
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from foundation.errors import TooLarge, Unprocessable
from foundation.settings import CHOSEN, HOUSE

Receive = Callable[[], Awaitable[Mapping[str, Any]]]

UPLOADS: Final = frozenset(f"/{path}" for capability in HOUSE.served for path in capability.manifest.uploads)


def issue(kind: str, loc: list[str | int], message: str) -> Mapping[str, Any]:
    """One entry of a 422's `issues`."""
    return {"type": kind, "loc": loc, "msg": message}


def parsed(body: bytes, content_type: str) -> Any:
    """The JSON in a body, whose content type may be missing but not be something else. Of equal keys the last counts."""
    declared = content_type.partition(";")[0].strip().lower()
    if declared and declared != "application/octet-stream" and not declared.endswith("json"):
        raise Unprocessable([issue("content_type", ["body"], f"the body must be JSON, not {declared[:50]}")])
    try:
        return decoded(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as malformed:
        raise Unprocessable([issue("json_invalid", ["body"], f"the body is not valid JSON: {malformed}")]) from malformed


def decoded(body: bytes) -> Any:
    """The JSON; Unprocessable names the field whose number no computer holds, which msgspec refuses without saying where."""
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError as refused:
        whole = json.loads(body, parse_int=float, parse_constant=msgspec.json.decode)
        beyond = [issue("out_of_range", loc, "the number is out of range") for loc in endless(whole, ["body"])]
        raise Unprocessable(beyond or [issue("json_invalid", ["body"], str(refused))]) from refused


def endless(value: Any, loc: list[str | int]) -> Iterator[list[str | int]]:
    """Where numbers lie that became infinite when they were read."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from endless(each, [*loc, name])
    if isinstance(value, float) and math.isinf(value):
        yield loc


def within(receive: Receive, megabytes: int, setting: str) -> Receive:
    """`receive`, until more bytes than the limit have come: then TooLarge, which names the setting.

    The rest of such a body is taken and forgotten first, up to ten times the limit, so that a client that is still sending
    comes to read the answer.
    """
    limit, size = megabytes * 2**20, 0

    async def receive_within() -> Mapping[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size <= limit:
            return message
        while message.get("more_body", False) and size <= 10 * limit:
            message = await receive()
            size += len(message.get("body", b""))
        raise TooLarge(f"the body is larger than {megabytes} MB, the limit of this platform ({setting})")

    return receive_within


async def whole(receive: Receive) -> bytes:
    """The whole body; what came of it when the client went away."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def limit_of(path: str) -> tuple[int, str]:
    """The limit of a body in megabytes, and the setting that says so: uploads have their own."""
    if path.startswith("/files/") or path in UPLOADS:
        return CHOSEN.upload_limit_mb, "UPLOAD_LIMIT_MB"
    return CHOSEN.body_limit_mb, "BODY_LIMIT_MB"
