"""Documents for which the engine has no room: they wait in a line without a message, and every one has its turn."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from apps.extraction import line, services, work
from apps.extraction.adapters.textract import Textract
from apps.extraction.adapters.textract_turns import JOBS
from apps.extraction.ports import QUEUE
from apps.extraction.records import FINISHED, Line, WaitingFile
from apps.extraction.services import job as job_of
from foundation.adapters import directory, files, queues, records
from foundation.ambient import now
from foundation.errors import Conflict
from foundation.identity import Caller
from foundation.ports import Limits
from tests.extraction.delivering import lost, own_dead, present, worked, worker
from tests.extraction.documents import counts, file_of, registered, started
from tests.extraction.recorded import content_of, engine_on
from tests.faults.test_26_chunking_worker_killed import crosses, killed_at
from tests.servers.textract import TextractServer

PLACES = 2
CONTENT = content_of("multipage")


@pytest.fixture
def engine(server: TextractServer, limits: Limits) -> Textract:
    return engine_on(server, limits, most=PLACES)


def documents(count: int) -> dict[str, bytes]:
    return {f"{number:03}.pdf": CONTENT for number in range(count)}


def waiting(application: str) -> list[str]:
    """The names of the files in an application's line, the first first."""
    return [each.name for each in records.query(WaitingFile, application, limit=1000).items]


def check_all_read(caller: Caller, job: str, limits: Limits) -> None:
    """Every document was read once, nobody waits, and no place is kept."""
    total = counts(caller, job)[1]
    assert counts(caller, job) == ("COMPLETED", total, total, 0)
    assert not waiting(caller.application)
    assert limits.used([JOBS]) == [0]


def read_begun(caller: Caller, job: str, engine: Textract) -> None:
    """Read those that have a place to their end, whatever messages there are."""
    for name in documents(PLACES + 3).keys() - waiting(caller.application):
        for turn in (1, 2):
            work.extract(caller.application, job, name, turn, reader=engine)


def tried(engine: Textract, application: str) -> int:
    """Work until there is no message; how many of them were a document's."""
    tries = 0

    class Counting:
        def read(self, *given):
            nonlocal tries
            tries += 1
            return engine.read(*given)

        admits, leave = engine.admits, engine.leave

    worked(Counting(), application)
    return tries


@pytest.mark.parametrize("count", [10, 40])
def test_a_document_tries_twice_however_many_wait(caller, server, limits, engine, count):
    job = started(caller, documents(count))
    looks = server.looks + 1
    assert tried(engine, caller.application) == count + (count - PLACES) + looks * count
    assert server.most_running == PLACES and len(server.jobs) == count
    check_all_read(caller, job, limits)


def test_who_waits_has_no_message_and_one_message_stands_for_the_line(caller, server, engine):
    server.looks = 10**6
    started(caller, documents(20))
    once = worker(engine, caller.application)
    assert once() == 20
    assert len(waiting(caller.application)) == 20 - PLACES
    for _ in range(5):
        assert once() <= PLACES + PLACES + 1  # looks at jobs, and at the line; at first many have sent for that
    for _ in range(5):
        assert once() == PLACES + 1


def test_documents_are_let_in_by_when_their_job_was_started(caller, server, engine):
    server.looks = 10**6
    started(caller, documents(PLACES))
    once = worker(engine, caller.application)
    once()
    for name in ("b.pdf", "a.pdf"):
        started(caller, {name: CONTENT})
        once()
    assert waiting(caller.application) == ["b.pdf", "a.pdf"]


def test_who_comes_while_others_wait_joins_the_line_without_a_try(caller, server, limits, engine):
    server.looks = 10**6
    started(caller, documents(PLACES + 1))
    once = worker(engine, caller.application)
    once()
    line.moving.forget(caller.application)
    job = started(caller, {"later.pdf": CONTENT, "plain.txt": b"needs no engine"})
    for known in ({"plain.txt"}, set()):
        called = {name for task, name in present(caller.application) if task == "extract_document"}
        assert called & {"plain.txt", "later.pdf"} == known
        once()
    assert waiting(caller.application)[-1] == "later.pdf"
    assert job_of(caller, job).completed == 1
    server.looks = 1
    for each in server.jobs.values():
        each.looks = 1
    worked(engine, caller.application)
    check_all_read(caller, job, limits)


def test_who_waits_for_the_line_is_out_of_reach_of_its_upload_url_and_joins_though_its_start_was_cut_off(
    caller, server, engine
):
    server.looks = 10**6
    records.put(Line(caller.application, now(), moving=True))
    job = started(caller, {"one.pdf": CONTENT})
    file = file_of(caller, job, "one.pdf")
    files.write(file.upload, b"what was uploaded since")
    lost()
    for _ in range(2):
        services.hand_out_rest(caller.application, job)
        assert waiting(caller.application) == ["one.pdf"]
        assert files.read(file.document) == CONTENT and files.find(file.upload) is None


def test_an_application_that_comes_later_does_not_wait_for_all_of_another(caller, stranger, server, limits, engine):
    first = started(caller, documents(60))
    once = worker(engine, caller.application, stranger.application)
    once()
    second = started(stranger, documents(6))
    while job_of(stranger, second).status not in FINISHED:
        assert once()
    assert job_of(caller, first).completed < 30
    worked(engine, caller.application, stranger.application)
    check_all_read(caller, first, limits)


@pytest.mark.parametrize("act", ["join", "let in"])
def test_a_worker_killed_at_any_step_loses_no_document_and_no_place(caller, server, limits, engine, act):
    step, killed = 1, True
    while killed:
        job = started(caller, documents(PLACES + 3))
        if act == "let in":
            worker(engine, caller.application)()
            found = records.get(Line, caller.application)
            assert found is not None
            read_begun(caller, job, engine)
            ids = {"application": caller.application, "turn": str(found.turn)}
            killed = killed_at(step, lambda turn=found.turn: line.let_in(caller.application, turn, engine, pause=0), crosses)
            queues.send("let_in_documents", queue=QUEUE, **ids)
        else:
            for name in documents(PLACES):
                work.extract(caller.application, job, name, reader=engine)
            killed = killed_at(step, lambda job=job: work.extract(caller.application, job, "004.pdf", reader=engine), crosses)
        worked(engine, caller.application)
        check_all_read(caller, job, limits)
        step += 5
    assert step > 10


def test_copies_of_the_message_become_one(caller, server, limits, engine):
    server.looks = 10**6
    started(caller, documents(PLACES + 3))
    once = worker(engine, caller.application)
    once()
    found = records.get(Line, caller.application)
    assert found is not None
    for turn in (found.turn, found.turn, found.turn + 1):
        line.look_after(caller.application, turn)
    for _ in range(4):
        once()
    assert once() == PLACES + 1


def test_a_line_whose_message_was_lost_moves_again_when_somebody_joins(caller, server, limits, engine):
    job = started(caller, documents(PLACES + 3))
    worker(engine, caller.application)()
    lost()
    assert len(waiting(caller.application)) == 3
    read_begun(caller, job, engine)
    line.moving.forget(caller.application)
    first = started(caller, {"one.pdf": CONTENT})
    worked(engine, caller.application)
    assert len(waiting(caller.application)) == 4
    found = records.get(Line, caller.application)
    assert found is not None
    records.put(replace(found, updated=found.updated - line.STOPPED))
    second = started(caller, {"two.pdf": CONTENT})
    worked(engine, caller.application)
    for each in (job, first, second):
        check_all_read(caller, each, limits)


def test_a_message_that_was_given_up_on_is_followed_by_another(caller, server, engine):
    server.looks = 10**6
    started(caller, documents(PLACES + 1))
    worker(engine, caller.application)()

    class Broken:
        read, leave = engine.read, engine.leave

        def admits(self, document: str) -> bool:
            raise RuntimeError(f"{document}: the platform is at fault")

    once = worker(Broken(), caller.application)
    while not own_dead(caller.application):
        assert once()
    (dead, *_) = own_dead(caller.application)
    assert ("let_in_documents", dead.ids["turn"]) in present(caller.application)
    assert len(waiting(caller.application)) == 1


def test_those_that_wait_are_not_read_for_a_deactivated_application_and_keep_no_place(caller, server, limits, engine):
    credentials = directory.create(caller.application, "to be shut")
    owner = type(caller)(caller.application, credentials.client)
    job = started(owner, documents(PLACES + 5))
    worker(engine, caller.application)()
    directory.set_active(credentials.client, False)
    worked(engine, caller.application)
    assert counts(owner, job) == ("COMPLETED_WITH_ERRORS", PLACES + 5, PLACES, 5)
    assert len(server.jobs) == PLACES and limits.used([JOBS]) == [0]


def test_many_that_join_at_once_all_have_their_turn(caller, server, limits, engine):
    job = started(caller, documents(30))
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(lambda name: work.extract(caller.application, job, name, reader=engine), documents(30)))
    worked(engine, caller.application)
    check_all_read(caller, job, limits)


def test_a_message_that_comes_before_its_line_is_written_down_lets_in_all_the_same(caller, server, limits, engine):
    job = registered(caller, {"one.pdf": CONTENT})
    first, file = records.put(replace(job_of(caller, job), started=now())), file_of(caller, job, "one.pdf")
    files.seal(file.upload, file.document, limit=len(CONTENT))
    records.put(WaitingFile(caller.application, first.started, job, file.name, file.file))
    line.let_in(caller.application, 0, engine)
    assert not waiting(caller.application)
    with pytest.raises(Conflict):  # which who sent the message takes for what it is: the line has moved already
        records.put(Line(caller.application, now(), moving=True))
    worked(engine, caller.application)
    check_all_read(caller, job, limits)
