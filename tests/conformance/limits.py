"""The stores that keep limits, each opened for a test, and what tests ask of them."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from foundation.adapters.aws.limits import RedisLimits
from foundation.adapters.aws.redis_scripts import Scripts
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
from foundation.ports import Claim, Limits, Reservation, Settlement, Verdict

DAY = 86_400


@dataclass(frozen=True)
class LimitsStore:
    """Limits of their own, for this process and, by the code that makes them from sys.argv, for others. rows: how many
    counters and reservations it keeps."""

    make: Callable[[Callable[[], float]], Limits]
    code: str
    arguments: tuple[str, str]
    rows: Callable[[], int]


def embedded(request: pytest.FixtureRequest) -> LimitsStore:
    file = request.getfixturevalue("tmp_path") / "limits.db"
    database = Database(file, SCHEMA)

    def rows() -> int:
        with database.reading() as connection:
            return sum(
                connection.execute(f"select count(*) from {table}").fetchone()[0] for table in ("counters", "reservations")
            )

    return LimitsStore(partial(SqliteLimits, database), SQLITE, (str(file), ""), rows)


def redis(request: pytest.FixtureRequest) -> LimitsStore:
    server, deployment = request.getfixturevalue("redis_server"), f"test-{uuid.uuid4().hex[:12]}"

    def rows() -> int:
        with server.client() as client:
            return sum(client.hlen(key) for key in client.keys(f"{deployment}:*") if client.type(key) == b"hash")

    return LimitsStore(partial(RedisLimits, Scripts(server.url), deployment), REDIS, (server.url, deployment), rows)


SQLITE = """
from pathlib import Path
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.limits import SCHEMA, SqliteLimits
limits = SqliteLimits(Database(Path(sys.argv[1]), SCHEMA))
"""
REDIS = """
from foundation.adapters.aws.limits import RedisLimits
from foundation.adapters.aws.redis_scripts import Scripts
limits = RedisLimits(Scripts(sys.argv[1]), sys.argv[2])
"""
LIMITS: dict[str, Callable[[pytest.FixtureRequest], LimitsStore]] = {"embedded": embedded, "aws": redis}


def ask(limits: Limits, name: str, *claims: Claim, until: float = 2_000_000_000.0) -> Verdict:
    """Reserve one."""
    (verdict,) = limits.reserve([Reservation(name, claims, until)])
    assert verdict is not None
    return verdict


def end(limits: Limits, name: str, **used: int) -> None:
    limits.settle([Settlement(name, used)])
