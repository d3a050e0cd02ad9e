"""Amazon Bedrock's runtime API and control plane on this machine: signatures checked for real, requests held against the
service model and against Bedrock's own rules, answers in its own encoding. It answers as it is told to, right or wrong."""

import asyncio
import binascii
import json
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.upstream.bedrock_model import wrong

ACCESS, SECRET, TOKEN, BEARER = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "a session", "bedrock-api-key-of-tests"
STREAM = "application/vnd.amazon.eventstream"
OPERATIONS = {"converse": "Converse", "converse-stream": "ConverseStream", "invoke": "InvokeModel"}
SKEW = 300


@dataclass(frozen=True)
class Refusal(Exception):
    """An answer that is an error, as Bedrock has it: its code in a header, its words in the body."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request: what was asked, and who signed it."""

    action: str
    model: str
    body: Any
    signer: str
    headers: Mapping[str, str]


Answer = Callable[[Asked], Any]


@dataclass
class BedrockServer:
    """`answers` says what a model answers, by its id: a JSON body, the frames of a stream (bytes, or as they come), or a
    Refusal; or it is a coroutine that does. A model that is not there echoes. `counts` says how many tokens a body has that
    is to be counted, `token_count` how many InvokeModel says that it read. `models` and `profiles` are what the control plane
    lists. `secret` is the secret key of who may sign."""

    url: str = ""
    region: str = "eu-central-1"
    secret: str = SECRET
    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    counts: Callable[[Any], Awaitable[int]] | None = None
    token_count: str | None = "7"
    models: Sequence[Mapping[str, Any]] = ()
    profiles: Sequence[Mapping[str, Any]] = ()
    under_way: int = 0
    most_at_once: int = 0

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        try:
            signer = self.signer(request, await request.read())
            if request.method == "GET":
                return web.json_response(self.listed(request))
            return await self.called(request, signer)
        except Refusal as refused:
            headers = {"x-amzn-ErrorType": f"{refused.code}:http://internal.amazon.com/coral/com.amazon.bedrock/"}
            headers |= refused.headers
            return web.json_response({"message": refused.message}, status=refused.status, headers=headers)

    async def called(self, request: web.Request, signer: str) -> web.StreamResponse:
        """A call of a model."""
        _, _, raw, action = request.raw_path.split("/")
        model = unquote(raw)
        body = json.loads(await request.read())
        asked = Asked(action, model, body, signer, dict(request.headers))
        self.asked.append(asked)
        if raw != quote(model, safe=""):
            raise Refusal(403, "InvalidSignatureException", f"the path {request.raw_path} is not encoded as AWS encodes it")
        if action == "count-tokens":
            return web.json_response({"inputTokens": await self.tokens(model, body)})
        if action != "invoke":
            check(OPERATIONS[action], body)
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await asyncio.sleep(0.002)
            found = self.answers.get(model, echo)(asked)
            found = await found if isinstance(found, Awaitable) else found
        finally:
            self.under_way -= 1
        if isinstance(found, Refusal):
            raise found
        if action == "converse-stream":
            return await streamed(request, found if isinstance(found, bytes | AsyncIterator) else b"".join(frames(found)))
        told = action == "invoke" and self.token_count is not None
        headers = {"x-amzn-bedrock-input-token-count": self.token_count} if told else {}
        return web.json_response(found, headers=headers)

    async def tokens(self, model: str, body: Mapping[str, Any]) -> int:
        """The tokens of a body; a Refusal where they cannot be counted."""
        if found := wrong("CountTokens", body):
            raise Refusal(400, "ValidationException", "; ".join(found))
        if self.counts is None or not model.startswith("anthropic."):
            raise Refusal(400, "ValidationException", "The provided model doesn't support counting tokens.")
        return await self.counts(body["input"]["converse"])

    def listed(self, request: web.Request) -> Any:
        """A page of the control plane."""
        if request.path == "/foundation-models":
            return {"modelSummaries": list(self.models)}
        start = int(request.query.get("nextToken", "0"))
        page = {"inferenceProfileSummaries": list(self.profiles[start : start + 1])}
        return page | ({"nextToken": str(start + 1)} if start + 1 < len(self.profiles) else {})

    def signer(self, request: web.Request, body: bytes) -> str:
        """Whose signature or token it is; a Refusal when it is nobody's."""
        given = request.headers.get("Authorization", "")
        if given.startswith("Bearer "):
            if given != f"Bearer {BEARER}":
                raise Refusal(403, "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid.")
            return "bearer"
        if not given.startswith("AWS4-HMAC-SHA256 "):
            raise Refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
        parts = dict(part.strip().split("=", 1) for part in given.removeprefix("AWS4-HMAC-SHA256 ").split(","))
        access, _, region, service, _ = parts["Credential"].split("/")
        if access != ACCESS:
            raise Refusal(403, "UnrecognizedClientException", "The security token included in the request is invalid.")
        if (region, service) != (self.region, "bedrock"):
            raise Refusal(403, "InvalidSignatureException", f"Credential should be scoped to {self.region}/bedrock")
        said = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs((datetime.now(UTC) - said).total_seconds()) > SKEW:
            raise Refusal(403, "InvalidSignatureException", "Signature expired")
        if parts["Signature"] != signature(request, body, parts["SignedHeaders"].split(";"), region, self.secret):
            raise Refusal(403, "InvalidSignatureException", "The request signature we calculated does not match")
        return access


def signature(request: web.Request, body: bytes, names: Sequence[str], region: str, secret: str) -> str:
    """The signature that a request must have, by botocore's own rules."""
    signed = {name: request.headers[name] for name in names}
    copy = AWSRequest(request.method, f"http://{request.host}{request.raw_path}", signed, body)
    copy.context["timestamp"] = request.headers["X-Amz-Date"]
    auth = SigV4Auth(Credentials(ACCESS, secret, request.headers.get("X-Amz-Security-Token")), "bedrock", region)
    return str(auth.signature(auth.string_to_sign(copy, auth.canonical_request(copy)), copy))


def check(operation: str, body: Mapping[str, Any]) -> None:
    """A Refusal where the service model or Bedrock itself would refuse; the words are Bedrock's, where they are known.

    github.com/aws-samples/generative-ai-use-cases/issues/1685, maximhq/bifrost#7003, pydantic/pydantic-ai#6081.
    """
    found = wrong(operation, body)
    if found:
        raise Refusal(400, "ValidationException", "; ".join(found))
    roles = [message["role"] for message in body["messages"]]
    if any(one == other for one, other in pairwise(roles)):
        raise Refusal(400, "ValidationException", "A conversation must alternate between user and assistant roles.")
    names: list[str] = []
    for message in body["messages"]:
        blocks = message["content"]
        if not blocks or any("text" in block and not block["text"].strip() for block in blocks):
            raise Refusal(400, "ValidationException", "The text field in the ContentBlock object is blank.")
        if any({"toolUse", "toolResult"} & block.keys() for block in blocks) and "toolConfig" not in body:
            refused = "The toolConfig field must be defined when using toolUse and toolResult content blocks."
            raise Refusal(400, "ValidationException", refused)
        documents = [block["document"]["name"] for block in blocks if "document" in block]
        names += documents
        if documents and not any("text" in block for block in blocks):
            raise Refusal(400, "ValidationException", "A text block is required when a document is provided.")
    if len(set(names)) < len(names):
        raise Refusal(400, "ValidationException", "Messages can't contain duplicate document names.")


def echo(asked: Asked) -> Any:
    """The words of the last turn."""
    said = " ".join(block["text"] for block in asked.body["messages"][-1]["content"] if "text" in block)
    return converse([{"text": f"You said: {said}"}])


def converse(content: Sequence[Any], reason: str = "end_turn", **usage: int) -> Any:
    """A body of Converse."""
    counted = {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18, **usage}
    message = {"role": "assistant", "content": list(content)}
    return {"output": {"message": message}, "stopReason": reason, "usage": counted, "metrics": {"latencyMs": 5}}


def frames(body: Mapping[str, Any]) -> Iterator[bytes]:
    """The frames of a stream that has the same answer as a body of Converse."""
    yield frame("messageStart", {"role": "assistant", "p": "abcd"})
    for index, block in enumerate(body["output"]["message"]["content"]):
        if use := block.get("toolUse"):
            started = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            yield frame("contentBlockStart", {"start": started, "contentBlockIndex": index})
        for delta in deltas(block):
            yield frame("contentBlockDelta", {"delta": delta, "contentBlockIndex": index, "p": "abcdefgh"})
        yield frame("contentBlockStop", {"contentBlockIndex": index})
    stop = {"stopReason": body["stopReason"]}
    if fields := body.get("additionalModelResponseFields"):
        stop["additionalModelResponseFields"] = fields
    yield frame("messageStop", stop)
    yield frame("metadata", {"usage": body["usage"], "metrics": body["metrics"]})


def deltas(block: Mapping[str, Any]) -> Iterator[Any]:
    """A block in pieces."""
    if "text" in block:
        half = len(block["text"]) // 2
        yield from ({"text": piece} for piece in (block["text"][:half], block["text"][half:]))
    elif "toolUse" in block:
        text = json.dumps(block["toolUse"]["input"])
        yield from ({"toolUse": {"input": piece}} for piece in ("", text[:5], text[5:]))
    elif "redactedContent" in block["reasoningContent"]:
        yield {"reasoningContent": {"redactedContent": block["reasoningContent"]["redactedContent"]}}
    else:
        thought = block["reasoningContent"]["reasoningText"]
        yield {"reasoningContent": {"text": thought["text"]}}
        yield {"reasoningContent": {"signature": thought["signature"]}}


def frame(name: str, payload: Any, kind: str = "event") -> bytes:
    """A message of AWS's event stream: two lengths and their CRC, headers, payload, and the CRC of all of it."""
    return encoded({f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}, payload)


def broken_stream(code: str, message: str) -> bytes:
    """An error of the stream itself."""
    return encoded({":message-type": "error", ":error-code": code, ":error-message": message}, {})


def encoded(headers: Mapping[str, str], payload: Any) -> bytes:
    """Headers that are texts, and a JSON payload, as one message."""
    named = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", len(named) + len(body) + 16, len(named))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + named + body
    return message + struct.pack(">I", binascii.crc32(message))


async def streamed(request: web.Request, content: bytes | AsyncIterator[bytes]) -> web.StreamResponse:
    """Frames as they come; bytes in small pieces that cut frames anywhere."""
    response = web.StreamResponse(headers={"Content-Type": STREAM})
    await response.prepare(request)
    if isinstance(content, bytes):
        for start in range(0, len(content), 97):
            await response.write(content[start : start + 97])
    else:
        async for each in content:
            await response.write(each)
    await response.write_eof()
    return response


@contextmanager
def serving(server: BedrockServer | None = None, tls: ssl.SSLContext | None = None) -> Iterator[BedrockServer]:
    """The server, in a thread of its own; over https with `tls`."""
    made = server or BedrockServer()
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def run() -> None:
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", made.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        made.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
