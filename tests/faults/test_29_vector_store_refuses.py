"""The vector store refuses or is slow: a clear error that can be tried again, nothing lost, and it recovers by itself."""

import fcntl
import uuid
from pathlib import Path

import pytest

from apps.vectors.adapters.lancedb import LanceVectors
from apps.vectors.ports import Filter, Row, Shelf, Source, VectorRow
from foundation.errors import Unavailable

ROW = VectorRow(Row("one", "a passage", Source("job", "a.txt"), 1, 1), [1.0, 0.0, 0.0])
OTHER = VectorRow(Row("two", "another passage", Source("job", "a.txt"), 1, 2), [0.0, 1.0, 0.0])
ANYTHING = Filter()


@pytest.fixture
def backend(tmp_path: Path) -> LanceVectors:
    return LanceVectors(tmp_path / "vectors", patience=0.2)


@pytest.fixture
def shelf(backend: LanceVectors) -> Shelf:
    place = Shelf(str(uuid.uuid4()), str(uuid.uuid4()), str(uuid.uuid4()))
    backend.create_store(place.application, place.store)
    backend.create_index(place, 3)
    backend.upsert(place, [ROW])
    return place


def test_a_write_gives_up_on_an_index_that_another_process_holds_while_reads_go_on(backend: LanceVectors, shelf: Shelf) -> None:
    with (backend.folder / shelf.application / shelf.store / f"{shelf.index}.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unavailable) as refused:
            backend.upsert(shelf, [OTHER])
        assert refused.value.retryable and refused.value.retry_after
        assert [hit.row.id for hit in backend.nearest(shelf, [1, 0, 0], 4, ANYTHING)] == ["one"]
    backend.upsert(shelf, [OTHER])
    assert backend.count(shelf) == 2


def test_data_that_cannot_be_read_is_an_error_without_its_place_and_is_found_when_it_is_back(
    backend: LanceVectors, shelf: Shelf
) -> None:
    data = backend.folder / shelf.application / shelf.store / f"{shelf.index}.lance"
    away = data.rename(data.with_suffix(".away"))
    for engine in (backend, LanceVectors(backend.folder)):
        for ask in (
            lambda engine=engine: engine.count(shelf),
            lambda engine=engine: engine.nearest(shelf, [1, 0, 0], 4, ANYTHING),
            lambda engine=engine: engine.matching(shelf, "passage", 4, ANYTHING),
            lambda engine=engine: engine.upsert(shelf, [OTHER]),
        ):
            with pytest.raises(Unavailable) as refused:
                ask()
            assert str(backend.folder) not in refused.value.detail
    away.rename(data)
    assert backend.count(shelf) == 1
    assert backend.matching(shelf, "passage", 4, ANYTHING)[0].row.id == "one"


def test_a_store_that_cannot_be_made_is_an_error_that_can_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "vectors").write_text("a file stands where the folder should be")
    with pytest.raises(Unavailable):
        LanceVectors(tmp_path / "vectors").create_store(str(uuid.uuid4()), str(uuid.uuid4()))
