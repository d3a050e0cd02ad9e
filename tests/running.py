"""A platform in processes of its own, and HTTP clients for it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.contract.document import own

ROOT = Path(__file__).resolve().parents[1]


def wait_for(condition: Callable[[], Any], seconds: float = 60, every: float = 0.05) -> Any:
    """What `condition` returns once it is true; fails the test when that takes too long."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(every)


def tethered(command: Sequence[str]) -> list[str]:
    """The command as a process that ends with this one, also when this one is killed. Not for a thread that ends before it."""
    return [sys.executable, "-S", str(ROOT / "tests" / "tethered.py"), str(os.getpid()), *command]


def session() -> requests.Session:
    """A client with a connection for each request: an idle one may be closed just as the next request goes out on it."""
    made = requests.Session()
    made.headers["Connection"] = "close"
    made.hooks["response"].append(as_documented)
    return made


def as_documented(answer: requests.Response, **options: Any) -> None:
    """Fail unless the OpenAPI document has this answer; a stream is not read for it."""
    asked = answer.request
    path, body = urlsplit(asked.url or "").path, b"" if options.get("stream") else answer.content
    own().told(asked.method or "", path, answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, body)


class Platform:
    """`manage.py up` on a free port. `settings` are environment variables beside the usual ones."""

    program = "manage.py"

    def __init__(self, home: Path, port: int, **settings: str) -> None:
        self.home, self.port = home, port
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {**os.environ, "FOUNDATION_HOME": str(home), "PORT": str(port), "SERVE": "all", **settings}
        self.process: subprocess.Popen[bytes] | None = None
        self.log = home.with_suffix(".log")

    def start(self, *arguments: str) -> None:
        """Start it and wait until it is UP."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            command = tethered([sys.executable, self.program, "up", *arguments])
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        wait_for(self.is_up, 90)

    def is_up(self) -> bool:
        """Whether health says UP; fails when the platform has ended."""
        assert self.process is not None
        assert self.process.poll() is None, f"the platform ended: {self.log.read_text()[-3000:]}"
        try:
            return requests.get(f"{self.url}/service/health", timeout=2).json() == {"status": "UP"}
        except requests.RequestException:
            return False

    def stop(self) -> int:
        """Stop it as an operator would; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def manage(self, *arguments: str) -> str:
        """The output of a manage.py command beside the running platform; fails when the command does."""
        done = subprocess.run(
            [sys.executable, self.program, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create_application(self, name: str) -> Mapping[str, str]:
        """Onboard an application; its credentials."""
        made: Mapping[str, str] = json.loads(self.manage("apps", "create", name, "--json"))
        return made

    def new_key(self, name: str) -> str:
        """An API key of a new application."""
        self.create_application(name)
        return str(json.loads(self.manage("keys", "create", name, "--json"))["key"])

    def api(self, credentials: Mapping[str, str]) -> "Api":
        """An HTTP client with a fresh token of these credentials."""
        return Api(self.url, token(credentials))


def token(credentials: Mapping[str, str]) -> str:
    """An access token, fetched as the original's SDK does."""
    answer = requests.post(
        credentials["token_url"],
        data={"grant_type": "client_credentials", "client_id": credentials["client_id"], "scope": credentials["scope"]},
        auth=(credentials["client_id"], credentials["client_secret"]),
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


class Api:
    """The REST API as one application sees it."""

    def __init__(self, url: str, bearer: str | None) -> None:
        self.url, self.session = url, session()
        if bearer:
            self.session.headers["Authorization"] = f"Bearer {bearer}"

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=60, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.session.post(self.url + path, **({"json": body, **options} if body is not None else options), timeout=60)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a request that must succeed."""
        answer = self.post(path, body) if method == "POST" else self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()
