"""29: the record store does not take the account: answers do not wait for it, nothing is lost, and a full journal refuses."""

import sqlite3
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.running import wait_for
from tests.usage.provider import Gateway, gateway

CLIENTS = 4
PAUSE = 2.0
LONG = ",".join(f"label{number}={'x' * 500}" for number in range(16))  # a row of about 8 KB


@contextmanager
def paused(door: Gateway) -> Iterator[None]:
    """Nobody can write to the record store."""
    connection = sqlite3.connect(door.platform.home / "records.db", isolation_level=None, timeout=30)
    connection.execute("begin immediate")
    try:
        yield
    finally:
        connection.execute("rollback")
        connection.close()


def times(door: Gateway, seconds: float) -> list[float]:
    """How long each call took, of clients that call without a pause for so long."""
    end = time.monotonic() + seconds

    def client(_: int) -> list[float]:
        taken = []
        with requests.Session() as session:
            while (begun := time.monotonic()) < end:
                assert door.call(session) == 200
                taken.append(time.monotonic() - begun)
        return taken

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [each for taken in pool.map(client, range(CLIENTS)) for each in taken]


def test_a_paused_store_slows_no_answer_and_all_rows_arrive(tmp_path: Path) -> None:
    with gateway(tmp_path / "home") as door:
        times(door, 0.5)
        usual = times(door, PAUSE)
        with paused(door):
            meanwhile = times(door, PAUSE)
            assert not door.all_arrived()
        usual_p99, p99 = (statistics.quantiles(each, n=100)[98] for each in (usual, meanwhile))
        assert p99 < 5 * usual_p99
        assert max(meanwhile) < PAUSE / 2, "no answer waited for the store"
        wait_for(door.all_arrived, 30)


def test_a_full_journal_lets_no_call_in_loses_none_and_recovers(tmp_path: Path) -> None:
    with gateway(tmp_path / "home", JOURNAL_LIMIT_MB="1") as door, requests.Session() as session:
        with paused(door):
            statuses = [door.call(session, **{"x-labels": LONG}) for _ in range(200)]
            assert set(statuses) == {200, 503}
            assert statuses == sorted(statuses), "once it is full, it stays full"
            refused = requests.post(
                f"{door.platform.url}/model/invoke",
                json={"model_name": "fixed", "prompt": "Hello"},
                headers=door.headers,
                timeout=30,
            )
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert int(refused.headers["Retry-After"]) > 0
            wait_for(lambda: "foundation_journal_full 1.0" in requests.get(f"{door.platform.url}/metrics", timeout=30).text, 10)
        wait_for(lambda: door.call(session) == 200, 30)
        wait_for(door.all_arrived, 30)
