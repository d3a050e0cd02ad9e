"""Calls as OpenTelemetry spans, as a receiver of OTLP gets them over HTTP."""

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from apps.usage.adapters.otlp import span
from apps.usage.records import Invocation, Outcome
from tests.conftest import free_port
from tests.running import ROOT, wait_for
from tests.usage.provider import gateway

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@dataclass
class Receiver:
    """Where it listens, and the spans that it got."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes OTLP as protobuf, as a collector does."""
    made = Receiver()

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            content = gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content
            assert self.path == "/v1/traces"
            for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
                made.spans += [each for scope in resource.scope_spans for each in scope.spans]
            body = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def attributes(sent: Any) -> dict[str, Any]:
    """The attributes of a span, each as it is."""
    found = {}
    for each in sent.attributes:
        kind = each.value.WhichOneof("value")
        value = getattr(each.value, kind)
        found[each.key] = [item.string_value for item in value.values] if kind == "array_value" else value
    return found


def test_a_call_is_a_span_in_the_trace_that_it_came_with_and_says_nothing_of_what_was_said(
    receiver: Receiver, tmp_path: Path
) -> None:
    with gateway(tmp_path / "home", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url) as door:
        with requests.Session() as session:
            assert door.call(session, traceparent=f"00-{TRACE}-{PARENT}-01") == 200
            assert door.call(session, traceparent=f"00-{TRACE}-{PARENT}-00") == 200  # its trace is not recorded
        door.platform.stop()
        (sent,) = [each for each in receiver.spans if each.trace_id.hex() == TRACE]
        said = attributes(sent)
    assert (sent.name, sent.parent_span_id.hex()) == ("chat fixed", PARENT)
    assert {name: said[name] for name in said if name.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "fixed",
        "gen_ai.response.model": "fixed",
        "gen_ai.response.id": said["gen_ai.response.id"],
        "gen_ai.response.finish_reasons": ["end"],
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 2,
    }
    assert said["gen_ai.response.id"] in door.answered
    assert said["foundation.application"] == door.application
    assert 0 < sent.end_time_unix_nano - sent.start_time_unix_nano < 60 * 10**9
    assert b"Hello" not in sent.SerializeToString()


def test_a_receiver_that_is_away_keeps_no_call_and_no_account_waiting(tmp_path: Path) -> None:
    with gateway(tmp_path / "home", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as door, requests.Session() as session:
        assert [door.call(session) for _ in range(20)] == [200] * 20
        wait_for(door.all_arrived, 10)


def row(**changed: Any) -> Invocation:
    plain = {"served_by": "m", "model_kind": "text", "status": Outcome.FAILED, "input_tokens": 0, "output_tokens": 0}
    return Invocation("a", "i", datetime(2026, 11, 24, tzinfo=UTC), "m", "m", latency_ms=5, **{**plain, **changed})


def test_a_failure_has_its_code_as_the_type_of_error() -> None:
    made = span(row(outcome="upstream_timeout", provider="bedrock"))
    assert made is not None and made.attributes is not None
    assert (made.attributes["error.type"], made.attributes["gen_ai.provider.name"]) == ("upstream_timeout", "aws.bedrock")
    assert made.status.status_code.name == "ERROR"


@pytest.mark.parametrize("trace", ["", "00", "00-x-y-01", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01"])
def test_without_a_good_parent_a_trace_of_its_own_begins(trace: str) -> None:
    made = span(row(trace=trace))
    assert made is not None and made.context is not None
    assert made.parent is None and made.context.is_valid


def test_a_missing_package_stops_the_start_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "hiding" / "opentelemetry").mkdir(parents=True)
    (tmp_path / "hiding" / "opentelemetry" / "__init__.py").touch()
    ended = subprocess.run(
        [sys.executable, "manage.py", "up", "--port", str(free_port())],
        cwd=ROOT,
        env={
            **os.environ,
            "FOUNDATION_HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(tmp_path / "hiding"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
            "SERVE": "usage,invocation",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode != 0
    assert "OTEL_EXPORTER_OTLP_ENDPOINT is set, and the package opentelemetry.exporter is not installed" in ended.stderr
    assert "Traceback" not in ended.stderr
