"""What stands for Amazon Textract: recorded answers over the wire that boto3 speaks, and its refusals.

Each request is held against botocore's own model of the service, and must be signed.
"""

import json
import re
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

from tests.servers.moto import CREDENTIALS, KEY, REGION, SECRET

MODEL = botocore.session.get_session().get_service_model("textract")
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\S+?)/(\d{8})/(\S+?)/textract/aws4_request, SignedHeaders=(\S+), Signature=(\S+)"
)
TOKEN = re.compile("[a-zA-Z0-9_-]{1,64}")
SERVER_FAULTS = frozenset({"InternalServerError"})
MOST = 1000

Answer = Mapping[str, Any]
Eye = Callable[[bytes], Answer]
Store = Callable[[str, str], bytes | None]


class Refused(Exception):
    """What Textract answers with an error of this name."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code


@dataclass
class Job:
    """A job that was started: what it will answer, and how often it still says that it is running."""

    id: str
    request: Answer
    answer: Answer
    looks: int


@dataclass
class TextractServer:
    """The running server. `store` gives what is at a bucket and a name, `eye` what is seen in a document.

    looks: how often a job says IN_PROGRESS. page: how many blocks an answer has at most. quota: how many jobs run at once.
    refusals: by operation, what the next calls are refused with. calls: all that got through, in order.
    """

    url: str
    store: Store
    eye: Eye
    looks: int = 1
    page: int = MOST
    quota: int = 100
    refusals: dict[str, deque[str]] = field(default_factory=dict)
    calls: list[tuple[str, Answer]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    most_running: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> dict[str, str]:
        """AWS's own variables with which a process reaches this server in place of AWS."""
        return {**CREDENTIALS, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL_TEXTRACT": self.url}

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Clients that are made inside the block are this server's."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    def refuse(self, operation: str, *codes: str) -> None:
        """Refuse the next calls of an operation, each with one of the codes; an empty one lets a call through."""
        self.refusals.setdefault(operation, deque()).extend(codes)

    def forget(self) -> None:
        """Keep no result any more, as after 7 days."""
        self.jobs.clear()
        self.tokens.clear()

    def answered(self, operation: str, asked: Answer) -> Answer:
        """The answer to one call; Refused when there is none."""
        with self.lock:
            self.calls.append((operation, asked))
            waiting = self.refusals.get(operation)
            code = waiting.popleft() if waiting else ""
            if code:
                raise Refused(code)
            return self.start(asked) if operation == "StartDocumentAnalysis" else self.get(asked)

    def start(self, asked: Answer) -> Answer:
        """StartDocumentAnalysis."""
        token, place = asked.get("ClientRequestToken", uuid.uuid4().hex), asked["DocumentLocation"]["S3Object"]
        if not TOKEN.fullmatch(token):
            raise Refused("InvalidParameterException", "ClientRequestToken")
        if token in self.tokens:
            if self.jobs[self.tokens[token]].request != asked:
                raise Refused("IdempotentParameterMismatchException")
            return {"JobId": self.tokens[token]}
        content = self.store(place["Bucket"], place["Name"])
        if content is None:
            raise Refused("InvalidS3ObjectException", "Unable to get object metadata from S3.")
        if sum(job.looks > 0 for job in self.jobs.values()) >= self.quota:
            raise Refused("LimitExceededException", "Open jobs exceed maximum concurrent job limit")
        job = Job(uuid.uuid4().hex, asked, self.eye(content), self.looks)
        self.jobs[job.id], self.tokens[token] = job, job.id
        self.most_running = max(self.most_running, sum(job.looks > 0 for job in self.jobs.values()))
        return {"JobId": job.id}

    def get(self, asked: Answer) -> Answer:
        """GetDocumentAnalysis."""
        job = self.jobs.get(asked["JobId"])
        if job is None:
            raise Refused("InvalidJobIdException", "Request has invalid Job Id")
        if job.looks > 0:
            job.looks -= 1
            return {"JobStatus": "IN_PROGRESS"}
        if "Blocks" not in job.answer:
            return {**job.answer}
        owner, _, place = asked.get("NextToken", f"{job.id}/0").partition("/")
        if owner != job.id:
            raise Refused("InvalidParameterException", "NextToken")
        first, last = int(place), int(place) + min(asked.get("MaxResults", MOST), self.page, MOST)
        more = {"NextToken": f"{job.id}/{last}"} if last < len(job.answer["Blocks"]) else {}
        warned = {} if first else {"Warnings": job.answer.get("Warnings", [])}  # AWS does not say in which answers they are
        return {
            "JobStatus": "SUCCEEDED",
            **job.answer,
            "Blocks": job.answer["Blocks"][first:last],
            "Warnings": [],
            **warned,
            **more,
        }


def recorded(answer: Answer) -> Answer:
    """A recorded answer as the service's model has it: of a synchronous call too, and whole, without its own paging."""
    members = MODEL.operation_model("GetDocumentAnalysis").output_shape.members
    return {name: value for name, value in answer.items() if name in members and name != "NextToken"}


def checked(operation: str, asked: Answer) -> Answer:
    """The parameters, when the service's model has them; Refused otherwise."""
    shape = MODEL.operation_model(operation).input_shape
    wrong = ParamValidator().validate(asked, shape).generate_report()
    unknown = sorted(asked.keys() - shape.members.keys())
    listed = set(asked.get("FeatureTypes", ())) - set(MODEL.shape_for("FeatureType").enum)
    if wrong or unknown or listed or asked.get("MaxResults", 1) < 1:
        raise Refused("InvalidParameterException", f"{wrong} {unknown} {listed}")
    return asked


def check_signed(method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
    """Refused unless the request has a good Signature Version 4 of our own key for this service."""
    shown = SIGNED.fullmatch(headers.get("authorization", ""))
    if shown is None or shown[1] != KEY or shown[3] != REGION:
        raise Refused("MissingAuthenticationToken")
    request = AWSRequest(method, url, {name: headers.get(name, "") for name in shown[4].split(";")}, body)
    request.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials(KEY, SECRET), "textract", REGION)
    if signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request) != shown[5]:
        raise Refused("InvalidSignatureException")


class Handler(BaseHTTPRequestHandler):
    """HTTP with JSON 1.1, which boto3 speaks to this service."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else an answer's body waits 40 ms for its headers to be acknowledged
    textract: TextractServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        service, _, operation = self.headers.get("X-Amz-Target", "").partition(".")
        try:
            check_signed("POST", self.textract.url + self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            if service != MODEL.metadata["targetPrefix"] or operation not in ("StartDocumentAnalysis", "GetDocumentAnalysis"):
                raise Refused("UnknownOperationException")
            self.say(200, self.textract.answered(operation, checked(operation, json.loads(body))))
        except Refused as refused:
            self.say(500 if refused.code in SERVER_FAULTS else 400, {"__type": refused.code, "message": str(refused)})

    def say(self, status: int, answer: Answer) -> None:
        """Answer with JSON."""
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("x-amzn-RequestId", uuid.uuid4().hex)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def textract(store: Store, eye: Eye) -> Iterator[TextractServer]:
    """The server for the length of the block, in a thread of this process."""
    bound = type("Bound", (Handler,), {})
    http = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    running = bound.textract = TextractServer(f"http://127.0.0.1:{http.server_port}", store, eye)
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        http.shutdown()
        http.server_close()
