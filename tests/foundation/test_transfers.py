"""Upload and download URLs through the real web server, as the original's clients use them."""

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from foundation.adapters.embedded.files import DiskFiles
from foundation.settings import CHOSEN
from tests.conftest import free_port
from tests.running import Platform


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiskFiles]:
    """The files of a platform that signs URLs as this process does."""
    home: Path = tmp_path_factory.mktemp("transfers") / "home"
    running = Platform(home, free_port(), SECRET_KEY=CHOSEN.secret_key, SERVE="prompts")
    running.start()
    yield DiskFiles(home / "files", running.url)
    running.stop()


def test_a_plain_put_without_a_content_type_is_exactly_200(files: DiskFiles) -> None:
    url = files.upload_url("uploads/plain", limit=100)
    answer = requests.put(url, data=b"content", timeout=30)
    assert (answer.status_code, "Content-Type" in answer.request.headers) == (200, False)
    assert files.read("uploads/plain") == b"content"


def test_an_empty_file_in_chunks_is_200(files: DiskFiles) -> None:
    answer = requests.put(files.upload_url("uploads/empty", limit=100), data=iter([]), timeout=30)
    assert (answer.status_code, answer.request.headers["Transfer-Encoding"]) == (200, "chunked")
    assert files.read("uploads/empty") == b""


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_its_limit_is_413_and_the_first_content_intact(files: DiskFiles, chunked: bool) -> None:
    url = files.upload_url("uploads/limited", limit=1000)
    assert requests.put(url, data=b"first", timeout=30).status_code == 200
    body = b"x" * 3_000_000
    assert requests.put(url, data=iter([body]) if chunked else body, timeout=30).status_code == 413
    assert files.read("uploads/limited") == b"first"


def test_a_large_file_comes_back_as_it_was(files: DiskFiles) -> None:
    content = bytes(range(256)) * 100_000
    assert requests.put(files.upload_url("uploads/large", limit=len(content)), data=content, timeout=60).status_code == 200
    answer = requests.get(files.download_url("uploads/large"), timeout=60)
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(content)))
    assert answer.content == content


def test_head_tells_the_size_and_sends_nothing(files: DiskFiles) -> None:
    files.write("uploads/head.json", b"12345")
    parts = urlsplit(files.download_url("uploads/head.json"))
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    for _ in range(2):  # the second one comes over the same connection, so nothing followed the first's headers
        connection.request("HEAD", parts.path)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Length"], answer.read()) == (200, "5", b"")


def test_an_upload_that_breaks_off_leaves_nothing(files: DiskFiles) -> None:
    parts = urlsplit(files.upload_url("uploads/broken", limit=10_000_000))
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    connection.putrequest("PUT", parts.path)
    connection.putheader("Content-Length", "5000000")
    connection.endheaders(b"x" * 1_000_000)
    connection.close()
    assert requests.head(files.download_url("uploads/broken"), timeout=30).status_code == 404
    assert files.find("uploads/broken") is None
