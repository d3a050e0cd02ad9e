"""What stands for OpenSearch Serverless: a door in front of OpenSearch that refuses what a vector collection refuses.

It takes requests only with a good signature for the service aoss and the hash of their content, only of the operations that a
collection has and the access policy permits, without ids of documents and with the engine faiss (which it exchanges for the one
that the server behind has). It shows a new index and what was written only after `delay` seconds.
"""

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from deploy.cloudformation.parts.containers import INDEXES
from tests.servers.moto import CREDENTIALS, KEY, REGION, SECRET

MOST_BYTES = 10 * 2**20
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request, SignedHeaders=(\S+), Signature=(\w+)"
)
INDEX = "[a-z0-9][^/]*"
OPERATIONS = {  # what a vector collection answers, and the permission in its access policy without which it refuses
    re.compile(pattern): permission
    for pattern, permission in {
        f"PUT /{INDEX}": "CreateIndex",
        f"DELETE /{INDEX}": "DeleteIndex",
        f"PUT /{INDEX}/_mapping": "UpdateIndex",
        f"(HEAD|GET) /{INDEX}": "DescribeIndex",
        f"GET /{INDEX}/(_mapping|_settings)": "DescribeIndex",
        f"GET /_resolve/index/{INDEX}": "DescribeIndex",
        f"(GET|POST) /{INDEX}/(_search|_count)": "ReadDocument",
        f"(POST|PUT) (/{INDEX})?/_bulk": "WriteDocument",
        f"POST /{INDEX}/_doc": "WriteDocument",
        f"DELETE /{INDEX}/_doc/[^/]+": "WriteDocument",
    }.items()
}


@dataclass
class Collection:
    """A collection: where its documents really are, how late it shows what was written, and what its policy permits.

    While `showing` is not set it shows nothing new, whatever its delay; while `answering` is not set it keeps what it is sent
    and does not answer. `written` counts the documents that it took, `used` has the permissions that were needed. `faults` are
    what it answers once each, in place of what it would, to requests whose paths end so; `meanwhile` is what happens before
    such a request, once each.
    """

    behind: str
    delay: float
    permissions: frozenset[str]
    url: str = ""
    showing: threading.Event = field(default_factory=threading.Event)
    answering: threading.Event = field(default_factory=threading.Event)
    made: dict[str, float] = field(default_factory=dict)
    written: int = 0
    used: set[str] = field(default_factory=set)
    faults: list[tuple[str, int, Any]] = field(default_factory=list)
    meanwhile: list[tuple[str, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.showing.set()
        self.answering.set()

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process whose vectors are in it."""
        return {**CREDENTIALS, "AWS_REGION": REGION, "VECTOR_STORE": "opensearchserverless", "OPENSEARCH_URL": self.url}

    def fault(self, method: str, path: str, headers: Mapping[str, str], body: bytes, host: str) -> tuple[int, str] | None:
        """Why a request is refused, with its status; None for one that passes."""
        bare, _, options = unquote(path).partition("?")
        if hashlib.sha256(body).hexdigest() != headers.get("x-amz-content-sha256"):
            return 403, "x-amz-content-sha256 is missing or wrong"
        if not self.signed(method, f"http://{host}{path}", headers, body):
            return 403, "the signature is missing or wrong"
        permission = next((told for known, told in OPERATIONS.items() if known.fullmatch(f"{method} {bare}")), None)
        if permission is None or "refresh" in options:
            return 404, f"{method} {bare} is no operation of a collection"
        if permission not in self.permissions:
            return 403, f"{method} {bare} needs {permission}"
        self.used.add(permission)
        if len(body) > MOST_BYTES:
            return 413, "more than 10 MiB"
        if bare.endswith("_search") and time.monotonic() < self.made.get(bare.split("/")[1], 0) + self.delay:
            return 404, "index_not_found_exception"
        return None

    def signed(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the signature is what botocore makes of the same request with the same key."""
        told = SIGNED.fullmatch(headers.get("authorization", ""))
        if told is None or told[1] != KEY or told[2] != REGION or told[3] != "aoss":
            return False
        names = told[4].split(";")
        request = AWSRequest(method, url, {name: headers.get(name, "") for name in names}, body)
        request.context["timestamp"] = headers.get("x-amz-date", "")
        signer = SigV4Auth(Credentials(KEY, SECRET), "aoss", REGION)
        signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        return "x-amz-content-sha256" in names and hmac.compare_digest(signature, told[5])

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """What the server behind answers; refusals of a vector collection inside the body are made here."""
        bare = path.partition("?")[0]
        for event in [event for event in self.meanwhile if bare.endswith(event[0])]:
            self.meanwhile.remove(event)
            event[1]()
        fault = next((fault for fault in self.faults if bare.endswith(fault[0])), None)
        if fault is not None:
            self.faults.remove(fault)
            return fault[1], json.dumps(fault[2]).encode()
        name = bare.split("/")[1]
        if method == "PUT" and bare.count("/") == 1:
            made = json.loads(body)
            method_of = made["mappings"]["properties"]["vector"]["method"]
            if method_of["engine"] != "faiss" or {"number_of_replicas", "number_of_shards"} & set(made["settings"]["index"]):
                return 400, said(400, "mapper_parsing_exception")
            method_of["engine"] = "lucene"
            made["settings"]["index"]["refresh_interval"] = -1
            body = json.dumps(made).encode()
            self.made[name] = time.monotonic()
        actions = list(actions_of(body)) if bare.endswith("_bulk") else []
        if any(verb == "update" or (verb != "delete" and "_id" in about) for verb, about in actions):
            return 200, refused(actions)
        got = requests.request(method, self.behind + path, data=body, headers={"Content-Type": "application/json"}, timeout=60)
        if bare.endswith(("_bulk", "/_doc")) or "/_doc/" in bare:
            self.written += sum(verb != "delete" for verb, _ in actions)
            threading.Thread(target=self.show, daemon=True).start()
            self.answering.wait()
        return got.status_code, got.content

    def show(self) -> None:
        """Let reads find what was written, after the delay."""
        time.sleep(self.delay)
        self.showing.wait()
        with suppress(requests.RequestException):  # the server behind may have been stopped meanwhile
            requests.post(f"{self.behind}/_refresh", timeout=60)


def actions_of(body: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a bulk request would do: verbs, each with what it is about."""
    lines = iter(body.splitlines())
    for line in lines:
        ((verb, about),) = json.loads(line).items()
        if verb != "delete":
            next(lines)
        yield verb, about


def refused(actions: Sequence[tuple[str, Mapping[str, Any]]]) -> bytes:
    """A bulk answer in which nothing was done, because some actions name documents by ids of their own."""
    reason = "Document ID is not supported in create/index operation request"
    error = {"type": "illegal_argument_exception", "reason": reason}
    items = [{verb: {"_index": about.get("_index"), "status": 400, "error": error}} for verb, about in actions]
    return json.dumps({"took": 0, "errors": True, "items": items}).encode()


def said(status: int, reason: str) -> bytes:
    """An error as OpenSearch says it."""
    return json.dumps({"error": {"type": reason, "reason": reason}, "status": status}).encode()


class Door(BaseHTTPRequestHandler):
    """One request: refused, or passed on."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else an answer's body waits 40 ms for its headers to be acknowledged
    collection: Collection

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.collection.fault(self.command, self.path, headers, body, headers.get("host", ""))
        if fault is not None:
            status, content = fault[0], said(*fault)
        else:
            status, content = self.collection.answer(self.command, self.path, body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with suppress(ConnectionError):  # whoever asked may have been killed
                self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = pass_on

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is printed for each request."""


@contextmanager
def collection(behind: str, delay: float, permissions: Iterable[str] = INDEXES) -> Iterator[Collection]:
    """A collection before a cluster's URL, for the length of the block; its policy is the template's unless told."""
    made = Collection(behind, delay, frozenset(permissions))
    door = ThreadingHTTPServer(("127.0.0.1", 0), type("ThisDoor", (Door,), {"collection": made}))
    made.url = f"http://127.0.0.1:{door.server_address[1]}"
    thread = threading.Thread(target=door.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        door.shutdown()
        door.server_close()
