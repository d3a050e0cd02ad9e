"""Fault 26: whoever works on a job is killed (SIGKILL) at every step; repeats leave each file counted once."""

import os
import signal
import subprocess
import sys
import threading
from io import BytesIO

import psutil

from apps.extraction import services
from apps.extraction.records import FileStatus
from foundation import messages
from foundation.adapters.embedded.queues import store
from foundation.errors import Invalid
from foundation.settings import CHOSEN
from tests.extraction.documents import counts, file_of, registered, started, stored
from tests.extraction.test_engine import picture
from tests.faults.test_26_chunking_worker_killed import killed_at
from tests.running import ROOT, wait_for

DOCUMENTS = {"bad.txt": b"\xff", "good.txt": b"one"}


def deliver_again(caller, job: str) -> None:
    """Every message of the job, twice."""
    for _ in range(2):
        services.hand_out_rest(caller.application, job)
        for name in DOCUMENTS:
            services.extract_document(caller.application, job, name)


def start(caller, job: str) -> None:
    """Start a job, with what its threads do watched too."""
    threading.setprofile(sys.getprofile())
    services.start_job(caller, job)


def messages_of(job: str) -> set[str]:
    """The files of a job that have a message; these are taken."""
    kept, found = store(CHOSEN), set[str]()
    for message in kept.receive(["extraction"], 1000):
        order = messages.read(message.body)
        if order.task == "extract_document" and order.ids["job"] == job:
            found.add(order.ids["file"])
        kept.dispose(acknowledged=[message.receipt])
    return found


def check_completed(caller, job: str) -> None:
    assert counts(caller, job) == ("COMPLETED_WITH_ERRORS", 2, 1, 1)
    assert stored(file_of(caller, job, "good.txt").text)["pages"] == [{"page_number": 1, "page_text": "one"}]
    assert file_of(caller, job, "bad.txt").status is FileStatus.FAILED


def test_26_a_worker_killed_at_any_step_leaves_exact_counts(caller):
    for name in DOCUMENTS:
        step, killed = 1, True
        while killed:
            job = started(caller, DOCUMENTS)
            killed = killed_at(step, lambda job=job, name=name: services.extract_document(caller.application, job, name))
            deliver_again(caller, job)
            check_completed(caller, job)
            step += 1
        assert step > 20


def test_26_a_start_killed_at_any_step_starts_whole_or_not_at_all(caller):
    step, killed = 1, True
    while killed:
        job = registered(caller, DOCUMENTS)
        killed = killed_at(step, lambda job=job: start(caller, job))
        try:
            services.start_job(caller, job)
        except Invalid as refused:
            assert refused.detail.startswith("Job is either already started")
        names = messages_of(job)
        services.hand_out_rest(caller.application, job)
        assert names | messages_of(job) == DOCUMENTS.keys()
        deliver_again(caller, job)
        check_completed(caller, job)
        step += 1
    assert step > 20


def test_26_a_registration_killed_at_any_step_is_whole_or_not_there(caller):
    step, killed = 1, True
    while killed:
        job = services.create_job(caller).job
        killed = killed_at(step, lambda job=job: services.register_file(caller, job, "a.txt"))
        assert services.job(caller, job).total == len(services.job_files(caller, job).items)
        step += 1
    assert services.job(caller, job).total == 1


def test_26_the_reader_of_a_killed_worker_ends_with_it(tmp_path):
    content = BytesIO()
    page = picture((40, 40, "One of many pages"), size=(600, 200))
    page.save(content, "TIFF", save_all=True, append_images=[page] * 400)
    document = tmp_path / "long.tiff"
    document.write_bytes(content.getvalue())
    program = (
        "import django; django.setup()\n"
        "from apps.extraction.adapters.local import LocalEngine\n"
        "from apps.extraction.names import Kind\n"
        f"LocalEngine().extract(open({str(document)!r}, 'rb'), Kind.TIFF)\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment)
    (reader,) = wait_for(lambda: psutil.Process(worker.pid).children())
    wait_for(lambda: reader.num_threads() > 1)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_for(lambda: not reader.is_running() or reader.status() == psutil.STATUS_ZOMBIE, 5)
