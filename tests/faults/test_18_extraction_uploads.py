"""Fault 18: an upload URL is good for its own file, its own method and its own job, until the job starts."""

import pytest
import requests

from apps.extraction import services
from foundation.adapters import files
from tests.extraction.documents import file_of
from tests.serving import serving


@pytest.fixture(scope="module", autouse=True)
def served():
    with serving():
        yield


def put(url: str, content: bytes) -> int:
    return requests.put(url, data=content, timeout=30).status_code


def test_18_an_upload_url_takes_its_file_until_the_job_starts_and_never_after(caller):
    job = services.create_job(caller).job
    asked = services.register_file(caller, job, "a.txt")
    assert put(asked.upload_url, b"first") == 200
    assert put(asked.upload_url, b"second") == 200
    services.start_job(caller, job)
    for _ in range(2):
        assert put(asked.upload_url, b"too late") == 403
    services.extract_document(caller.application, job, "a.txt")
    assert put(asked.upload_url, b"much too late") == 403
    assert services.pages(caller.application, job, "a.txt")[0].text == "second"


def test_18_an_upload_url_gives_nothing_and_fits_no_other_file(caller):
    job = services.create_job(caller).job
    mine = services.register_file(caller, job, "a.txt")
    theirs = services.register_file(caller, job, "b.txt")
    assert put(mine.upload_url, b"a") == 200
    assert requests.get(mine.upload_url, timeout=30).status_code == 403
    assert requests.post(mine.upload_url, data=b"x", timeout=30).status_code == 405
    grant, other = (asked.upload_url.split("/files/")[1].split("/")[0] for asked in (mine, theirs))
    payload, stamp, signature = grant.split(":")
    forged = f"{other.split(':')[0]}:{stamp}:{signature}"
    assert payload != other.split(":")[0]
    assert put(theirs.upload_url.replace(other, forged), b"x") == 403
    assert files.find(theirs.file.upload) is None


def test_18_a_body_over_the_limit_leaves_the_first_content(caller):
    job = services.create_job(caller).job
    file = services.register_file(caller, job, "a.txt").file
    small = files.upload_url(file.upload, limit=10)
    assert put(small, b"within it") == 200
    assert put(small, b"more than ten bytes") == 413
    assert files.read(file.upload) == b"within it"


def test_18_an_expired_url_is_refused(caller):
    job = services.create_job(caller).job
    file = services.register_file(caller, job, "a.txt").file
    assert put(files.upload_url(file.upload, limit=10, lifetime=-1), b"late") == 403
    assert files.find(file_of(caller, job, "a.txt").upload) is None
