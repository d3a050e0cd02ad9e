"""Extraction jobs: registering, starting, working, counting."""

import os
import re
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from apps.extraction import services
from apps.extraction.records import FileStatus
from foundation.adapters import directory, files, records
from foundation.adapters.embedded.database import Database
from foundation.adapters.embedded.queues import SqliteQueues
from foundation.ambient import now
from foundation.errors import Invalid, NotFound, NotReady, Unavailable
from foundation.settings import CHOSEN
from tests.delivering import awaiting
from tests.extraction.documents import counts, extracted, file_of, registered, started, stored
from tests.running import wait_for


def test_a_text_file_is_one_page_untouched(caller):
    content = '\ufeff# Grüße\r\n\r\n<b>&amp;</b>\t"quoted" \\ \u2028 \U0001f600\n'
    job = extracted(caller, {"a.md": content.encode()})
    file = file_of(caller, job, "a.md")
    assert stored(file.text) == {
        "job_id": job,
        "file_name": "a.md",
        "pages": [{"page_number": 1, "page_text": content}],
    }
    assert stored(file.tables) == {"job_id": job, "file_name": "a.md", "pages": [{"page_number": 1, "tables": []}]}
    assert services.pages(caller.application, job, "a.md") == (services.Page(1, content),)


def test_a_letter_that_is_split_between_two_parts_of_a_large_file_stays_whole(caller):
    content = "x" + "é" * 1_200_000
    job = extracted(caller, {"large.txt": content.encode()})
    assert services.pages(caller.application, job, "large.txt")[0].text == content


def test_the_status_follows_from_the_counts(caller):
    job = registered(caller, {"good.txt": b"good", "bad.txt": b"\xff\xfe"})
    assert counts(caller, job) == ("CREATED", 2, 0, 0)
    services.start_job(caller, job)
    assert counts(caller, job) == ("STARTED", 2, 0, 0)
    services.extract_document(caller.application, job, "good.txt")
    assert counts(caller, job) == ("STARTED", 2, 1, 0)
    services.extract_document(caller.application, job, "bad.txt")
    assert counts(caller, job) == ("COMPLETED_WITH_ERRORS", 2, 1, 1)
    assert counts(caller, extracted(caller, {"bad.txt": b"\xff"}))[0] == "FAILED"
    assert counts(caller, extracted(caller, {"good.txt": b"a"}))[0] == "COMPLETED"


def test_a_file_that_is_not_utf8_says_where_and_what_to_do(caller):
    job = extracted(caller, {"bad.txt": b"good so far \xff no more"})
    file = file_of(caller, job, "bad.txt")
    assert file.status is FileStatus.FAILED
    assert file.reason == "The file is not UTF-8 text (byte 12 is not). Save it as UTF-8 and upload it again."
    assert files.find(file.text) is None


def test_the_total_is_exact_whoever_registers_at_once(caller):
    job = services.create_job(caller).job
    with ThreadPoolExecutor(8) as many:
        list(many.map(lambda number: services.register_file(caller, job, f"{number}.txt"), range(24)))
    assert services.job(caller, job).total == 24
    assert len(services.job_files(caller, job).items) == 24


def test_of_many_that_register_one_name_at_once_one_succeeds(caller):
    job = services.create_job(caller).job

    def register(_: int) -> bool:
        try:
            services.register_file(caller, job, "same.txt")
        except Invalid as refused:
            assert refused.detail == "A file with the same name is already registered for this job"
            return False
        return True

    with ThreadPoolExecutor(8) as many:
        assert sum(many.map(register, range(8))) == 1
    assert services.job(caller, job).total == 1


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


def test_a_job_without_files_cannot_be_started(caller):
    with pytest.raises(Invalid, match=r"^No files registered for the job\."):
        services.start_job(caller, services.create_job(caller).job)


def test_handing_out_again_sends_nothing_twice(caller):
    job = started(caller, {"a.txt": b"a"})
    before = awaiting(caller.application, "extraction")
    services.hand_out_rest(caller.application, job)
    assert awaiting(caller.application, "extraction") == before


def test_a_message_about_a_job_that_did_not_start_changes_nothing(caller):
    job = registered(caller, {"a.txt": b"a"})
    services.extract_document(caller.application, job, "a.txt")
    services.hand_out_rest(caller.application, job)
    services.abandon_rest(caller.application, job, "too late")
    services.extract_document(caller.application, "no-such-job", "a.txt")
    assert counts(caller, job) == ("CREATED", 1, 0, 0)


def test_an_abandoned_file_is_failed_and_a_redriven_message_mends_it(caller):
    job = started(caller, {"a.txt": b"a"})
    for _ in range(2):
        services.abandon_document(caller.application, job, "a.txt", "the file store does not answer")
    file = file_of(caller, job, "a.txt")
    assert (file.status, file.reason) == (
        FileStatus.FAILED,
        "The file could not be processed: the file store does not answer",
    )
    assert counts(caller, job) == ("FAILED", 1, 0, 1)
    for _ in range(2):
        services.extract_document(caller.application, job, "a.txt")
    assert counts(caller, job) == ("COMPLETED", 1, 1, 0)


def test_a_file_that_failed_by_its_own_fault_stays_failed(caller):
    job = extracted(caller, {"a.txt": b"\xff"})
    reason = file_of(caller, job, "a.txt").reason
    services.extract_document(caller.application, job, "a.txt")
    services.abandon_document(caller.application, job, "a.txt", "late")
    assert file_of(caller, job, "a.txt").reason == reason
    assert counts(caller, job) == ("FAILED", 1, 0, 1)


def test_a_start_that_the_file_store_refused_is_finished_by_the_message_sent_before_it(caller):
    job = registered(caller, {"a.txt": b"a", "b.txt": b"b"})
    obstacle = f"documents/{caller.application}/{job}"
    files.write(obstacle, b"where the documents should go")
    with pytest.raises((Unavailable, OSError)):
        services.start_job(caller, job)
    assert {file.status for file in services.job_files(caller, job).items} == {FileStatus.PENDING}
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


def test_the_jobs_of_a_deactivated_application_stop(caller):
    credentials = directory.create(caller.application, "to be shut")
    owner = type(caller)(caller.application, credentials.client)
    job = started(owner, {"a.txt": b"a"})
    directory.set_active(credentials.client, False)
    services.extract_document(owner.application, job, "a.txt")
    assert file_of(owner, job, "a.txt").reason == "The application was deactivated before this file was read."


def test_jobs_are_listed_newest_first_page_by_page(caller, stranger):
    made = [services.create_job(caller).job for _ in range(5)]
    services.create_job(stranger)
    first = services.jobs(caller.application, limit=3)
    rest = services.jobs(caller.application, limit=3, cursor=first.cursor)
    assert [job.job for job in (*first.items, *rest.items)] == made[::-1]
    middle = services.jobs(caller.application, between=(rest.items[0].created, first.items[2].created))
    assert [job.job for job in middle.items] == made[2:0:-1]


def test_the_time_of_change_changes_with_the_job_and_not_with_looking(caller):
    job = registered(caller, {"a.txt": b"a"})
    looked = services.job(caller, job).updated
    assert services.job(caller, job).updated == looked
    services.start_job(caller, job)
    begun = services.job(caller, job).updated
    services.extract_document(caller.application, job, "a.txt")
    assert looked < begun < services.job(caller, job).updated


def test_other_capabilities_get_the_completed_files_of_a_finished_job(caller, stranger):
    job = started(caller, {"b.txt": b"b", "a.txt": b"a", "c.txt": b"\xff"})
    with pytest.raises(NotReady):
        services.completed_files(caller, job)
    with pytest.raises(NotReady):
        services.pages(caller.application, job, "a.txt")
    for name in ("a.txt", "b.txt", "c.txt"):
        services.extract_document(caller.application, job, name)
    assert [file.name for file in services.completed_files(caller, job)] == ["a.txt", "b.txt"]
    assert services.completed_files(caller.application, job) == services.completed_files(caller, job)
    for wrong in (lambda: services.completed_files(stranger, job), lambda: services.pages(stranger.application, job, "a.txt")):
        with pytest.raises(NotFound, match=r"^Extraction job not found$"):
            wrong()
    with pytest.raises(NotReady):
        services.pages(caller.application, job, "c.txt")


def test_a_job_holds_no_more_files_than_it_may(caller):
    full = records.put(replace(services.create_job(caller), total=services.MAXIMUM_FILES))
    with pytest.raises(Invalid, match="A job holds at most 10,000 files"):
        services.register_file(caller, full.job, "one-more.txt")


def test_a_file_that_grew_over_the_limit_fails_alone_and_is_removed(caller):
    job = registered(caller, {"large.txt": b"", "good.txt": b"good"})
    upload = file_of(caller, job, "large.txt").upload
    os.truncate(CHOSEN.home / "files" / upload, CHOSEN.upload_limit_mb * 2**20 + 1)
    services.start_job(caller, job)
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
