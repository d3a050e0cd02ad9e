"""Bedrock's runtime API over HTTP: signed requests, whole answers, and event streams decoded frame by frame.

botocore finds the credentials, signs and decodes; its client, which blocks, is not used.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.eventstream import EventStreamBuffer, ParserError
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from apps.invocation.adapters.bedrock.errors import meant, refused
from apps.invocation.adapters.connections import Answer
from apps.invocation.adapters.counts import count
from apps.invocation.adapters.http import LARGEST_ANSWER, TIMEOUTS, Server, Timeouts, is_json, limited
from apps.invocation.adapters.refusals import words
from foundation.errors import Unavailable, UpstreamDenied, UpstreamFailed
from foundation.fresh import Fresh

SERVICE: Final = "bedrock"
JSON: Final = "application/json"
EVENT_STREAM: Final = "application/vnd.amazon.eventstream"
KEPT: Final = 60.0  # seconds; botocore renews credentials ten minutes before their end or earlier
IN_VAIN: Final = 2.0  # seconds for which nobody looks again for credentials that are not there
LARGE: Final = 2**20
# Where the regions of a partition have their names (botocore's endpoints.json).
DOMAINS: Final = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
}
NO_CREDENTIALS: Final = (
    "there are no AWS credentials for Bedrock; give the process a role, a profile, AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or AWS_BEARER_TOKEN_BEDROCK"
)


def endpoint(region: str) -> str:
    """The runtime API's URL in a region."""
    domain = next((domain for prefix, domain in DOMAINS.items() if region.startswith(prefix)), "amazonaws.com")
    return f"https://bedrock-runtime.{region}.{domain}"


def path(model: str, action: str) -> str:
    """The path of an action on a model; an id may be an ARN, with the model behind it after a # (see families)."""
    return f"model/{quote(model.partition('#')[0], safe='')}/{action}"


class Runtime:
    """The runtime API of one region, for any number of event loops. With a `bearer` token nothing is signed; with the name of
    one (`key_name`) nothing is called without it.

    Raises what errors.py says, and what http.Server does.
    """

    def __init__(self, base_url: str, region: str, bearer: str = "", key_name: str = "", timeouts: Timeouts = TIMEOUTS) -> None:
        self.server = Server(base_url, timeouts=timeouts, refused=refused)
        self.region, self.bearer, self.key_name = region, bearer, key_name
        self.session, self.finding, self.in_vain_until = Session(), threading.Lock(), 0.0
        self.credentials: Fresh[str, Any] = Fresh(self._credentials, KEPT)

    def prepare(self) -> None:
        """Find the key or the credentials; UpstreamDenied when there are none."""
        self._check_key()
        if not self.bearer:
            self.credentials.get(self.region)

    async def converse(self, model: str, body: bytes, action: str = "converse") -> bytes:
        """The whole answer of a model, or to another action on it, as JSON text."""
        async with self._answer(path(model, action), body, JSON, in_pieces=False) as answer:
            return await limited(answer, LARGEST_ANSWER)

    async def invoke(self, model: str, body: bytes) -> tuple[bytes, int | None]:
        """The answer to a body in the model's own form, and the tokens read where Bedrock says them."""
        async with self._answer(path(model, "invoke"), body, JSON, in_pieces=False) as answer:
            tokens = count(answer.headers.get("x-amzn-bedrock-input-token-count"))
            return await limited(answer, LARGEST_ANSWER), tokens

    async def stream(self, model: str, body: bytes) -> AsyncGenerator[tuple[str, bytes], None]:
        """The events of an answer as they come: the type of each, and its JSON text. Raises the error that an event is.

        It ends when the connection does: whether that was the answer's end, its caller must judge.
        """
        async with self._answer(path(model, "converse-stream"), body, EVENT_STREAM, in_pieces=True) as answer:
            buffer = EventStreamBuffer()
            async for chunk in self.server.chunks(answer):
                buffer.add_data(chunk)
                try:
                    for frame in buffer:
                        headers = frame.headers
                        if headers.get(":message-type") != "event":
                            raise failure(headers, frame.payload)
                        yield headers.get(":event-type", ""), frame.payload
                except ParserError as odd:
                    raise UpstreamFailed(f"Bedrock's event stream cannot be read: {odd}") from odd

    @asynccontextmanager
    async def _answer(self, path: str, body: bytes, accepted: str, *, in_pieces: bool) -> AsyncGenerator[Answer, None]:
        try:
            headers = await self.headers(path, body, accepted)
            async with self.server.answer(path, body, headers, in_pieces=in_pieces) as answer:
                if answer.content_type != accepted and not (accepted == JSON and is_json(answer.content_type)):
                    said = words(await limited(answer, LARGEST_ANSWER)) if is_json(answer.content_type) else ""
                    what = f"answered with {answer.content_type}, not with {accepted}"
                    raise UpstreamFailed(f"the model server {what}: {said}", inside=f"{self.server} {what}")
                yield answer
        except UpstreamDenied:
            self.credentials.forget(self.region)
            raise

    async def headers(self, path: str, body: bytes, accepted: str) -> Mapping[str, str]:
        """The headers of a POST, with its signature or the bearer token."""
        said = {"Content-Type": JSON, "Accept": accepted}
        self._check_key()
        if self.bearer:
            return {**said, "Authorization": f"Bearer {self.bearer}"}
        credentials = await self.credentials.soon(self.region)
        url = f"{self.server.base_url}/{path}"
        if len(body) < LARGE:
            return signed(credentials, self.region, url, body, said)
        return await asyncio.to_thread(signed, credentials, self.region, url, body, said)

    def _check_key(self) -> None:
        if self.key_name and not self.bearer:
            raise UpstreamDenied(f"the secret {self.key_name} is not set; it must hold a Bedrock API key")

    def _credentials(self, _: str) -> Any:
        """The credentials of this moment, from wherever botocore finds them. Looking in vain takes seconds, so not every call
        does."""
        with self.finding:
            if time.monotonic() < self.in_vain_until:
                raise UpstreamDenied(NO_CREDENTIALS)
            try:
                found = self.session.get_credentials()
                frozen = None if found is None else found.get_frozen_credentials()
            except BotoCoreError as failed:
                inside = f"the AWS credentials cannot be had: {failed}"
                raise Unavailable("the model's provider cannot be asked now", retry_after=5, inside=inside) from failed
            if frozen is None or not frozen.access_key:
                self.in_vain_until = time.monotonic() + IN_VAIN
                raise UpstreamDenied(NO_CREDENTIALS)
            return frozen


def signed(credentials: Any, region: str, url: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers with AWS's signature, version 4, of a POST of this body."""
    request = AWSRequest("POST", url, dict(headers), body)
    SigV4Auth(credentials, SERVICE, region).add_auth(request)
    return dict(request.headers.items())


def failure(headers: Mapping[str, str], payload: bytes) -> Exception:
    """The error that a frame is: an exception of the service model, or an error of the stream itself."""
    if headers.get(":message-type") == "exception":
        return meant(headers.get(":exception-type", ""), words(payload))
    return meant(headers.get(":error-code", "InternalServerException"), headers.get(":error-message", words(payload)))
