"""CPU and time that admission's limits cost a request: five limits reserved and settled, by 1, 16 and 64 clients at once.

Run: `python -m tests.bench limits [requests]`. Medians of three runs. Fails when a request costs more than it may.
"""

import asyncio
import sys
import tempfile
import time
import uuid
from pathlib import Path
from statistics import median

import uvloop

RUNS = 3
CLIENTS = (1, 16, 64)
MOST_AT_16 = 60  # microseconds of CPU


def main() -> int:
    import django

    django.setup()
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 8_000
    missed = 0
    for clients in CLIENTS:
        with tempfile.TemporaryDirectory() as folder:
            runs = [run(Path(folder) / str(number), clients, requests) for number in range(RUNS)]
        cpu, wall = (median(column) for column in zip(*runs, strict=True))
        print(
            f"limits, {clients} at once: {cpu:.0f} µs CPU a request, {1e6 / wall:,.0f} requests/s; none lost or counted twice"
        )
        missed |= clients == 16 and cpu > MOST_AT_16
    return int(missed)


def run(home: Path, clients: int, requests: int) -> tuple[float, float]:
    """Microseconds of CPU, and of time, for a request."""
    from foundation.adapters.embedded.database import Database
    from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
    from foundation.grouped import Grouped
    from foundation.ports import Claim, Reservation, Settlement, Verdict

    limits = SqliteLimits(Database(home / "limits.db", SCHEMA))
    steps: Grouped[Reservation | Settlement, Verdict | None] = Grouped("limits", limits.reserve)
    end = time.time() + 100_000

    async def client(count: int) -> None:
        for _ in range(count):
            name = str(uuid.uuid4())
            claims = (
                Claim("a::requests", 1, 10**9, end, counted=True),
                Claim("a::tokens", 900, 10**12, end),
                Claim("a::concurrent", 1, clients * 2, end),
                Claim("a::day", 50, 10**12, end),
                Claim("a::month", 50, 10**12, end),
            )
            verdict = await steps.done(Reservation(name, claims, end))
            assert verdict is not None and verdict.refused is None, verdict
            steps.later(Settlement(name, {"a::tokens": 300, "a::day": 20, "a::month": 20}))

    async def everyone() -> None:
        await asyncio.gather(*(client(requests // clients) for _ in range(clients)))

    cpu, wall = time.process_time(), time.perf_counter()
    uvloop.run(everyone())
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    steps.wait(Settlement("", {}))
    done = requests // clients * clients
    assert limits.used(["a::requests", "a::tokens", "a::concurrent", "a::day"]) == [done, 300 * done, 0, 20 * done]
    return cpu / done * 1e6, wall / done * 1e6
