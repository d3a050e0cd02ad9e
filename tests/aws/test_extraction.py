"""A document's way through a deployment: S3, SQS, DynamoDB, Redis and Textract, with a worker that is killed on it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from apps.extraction.apps import Extraction
from tests.extraction.recorded import content_of, eye
from tests.running import Api, token, wait_for
from tests.servers.deployment import Deployment
from tests.servers.elasticmq import ElasticMq
from tests.servers.moto import Moto
from tests.servers.redis import RedisServer
from tests.servers.textract import TextractServer, textract

BASE = "/document/extraction"
QUEUES = Extraction.manifest.queues
DOCUMENTS = {"invoice.pdf": content_of("sample-invoice"), "two.pdf": content_of("multipage"), "plain.md": b"# As it is"}


@pytest.fixture(scope="module")
def server(moto: Moto) -> Iterator[TextractServer]:
    """Textract, which fetches documents from the bucket."""
    s3: Any = moto.client("s3")

    def fetched(bucket: str, name: str) -> bytes | None:
        try:
            return bytes(s3.get_object(Bucket=bucket, Key=name)["Body"].read())
        except ClientError:
            return None

    with textract(fetched, eye) as running:
        yield running


@pytest.fixture(scope="module")
def told(
    deployment: Deployment, elasticmq: ElasticMq, server: TextractServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """What processes of extraction are told beside what all are."""
    redis = RedisServer(tmp_path_factory.mktemp("redis"))
    elasticmq.make(deployment.told["DEPLOYMENT"], *QUEUES)
    with redis.running():
        yield {**elasticmq.environment(), **server.environment, "REDIS_URL": redis.url}


@pytest.fixture(scope="module")
def api(deployment: Deployment, told: Mapping[str, str]) -> Iterator[Api]:
    """An application's client of the service."""
    with deployment.serving("extraction", **told) as url:
        yield Api(url, token(deployment.onboard("Reader")))


def started(api: Api, documents: Mapping[str, bytes]) -> str:
    """A job that was started."""
    job = str(api.ok("GET", f"{BASE}/create_job")["extraction_job_id"])
    for name, content in documents.items():
        made = api.ok("POST", f"{BASE}/register_file", {"extraction_job_id": job, "file_name": name})
        assert requests.put(made["upload_url"], data=content, timeout=60).status_code == 200
    api.ok("POST", f"{BASE}/start_job", {"extraction_job_id": job})
    return job


def ended(api: Api, job: str) -> Any:
    """How a job stands when it has ended."""

    def status() -> Any:
        found = api.ok("GET", f"{BASE}/job_status/{job}")
        return found["status"] not in ("CREATED", "STARTED") and found

    return wait_for(status, 120, 0.5)


def text_of(api: Api, job: str, name: str) -> list[str]:
    """The texts of a file's pages, as anybody with its URL gets them."""
    found = api.ok("POST", f"{BASE}/file_status", {"extraction_job_id": job, "file_name": name})
    return [page["page_text"] for page in requests.get(found["result_url"], timeout=60).json()["pages"]]


def test_documents_go_from_the_upload_to_textract_and_to_their_results_or_to_a_reason(
    api: Api, deployment: Deployment, told: Mapping[str, str], server: TextractServer
) -> None:
    with deployment.working("extraction", **told):
        job = started(api, {**DOCUMENTS, "bad.png": b"no picture"})
        assert ended(api, job)["status"] == "COMPLETED_WITH_ERRORS"
    assert "<title>Invoice</title>" in text_of(api, job, "invoice.pdf")[0]
    assert len(text_of(api, job, "two.pdf")) == 2
    assert text_of(api, job, "plain.md") == ["# As it is"]
    assert len(server.jobs) == 2
    refused = api.ok("POST", f"{BASE}/file_status", {"extraction_job_id": job, "file_name": "bad.png"})
    assert refused["status"] == "FAILED"
    assert refused["reason"].startswith("By its name the file is a PNG; Textract cannot read its content as one.")


def test_documents_for_which_there_is_no_place_wait_in_line_and_are_all_read(
    api: Api, deployment: Deployment, told: Mapping[str, str], server: TextractServer
) -> None:
    server.most_running = 0
    with deployment.working("extraction", **told, TEXTRACT_JOBS="1"):
        job = started(api, {f"{number}.pdf": DOCUMENTS["invoice.pdf"] for number in range(4)})
        assert ended(api, job)["status"] == "COMPLETED"
    assert server.most_running == 1


def test_a_worker_killed_between_the_start_of_a_job_and_its_answer_starts_no_second_one(
    api: Api,
    deployment: Deployment,
    elasticmq: ElasticMq,
    told: Mapping[str, str],
    server: TextractServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = set(server.jobs)
    with deployment.working("extraction", **told, WORKER_CONCURRENCY="1") as worker:  # then nothing else is polled for

        def killing(content: bytes) -> Any:
            worker.kill()
            worker.wait()
            return eye(content)

        monkeypatch.setattr(server, "eye", killing)
        job = started(api, {"invoice.pdf": DOCUMENTS["invoice.pdf"]})
        wait_for(lambda: server.jobs.keys() - before)
    queues = elasticmq.queues(*QUEUES, deployment=deployment.told["DEPLOYMENT"])
    (asked,) = (server.jobs[name].request for name in server.jobs.keys() - before)
    application = asked["DocumentLocation"]["S3Object"]["Name"].split("/")[1]
    ids = {"application": application, "job": job, "file": "invoice.pdf"}
    queues.send("extract_document", queue=QUEUES[0].name, **ids)  # as SQS does when the killed worker's time is over
    with deployment.working("extraction", **told):
        assert ended(api, job)["status"] == "COMPLETED"
    assert len(server.jobs.keys() - before) == 1
    assert [name for name, parameters in server.calls if parameters == asked] == ["StartDocumentAnalysis"] * 2


def test_no_worker_has_logged_an_error(deployment: Deployment) -> None:
    said = (deployment.home / "extraction-worker.log").read_text()
    assert "ERROR" not in said and "Traceback" not in said, said[-3000:]
