"""A chunking worker is killed (SIGKILL) at every step of its work; its message, delivered again, leaves exact counts."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from itertools import count
from types import FrameType
from typing import Any

from apps.chunking import services, work
from apps.chunking.cuts import Strategy
from apps.chunking.records import JobStatus
from foundation.adapters import files
from tests.chunking.documents import begun, extracted
from tests.usage.shipped import shipped

DOCUMENTS = {"bad.json": b"{", "good.txt": b"one\n\ntwo"}
EXPECTED = b'[{"chunk":"one\\n\\ntwo","page_number":1,"start":0,"end":8}]'
SQL = {"execute", "executemany", "executescript"}
FILES = {"link", "mkdir", "open", "rename", "replace", "rmdir", "unlink", "write"}
STORES = "/adapters/embedded/"
Watch = Callable[[FrameType, str, Any], bool]


def may_change(frame: FrameType, event: str, called: Any) -> bool:
    """Whether a store is about to execute SQL, or to make, write, name or remove a file. Only these can change what a kill
    leaves behind, so that between two of them one kill is as good as many."""
    return event == "c_call" and called.__name__ in SQL | FILES and any(STORES in each for each in files_above(frame))


def crosses(frame: FrameType, event: str, _: Any) -> bool:
    """Whether a function of a store is entered or left: for work that asks other servers between two changes."""
    return event in ("call", "return") and STORES in frame.f_code.co_filename


def files_above(frame: FrameType | None) -> Iterator[str]:
    """The files of the functions that are under way, the innermost first."""
    while frame is not None:
        yield frame.f_code.co_filename
        frame = frame.f_back


def killed_at(step: int, act: Callable[[], None], when: Watch = may_change) -> bool:
    """Whether a process that does `act` was killed, when that holds for the `step`th time. Threads that it starts are not
    watched, unless they get sys.getprofile(). Nothing is being put on the account meanwhile: what has a lock of SQLite at the
    fork would have it in the copy for ever."""
    shipped()
    child = os.fork()
    if child == 0:
        steps = count(1)

        def at_each_step(frame: FrameType, event: str, called: Any) -> None:
            if when(frame, event, called) and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(at_each_step)
        try:
            act()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def check_completes(caller, job: str) -> None:
    """Deliver every message of the job again, twice, and find everything once."""
    for _ in range(2):
        work.begin(caller.application, job)
        for name in DOCUMENTS:
            work.chunk(caller.application, job, name)
    target = services.job(caller, job)
    assert (target.status, target.completed, target.failed) == (JobStatus.COMPLETED_WITH_ERRORS, 1, 1)
    (good,) = services.completed_files(caller, job)
    assert files.read(good.chunks) == EXPECTED


def steps_survived(caller, prepare: Callable[[], str], act: Callable[[str], None]) -> int:
    """Kill `act` at its first step, its second and so on, each time on a job of its own, until it comes to its end."""
    step = 1
    while True:
        job = prepare()
        killed = killed_at(step, lambda job=job: act(job))
        assert services.job(caller, job).status not in (JobStatus.COMPLETED, JobStatus.FAILED)
        check_completes(caller, job)
        if not killed:
            return step
        step += 1


def test_a_worker_killed_at_any_step_of_cutting_a_file_leaves_exact_counts(caller):
    extraction = extracted(caller, DOCUMENTS)
    for name in DOCUMENTS:
        steps = steps_survived(
            caller,
            prepare=lambda: begun(caller, extraction).job,
            act=lambda job, name=name: work.chunk(caller.application, job, name),
        )
        assert steps > 20


def test_a_worker_killed_at_any_step_of_handing_out_files_leaves_exact_counts(caller):
    extraction = extracted(caller, DOCUMENTS)
    steps = steps_survived(
        caller,
        prepare=lambda: services.create_job(caller, extraction, Strategy.RECURSIVE).job,
        act=lambda job: work.begin(caller.application, job),
    )
    assert steps > 20
