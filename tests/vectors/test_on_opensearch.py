"""A platform on one machine whose vectors are in OpenSearch: every endpoint of /vector, from documents to searches."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from apps.vectors import services, work
from apps.vectors.services import JobStatus
from foundation.identity import Caller
from tests.conftest import free_port
from tests.contract.flow import Flow
from tests.running import ROOT, Platform, wait_for
from tests.servers.serverless_proxy import collection
from tests.vectors.elsewhere import Elsewhere
from tests.vectors.indexes import chunked, finished, found, new_index


@pytest.fixture(params=["opensearch", "opensearchserverless"])
def variables(request: pytest.FixtureRequest, opensearch_url: str) -> Iterator[Mapping[str, str]]:
    """What is set beside what an embedded platform has anyway: for a cluster, and for a collection."""
    if request.param == "opensearch":
        yield {"VECTOR_STORE": "opensearch", "OPENSEARCH_URL": opensearch_url, "OPENSEARCH_ENGINE": "lucene"}
    else:
        with collection(opensearch_url, delay=0.5) as made:
            yield made.environment


def test_documents_become_vectors_that_searches_find_and_a_deleted_store_leaves_nothing(
    tmp_path: Path, variables: Mapping[str, str], opensearch_url: str
) -> None:
    platform = Platform(tmp_path / "home", free_port(), DEPLOYMENT="on-one-machine", **variables)
    platform.start()
    try:
        flow = Flow(platform.api(platform.create_application("a library")))
        flow.vectors(flow.chunking(flow.extraction()))
        assert indexes(opensearch_url) == []
        wanted = {"store_name": "another", "store_type": variables["VECTOR_STORE"]}
        store = flow.call("POST", "/vector/store/create", wanted)["store_id"]
        index = flow.call("POST", "/vector/store/index/create", {"store_id": store, "index_name": "books"})["index_id"]
        (made,) = indexes(opensearch_url)
        assert made.endswith(f".{store}.{index}")
        flow.call("POST", "/vector/store/delete", {"store_id": store})
        assert indexes(opensearch_url) == []
    finally:
        platform.stop()


def test_an_index_of_another_vector_store_is_made_again_under_its_id(caller: Caller, there: Elsewhere) -> None:
    chunking, here = chunked(caller, {"a.txt": "Cats sleep."}), new_index(caller)
    assert finished(caller, chunking, here).status is JobStatus.COMPLETED
    assert there(services.index_status, caller, here.index) == "NOT_FOUND_OR_READY"
    assert there(services.create_index, caller, here.store, here.name).index.index == here.index
    job = there(finished, caller, chunking, here)
    wait_for(lambda: there(found, caller, here, "cats") == ["Cats sleep."])
    there(work.vectorize, caller.application, job.job, "a.txt")
    assert services.job(caller, job.job).status is JobStatus.COMPLETED


def test_doctor_says_whether_the_vector_store_answers_and_what_to_do(tmp_path: Path, variables: Mapping[str, str]) -> None:
    for url, good in ((variables["OPENSEARCH_URL"], True), (f"http://127.0.0.1:{free_port()}", False)):
        environment = {**os.environ, **variables, "FOUNDATION_HOME": str(tmp_path), "OPENSEARCH_URL": url, "SERVE": "vectors"}
        command = [sys.executable, "manage.py", "doctor"]
        told = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout
        lines = told.splitlines()
        (said,) = [line for line in lines if " vectors: " in line]
        if good:
            assert said == f"good  vectors: {variables['VECTOR_STORE']} answers"
        else:
            assert said.startswith("BAD   vectors: the vector store could not")
            assert "OPENSEARCH_URL" in lines[lines.index(said) + 1]


def indexes(url: str) -> list[str]:
    """The names of the indexes that the platform has in the cluster."""
    found = requests.get(f"{url}/_resolve/index/on-one-machine.*", timeout=30).json()
    return [each["name"] for each in found["indices"]]
