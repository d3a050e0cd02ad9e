"""What every vector backend promises."""

import math
import multiprocessing
import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from apps.vectors.adapters.lancedb import LanceVectors
from apps.vectors.ports import Filter, Row, Shelf, Source, StoreStatus, VectorBackend, VectorRow
from foundation.errors import Invalid, NotFound

ANYTHING = Filter()
BACKENDS = {"lancedb": LanceVectors}


def row(name: str, text: str, vector: Sequence[float], *, file: str = "a.txt", job: str = "job", number: int = 1) -> VectorRow:
    return VectorRow(Row(name, text, Source(job, file), 1, number), vector)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


@pytest.fixture(params=list(BACKENDS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorBackend]:
    yield BACKENDS[request.param](tmp_path)


@pytest.fixture
def shelf(backend: VectorBackend) -> Shelf:
    place = Shelf(str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()))
    backend.create_store(place.application, place.store)
    backend.create_index(place, 3)
    return place


def write_from_another_process(folder: Path, shelf: Shelf, begin: int, count: int) -> None:
    other = LanceVectors(folder)
    for number in range(begin, begin + count):
        other.upsert(shelf, [row(f"r{number}", f"word{number} written elsewhere", [1, number, 0])])


class TestVectorBackend:
    def test_a_store_that_was_never_made_is_not_found_and_a_made_one_is_active(self, backend: VectorBackend) -> None:
        application, store = str(uuid.uuid4()), str(uuid.uuid4())
        assert backend.store_status(application, store) is StoreStatus.NOT_FOUND
        backend.create_store(application, store)
        backend.create_store(application, store)
        assert backend.store_status(application, store) is StoreStatus.ACTIVE

    def test_an_index_is_usable_on_return_and_making_it_again_keeps_its_rows(
        self, backend: VectorBackend, shelf: Shelf
    ) -> None:
        assert backend.has_index(shelf)
        assert backend.nearest(shelf, [1, 0, 0], 4, ANYTHING) == []
        assert backend.matching(shelf, "anything", 4, ANYTHING) == []
        backend.upsert(shelf, [row("one", "text", [1, 0, 0])])
        backend.create_index(shelf, 3)
        assert backend.count(shelf) == 1

    def test_the_nearest_row_comes_first_with_its_cosine_and_its_provenance(self, backend: VectorBackend, shelf: Shelf) -> None:
        rows = [row("east", "e", [1, 0, 0], number=7), row("north", "n", [0, 2, 0]), row("west", "w", [-1, 0, 0])]
        backend.upsert(shelf, rows)
        found = backend.nearest(shelf, [3, 1, 0], 3, ANYTHING)
        assert [hit.row.id for hit in found] == ["east", "north", "west"]
        assert found[0].row == rows[0].row
        assert found[0].score == pytest.approx(3 / 10**0.5, abs=1e-3)
        assert found[2].score == pytest.approx(-3 / 10**0.5, abs=1e-3)

    def test_a_word_is_found_in_its_other_forms_and_in_other_scripts(self, backend: VectorBackend, shelf: Shelf) -> None:
        backend.upsert(
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
    def test_a_text_query_is_words_and_never_a_language(self, backend: VectorBackend, shelf: Shelf, query: str) -> None:
        backend.upsert(shelf, [row("one", "something else entirely", [1, 0, 0])])
        assert backend.matching(shelf, query, 4, ANYTHING) == []

    def test_a_row_of_the_same_id_replaces_the_old_one(self, backend: VectorBackend, shelf: Shelf) -> None:
        backend.upsert(shelf, [row("one", "oldword", [1, 0, 0])])
        backend.upsert(shelf, [row("one", "newword", [0, 1, 0]), row("two", "other", [0, 0, 1])])
        assert backend.count(shelf) == 2
        assert backend.matching(shelf, "oldword", 4, ANYTHING) == []
        assert backend.nearest(shelf, [0, 1, 0], 1, ANYTHING)[0].row.text == "newword"

    def test_rows_added_after_settling_are_found_by_words_and_by_vector(self, backend: VectorBackend, shelf: Shelf) -> None:
        for number in range(40):
            backend.upsert(shelf, [row(f"r{number}", f"word{number}", [1, number, 0])])
            backend.settle(shelf)
        backend.upsert(shelf, [row("late", "latecomer", [0, 0, 1])])
        assert backend.matching(shelf, "latecomer", 4, ANYTHING)[0].row.id == "late"
        assert backend.matching(shelf, "word3", 4, ANYTHING)[0].row.id == "r3"
        assert backend.nearest(shelf, [0, 0, 1], 1, ANYTHING)[0].row.id == "late"
        assert backend.count(shelf) == 41

    def test_a_filter_lets_through_only_its_file_and_its_job_whatever_their_names(
        self, backend: VectorBackend, shelf: Shelf
    ) -> None:
        backend.upsert(
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

    def test_the_rows_of_a_file_can_be_listed_and_removed(self, backend: VectorBackend, shelf: Shelf) -> None:
        many = [row(f"r{number}", "text", [1, number, 0], number=number) for number in range(1, 1501)]
        backend.upsert(shelf, [*many, row("other", "text", [0, 0, 1], file="b.txt")])
        assert backend.present(shelf, Source("job", "a.txt")) == {each.row.id for each in many}
        backend.delete_file(shelf, Source("job", "a.txt"))
        backend.delete_file(shelf, Source("job", "a.txt"))
        assert backend.present(shelf, Source("job", "a.txt")) == frozenset()
        assert backend.count(shelf) == 1

    def test_a_vector_of_another_dimension_is_refused_and_nothing_is_kept(self, backend: VectorBackend, shelf: Shelf) -> None:
        with pytest.raises(Invalid):
            backend.upsert(shelf, [row("good", "text", [1, 0, 0]), row("bad", "text", [1, 0])])
        assert backend.count(shelf) == 0

    def test_two_threads_that_write_the_same_rows_leave_them_once(self, backend: VectorBackend, shelf: Shelf) -> None:
        def write(_: int) -> None:
            for number in range(10):
                backend.upsert(shelf, [row(f"r{number}", "text", [1, number, 0])])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
        assert backend.count(shelf) == 10

    def test_a_large_index_answers_as_exactly_as_a_small_one(self, backend: VectorBackend, shelf: Shelf) -> None:
        large, chance = Shelf(shelf.application, shelf.store, str(uuid.uuid4())), random.Random(1)
        backend.create_index(large, 32)
        rows = [row(f"r{number}", f"word{number}", [chance.gauss() for _ in range(32)]) for number in range(9000)]
        backend.upsert(large, rows)
        backend.settle(large)
        backend.upsert(large, [row("late", "latecomer", [1.0] * 32)])
        for wanted in ([chance.gauss() for _ in range(32)] for _ in range(20)):
            exact = sorted(rows, key=lambda each: -cosine(each.vector, wanted))[:4]
            found = backend.nearest(large, wanted, 4, ANYTHING)
            assert [hit.row.id for hit in found if hit.row.id != "late"][:3] == [each.row.id for each in exact[:3]]
            assert found[0].score == pytest.approx(cosine(exact[0].vector, wanted), abs=1e-5)
        assert backend.nearest(large, [1.0] * 32, 1, ANYTHING)[0].row.id == "late"

    def test_a_process_reads_at_once_what_another_has_written(
        self, tmp_path: Path, backend: VectorBackend, shelf: Shelf
    ) -> None:
        start = multiprocessing.get_context("spawn").Process
        writers = [start(target=write_from_another_process, args=(tmp_path, shelf, begin, 25)) for begin in (0, 25)]
        for writer in writers:
            writer.start()
        seen = []
        while any(writer.is_alive() for writer in writers):
            seen.append(backend.count(shelf))
        assert [writer.exitcode for writer in writers] == [0, 0]
        assert seen == sorted(seen)
        assert backend.count(shelf) == 50
        assert backend.matching(shelf, "word49", 1, ANYTHING)[0].row.id == "r49"

    def test_what_is_deleted_or_was_never_there_is_not_found(self, backend: VectorBackend, shelf: Shelf) -> None:
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
                partial(backend.settle, missing),
                partial(backend.present, missing, Source("job", "a.txt")),
                partial(backend.delete_file, missing, Source("job", "a.txt")),
            )
            for ask in asked:
                with pytest.raises(NotFound):
                    ask()
        assert backend.count(other) == 0
        backend.delete_store(shelf.application, shelf.store)
        backend.delete_store(shelf.application, shelf.store)
        assert backend.store_status(shelf.application, shelf.store) is StoreStatus.NOT_FOUND
        assert not backend.has_index(other)
