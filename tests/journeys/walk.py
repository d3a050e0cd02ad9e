"""The main job of an application, asked of a platform over HTTP alone: documents in, answers about them out."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from openai import OpenAI

from cookbook.client import Client
from tests.running import wait_for

ENDS = ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED")


def ended(client: Client, path: str) -> Mapping[str, Any]:
    """The state of a job at its end."""
    *_, state = client.until(lambda state: state["status"] in ENDS, path)
    return state


def extracted(client: Client, documents: Mapping[str, bytes]) -> tuple[str, Mapping[str, Any]]:
    """The job that has read these documents, and its results by their names."""
    job = str(client.call("GET", "/document/extraction/create_job")["extraction_job_id"])
    for name, content in documents.items():
        asked = {"extraction_job_id": job, "file_name": name}
        client.upload(client.call("POST", "/document/extraction/register_file", asked)["upload_url"], content)
    client.call("POST", "/document/extraction/start_job", {"extraction_job_id": job})
    state = ended(client, f"/document/extraction/job_status/{job}")
    assert (state["status"], state["completed_file_count"]) == ("COMPLETED", len(documents)), state
    files = client.call("GET", f"/document/extraction/job_results/{job}")["files"]
    return job, {each["file_name"]: requests.get(each["extracted_text_url"], timeout=60).json() for each in files}


def chunked(client: Client, extraction: str) -> str:
    """The job that has cut what another has read."""
    sizes = {"chunk_size": 300, "chunk_overlap": 30}
    asked = {"extraction_job_id": extraction, "chunking_strategy": "recursive", "chunking_params": sizes}
    job = str(client.call("POST", "/document/chunking/create_job", asked)["chunking_job_id"])
    state = ended(client, f"/document/chunking/job_status/{job}")
    assert state["status"] == "COMPLETED", state
    return job


def vectorized(client: Client, chunking: str) -> str:
    """The index that has the chunks of a job."""
    store = client.call("POST", "/vector/store/create", {"store_name": "journey", "store_type": "opensearchserverless"})
    asked = {"store_id": store["store_id"]}
    *_, _ = client.until(lambda state: state["status"] == "ACTIVE", "/vector/store/status", asked)
    index = str(client.call("POST", "/vector/store/index/create", {**asked, "index_name": "documents"})["index_id"])
    job = client.call("POST", "/vector/store/vectorize", {"chunking_job_id": chunking, "index_id": index})
    state = ended(client, f"/vector/job/status/{job['vectorize_job_id']}")
    assert state["status"] == "COMPLETED", state
    return index


def found(client: Client, index: str, question: str) -> str:
    """The text of the passages that answer best."""
    passages = client.call("POST", "/vector/search", {"query": question, "index_id": index})
    return "\n".join(passage["text"] for passage in passages[:2])


def answered_later(client: Client, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer of an asynchronous invocation."""
    invocation = client.call("POST", "/model/async_invoke", asked)["invocation_id"]
    path = f"/model/async_output/{invocation}"
    *_, state = client.until(lambda state: state.get("status") != "IN_PROGRESS", path)
    return state


def batched(api_url: str, key: str, model: str, prompts: Sequence[str]) -> Sequence[str]:
    """The answers of a batch, in the order of its prompts, asked with OpenAI's own client and an API key."""
    with OpenAI(base_url=f"{api_url}/v1", api_key=key, max_retries=0) as client:
        lines = [
            {
                "custom_id": str(number),
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": model, "messages": [{"role": "user", "content": prompt}]},
            }
            for number, prompt in enumerate(prompts)
        ]
        content = "\n".join(map(json.dumps, lines)).encode()
        given = client.files.create(file=("prompts.jsonl", content), purpose="batch")
        made = client.batches.create(input_file_id=given.id, endpoint="/v1/chat/completions", completion_window="24h")
        done = wait_for(lambda: ended_batch(client, made.id), 60)
        assert done.status == "completed", done
        answers = map(json.loads, client.files.content(done.output_file_id).text.splitlines())
        said = {each["custom_id"]: each["response"]["body"]["choices"][0]["message"]["content"] for each in answers}
        return [said[line["custom_id"]] for line in lines]


def ended_batch(client: OpenAI, batch: str) -> Any:
    """The batch once it has come to an end."""
    found = client.batches.retrieve(batch)
    return found if found.status in ("completed", "failed", "expired", "cancelled") else None


def accounted(client: Client, **calls: int) -> Mapping[str, int]:
    """Calls of today by model, once there are so many of each on the account's days."""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    for _ in range(100):
        rows = client.call("GET", f"/usage/daily?start_date={today}&end_date={today}")
        counts = {row["model_name"]: row["total_count"] for row in rows}
        if all(counts.get(model, 0) >= wanted for model, wanted in calls.items()):
            return counts
        time.sleep(0.1)
    raise AssertionError(f"{counts} is less than {calls}")


def samples(folder: Path, *names: str) -> Mapping[str, bytes]:
    """Documents by their names."""
    return {name: (folder / name).read_bytes() for name in names}
