"""The account of calls on this machine: rows a second that 16 callers at once have on the disk before they go on.

Measured with the shipping to the record store under way in the same process, as a gateway has it. Beside it stands the floor:
the same bytes written and flushed by one thread, 16 rows at a time, to a file that has its room already.
"""

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

import django

django.setup()

from apps.usage import services  # noqa: E402
from apps.usage.posting import Entry, encoded  # noqa: E402
from apps.usage.records import Invocation, Outcome, Try  # noqa: E402
from apps.usage.segments import SEGMENT_BYTES, framed  # noqa: E402
from foundation.ambient import new_timed_id, now  # noqa: E402

ROUNDS = 3
CALLERS = 16
SECONDS = 1.0
MOST = 150  # microseconds of CPU for a row, shipped and all


def row() -> Invocation:
    """A call as the gateway accounts for it."""
    tries = (Try("openai", "success", 12),)
    said = {"deployment": "openai", "dialect": "openai", "cost": 21, "first_token_ms": 12, "tries": tries, "finish": "end"}
    return Invocation("bench", new_timed_id(), now(), "m", "m", "m", "text", Outcome.SUCCESS, 20, 10, 12, **said)  # type: ignore[arg-type]


async def noted() -> float:
    """Rows a second."""
    end = time.perf_counter() + SECONDS

    async def caller() -> int:
        done = 0
        while time.perf_counter() < end:
            await services.note(row())
            done += 1
        return done

    return sum(await asyncio.gather(*(caller() for _ in range(CALLERS)))) / SECONDS


def floor() -> float:
    """The same bytes without anything around them."""
    frames = framed(encoded(Entry(row()))) * CALLERS
    with tempfile.NamedTemporaryFile(dir=services.journal.home) as file:
        os.posix_fallocate(file.fileno(), 0, SEGMENT_BYTES)
        done, place, begun = 0, 0, time.perf_counter()
        while (taken := time.perf_counter() - begun) < SECONDS:
            os.pwrite(file.fileno(), frames, place % (SEGMENT_BYTES - len(frames)))
            os.fdatasync(file.fileno())
            done, place = done + CALLERS, place + len(frames)
    return done / taken


def shipped() -> float:
    """Rows a second that came into the store until none waited any more."""
    waiting, begun = services.journal.waiting_rows, time.perf_counter()
    while services.journal.waiting:
        time.sleep(0.01)
    return waiting / max(time.perf_counter() - begun, 0.01)


def main() -> int:
    """Print the medians; 1 when a row costs more CPU than it may."""
    services.start()
    Path(services.journal.home).mkdir(parents=True, exist_ok=True)
    rounds = [measured() for _ in range(ROUNDS)]
    reached, behind, lowest, cpu = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(f"{f'rows a second, {CALLERS} callers':<28}{'reached':>10}{'floor':>10}")
    print(f"{'durable in the journal':<28}{reached:>10,.0f}{lowest:>10,.0f}")
    print(f"{'then shipped to the store':<28}{behind:>10,.0f}")
    print(f"{cpu:.0f} µs CPU a row, shipped and all; at most {MOST}")
    return int(cpu > MOST)


def measured() -> tuple[float, float, float, float]:
    """Rows a second noted, shipped, and by the floor; microseconds of CPU a row."""
    rows, cpu = services.journal.written_rows, time.process_time()
    reached, behind = asyncio.run(noted()), shipped()
    cost = (time.process_time() - cpu) / (services.journal.written_rows - rows) * 1e6
    return reached, behind, floor(), cost


if __name__ == "__main__":
    raise SystemExit(main())
