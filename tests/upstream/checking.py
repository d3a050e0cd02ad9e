"""A model that is served by an unruly server, asked by an application; and what its account then says."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

import apps.invocation.adapters.bedrock.provider  # noqa: F401 (its import takes longer than these providers may)
from apps.invocation import listing
from apps.invocation.catalogue import current
from apps.invocation.records import Deployment, Kind, Model, Prices
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation.adapters import secrets
from tests.conftest import free_port
from tests.invocation.door import Answer, Door
from tests.upstream.clients import CLIENTS, Client
from tests.upstream.faults import FAULTS, Fault
from tests.upstream.unruly import Unruly
from tests.upstream.wires import WIRES
from tests.usage.shipped import shipped

T = TypeVar("T")
# Seconds that a provider may take where it is to take too long, and where it is not.
SHORT = {"first_token_seconds": 1.0, "idle_seconds": 0.5, "answer_seconds": 1.0}
LONG = {"first_token_seconds": 20.0, "idle_seconds": 20.0, "answer_seconds": 20.0}
PRICES = Prices(input=1.0, output=10.0)
WHOLE = [client for client in CLIENTS if not client.streamed]
STREAMED = [client for client in CLIENTS if client.streamed]


def cases(number: int) -> list[Any]:
    """The faults of one number, for each form of a provider: `fault`, `wire`, as pytest takes them."""
    return [
        pytest.param(fault, wire, id=f"{fault.name}-{fault.url}-{wire.provider}")
        for fault in FAULTS
        for wire in WIRES
        if fault.number == number and wire.provider != fault.but
    ]


def deployed(server: Unruly, case: str, behaviour: str, url: str = "http", **changed: Any) -> Deployment:
    """A deployment on the server, which behaves so. Its name is its behaviour's."""
    refused = f"http://127.0.0.1:{free_port()}{server.wire.suffix}"
    if server.wire.key:
        secrets.create(server.wire.key, "a key")
    place = Deployment(
        behaviour,
        server.wire.provider,
        behaviour,
        base_url=refused if url == "refused" else server.url(case, url),
        region="eu-central-1" if server.wire.provider == "bedrock" else "",
        key=server.wire.key,
    )
    return replace(place, **{**LONG, **changed})


@contextmanager
def listed(
    *places: Deployment, prices: tuple[float, float] = (1.0, 10.0), kind: Kind = Kind.TEXT, **more: Any
) -> Iterator[str]:
    """A model that runs at these places, for as long as the block lasts, in the catalogue that is held; its name, which no
    other has."""
    name = f"model-{uuid.uuid4().hex[:10]}"
    model = Model(name, "", kind, "", prices=Prices(*prices), deployments=places, **more)
    listing.save_model(model)
    current()
    try:
        yield model.name
    finally:
        listing.remove_model(model.name)


async def eventually(condition: Callable[[], T], seconds: float = 15) -> T:
    """What `condition` gives once it is true; fails the test when that takes too long."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not (found := condition()):
        assert loop.time() < end, f"waited {seconds} s in vain"
        await asyncio.sleep(0.02)
    return found


async def account(door: Door, model: str) -> Invocation:
    """The one row that the calls to this model have left on the account; fails when there are none or two."""
    await asyncio.to_thread(shipped)
    rows = [row for row in usage.calls(door.caller.application).items if row.model_name == model]
    assert len(rows) == 1, rows
    return rows[0]


async def asked(door: Door, client: Client, model: str) -> Answer:
    """The answer of a client's question to a model, which comes in a bounded time."""
    return await asyncio.wait_for(door.post(client.path, client.ask(model)), 30)


async def check(fault: Fault, server: Unruly, client: Client, door: Door) -> None:
    """What must hold whatever goes wrong: few tries, in a bounded time, one row that says what happened, an error in the
    client's own dialect, and no stream that looks complete."""
    case = f"{client.name}-{uuid.uuid4().hex[:6]}"
    times = SHORT if fault.outcome == "upstream_timeout" else LONG
    with listed(deployed(server, case, fault.name, fault.url, **times)) as model:
        answer = await asked(door, client, model)
        row = await account(door, model)
    begun = fault.begun and client.streamed
    tries = 1 if begun else fault.tries
    where = f"{client.name}: {answer.status} {answer.body!r} {row}"
    assert answer.status == (200 if begun else client.status(fault.outcome)), where
    assert all(client.error(answer)), where
    assert not client.looks_complete(answer), where
    assert row.outcome == fault.outcome, where
    assert [each.outcome for each in row.tries] == [fault.outcome] * tries, where
    assert len(server.asked[case]) == (0 if fault.url != "http" else tries), where
    assert (row.streamed, row.deployment, row.served_by) == (client.streamed, fault.name, model), where
    # A provider that was too slow, or whose connection broke, may bill what it has read.
    billed = begun or fault.outcome == "upstream_timeout" or fault.name == "reset"
    assert (row.output_tokens > 0, (row.cost or 0) > 0, row.estimated) == (begun, billed, billed), where
