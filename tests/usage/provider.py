"""A model server that always gives the same answer, and a platform in front of it that has its rows in a store of its own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from apps.usage.records import DayUsage, Invocation
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.apps import RegisteredClient
from foundation.settings import CHOSEN
from tests.conftest import free_port
from tests.running import Platform, token, wait_for

MODEL = "fixed"
ANSWER = {
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "The answer of a fixed provider."}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
}


class Fixed(BaseHTTPRequestHandler):
    """Answers every POST with ANSWER."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else an answer's body waits 40 ms for its headers to be acknowledged

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """Serve it; yields its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Fixed)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Gateway:
    """A running platform that serves models, an application of it, and what its store holds."""

    platform: Platform
    headers: dict[str, str]
    store: SqliteRecords
    application: str = ""
    answered: set[str] = field(default_factory=set)

    def call(self, session: requests.Session, **headers: str) -> int:
        """One call; its status, 0 where there was none. The id of an answered one is remembered."""
        body = {"model_name": MODEL, "prompt": "Hello"}
        try:
            answer = session.post(
                f"{self.platform.url}/model/invoke", json=body, headers={**self.headers, **headers}, timeout=30
            )
        except requests.RequestException:
            return 0
        if answer.status_code == 200:
            self.answered.add(answer.headers["x-request-id"])
        return answer.status_code

    def rows(self) -> list[Invocation]:
        """Every call on its account."""
        return every(self.store, Invocation, self.application)

    def counted(self) -> int:
        """How many calls its sums have."""
        return sum(day.calls for day in every(self.store, DayUsage, self.application))

    def all_arrived(self) -> bool:
        """Whether every answered call is in the store, and the sums are those of its rows."""
        rows = self.rows()
        return self.answered <= {row.invocation for row in rows} and self.counted() == len(rows)


def every(store: SqliteRecords, kind: Any, application: str) -> list[Any]:
    """All records of one kind."""
    found: list[Any] = []
    cursor = None
    while True:
        page = store.query(kind, application, limit=1000, cursor=cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


@contextmanager
def gateway(home: Path, **settings: str) -> Iterator[Gateway]:
    """Such a platform, stopped at the end unless it was before."""
    with serving() as url:
        models = {
            "OPENAI_BASE_URL": url,
            "OPENAI_MODELS": f"{MODEL}=text:{MODEL}",
            "SERVE": "invocation,usage,applications,issuer",
        }
        running = Platform(home, free_port(), SECRET_KEY=CHOSEN.secret_key, **{**models, **settings})
        running.start()
        made = running.create_application("loaded")
        store = SqliteRecords(Database(home / "records.db", SCHEMA))
        registered = store.get(RegisteredClient, made["client_id"])
        assert registered is not None
        found = Gateway(running, {"Authorization": f"Bearer {token(made)}"}, store, registered.application)
        with requests.Session() as session:
            assert found.call(session) == 200
        wait_for(found.all_arrived, 30)
        try:
            yield found
        finally:
            if running.process is not None and running.process.poll() is None:
                running.stop()
