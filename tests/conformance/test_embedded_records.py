"""What the store in one SQLite file promises between processes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from tests.conformance.processes import kill, outputs, python
from tests.conformance.shapes import Guest, Note
from tests.conformance.stores import embedded, whole
from tests.running import wait_for

OPENED = """
from pathlib import Path
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.records import SCHEMA, SqliteRecords
from foundation.records import update
from foundation.errors import Conflict
from tests.conformance.shapes import Note
records = SqliteRecords(Database(Path(sys.argv[1]), SCHEMA))
"""


class TestEmbeddedRecords:
    def test_many_processes_on_a_new_file_lose_no_count_and_no_record(self, tmp_path: Path) -> None:
        work = """
for number in range(100):
    records.increment(Note, "a", "n", by={"amount": 1}, initial=Note("a", "n"))
    records.increment(Note, "a", "once", by={"amount": 1}, once=f"{number}", initial=Note("a", "once"))
    records.put(Note("p", f"{sys.argv[2]}-{number}"))
    try:
        records.put(Note("race", f"{number}"))
        print("won")
    except Conflict:
        pass
"""
        file = tmp_path / "fresh" / "records.db"
        told = outputs([python(OPENED + work, str(file), str(each)) for each in range(4)])
        records = SqliteRecords(Database(file, SCHEMA))
        assert [records.get(Note, "a", name).amount for name in ("n", "once")] == [400, 100]  # type: ignore[union-attr]
        assert len(whole(records, Note, "p", limit=1000)) == 400
        assert sum(each.count("won") for each in told) == 100

    def test_a_writer_that_is_killed_loses_nothing_it_was_told_is_stored(self, tmp_path: Path) -> None:
        work = """
for number in range(10**9):
    records.put(Note("a", f"{number:09}"))
    print(number, flush=True)
"""
        file = tmp_path / "records.db"
        records = SqliteRecords(Database(file, SCHEMA))
        for _ in range(3):
            records = SqliteRecords(Database(file, SCHEMA))
            for note in whole(records, Note, "a", limit=1000):
                records.delete(Note, "a", note.name)
            writer = python(OPENED + work, str(file))
            wait_for(lambda r=records: len(r.query(Note, "a", limit=200).items) == 200)
            acknowledged = [int(line) for line in kill(writer).splitlines() if line.strip()]
            stored = [int(note.name) for note in whole(records, Note, "a", limit=1000)]
            assert stored == list(range(len(stored)))
            assert stored[: len(acknowledged)] == acknowledged
            assert records.database.connection().execute("pragma integrity_check").fetchone() == ("ok",)

    def test_a_child_of_a_fork_shares_the_file_with_its_parent(self, tmp_path: Path) -> None:
        work = """
import os
records.put(Note("a", "n"))
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        for _ in range(50):
            records.increment(Note, "a", "n", by={"amount": 1})
        os._exit(0)
    children.append(child)
for _ in range(50):
    records.increment(Note, "a", "n", by={"amount": 1})
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
"""
        file = tmp_path / "records.db"
        outputs([python(OPENED + work, str(file))])
        records = SqliteRecords(Database(file, SCHEMA))
        assert records.get(Note, "a", "n") == Note("a", "n", amount=200, revision=201)

    def test_the_sweep_removes_what_has_expired_and_what_was_counted_on_it(self, tmp_path: Path) -> None:
        records = embedded(tmp_path)
        past = datetime.now(UTC) - timedelta(seconds=1)
        for name in ("a", "b"):
            records.increment(Guest, "o", name, by={"visits": 1}, once="token", initial=Guest("o", name, past))
        records.put(Guest("o", "c", None))
        assert records.sweep([Guest]) == 2
        assert records.sweep([Guest]) == 0
        with records.database.reading() as connection:
            assert connection.execute("select count(*) from counted_once").fetchone() == (0,)
            assert connection.execute("select count(*) from test_guests").fetchone() == (1,)

    def test_every_query_goes_through_an_index(self, tmp_path: Path) -> None:
        records = embedded(tmp_path)
        records.put(Note("a", "n"))
        plans: list[str] = []
        connection = records.database.connection()
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        records.query(Note, "a", limit=1)
        records.query(Note, "a", between=("a", "b"))
        records.query(Note, "a", "n")
        records.query(Note, "a", "t", index="by_topic", descending=True)
        connection.set_trace_callback(None)
        for statement in statements:
            plans += [row[3] for row in connection.execute(f"explain query plan {statement}")]
        assert len(statements) == 4
        assert not [plan for plan in plans if "SCAN" in plan or "TEMP B-TREE" in plan], plans
