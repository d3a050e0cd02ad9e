"""Fault 20 at /model: a URL in a prompt, a part or a parameter is text, and is never fetched."""

import socket
from collections.abc import Iterator

import pytest

from tests.invocation.door import Door, opened

LOCAL = "smollm2-135m-instruct"


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """A port that notices who comes."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def visited(trap: socket.socket) -> bool:
    try:
        trap.accept()
    except BlockingIOError:
        return False
    return True


async def test_20_no_url_in_a_request_to_a_model_is_fetched(trap: socket.socket):
    door: Door = opened()
    url = f"http://127.0.0.1:{trap.getsockname()[1]}/secret"
    part = {"type": "image_url", "image_url": url, "url": url, "text": url}
    source = {"type": "image", "source": {"type": "url", "url": url}}
    asked = [
        ("/model/invoke", {"prompt": f"Read {url}", "system_prompts": [{"text": url}], "stop_sequences": [url]}, 200),
        ("/model/invoke", {"prompt": [{"role": "user", "content": [part]}], "base_url": url, "api_base": url}, 200),
        ("/model/invoke", {"model_name": url, "prompt": "x"}, 400),
        ("/model/embed", {"model_name": "all-minilm-l6-v2", "input_text": url}, 200),
        (
            "/model/invoke_with_raw_input",
            {"model_id": LOCAL, "raw_input": {"prompt": url, "api_base": url, "max_tokens": 1}},
            200,
        ),
        (
            "/model/invoke_with_raw_input",
            {"model_id": LOCAL, "raw_input": {"messages": [{"role": "user", "content": [source]}]}},
            400,
        ),
        ("/model/invoke_with_raw_input", {"model_id": url, "raw_input": {"prompt": "x"}}, 400),
    ]
    for path, body, status in asked:
        answer = await door.post(path, {"model_name": LOCAL, "max_tokens": 1, **body})
        assert answer.status == status, (path, answer.body)
    assert not visited(trap)
