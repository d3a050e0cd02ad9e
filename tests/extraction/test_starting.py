"""Starting a job and handing out its files: once, whole, and again where it was cut off."""

import os
import re
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from apps.extraction import services, work
from apps.extraction.records import FileStatus
from foundation.adapters import files, records
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.queues import SqliteQueues
from foundation.ambient import now
from foundation.errors import Conflict, Invalid, Unavailable
from foundation.settings import CHOSEN
from tests.delivering import awaiting
from tests.extraction.documents import counts, file_of, registered, seen, started
from tests.running import wait_for


def sending() -> int:
    """How many threads of this process are sending a message."""
    stacks = (traceback.walk_stack(frame) for frame in sys._current_frames().values())
    return sum(any(frame.f_code is SqliteQueues.send.__code__ for frame, _ in stack) for stack in stacks)


def test_of_two_that_start_a_job_at_once_and_both_saw_it_not_started_one_succeeds(caller):
    job = registered(caller, {"a.txt": b"a", "b.txt": b"b"})

    def start() -> bool:
        try:
            services.start_job(caller, job)
        except Invalid as refused:
            assert refused.detail == services.ALREADY_STARTED
            return False
        return True

    with ThreadPoolExecutor(2) as both:
        with Database(CHOSEN.home / "queues.db", "").writing():  # nothing can be sent, which each does after its look
            starts = [both.submit(start) for _ in range(2)]
            wait_for(lambda: sending() == 2)
        assert sorted(each.result() for each in starts) == [False, True]
    assert awaiting(caller.application, "extraction")[0] == 2


def test_a_started_job_cannot_be_started_again_while_its_files_wait_to_be_handed_out(caller):
    job = registered(caller, {f"{number:03}.txt": b"text" for number in range(services.MOST_AT_ONCE + 1)})
    first = services.start_job(caller, job)
    with pytest.raises(Invalid, match=f"^{re.escape(services.ALREADY_STARTED)}$"):
        services.start_job(caller, job)
    assert services.job(caller, job) == first


def test_a_job_of_many_files_is_handed_out_by_a_worker_so_that_its_start_takes_no_longer_than_a_client_waits(caller):
    names = [f"{number:03}.txt" for number in range(services.MOST_AT_ONCE + 1)]
    job = registered(caller, dict.fromkeys(names[:-1], b"text"))
    last = services.register_file(caller, job, names[-1]).file
    with pytest.raises(Invalid, match=f"^Files not uploaded: {names[-1]}$"):
        services.start_job(caller, job)
    files.write(last.upload, b"text")
    before = awaiting(caller.application, "extraction")
    services.start_job(caller, job)
    assert awaiting(caller.application, "extraction") == (before[0] + 1, before[1] + 1)
    services.hand_out_rest(caller.application, job)
    assert awaiting(caller.application, "extraction") == (before[0] + 1 + len(names), before[1] + 1)
    for name in names:
        services.extract_document(caller.application, job, name)
    assert counts(caller, job) == ("COMPLETED", len(names), len(names), 0)


def test_a_job_is_refused_by_name_while_files_are_missing(caller):
    job = registered(caller, {"there.txt": b"there"})
    services.register_file(caller, job, "gone.txt")
    services.register_file(caller, job, "lost.txt")
    with pytest.raises(Invalid, match=r"^Files not uploaded: gone\.txt, lost\.txt$"):
        services.start_job(caller, job)
    assert counts(caller, job) == ("CREATED", 3, 0, 0)


def test_a_job_is_not_started_with_a_list_of_files_that_lacks_one(caller):
    """As it may when a file is registered between the two reads of a start, which are made at once."""
    job = registered(caller, {"there.txt": b"there"})
    records.put(replace(services.job(caller, job), total=2))
    with pytest.raises(Conflict):
        services.start_job(caller, job)
    assert counts(caller, job) == ("CREATED", 2, 0, 0)


def test_a_job_without_files_cannot_be_started(caller):
    with pytest.raises(Invalid, match=r"^No files registered for the job\."):
        services.start_job(caller, services.create_job(caller).job)


def test_handing_out_again_sends_nothing_twice(caller):
    job = started(caller, {"a.txt": b"a"})
    before = awaiting(caller.application, "extraction")
    services.hand_out_rest(caller.application, job)
    assert awaiting(caller.application, "extraction") == before


def test_a_file_is_queued_from_the_start_of_its_job_on_and_until_it_ends(caller):
    job = registered(caller, {"a.txt": b"a", "b.txt": b"\xff"})
    assert seen(caller, job) == {"a.txt": FileStatus.PENDING, "b.txt": FileStatus.PENDING}
    records.put(replace(services.job(caller, job), started=now()))  # as a start does before it hands out
    assert seen(caller, job) == {"a.txt": FileStatus.QUEUED, "b.txt": FileStatus.QUEUED}
    services.hand_out_rest(caller.application, job)
    services.extract_document(caller.application, job, "a.txt")
    assert seen(caller, job) == {"a.txt": FileStatus.COMPLETED, "b.txt": FileStatus.QUEUED}
    services.extract_document(caller.application, job, "b.txt")
    assert seen(caller, job) == {"a.txt": FileStatus.COMPLETED, "b.txt": FileStatus.FAILED}


def test_handing_out_again_sends_what_a_start_that_was_cut_off_left_behind_and_nothing_else(caller):
    job = registered(caller, {"sent.txt": b"a", "sealed.txt": b"b", "left.txt": b"c"})
    records.put(replace(services.job(caller, job), started=now()))
    work.hand_out(caller.application, now(), [file_of(caller, job, "sent.txt")])
    sealed = file_of(caller, job, "sealed.txt")
    files.seal(sealed.upload, sealed.document, limit=1)
    before = awaiting(caller.application, "extraction")
    for _ in range(2):
        services.hand_out_rest(caller.application, job)
    assert awaiting(caller.application, "extraction") == (before[0] + 2, before[1])
    assert not any(files.find(file_of(caller, job, name).upload) for name in ("sent.txt", "sealed.txt", "left.txt"))


def test_a_job_whose_handing_out_was_given_up_on_keeps_what_was_handed_out(caller):
    job = registered(caller, {"sent.txt": b"a", "left.txt": b"b"})
    records.put(replace(services.job(caller, job), started=now()))
    work.hand_out(caller.application, now(), [file_of(caller, job, "sent.txt")])
    services.abandon_rest(caller.application, job, "the file store does not answer")
    assert seen(caller, job) == {"sent.txt": FileStatus.QUEUED, "left.txt": FileStatus.FAILED}
    services.extract_document(caller.application, job, "sent.txt")
    assert counts(caller, job) == ("COMPLETED_WITH_ERRORS", 2, 1, 1)


def test_a_start_that_the_file_store_refused_is_finished_by_the_message_sent_before_it(caller):
    job = registered(caller, {"a.txt": b"a", "b.txt": b"b"})
    obstacle = f"documents/{caller.application}/{job}"
    files.write(obstacle, b"where the documents should go")
    with pytest.raises((Unavailable, OSError)):
        services.start_job(caller, job)
    assert {file.status for file in services.job_files(caller, job).items} == {FileStatus.QUEUED}
    files.delete(obstacle)
    services.hand_out_rest(caller.application, job)
    for name in ("a.txt", "b.txt"):
        services.extract_document(caller.application, job, name)
    assert counts(caller, job) == ("COMPLETED", 2, 2, 0)


def test_a_job_whose_handing_out_was_given_up_on_ends(caller):
    job = registered(caller, {"a.txt": b"a", "b.txt": b"b"})
    files.write(f"documents/{caller.application}/{job}", b"where the documents should go")
    with pytest.raises((Unavailable, OSError)):
        services.start_job(caller, job)
    services.abandon_rest(caller.application, job, "the file store does not answer")
    assert counts(caller, job) == ("FAILED", 2, 0, 2)


def test_a_file_that_grew_over_the_limit_fails_alone_and_is_removed(caller):
    job = registered(caller, {"large.txt": b"", "good.txt": b"good"})
    upload = file_of(caller, job, "large.txt").upload
    os.truncate(CHOSEN.home / "files" / upload, CHOSEN.upload_limit_mb * 2**20 + 1)
    services.start_job(caller, job)
    assert awaiting(caller.application, "extraction")[0] == 2  # the good file, and what hands out the rest
    services.hand_out_rest(caller.application, job)
    large = file_of(caller, job, "large.txt")
    assert (large.status, large.reason) == (
        FileStatus.FAILED,
        f"The file is larger than {CHOSEN.upload_limit_mb} MB. Split it, and upload its parts in a new job.",
    )
    assert files.find(upload) is files.find(large.document) is None
    services.extract_document(caller.application, job, "good.txt")
    assert counts(caller, job) == ("COMPLETED_WITH_ERRORS", 2, 1, 1)


def test_a_file_that_is_gone_when_it_is_handed_out_fails_and_says_so(caller):
    job = registered(caller, {"gone.txt": b"gone"})
    records.put(replace(services.job(caller, job), started=now()))
    files.delete(file_of(caller, job, "gone.txt").upload)
    services.hand_out_rest(caller.application, job)
    assert file_of(caller, job, "gone.txt").reason == "The file is not there any more. Upload it again in a new job."
    assert counts(caller, job) == ("FAILED", 1, 0, 1)
