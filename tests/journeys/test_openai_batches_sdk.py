"""The real OpenAI SDK's files and batches against a running platform, of which a worker is killed in the middle."""

import json
from typing import Any

import openai
import psutil
import pytest
from openai import OpenAI

from tests.running import Api, Platform, wait_for
from tests.upstream.openai_server import OpenAIServer

MODELS = "gpt=text:gpt-4o,slow=text:slow"
LINES = 400
OVER = {"completed", "failed", "expired", "cancelled"}


def requests(model: str, count: int) -> bytes:
    """The file of a batch that says something else in each line."""
    lines = (
        {
            "custom_id": f"line-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": [{"role": "user", "content": f"number {number}"}]},
        }
        for number in range(count)
    )
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def started(client: OpenAI, model: str, count: int) -> Any:
    file = client.files.create(file=("requests.jsonl", requests(model, count)), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")


def ended(client: OpenAI, batch: str, seconds: float = 90) -> Any:
    """The batch when it is over."""

    def over() -> Any:
        found = client.batches.retrieve(batch)
        return found if found.status in OVER else None

    return wait_for(over, seconds, every=0.2)


def results(client: OpenAI, file: str) -> list[Any]:
    """The lines of a file of results."""
    return [json.loads(line) for line in client.files.content(file).text.splitlines()]


def workers(gateway: Platform) -> list[psutil.Process]:
    """The worker processes of a platform."""
    assert gateway.process is not None
    family = psutil.Process(gateway.process.pid).children(recursive=True)
    return [each for each in family if "worker" in each.cmdline()]


def test_a_file_is_uploaded_listed_read_and_deleted(client: OpenAI):
    content = requests("gpt", 3)
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    assert (file.bytes, file.filename, file.purpose) == (len(content), "requests.jsonl", "batch")
    assert client.files.content(file.id).read() == content
    assert file.id in [each.id for each in client.files.list(purpose="batch", limit=1)]
    assert client.files.delete(file.id).deleted is True
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


def test_a_batch_is_answered(client: OpenAI):
    batch = started(client, "gpt", 30)
    assert batch.status == "validating"
    done = ended(client, batch.id)
    assert done.status == "completed"
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (30, 30, 0)
    said = {
        each["custom_id"]: each["response"]["body"]["choices"][0]["message"]["content"]
        for each in results(client, done.output_file_id)
    }
    assert said == {f"line-{number}": f"You said: number {number}" for number in range(30)}
    assert batch.id in [each.id for each in client.batches.list(limit=1)]


def test_a_file_with_a_wrong_line_fails_with_its_number(client: OpenAI):
    file = client.files.create(file=("requests.jsonl", requests("gpt", 1) * 2), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    failed = ended(client, batch.id)
    assert failed.status == "failed"
    assert failed.errors.data[0].line == 2
    assert failed.errors.data[0].code == "duplicate_custom_id"


def test_a_batch_is_cancelled_and_keeps_what_it_has(client: OpenAI):
    batch = started(client, "slow", LINES)
    wait_for(lambda: client.batches.retrieve(batch.id).output_file_id, 60)
    assert client.batches.cancel(batch.id).status == "cancelling"
    done = ended(client, batch.id)
    assert done.status == "cancelled"
    assert 0 < done.request_counts.completed < LINES
    assert len(results(client, done.output_file_id)) == done.request_counts.completed
    with pytest.raises(openai.BadRequestError):
        client.batches.cancel(ended(client, started(client, "gpt", 1).id).id)


def test_a_worker_killed_in_the_middle_costs_no_line_and_counts_none_twice(
    gateway: Platform, client: OpenAI, upstream: OpenAIServer
):
    asked = len(upstream.asked)
    batch = started(client, "slow", LINES)
    wait_for(lambda: client.batches.retrieve(batch.id).output_file_id, 60)
    for worker in workers(gateway):
        worker.kill()
    assert client.batches.retrieve(batch.id).request_counts.completed < LINES
    done = ended(client, batch.id)
    assert done.status == "completed"
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (LINES, LINES, 0)
    written = results(client, done.output_file_id)
    assert len(written) == LINES
    assert {each["custom_id"] for each in written} == {f"line-{number}" for number in range(LINES)}
    assert client.files.retrieve(done.output_file_id).bytes == len(client.files.content(done.output_file_id).read())
    again = len(upstream.asked) - asked - LINES
    assert again <= 3 * 20, "only what the worker was at is asked for again"


def test_a_single_invocation_does_not_wait_for_the_end_of_a_long_batch(gateway: Platform, client: OpenAI):
    batch = started(client, "slow", 2 * LINES)
    wait_for(lambda: client.batches.retrieve(batch.id).output_file_id, 60)
    api = Api(gateway.url, client.api_key)
    wanted = {"model_name": "gpt", "prompt": "Hello", "max_tokens": 5}
    invocation = api.ok("POST", "/model/async_invoke", wanted)["invocation_id"]
    wait_for(lambda: api.get(f"/model/async_output/{invocation}").status_code == 200, 60)
    assert client.batches.retrieve(batch.id).status == "in_progress"
    client.batches.cancel(batch.id)


def test_another_application_sees_nothing_of_it(gateway: Platform, client: OpenAI):
    batch = ended(client, started(client, "gpt", 1).id)
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.new_key("strangers"), max_retries=0) as stranger:
        assert list(stranger.batches.list()) == []
        assert list(stranger.files.list()) == []
        for look in (
            lambda: stranger.batches.retrieve(batch.id),
            lambda: stranger.files.content(batch.output_file_id),
            lambda: stranger.files.delete(batch.input_file_id),
        ):
            with pytest.raises(openai.NotFoundError):
                look()
