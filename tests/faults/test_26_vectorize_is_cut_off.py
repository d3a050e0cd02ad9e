"""The worker dies at any step of vectorizing: the job ends, each file is counted once, no vector is there twice."""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from apps.vectors import services, work
from apps.vectors.adapters import backend
from apps.vectors.services import JobStatus
from foundation.identity import Caller
from tests.running import ROOT
from tests.vectors.indexes import begun, chunked, new_index

CHUNKS = 300
STEPS = (
    "foundation.adapters.embedded.records:SqliteRecords.get",
    "foundation.adapters.embedded.files:DiskFiles.read",
    "apps.vectors.adapters.lancedb:LanceVectors.present",
    "apps.vectors.adapters.lancedb:LanceVectors.upsert",
    "apps.vectors.adapters.lancedb:LanceVectors.settle",
    "foundation.adapters.embedded.records:SqliteRecords.put",
    "foundation.adapters.embedded.records:SqliteRecords.increment",
)
WORKER = """
import importlib, os, signal, sys, threading
import django

django.setup()
step, nth, when, application, job, file = sys.argv[1:]
module, _, path = step.partition(":")
kind, _, method = path.partition(".")
owner = getattr(importlib.import_module(module), kind)
real, calls = getattr(owner, method), [0]


def dying(*arguments, **options):
    if threading.current_thread() is not threading.main_thread():  # it ships the account of the embeddings
        return real(*arguments, **options)
    calls[0] += 1
    last = calls[0] == int(nth)
    if last and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(*arguments, **options)
    if last:
        os.kill(os.getpid(), signal.SIGKILL)
    return result


setattr(owner, method, dying)
from apps.vectors import work

work.vectorize(application, job, file)
"""


def worker_that_dies(arguments: Sequence[str]) -> int:
    """The exit code of a process that works on one file and kills itself before or after the nth call of a step."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)])}
    return subprocess.run([sys.executable, "-c", WORKER, *arguments], env=environment, check=False).returncode


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_killed_at_any_step_leaves_exact_counts_and_no_vector_twice(caller: Caller, when: str) -> None:
    lines = "\n".join(f'{{"n": {number}}}' for number in range(CHUNKS))
    index = new_index(caller)
    job = begun(caller, chunked(caller, {"a.jsonl": lines}), index)
    died = [worker_that_dies([step, "1", when, caller.application, job.job, "a.jsonl"]) for step in STEPS]
    assert died.count(-9) >= len(STEPS) - 2  # the last steps may find the file done
    for _ in range(2):
        work.vectorize(caller.application, job.job, "a.jsonl")
    ended = services.job(caller, job.job)
    assert (ended.status, ended.completed, ended.failed) == (JobStatus.COMPLETED, 1, 0)
    assert backend().count(services.shelf_of(index)) == CHUNKS


def test_a_job_whose_maker_died_is_begun_by_the_message_that_it_sent_first(caller: Caller) -> None:
    index = new_index(caller)
    job = services.vectorize(caller, chunked(caller, {"a.txt": "Cats.", "b.txt": "Dogs."}), index.index)
    for _ in range(2):
        work.begin(caller.application, job.job)
    assert [file.name for file in services.job_files(caller, job.job).items] == ["a.txt", "b.txt"]
    assert services.job(caller, job.job).handed_out
