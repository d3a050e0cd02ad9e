"""The gateways that are compared: how each is started in front of the provider, and what its clients send."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

ROOT = Path(__file__).resolve().parents[3]
PEERS = ROOT / ".bench"
OPEN = "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"  # the less it checks, the faster it is
LITELLM, PORTKEY = "litellm[proxy]==1.108.7", "@portkey-ai/gateway@1.15.2"
SYSTEMS = Path("/usr/bin/python3.11")
PYTHON = (
    str(SYSTEMS) if SYSTEMS.exists() else sys.executable
)  # built with optimizations, as the image's is and pyenv's often is not
PACKAGES = sysconfig.get_paths()["purelib"]
BODY: Mapping[str, Any] = {
    "model": "fixed",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Tell me about foxes."}],
}


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Gateway:
    """A gateway that runs on one core, and the request that goes through it."""

    name: str
    port: int
    command: list[str]
    path: str = "/v1/chat/completions"
    headers: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, log: Path) -> None:
        """Start it on the first core, and wait until it answers."""
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                ["taskset", "-c", "0", *self.command], cwd=ROOT, env={**os.environ, **self.environment}, stdout=out, stderr=out
            )
        end = time.monotonic() + 120
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name} does not answer: {log.read_text()[-2000:]}")
            time.sleep(0.2)

    def answers(self) -> bool:
        """Whether a request gets the provider's answer."""
        try:
            if isinstance(self.headers, Token):
                self.headers.fetch()
            answer = requests.post(f"http://127.0.0.1:{self.port}{self.path}", json=BODY, headers=self.headers, timeout=10)
        except requests.RequestException:
            return False
        return answer.status_code == 200 and "quick brown fox" in answer.text

    def tree(self) -> list[psutil.Process]:
        """Its processes."""
        assert self.process is not None
        whole = psutil.Process(self.process.pid)
        return [whole, *whole.children(recursive=True)]

    def cpu(self) -> float:
        """Seconds of the processor that it has used."""
        return sum(sum(each.cpu_times()[:2]) for each in self.tree())

    def memory(self) -> float:
        """Megabytes that it holds: the proportional share of what it shares with others."""
        return sum(each.memory_full_info().pss for each in self.tree()) / 2**20

    def serving(self) -> float:
        """Megabytes of the process that serves: of a gateway with a supervisor, of its one child."""
        return max(each.memory_full_info().pss for each in self.tree()) / 2**20

    def stop(self) -> None:
        """End it."""
        for each in reversed(self.tree()):
            each.terminate()
        assert self.process is not None
        self.process.wait(60)


class Ours(Gateway):
    """This platform as it is deployed: a process that serves model invocation, and beside it an issuer of tokens."""

    def start(self, log: Path) -> None:
        """Start both; only the first is measured."""
        port = self.environment["ISSUER_URL"].rpartition(":")[2]
        environment = {**os.environ, **self.environment, "SERVE": "issuer", "PORT": port}
        with log.with_suffix(".issuer.log").open("ab") as out:
            self.issuer = subprocess.Popen(self.command, cwd=ROOT, env=environment, stdout=out, stderr=out)
        super().start(log)

    def stop(self) -> None:
        """End both."""
        super().stop()
        self.issuer.terminate()
        self.issuer.wait(60)


def ours(port: int, provider: int, home: Path) -> Gateway:
    """This platform, one web process, with token check, limits, budget and durable accounts."""
    environment = {
        "FOUNDATION_HOME": str(home),
        "ISSUER_URL": f"http://127.0.0.1:{free_port()}",
        "PORT": str(port),
        "LOG_LEVEL": "ERROR",
        "WEB_CONCURRENCY": "1",
        "SERVE": "invocation",
        "PYTHONPATH": PACKAGES,
    }

    def manage(*arguments: str) -> str:
        return subprocess.run(
            [PYTHON, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment, "SERVE": "all"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    made = json.loads(manage("apps", "create", "bench", "--json"))
    place = ["--provider", "openai", "--base-url", f"http://127.0.0.1:{provider}/v1"]
    for name in ("fixed", "slow"):
        manage("models", "add", name, *place, "--model", name, "--price-input", "1", "--price-output", "2")
    rates = ["--requests-per-minute", "100000000", "--tokens-per-minute", "100000000", "--concurrent", "100000"]
    manage("limits", "set", "bench", *rates, "--usd-per-day", "1000000", "--usd-per-month", "1000000")
    return Ours("this platform", port, [PYTHON, "manage.py", "web"], headers=Token(made), environment=environment)


class Token(dict[str, str]):
    """The header with an access token, fetched once the platform runs."""

    def __init__(self, made: Mapping[str, str]) -> None:
        super().__init__()
        self.made = made

    def fetch(self) -> None:
        """Fetch it, unless it is there."""
        if self:
            return
        form = {"grant_type": "client_credentials", "client_id": self.made["client_id"], "scope": self.made["scope"]}
        answer = requests.post(
            self.made["token_url"], form, auth=(self.made["client_id"], self.made["client_secret"]), timeout=10
        )
        self["Authorization"] = f"Bearer {answer.json()['access_token']}"


def litellm(port: int, provider: int, home: Path) -> Gateway:
    """LiteLLM's proxy, one worker, without a database."""
    binary = PEERS / "litellm/bin/litellm"
    if not binary.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS / "litellm")], check=True)
        subprocess.run([str(PEERS / "litellm/bin/pip"), "install", "--quiet", LITELLM, "async-timeout"], check=True)
    config = home / "litellm.json"
    params = {"model": "openai/fixed", "api_base": f"http://127.0.0.1:{provider}/v1", "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": "fixed", "litellm_params": params}]}))
    packages = str(PEERS / "litellm/lib/python3.11/site-packages")
    command = [PYTHON, str(binary), "--config", str(config), "--port", str(port), "--num_workers", "1", "--telemetry", "False"]
    quick = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", OPEN: "true", "PYTHONPATH": packages}
    return Gateway("LiteLLM", port, command, environment=quick)


def portkey(port: int, provider: int, home: Path) -> Gateway:
    """Portkey's gateway, one process."""
    server = PEERS / "node_modules/@portkey-ai/gateway/build/start-server.js"
    if not server.exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", str(PEERS), PORTKEY], check=True)
    headers = {
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://127.0.0.1:{provider}/v1",
        "Authorization": "Bearer none",
    }
    mended = str(Path(__file__).with_name("portkey.mjs"))
    return Gateway("Portkey", port, ["node", "--import", mended, str(server), f"--port={port}", "--headless"], headers=headers)


def direct(port: int) -> Gateway:
    """The provider itself, without a gateway."""
    return Gateway("provider alone", port, [sys.executable, "-m", "tests.bench.gateway.provider", str(port)])
