"""Requests that a walk over the contract lacks, and states in which one costs more than at other times."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import requests

from apps.extraction.line import STOPPED
from apps.extraction.records import Line
from apps.invocation.batches.messages import COUNT
from apps.invocation.batches.records import Batch
from foundation.ambient import now
from foundation.records import Records
from tests.running import Api, wait_for

INDEXES: Final = 3
FURTHER_CALLS: Final = INDEXES + 2  # of models: one for each index, and the lines of batches
FURTHER: Final = (
    "POST /v1/files",
    "GET /v1/files",
    "GET /v1/files/{file}",
    "GET /v1/files/{file}/content",
    "DELETE /v1/files/{file}",
    "POST /v1/batches",
    "GET /v1/batches",
    "GET /v1/batches/{batch}",
    "POST /v1/batches/{batch}/cancel",
    "POST /v1/messages/batches",
    "GET /v1/messages/batches",
    "GET /v1/messages/batches/{batch}",
    "GET /v1/messages/batches/{batch}/results",
    "POST /v1/messages/batches/{batch}/cancel",
)
EMBEDDING: Final = {"model": "all-minilm-l6-v2", "input": "hello"}
MESSAGE: Final = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 5}


def removed_with_indexes(api: Api) -> None:
    """A store is removed, with indexes in it."""
    store = {"store_name": "s", "store_type": "opensearchserverless", "description": "d", "tags": []}
    made = {"store_id": api.ok("POST", "/vector/store/create", store)["store_id"]}
    for number in range(INDEXES):
        for _ in range(2):  # a repeat finds it
            api.ok("POST", "/vector/store/index/create", {**made, "index_name": f"{number}"})
    api.ok("POST", "/vector/store/delete", made)


def started_while_others_wait(api: Api, records: Records, application: str) -> None:
    """A job is started, of an application that has a line after which nobody has looked for a while."""
    records.put(Line(application, now() - 2 * STOPPED, moving=True))
    job = api.ok("GET", "/document/extraction/create_job")["extraction_job_id"]
    file = api.ok("POST", "/document/extraction/register_file", {"extraction_job_id": job, "file_name": "one.pdf"})
    assert requests.put(file["upload_url"], data=b"no PDF", timeout=30).status_code == 200
    api.ok("POST", "/document/extraction/start_job", {"extraction_job_id": job})
    wait_for(lambda: api.ok("GET", f"/document/extraction/job_status/{job}")["status"] == "FAILED")


def refused(api: Api) -> None:
    """Requests that are refused for what the records say."""
    job = {"extraction_job_id": api.ok("GET", "/document/extraction/create_job")["extraction_job_id"]}
    file = {**job, "file_name": "one.txt"}
    assert api.post("/document/extraction/start_job", job).status_code == 400  # it has no files
    upload = api.ok("POST", "/document/extraction/register_file", file)["upload_url"]
    assert api.post("/document/extraction/register_file", file).status_code == 400  # it has this one
    assert api.post("/document/extraction/start_job", job).status_code == 400  # it was not uploaded
    assert requests.put(upload, data=b"text", timeout=30).status_code == 200
    api.ok("POST", "/document/extraction/start_job", job)
    for path in ("start_job", "register_file"):
        assert api.post(f"/document/extraction/{path}", file).status_code == 400  # it is started
    nowhere = {"index_id": "none", "store_id": "none", "index_name": "n", "chunking_job_id": "none", "query": "q"}
    for path in ("delete", "index/create", "index/delete", "index/status", "status", "vectorize"):
        assert api.post(f"/vector/store/{path}", nowhere).status_code == 404, path
    assert api.post("/vector/search", nowhere).status_code == 404
    for path in ("batches/batch_none/cancel", "messages/batches/msgbatch_none/cancel"):
        assert api.post(f"/v1/{path}").status_code == 404, path


def batches(api: Api, records: Records, application: str) -> None:
    """Files and batches, of OpenAI's dialect and of Anthropic's."""
    line = {"custom_id": "one", "method": "POST", "url": "/v1/embeddings", "body": EMBEDDING}
    form = {"files": {"file": ("in.jsonl", json.dumps(line).encode())}, "data": {"purpose": "batch"}}
    source = api.post("/v1/files", **form).json()["id"]
    wanted = {"input_file_id": source, "endpoint": "/v1/embeddings", "completion_window": "24h"}
    results = ended(api, "/v1/batches", api.ok("POST", "/v1/batches", wanted))["output_file_id"]
    api.ok("GET", "/v1/batches")
    api.ok("GET", "/v1/files")
    for file in (source, results):
        api.ok("GET", f"/v1/files/{file}")
        assert b"one" in api.get(f"/v1/files/{file}/content").content
        assert api.session.delete(f"{api.url}/v1/files/{file}", timeout=30).status_code == 200
    paths = "/v1/messages/batches"
    made = ended(api, paths, api.ok("POST", paths, {"requests": [{"custom_id": "one", "params": MESSAGE}]}))
    api.ok("GET", paths)
    assert b"one" in api.get(f"{paths}/{made['id']}/results").content
    for path, identifier in (("/v1/batches", "batch_quiet"), (paths, "msgbatch_quiet")):  # on which no worker is at work
        ends = now() + timedelta(days=1)
        records.put(
            Batch(application, identifier, now(), ends, ends, "client", "/v1/embeddings", "file-none", "24h", {COUNT: "1"})
        )
        api.ok("POST", f"{path}/{identifier}/cancel")


def ended(api: Api, path: str, made: Mapping[str, Any]) -> Any:
    """A batch that was made, when it is over."""

    def over() -> Any:
        found = api.ok("GET", f"{path}/{made['id']}")
        return found if found.get("status") == "completed" or found.get("processing_status") == "ended" else None

    return wait_for(over)
