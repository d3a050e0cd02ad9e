"""What docs/scale.md says of a growing load follows from the measured tables, the quotas and a simulation to be trusted."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.scale import growth
from tests.scale.costs import (
    ASSUMED,
    Limit,
    account,
    call_limits,
    document_limits,
    file_reads,
    file_writes,
    job_writes,
    measured,
    quotas,
)
from tests.scale.day import BUSIEST, DAY, HOURS, STAGES, Played, Stage, play
from tests.scale.waiting import LATER, each_for_itself, in_line

WIDE = Stage(1e6)
KEYS = [limit.key for limit in document_limits()]


def day(load: int, limits: tuple[Limit, ...], profile: str = "Production") -> Played:
    return growth.played(load, limits, profile)


def doubled(limits: tuple[Limit, ...], key: str) -> tuple[Limit, ...]:
    return tuple(replace(limit, value=2 * limit.value) if limit.key == key else limit for limit in limits)


def through(**narrow: Stage) -> dict[str, Stage]:
    return {name: narrow.get(name, WIDE) for name in STAGES}


def test_the_page_says_what_is_computed() -> None:
    assert growth.present() == growth.section(), "run `python -m tests.scale computed` and look at what changed"


def test_what_is_computed_rests_on_the_measured_tables() -> None:
    known = measured()
    assert known["extract_document"].writes and known["POST /model/invoke"].writes == 0
    assert len(known) > 60 and account() > 0
    assert min(file_writes(), job_writes(), file_reads()) > 1


def test_every_quota_says_where_it_was_looked_up_and_how_it_is_raised() -> None:
    for each in quotas().values():
        assert each["source"].startswith("https://") and each["raised"] and each["value"] > 0
        assert each["confirmed"] or each["note"], f"{each['key']}: nobody says what was read"


def test_a_day_has_a_busiest_hour_with_a_tenth_of_it() -> None:
    assert sum(HOURS) == 100 and len(HOURS) == 24 and BUSIEST == 0.1


@pytest.mark.parametrize("load", growth.LOADS)
@pytest.mark.parametrize("profile", ["Small", "Production"])
def test_every_document_that_comes_is_through_in_the_end(load: int, profile: str) -> None:
    found = day(load, document_limits(profile), profile)
    assert found.came == pytest.approx(load, rel=1e-6)
    assert list(found.passed.values()) == pytest.approx([load] * len(STAGES), rel=1e-6)


def test_a_stage_passes_on_no_more_than_it_can_and_the_rest_waits() -> None:
    load, rate = 1_000_000, 10.0
    found = play(load, through(chunk=Stage(rate)))
    assert found.end == pytest.approx(load / rate, rel=0.3) and found.end >= load / rate
    assert found.backlogs["chunk"] > load / 10
    assert max(found.backlogs[name] for name in STAGES if name != "chunk") < 1


def test_without_a_limit_nothing_waits() -> None:
    found = play(1_000_000, through())
    assert found.wait == 0 and found.end == DAY


def test_a_worker_that_sleeps_is_woken_and_more_come_only_as_the_oldest_gets_too_old() -> None:
    one, many = Stage(1e6, 0.5, 0, 1), Stage(1e6, 0.5, 0, 20)
    assert 0 < play(100, through(extract=one)).wait <= 300
    assert play(100_000, through(extract=many)).wait < play(100_000, through(extract=one)).wait


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("load", [100_000, 1_000_000])
def test_doubling_a_quota_never_lengthens_the_wait(load: int, key: str) -> None:
    limits = document_limits()
    before, after = day(load, limits), day(load, doubled(limits, key))
    assert after.wait <= before.wait and after.end <= before.end


def test_lifting_the_tightest_limit_shortens_the_wait_until_all_is_done_the_same_day() -> None:
    for load in growth.LIFTED:
        waits = [day(load, limits).wait for _, limits in growth.lifts(load, document_limits())]
        assert all(after <= before for before, after in pairwise(waits))
        assert waits[-1] < 3600 < waits[0]


def test_no_limit_is_met_once_all_are_lifted() -> None:
    *_, (_, limits) = growth.lifts(growth.LOADS[-1], document_limits())
    assert all(limit.carries >= growth.busiest(growth.LOADS[-1]) for limit in limits)


def test_the_first_limits_are_those_that_the_page_names_in_short() -> None:
    documents = sorted(document_limits(), key=lambda limit: limit.carries)
    assert [limit.key for limit in documents[:3]] == ["textract_gets", "embeddings", "textract_jobs"]
    assert min(call_limits(), key=lambda limit: limit.carries).key == "models"
    one_application = [limit for limit in documents if limit.key in ("file_writes", "file_reads", "job_writes")]
    assert all(growth.most_a_day(limit) > 5_000_000 for limit in one_application)


def test_looks_at_textract_follow_the_pace_of_the_code() -> None:
    assert ASSUMED.looks == 4 and replace(ASSUMED, textract_seconds=4.0).looks == 1


@pytest.mark.parametrize("documents", growth.WAITING)
def test_in_a_line_a_document_tries_about_once_however_many_wait_and_nobody_waits_for_all_of_another(documents: int) -> None:
    before, after = (played(documents, ASSUMED.textract_seconds) for played in (each_for_itself, in_line))
    assert sum(after.tries.values()) < 1.2 * (documents + LATER) <= 1.2 * sum(before.tries.values())
    assert after.busiest < 1 and after.done < 1.1 * before.done
    assert after.later < 180
