"""`make bench-gateway`: rates, latencies, processor time and memory of this platform, LiteLLM and Portkey, side by side.

Each gateway has one worker on one core; the clients and the provider share the other. Every figure is the median of RUNS
runs (default 3) of SECONDS seconds (default 5). The table goes to bench/RESULTS.md.
"""

import json
import operator
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.gateway.gateways import (
    BODY,
    LITELLM,
    PEERS,
    PORTKEY,
    PYTHON,
    ROOT,
    Gateway,
    direct,
    free_port,
    litellm,
    ours,
    portkey,
)

RUNS, SECONDS = int(os.environ.get("RUNS", "3")), float(os.environ.get("SECONDS", "5"))
VERSION = "import platform; print(platform.python_version())"
RESULTS = ROOT / "bench/RESULTS.md"
PAUSE = 2.0  # seconds for which the store of accounts takes nothing
GATEWAYS: tuple[Callable[[int, int, Path], Gateway], ...] = (ours, portkey, litellm)
Figures = Mapping[str, float]


def crowd(gateway: Gateway, clients: int, **more: Any) -> dict[str, Any]:
    """What a crowd of clients saw, with the gateway's processor time."""
    wanted = {"port": gateway.port, "path": gateway.path, "headers": gateway.headers, "body": BODY, "clients": clients, **more}
    if "requests" not in more:
        wanted.setdefault("seconds", SECONDS)
    before = gateway.cpu()
    command = ["taskset", "-c", "1", sys.executable, "-m", "tests.bench.gateway.load", json.dumps(wanted)]
    seen: dict[str, Any] = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    used = gateway.cpu() - before
    if seen["failed"]:
        print(f"  {gateway.name}: {seen['failed']} of {seen['done'] + seen['failed']} failed: {seen['wrong']}")
    return {**seen, "cpu_ms": used * 1000 / max(1, seen["done"]), "event_us": used * 1e6 / max(1, seen["events"])}


def measured(gateway: Gateway) -> Figures:
    """The figures of one run."""
    streaming = {"body": {**BODY, "stream": True}}
    found: dict[str, float] = {}
    for clients in (1, 16, 64):
        seen = crowd(gateway, clients)
        found |= {f"rate_{clients}": seen["rate"], f"p50_{clients}": seen["p50"], f"p99_{clients}": seen["p99"]}
        found |= {f"cpu_{clients}": seen["cpu_ms"], f"failed_{clients}": seen["failed"]}
    streams = crowd(gateway, 16, **streaming)
    found |= {"streams": streams["rate"], "event_us": streams["event_us"], "streams_failed": streams["failed"]}
    return {**found, "memory": gateway.memory()}


def medians(runs: list[Figures]) -> Figures:
    """The median of every figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


@contextmanager
def running(gateway: Gateway, log: Path) -> Iterator[Gateway]:
    """The gateway, ready to be measured."""
    gateway.start(log)
    try:
        yield gateway
    finally:
        gateway.stop()


@contextmanager
def watched(gateway: Gateway) -> Iterator[list[float]]:
    """The megabytes of the process that serves, twice a second while the block runs."""
    seen, over = [gateway.serving()], threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            seen.append(gateway.serving())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def endurance(gateway: Gateway) -> Figures:
    """2,000 slow streams at once, then 200,000 requests: what they leave in memory."""
    slow = {"body": {**BODY, "model": "slow", "stream": True}, "requests": 2000, "late": True}
    with watched(gateway) as seen:
        streams = crowd(gateway, 2000, **slow)
    found = {"open_failed": streams["failed"], "open_latest": streams["latest"], "open_memory": max(seen)}
    crowd(gateway, 16, requests=20_000)
    before = gateway.memory()
    many = crowd(gateway, 16, requests=200_000)
    return {**found, "before": before, "after": gateway.memory(), "many_failed": many["failed"]}


def patience(gateway: Gateway) -> float:
    """How many times as long the slowest hundredth of requests takes while the store of accounts takes nothing."""
    usual = crowd(gateway, 16, seconds=PAUSE)["p99"]
    store = sqlite3.connect(Path(gateway.environment["FOUNDATION_HOME"]) / "records.db", isolation_level=None)
    with closing(store):
        store.execute("begin immediate")
        return float(crowd(gateway, 16, seconds=PAUSE)["p99"]) / usual


TEXT = """# Gateways side by side

{day}, {machine}; medians of {runs} runs of {seconds:g} s. `make bench-gateway` measures anew.

Each gateway has one worker on one core; clients and provider share the other. The provider's answer is fixed, whole or in 20
events. This platform runs as it is deployed, with SERVE=invocation; it checks the access token, holds limits and budgets, and
has the account of each call on the disk before its answer leaves. {litellm} and {portkey} do
none of that here. What is in Python runs on the system's build of it, which is optimized as the image's is, where there is one.
Portkey's release fails every stream as it comes from npm; it runs with tests/bench/gateway/portkey.mjs.

"""


def bounds(table: Mapping[str, Figures], long: Figures) -> list[tuple[str, float, str, float]]:
    """What this platform must reach: what it is, what was measured, whether it must be over or under, the bound."""
    us, portkeys, litellms = table["this platform"], table["Portkey"], table["LiteLLM"]
    alone = table["provider alone"]
    return [
        ("requests/s at c=16", us["rate_16"], ">=", 2500),
        ("CPU ms a request at c=16", us["cpu_16"], "<", 0.4),
        ("times LiteLLM's rate at c=16", us["rate_16"] / litellms["rate_16"], ">=", 20),
        ("times Portkey's rate at c=16", us["rate_16"] / portkeys["rate_16"], ">=", 2.5),
        ("ms added at c=1, p50", us["p50_1"] - alone["p50_1"], "<", 1),
        ("ms added at c=1, p99", us["p99_1"] - alone["p99_1"], "<", 4),
        ("times the p99 at c=16 while the store takes nothing for 2 s", long["paused"], "<", 1.25),
        ("times Portkey's rate of streams at c=16", us["streams"] / portkeys["streams"], ">=", 2),
        ("CPU µs a streamed event", us["event_us"], "<", 80),
        ("of 2,000 open streams failed", long["open_failed"], "<=", 0),
        ("ms that the latest event of 2,000 open streams was late", long["open_latest"], "<", 250),
        ("MB of the process that has 2,000 streams open", long["open_memory"], "<", 150),
        ("MB more after 200,000 requests", long["after"] - long["before"], "<", 10),
        ("of 200,000 requests failed", long["many_failed"], "<=", 0),
    ]


TESTS: Mapping[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le, "<": operator.lt}
COLUMNS: Mapping[str, str] = {
    "rate_1": "req/s c=1",
    "rate_16": "c=16",
    "rate_64": "c=64",
    "p50_1": "p50 ms c=1",
    "p99_1": "p99",
    "p50_16": "p50 ms c=16",
    "p99_16": "p99 ",
    "cpu_16": "CPU ms c=16",
    "streams": "streams/s c=16",
    "event_us": "CPU µs an event",
    "memory": "MB",
}


def report(table: Mapping[str, Figures], long: Figures) -> tuple[str, bool]:
    """The text of RESULTS.md, and whether every bound is met."""
    met = [(TESTS[sign](value, bound), what, value, sign, bound) for what, value, sign, bound in bounds(table, long)]
    version = subprocess.run([PYTHON, "-c", VERSION], check=True, capture_output=True, text=True).stdout.strip()
    machine = f"{platform.machine()}, {os.cpu_count()} processors, {PYTHON} {version}"
    about = TEXT.format(
        day=datetime.now(UTC).date(), machine=machine, runs=RUNS, seconds=SECONDS, litellm=LITELLM, portkey=PORTKEY
    )
    rows = [[name, *(f"{figures[column]:.4g}" for column in COLUMNS)] for name, figures in table.items()]
    judged = [
        [what, f"{value:.4g}", f"{sign} {bound:g}", "met" if good else "**missed**"] for good, what, value, sign, bound in met
    ]
    tables = [*lines(["", *COLUMNS.values()], rows), "", *lines(["must reach", "measured", "bound", ""], judged), ""]
    return about + "\n".join(tables), all(good for good, *_ in met)


def lines(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown."""
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def main() -> int:
    """Measure, print, write; 1 when a bound is missed."""
    PEERS.mkdir(exist_ok=True)
    table: dict[str, Figures] = {}
    long: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        with running(direct(port), home / "provider.log") as provider:
            print("provider alone", flush=True)
            table[provider.name] = medians([measured(provider) for _ in range(RUNS)])
            for make in GATEWAYS:
                gateway = make(free_port(), port, home)
                print(gateway.name, flush=True)
                with running(gateway, home / f"{make.__name__}.log"):
                    table[gateway.name] = medians([measured(gateway) for _ in range(RUNS)])
                    if make is ours:
                        paused = statistics.median(patience(gateway) for _ in range(RUNS))
                        long = {**endurance(gateway), "paused": paused}
    text, good = report(table, long)
    print(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
