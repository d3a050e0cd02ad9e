"""OpenSearch is away, slow or overloaded: an error that can be tried again, without passages; nothing is lost or doubled."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.credentials import Credentials
from opensearchpy import Urllib3AWSV4SignerAuth

from apps.vectors.adapters import opensearchserverless
from apps.vectors.adapters.opensearch import client
from apps.vectors.adapters.opensearchserverless import ServerlessVectors
from apps.vectors.ports import Filter, Row, Shelf, Source, VectorBackend, VectorRow
from foundation.ambient import new_id
from foundation.errors import NotFound, Problem, Unavailable
from foundation.settings import read_settings
from tests.conftest import free_port
from tests.running import wait_for
from tests.servers.moto import KEY, REGION, SECRET
from tests.servers.serverless_proxy import Collection, collection

PASSAGE = "a passage that nobody else may read"
SOURCE = Source("job", "a.txt")
ROWS = [VectorRow(Row(f"r{number}", PASSAGE, SOURCE, 1, number), [1.0, float(number), 0.0]) for number in range(3)]
ANYTHING = Filter()


@pytest.fixture
def store(opensearch_url: str) -> Iterator[Collection]:
    with collection(opensearch_url, delay=0) as made:
        yield made


def backend_at(url: str) -> VectorBackend:
    settings = read_settings({"VECTOR_STORE": "opensearchserverless", "OPENSEARCH_URL": url, "AWS_REGION": REGION})
    return ServerlessVectors(
        client(settings, Urllib3AWSV4SignerAuth(Credentials(KEY, SECRET), REGION, "aoss")), "faults", "faiss"
    )


@pytest.fixture
def backend(store: Collection) -> VectorBackend:
    return backend_at(store.url)


@pytest.fixture
def shelf(backend: VectorBackend) -> Shelf:
    place = Shelf(new_id(), new_id(), new_id())
    backend.create_index(place, 3)
    return place


def items(*statuses: int) -> dict[str, Any]:
    """A bulk answer with these outcomes."""
    error = {"error": {"type": "some_exception", "reason": PASSAGE}}
    told = [{"index": {"status": status, **(error if status >= 300 else {})}} for status in statuses]
    return {"took": 1, "errors": True, "items": told}


REFUSED = {"error": {"type": "mapper_parsing_exception", "reason": PASSAGE}}


def all_put(backend: VectorBackend, shelf: Shelf) -> bool:
    return len(backend.present(shelf, SOURCE)) == len(ROWS)


def test_a_store_that_is_away_is_an_error_that_can_be_tried_again() -> None:
    away, shelf = backend_at(f"http://127.0.0.1:{free_port()}"), Shelf(new_id(), new_id(), new_id())
    for ask in (
        lambda: away.create_index(shelf, 3),
        lambda: away.delete_index(shelf),
        lambda: away.delete_store(shelf.application, shelf.store),
        lambda: away.store_status(shelf.application, shelf.store),
        lambda: away.has_index(shelf),
        lambda: away.upsert(shelf, ROWS),
        lambda: away.settle(shelf, SOURCE),
        lambda: away.present(shelf, SOURCE),
        lambda: away.delete_file(shelf, SOURCE),
        lambda: away.nearest(shelf, [1, 0, 0], 4, ANYTHING),
        lambda: away.matching(shelf, PASSAGE, 4, ANYTHING),
        lambda: away.count(shelf),
    ):
        with pytest.raises(Unavailable) as refused:
            ask()
        assert refused.value.retryable and refused.value.retry_after
        assert "127.0.0.1" not in refused.value.detail and PASSAGE not in refused.value.detail


def test_an_overloaded_store_is_an_error_that_can_be_tried_again_and_recovers_by_itself(
    backend: VectorBackend, shelf: Shelf, store: Collection
) -> None:
    backend.upsert(shelf, ROWS)
    wait_for(lambda: all_put(backend, shelf))
    for ask in (lambda: backend.nearest(shelf, [1, 0, 0], 4, ANYTHING), lambda: backend.matching(shelf, "read", 4, ANYTHING)):
        store.faults.append(("/_search", 429, {"error": {"type": "circuit_breaking_exception", "reason": PASSAGE}}))
        with pytest.raises(Unavailable) as refused:
            ask()
        assert refused.value.retry_after and PASSAGE not in refused.value.detail
        assert len(ask()) == len(ROWS)


def test_a_request_that_did_not_come_through_is_sent_again(backend: VectorBackend, shelf: Shelf, store: Collection) -> None:
    store.faults += [("/_search", 503, {})] * 2
    assert backend.count(shelf) == 0
    assert store.faults == []


def test_a_new_index_is_waited_for_until_its_shards_have_started(backend: VectorBackend, store: Collection) -> None:
    store.faults += [("/_search", 500, {"error": {"type": "search_phase_execution_exception"}})] * 2
    place = Shelf(new_id(), new_id(), new_id())
    backend.create_index(place, 3)
    assert store.faults == []
    assert backend.count(place) == 0


def test_writes_that_were_too_many_at_once_are_sent_again_and_only_those(
    backend: VectorBackend, shelf: Shelf, store: Collection
) -> None:
    store.faults.append(("/_bulk", 200, items(429, 429, 429)))
    backend.upsert(shelf, ROWS)
    assert store.written == len(ROWS)
    wait_for(lambda: all_put(backend, shelf))


def test_writes_of_which_some_failed_are_an_error_and_a_repeat_leaves_each_row_once(
    backend: VectorBackend, shelf: Shelf, store: Collection
) -> None:
    backend.upsert(shelf, ROWS[:1])
    store.faults.append(("/_bulk", 200, items(201, 500, 503)))
    with pytest.raises(Unavailable, match="refused 2 writes"):
        backend.upsert(shelf, ROWS)
    backend.upsert(shelf, ROWS)
    wait_for(lambda: all_put(backend, shelf))
    backend.settle(shelf, SOURCE)
    wait_for(lambda: backend.count(shelf) == len(ROWS))
    assert len(backend.nearest(shelf, [1, 0, 0], 9, ANYTHING)) == len(ROWS)


def test_a_write_that_comes_after_the_index_was_deleted_does_not_make_it_again(
    backend: VectorBackend, shelf: Shelf, store: Collection
) -> None:
    store.meanwhile.append(("/_bulk", lambda: backend.delete_index(shelf)))
    with pytest.raises(NotFound):
        backend.upsert(shelf, ROWS)
    assert store.written == len(ROWS)
    assert not backend.has_index(shelf)


@pytest.mark.parametrize("answer", [(400, REFUSED), (200, items(400, 201, 201))])
def test_what_a_repeat_cannot_change_is_not_tried_again_and_names_no_passage(
    backend: VectorBackend, shelf: Shelf, store: Collection, answer: tuple[int, Any], caplog: pytest.LogCaptureFixture
) -> None:
    store.faults.append(("/_bulk", *answer))
    with caplog.at_level("DEBUG"), pytest.raises(Problem) as refused:
        backend.upsert(shelf, ROWS)
    assert not refused.value.retryable
    assert PASSAGE not in refused.value.detail
    assert PASSAGE not in caplog.text


def test_a_process_without_aws_credentials_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    settings = {"VECTOR_STORE": "opensearchserverless", "OPENSEARCH_URL": "https://nowhere", "AWS_REGION": REGION}
    with pytest.raises(Problem, match="no AWS credentials"):
        opensearchserverless.adapter(read_settings(settings))
