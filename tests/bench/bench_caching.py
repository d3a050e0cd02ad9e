"""What a kept answer saves: CPU and time of a call to a provider, of the same by an exact and by a semantic hit; and what a
guard costs beside it.

The provider gives a fixed answer at once, in a process of its own: a call to a real one takes a thousand times as long.
Run: `python -m tests.bench caching [calls]`. Medians of three runs, 16 at once. Fails where an exact hit
costs more CPU than a call.
"""

import asyncio
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

import uvloop

from tests.bench.gateway.__main__ import free_port

if TYPE_CHECKING:
    from foundation.identity import Caller

RUNS = 3
CLIENTS = 16
CALLS = 3_000
MODEL = "bench-caching"
QUESTION = "What do foxes eat in winter?"
MEANING_THE_SAME = "What do foxes eat during the winter?"


def main() -> int:
    import django

    django.setup()
    from apps.usage.services import shipper

    calls = int(sys.argv[2]) if len(sys.argv) > 2 else CALLS
    with provider() as port:
        made = policies(port)
        found = {name: uvloop.run(measured(caller, name, calls)) for name, caller in made.items()}
    shipper.finish()  # while its folder is still there
    for name, (cpu, wall) in found.items():
        print(f"{name}: {cpu:.0f} µs CPU a call, {wall:.0f} µs of time, {1e6 / wall:,.0f} calls/s at c={CLIENTS}")
    return int(found["exact hit"][0] > found["call"][0])


@contextmanager
def provider() -> Iterator[int]:
    """The provider's port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.gateway.provider", str(port)])
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)


def policies(port: int) -> Mapping[str, "Caller"]:
    """An application for each row."""
    from apps.applications import services as applications
    from apps.applications.records import Action, Caching, Guard, Policy
    from apps.invocation import services
    from apps.invocation.records import Deployment, Kind, Model
    from foundation.identity import Caller

    place = Deployment("there", "openai_compatible", "fixed", base_url=f"http://127.0.0.1:{port}/v1")
    services.save_model(Model(MODEL, "", Kind.TEXT, "", deployments=(place,)))
    rows = {
        "call": {},
        "call under a guard of personal data and secrets": {"guard": Guard(personal=Action.MASK, secrets=Action.MASK)},
        "exact hit": {"caching": Caching(exact=True)},
        "semantic hit": {"caching": Caching(semantic=True, threshold=0.9)},
    }
    callers = {}
    for name, policy in rows.items():
        application, credentials = applications.create(f"bench {uuid.uuid4()}", name)
        applications.set_policy(Policy(application.application, **policy))  # type: ignore[arg-type]
        callers[name] = Caller(application.application, credentials.client)
    return callers


async def measured(caller: "Caller", name: str, calls: int) -> tuple[float, float]:
    """Microseconds of CPU and of time for a call."""
    from apps.invocation import pipeline
    from apps.invocation.invocations import Message, Request, Role, Text

    def asking(text: str) -> Request:
        return Request(MODEL, (Message(Role.USER, (Text(text),)),), max_tokens=100)

    async def ask(request: Request) -> str:
        call = await pipeline.begin(caller, request, dialect="openai_chat")
        await pipeline.complete(call)
        return call.cache

    async def client(count: int) -> None:
        for _ in range(count):
            assert await ask(request) == wanted

    wanted = name.removesuffix(" hit") if name.endswith(" hit") else ""
    request = asking(MEANING_THE_SAME if wanted == "semantic" else QUESTION)
    await ask(asking(QUESTION))
    while await ask(request) != wanted:
        await asyncio.sleep(0.01)
    calls = calls if wanted != "semantic" else calls // 10
    runs = []
    for _ in range(RUNS):
        cpu, wall = time.process_time(), time.perf_counter()
        await asyncio.gather(*(client(calls // CLIENTS) for _ in range(CLIENTS)))
        done = calls // CLIENTS * CLIENTS
        runs.append(((time.process_time() - cpu) * 1e6 / done, (time.perf_counter() - wall) * 1e6 / done))
    return median(cpu for cpu, _ in runs), median(wall for _, wall in runs)
