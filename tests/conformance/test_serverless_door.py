"""The door that stands for OpenSearch Serverless refuses what a vector collection refuses, so passing it means something."""

import hashlib
import json
from collections.abc import Iterator, Mapping

import pytest
import requests
from boto3.session import Session
from botocore.credentials import Credentials
from opensearchpy import Urllib3AWSV4SignerAuth

from apps.vectors.adapters.opensearch import OpenSearchVectors, client
from apps.vectors.adapters.opensearchserverless import ServerlessVectors
from apps.vectors.ports import Row, Shelf, Source, VectorRow
from deploy.cloudformation.parts.containers import INDEXES
from foundation.errors import Problem, Unavailable
from foundation.settings import read_settings
from tests.servers.moto import KEY, REGION, SECRET
from tests.servers.serverless_proxy import Collection, collection

SHELF = Shelf("application", "store", "index")
ROW = VectorRow(Row("one", "a passage", Source("job", "a.txt"), 1, 1), [1.0, 0.0, 0.0])
CONTENT = {"x-amz-content-sha256": hashlib.sha256(b"").hexdigest()}


@pytest.fixture
def door(opensearch_url: str) -> Iterator[Collection]:
    with collection(opensearch_url, delay=0) as made:
        yield made


def signed(url: str, secret: str = SECRET, service: str = "aoss", region: str = REGION) -> Mapping[str, str]:
    """The headers of a GET of `url` without content."""
    signer = Urllib3AWSV4SignerAuth(Session(KEY, secret).get_credentials(), region, service)
    headers: Mapping[str, str] = signer("GET", url, None)
    return headers


def test_only_a_good_signature_for_the_service_and_region_passes(door: Collection) -> None:
    url = f"{door.url}/_resolve/index/nothing*"
    assert requests.get(url, headers=signed(url), timeout=30).status_code == 200
    for headers in (
        CONTENT,
        signed(url, secret="another"),
        signed(url, service="es"),
        signed(url, region="eu-west-1"),
        signed(f"{door.url}/_resolve/index/something*"),
        {name: value for name, value in signed(url).items() if name.lower() != "x-amz-content-sha256"},
        {**signed(url), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
    ):
        assert requests.get(url, headers=headers, timeout=30).status_code == 403


@pytest.mark.parametrize("path", ["/", "/_cluster/health", "/_refresh", "/index/_refresh", "/_search?refresh=true"])
def test_what_is_no_operation_of_a_collection_is_a_404(door: Collection, path: str) -> None:
    assert requests.get(door.url + path, headers=signed(door.url + path), timeout=30).status_code == 404


@pytest.mark.parametrize(
    ("verb", "path"), [("POST", "/index/_delete_by_query"), ("PUT", "/index/_doc/1"), ("POST", "/_update_by_query")]
)
def test_no_document_is_written_by_an_id_or_a_query(door: Collection, verb: str, path: str) -> None:
    body = json.dumps({"query": {"match_all": {}}}).encode()
    headers = {"content-type": "application/json"}
    signer = Urllib3AWSV4SignerAuth(Credentials(KEY, SECRET), REGION, "aoss")
    sent = {**headers, **signer(verb, door.url + path, body, headers=headers)}
    assert requests.request(verb, door.url + path, data=body, headers=sent, timeout=30).status_code == 404


def test_the_adapter_of_clusters_is_refused_at_each_step_that_differs(door: Collection) -> None:
    settings = read_settings(door.environment)
    signer = Urllib3AWSV4SignerAuth(Credentials(KEY, SECRET), REGION, "aoss")
    cluster = OpenSearchVectors(client(settings, signer), "of-clusters", "lucene")
    with pytest.raises(Problem, match="mapper_parsing_exception"):
        cluster.create_index(SHELF, 3)
    cluster = OpenSearchVectors(client(settings, signer), "of-clusters", "faiss")
    cluster.create_index(SHELF, 3)
    with pytest.raises(Problem, match="refused 1 writes"):
        cluster.upsert(SHELF, [ROW])
    assert cluster.count(SHELF) == 0
    with pytest.raises((Problem, Unavailable)):
        cluster.settle(SHELF, ROW.row.source)


def test_what_the_access_policy_does_not_permit_is_refused(opensearch_url: str) -> None:
    with collection(opensearch_url, 0, permissions=("CreateIndex", "DescribeIndex", "ReadDocument")) as door:
        signer = Urllib3AWSV4SignerAuth(Credentials(KEY, SECRET), REGION, "aoss")
        backend = ServerlessVectors(client(read_settings(door.environment), signer), "read-only", "faiss")
        backend.create_index(SHELF, 3)
        with pytest.raises(Problem, match="403"):
            backend.upsert(SHELF, [ROW])
        with pytest.raises(Problem, match="403"):
            backend.delete_index(SHELF)


def test_the_access_policy_of_the_templates_permits_nothing_that_is_not_needed(door: Collection) -> None:
    signer = Urllib3AWSV4SignerAuth(Credentials(KEY, SECRET), REGION, "aoss")
    backend = ServerlessVectors(client(read_settings(door.environment), signer), "all-verbs", "faiss")
    backend.create_index(SHELF, 3)
    backend.upsert(SHELF, [ROW])
    backend.delete_store(SHELF.application, SHELF.store)
    assert door.used == {*INDEXES}
