"""What DynamoDB does now and then and DynamoDB Local never: refusals for too many requests, and answers that are lost."""

import json
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

LOST = "lost"  # the request is done, and its answer is an error 500
CANCELLED = "cancelled:"


class DynamoFront(ThreadingHTTPServer):
    """A door to a DynamoDB. `plan` says what becomes of the next requests: a code is refused with it, CANCELLED and the
    codes of its parts is a cancelled transaction, LOST is done and answered with an error; without a plan all go through."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), Door)
        self.behind = behind
        self.plan: deque[str] = deque()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


def refusal(fault: str) -> bytes:
    """The body of an error."""
    if not fault.startswith(CANCELLED):
        return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{fault}", "message": fault}).encode()
    reasons = [{"Code": code} for code in fault.removeprefix(CANCELLED).split(",")]
    kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    return json.dumps({"__type": kind, "message": fault, "CancellationReasons": reasons}).encode()


class Door(BaseHTTPRequestHandler):
    """One connection."""

    server: DynamoFront
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else an answer's body waits 40 ms for its headers to be acknowledged

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(self.headers["X-Amz-Target"].partition(".")[2])
        fault = self.server.plan.popleft() if self.server.plan else ""
        if fault and fault != LOST:
            self.answer(400, refusal(fault))
            return
        done = requests.post(self.server.behind, data=body, headers=dict(self.headers), timeout=30)
        if fault == LOST:
            self.answer(500, refusal("InternalServerError"))
        else:
            self.answer(done.status_code, done.content)

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("x-amz-crc32", str(zlib.crc32(content)))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@contextmanager
def in_front_of(url: str) -> Iterator[DynamoFront]:
    """The door for the length of the block."""
    with DynamoFront(url) as front:
        threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield front
        front.shutdown()
