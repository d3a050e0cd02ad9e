"""Fault 17: hostile names and ids of documents are refused, and nothing is stored for them."""

import pytest

from apps.extraction import services
from foundation.errors import Invalid, NotFound

NAMES = {
    "path traversal": "../../etc/passwd.txt",
    "Windows path": "..\\secret.pdf",
    "absolute path": "/etc/passwd.txt",
    "double encoding": "%252e%252e%252fa.txt",
    "NUL": "a\x00.txt",
    "newline": "a\n.txt",
    "right-to-left override": "a\u202efdp.txt",
    "zero-width space": "a\u200b.txt",
    "device name": "CON",
    "device name with an extension": "CON.txt",
    "1,000 characters": "a" * 996 + ".txt",
    "more than 250 bytes in fewer characters": "é" * 124 + ".txt",
    "query": "a.txt?x=.txt",
    "URL": "http://169.254.169.254/a.txt",
    "no known extension": "a.exe",
    "only dots": "..",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_17_a_hostile_file_name_is_refused_and_nothing_is_stored(caller, name):
    job = services.create_job(caller).job
    with pytest.raises(Invalid, match=r"^Invalid file (name|type)"):
        services.register_file(caller, job, name)
    assert services.job(caller, job).total == 0
    assert services.job_files(caller, job).items == ()


@pytest.mark.parametrize("identifier", ["", "../x", "%2e%2e", "CON", "x" * 1000, "é" * 99])
def test_17_a_hostile_job_id_is_one_that_is_not_there(caller, identifier):
    for ask in (services.job, services.start_job, services.job_files, services.completed_files):
        with pytest.raises(NotFound, match=r"^Extraction job not found$"):
            ask(caller, identifier)


def test_17_control_characters_in_an_id_or_a_looked_up_name_are_refused(caller):
    for identifier in ("a\x00b", "\u202eb"):
        with pytest.raises(Invalid):
            services.job(caller, identifier)
    with pytest.raises(Invalid):
        services.file_result(caller, services.create_job(caller).job, "a\x1fb.txt")
