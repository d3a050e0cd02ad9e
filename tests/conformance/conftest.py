"""Servers that the conformance classes share, each started with the first test that asks for it."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from foundation.ports import Limits
from foundation.records import Records
from tests.conformance.clock import Clock
from tests.conformance.limits import LIMITS, LimitsStore
from tests.conformance.shapes import KINDS
from tests.conformance.stores import STORES
from tests.servers.dynamodb import Dynamo
from tests.servers.redis import RedisServer


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for all tests; each has its own deployment in it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with server.running():
        yield server


@pytest.fixture
def deployment() -> str:
    """The name of a deployment that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def tables(dynamo: Dynamo, deployment: str) -> Iterator[str]:
    """The name of a deployment that has the tables of what only these tests store."""
    with dynamo.tables(deployment, KINDS):
        yield deployment


@pytest.fixture
def again(request: pytest.FixtureRequest) -> Callable[[], Records]:
    """Opens the same store of records a second time."""
    return STORES[request.node.callspec.params["records"]](request)


@pytest.fixture
def records(again: Callable[[], Records]) -> Records:
    """A store of records, by its name in STORES."""
    return again()


@pytest.fixture
def clock() -> Clock:
    """The time of a store that is told it."""
    return Clock()


@pytest.fixture(params=LIMITS.values(), ids=LIMITS.keys())
def limits_store(request: pytest.FixtureRequest) -> LimitsStore:
    """A store of limits, by its name in LIMITS."""
    made: LimitsStore = request.param(request)
    return made


@pytest.fixture
def limits(limits_store: LimitsStore, clock: Clock) -> Limits:
    """The limits of that store, at the time that the clock shows."""
    return limits_store.make(clock)
