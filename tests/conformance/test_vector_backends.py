"""What every vector backend promises."""

import math
import multiprocessing
import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from apps.vectors.adapters import lancedb, opensearch, opensearchserverless
from apps.vectors.ports import Filter, Row, Shelf, Source, StoreStatus, VectorBackend, VectorRow
from foundation.errors import Invalid, NotFound
from foundation.settings import Settings, read_settings
from tests.running import wait_for
from tests.servers.moto import CREDENTIALS
from tests.servers.serverless_proxy import collection

ANYTHING = Filter()
Seen = Callable[[Callable[[], object]], None]
Put = Callable[[Shelf, Sequence[VectorRow]], None]
BACKENDS = {"lancedb": lancedb, "opensearch": opensearch, "opensearchserverless": opensearchserverless}
LATE = {"opensearchserverless": 30.0}  # seconds within which reads find what was written; the others show it at once


def row(name: str, text: str, vector: Sequence[float], *, file: str = "a.txt", job: str = "job", number: int = 1) -> VectorRow:
    return VectorRow(Row(name, text, Source(job, file), 1, number), vector)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


@pytest.fixture(scope="session")
def serverless(opensearch_url: str) -> Iterator[Mapping[str, str]]:
    with collection(opensearch_url, delay=0.5) as made:
        yield made.environment


@pytest.fixture(params=list(BACKENDS))
def environment(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """The variables of a process whose vectors are in this backend."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    place = {"VECTOR_STORE": request.param, "FOUNDATION_HOME": str(tmp_path)}
    if request.param == "opensearch":
        return {**place, "OPENSEARCH_URL": request.getfixturevalue("opensearch_url"), "OPENSEARCH_ENGINE": "lucene"}
    if request.param == "opensearchserverless":
        return {**place, **request.getfixturevalue("serverless")}
    return place


def backend_of(settings: Settings) -> VectorBackend:
    made: VectorBackend = BACKENDS[settings.vector_store].adapter(settings)
    return made


@pytest.fixture
def backend(environment: Mapping[str, str]) -> VectorBackend:
    return backend_of(read_settings(environment))


@pytest.fixture
def shelf(backend: VectorBackend) -> Shelf:
    place = Shelf(str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()))
    backend.create_store(place.application, place.store)
    backend.create_index(place, 3)
    return place


@pytest.fixture
def seen(environment: Mapping[str, str]) -> Seen:
    """Wait until something is so; no longer than the backend may show its writes late."""

    def wait(condition: Callable[[], object]) -> None:
        wait_for(condition, LATE.get(environment["VECTOR_STORE"], 0.0))

    return wait


@pytest.fixture
def put(backend: VectorBackend, seen: Seen) -> Put:
    """Put rows, and settle until reads find them."""

    def everything(shelf: Shelf, rows: Sequence[VectorRow]) -> None:
        backend.upsert(shelf, rows)
        for source in dict.fromkeys(each.row.source for each in rows):
            ids = {each.row.id for each in rows if each.row.source == source}

            def found(source: Source = source, ids: set[str] = ids) -> bool:
                backend.settle(shelf, source)
                return ids <= backend.present(shelf, source)

            seen(found)

    return everything


def write_from_another_process(environment: Mapping[str, str], shelf: Shelf, begin: int, count: int) -> None:
    other = backend_of(read_settings(environment))
    for number in range(begin, begin + count):
        other.upsert(shelf, [row(f"r{number}", f"word{number} written elsewhere", [1, number, 0])])
        other.settle(shelf, Source("job", "a.txt"))


class TestVectorBackend:
    def test_a_made_store_is_active_and_making_it_again_changes_nothing(self, backend: VectorBackend) -> None:
        application, store = str(uuid.uuid4()), str(uuid.uuid4())
        backend.create_store(application, store)
        backend.create_store(application, store)
        assert backend.store_status(application, store) is StoreStatus.ACTIVE

    def test_an_index_is_usable_on_return_and_making_it_again_keeps_its_rows(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        assert backend.has_index(shelf)
        assert backend.nearest(shelf, [1, 0, 0], 4, ANYTHING) == []
        assert backend.matching(shelf, "anything", 4, ANYTHING) == []
        put(shelf, [row("one", "text", [1, 0, 0])])
        backend.create_index(shelf, 3)
        assert backend.count(shelf) == 1

    def test_the_nearest_row_comes_first_with_its_cosine_and_its_provenance(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        rows = [row("east", "e", [1, 0, 0], number=7), row("north", "n", [0, 2, 0]), row("west", "w", [-1, 0, 0])]
        put(shelf, rows)
        found = backend.nearest(shelf, [3, 1, 0], 3, ANYTHING)
        assert [hit.row.id for hit in found] == ["east", "north", "west"]
        assert found[0].row == rows[0].row
        assert found[0].score == pytest.approx(3 / 10**0.5, abs=1e-3)
        assert found[2].score == pytest.approx(-3 / 10**0.5, abs=1e-3)

    def test_a_word_is_found_in_its_other_forms_and_in_other_scripts(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        put(
            shelf,
            [
                row("run", "The pumps were running all night.", [1, 0, 0]),
                row("serial", "Replace part XK-4711 before use.", [0, 1, 0]),
                row("beijing", "我住在北京大学附近。", [0, 0, 1]),
            ],
        )
        for query, expected in {"pump": "run", "XK-4711": "serial", "北京": "beijing"}.items():
            assert [hit.row.id for hit in backend.matching(shelf, query, 4, ANYTHING)] == [expected]

    @pytest.mark.parametrize("query", ['"', "a AND (b", "text:*", "' or 1=1 --", "\\", "~^+-!{}[]", "the", "x" * 9000])
    def test_a_text_query_is_words_and_never_a_language(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen, query: str
    ) -> None:
        put(shelf, [row("one", "something else entirely", [1, 0, 0])])
        assert backend.matching(shelf, query, 4, ANYTHING) == []

    def test_a_row_of_the_same_id_replaces_the_old_one(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        put(shelf, [row("one", "oldword", [1, 0, 0])])
        put(shelf, [row("one", "newword", [0, 1, 0]), row("two", "other", [0, 0, 1])])
        seen(lambda: backend.count(shelf) == 2 and backend.matching(shelf, "oldword", 4, ANYTHING) == [])
        assert backend.nearest(shelf, [0, 1, 0], 1, ANYTHING)[0].row.text == "newword"

    def test_rows_added_after_settling_are_found_by_words_and_by_vector(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        for number in range(40):
            backend.upsert(shelf, [row(f"r{number}", f"word{number}", [1, number, 0])])
            backend.settle(shelf, Source("job", "a.txt"))
        put(shelf, [row("late", "latecomer", [0, 0, 1])])
        assert backend.matching(shelf, "latecomer", 4, ANYTHING)[0].row.id == "late"
        assert backend.matching(shelf, "word3", 4, ANYTHING)[0].row.id == "r3"
        assert backend.nearest(shelf, [0, 0, 1], 1, ANYTHING)[0].row.id == "late"
        assert backend.count(shelf) == 41

    def test_a_filter_lets_through_only_its_file_and_its_job_whatever_their_names(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        put(
            shelf,
            [
                row("a", "common", [1, 0, 0], file="it's' or '1'='1"),
                row("b", "common", [1, 0, 0], file="b.txt"),
                row("c", "common", [1, 0, 0], file="b.txt", job="other"),
            ],
        )
        for only, expected in (
            (Filter(file="it's' or '1'='1"), {"a"}),
            (Filter(file="b.txt"), {"b", "c"}),
            (Filter(file="b.txt", chunking_job="other"), {"c"}),
            (Filter(file="none"), set()),
        ):
            assert {hit.row.id for hit in backend.nearest(shelf, [1, 0, 0], 9, only)} == expected
            assert {hit.row.id for hit in backend.matching(shelf, "common", 9, only)} == expected

    def test_the_rows_of_a_file_can_be_listed_and_removed(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        many = [row(f"r{number}", "text", [1, number, 0], number=number) for number in range(1, 1501)]
        put(shelf, [*many, row("other", "text", [0, 0, 1], file="b.txt")])
        assert backend.present(shelf, Source("job", "a.txt")) == {each.row.id for each in many}
        backend.delete_file(shelf, Source("job", "a.txt"))
        backend.delete_file(shelf, Source("job", "a.txt"))
        seen(lambda: backend.present(shelf, Source("job", "a.txt")) == frozenset())
        assert backend.count(shelf) == 1

    def test_a_vector_of_another_dimension_is_refused_and_nothing_is_kept(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        with pytest.raises(Invalid):
            backend.upsert(shelf, [row("good", "text", [1, 0, 0]), row("bad", "text", [1, 0])])
        assert backend.count(shelf) == 0

    def test_two_threads_that_write_the_same_rows_leave_them_once(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        def write(_: int) -> None:
            for number in range(10):
                backend.upsert(shelf, [row(f"r{number}", "text", [1, number, 0])])

        def written_once() -> bool:
            backend.settle(shelf, Source("job", "a.txt"))
            assert len(backend.nearest(shelf, [1, 1, 0], 40, ANYTHING)) <= 10
            return backend.count(shelf) == 10

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
        seen(written_once)

    def test_a_large_index_answers_as_exactly_as_a_small_one(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        large, chance = Shelf(shelf.application, shelf.store, str(uuid.uuid4())), random.Random(1)
        backend.create_index(large, 32)
        rows = [row(f"r{number}", f"word{number}", [chance.gauss() for _ in range(32)]) for number in range(9000)]
        put(large, rows)
        put(large, [row("late", "latecomer", [1.0] * 32)])
        for wanted in ([chance.gauss() for _ in range(32)] for _ in range(20)):
            exact = sorted(rows, key=lambda each: -cosine(each.vector, wanted))[:4]
            found = backend.nearest(large, wanted, 4, ANYTHING)
            assert [hit.row.id for hit in found if hit.row.id != "late"][:3] == [each.row.id for each in exact[:3]]
            assert found[0].score == pytest.approx(cosine(exact[0].vector, wanted), abs=1e-5)
        assert backend.nearest(large, [1.0] * 32, 1, ANYTHING)[0].row.id == "late"

    def test_a_process_reads_what_another_has_written(
        self, environment: Mapping[str, str], backend: VectorBackend, shelf: Shelf, seen: Seen
    ) -> None:
        start = multiprocessing.get_context("spawn").Process
        writers = [start(target=write_from_another_process, args=(environment, shelf, begin, 25)) for begin in (0, 25)]
        for writer in writers:
            writer.start()
        counts = []
        while any(writer.is_alive() for writer in writers):
            counts.append(backend.count(shelf))
        assert [writer.exitcode for writer in writers] == [0, 0]
        assert counts == sorted(counts)
        seen(lambda: backend.count(shelf) == 50)
        assert backend.matching(shelf, "word49", 1, ANYTHING)[0].row.id == "r49"

    def test_what_is_deleted_or_was_never_there_is_not_found(
        self, backend: VectorBackend, shelf: Shelf, put: Put, seen: Seen
    ) -> None:
        other = Shelf(shelf.application, shelf.store, str(uuid.uuid4()))
        backend.create_index(other, 3)
        backend.delete_index(shelf)
        backend.delete_index(shelf)
        for missing in (shelf, Shelf(shelf.application, shelf.store, "never"), Shelf("no", "such", "place")):
            assert not backend.has_index(missing)
            asked: Sequence[Callable[[], object]] = (
                partial(backend.count, missing),
                partial(backend.nearest, missing, [1, 0, 0], 1, ANYTHING),
                partial(backend.matching, missing, "text", 1, ANYTHING),
                partial(backend.upsert, missing, [row("one", "text", [1, 0, 0])]),
                partial(backend.settle, missing, Source("job", "a.txt")),
                partial(backend.present, missing, Source("job", "a.txt")),
                partial(backend.delete_file, missing, Source("job", "a.txt")),
            )
            for ask in asked:
                with pytest.raises(NotFound):
                    ask()
        assert backend.count(other) == 0
        backend.delete_store(shelf.application, shelf.store)
        backend.delete_store(shelf.application, shelf.store)
        assert not backend.has_index(other)
