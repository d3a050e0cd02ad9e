"""Extraction jobs: registering, working, counting."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from apps.extraction import services
from apps.extraction.records import FileStatus
from foundation.adapters import directory, files, records
from foundation.errors import Invalid, NotFound, NotReady
from tests.extraction.documents import counts, extracted, file_of, registered, started, stored


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
