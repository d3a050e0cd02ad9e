"""A store that stands for OpenSearch Serverless, and processes whose vectors are in it."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import django
import pytest

from tests.servers.serverless_proxy import Collection, collection
from tests.vectors.elsewhere import Elsewhere, Workers


@pytest.fixture
def store(opensearch_url: str) -> Iterator[Collection]:
    with collection(opensearch_url, delay=0) as made:
        yield made


@pytest.fixture
def workers(store: Collection, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Makes processes whose vectors are in the store; everything else they share with this one."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    made: list[ProcessPoolExecutor] = []

    def processes(number: int) -> ProcessPoolExecutor:
        made.append(ProcessPoolExecutor(number, multiprocessing.get_context("spawn"), django.setup))
        return made[-1]

    yield processes
    for each in made:
        each.shutdown()


@pytest.fixture
def there(workers: Workers) -> Elsewhere:
    """Calls a function in such a process, and gives what it returns."""
    process = workers(1)
    return lambda function, *arguments: process.submit(function, *arguments).result()
