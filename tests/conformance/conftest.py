"""Servers that the conformance classes share, each started with the first test that asks for it."""

import uuid
from collections.abc import Iterator

import pytest

from tests.conformance.shapes import KINDS
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
