"""What is on an application's account."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from apps.invocation import services as invocation
from apps.usage import services
from apps.usage.records import Invocation, Outcome
from foundation.ambient import new_id, now
from foundation.identity import Caller
from tests.invocation.door import Door, opened
from tests.usage.shipped import shipped

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LOCAL = "smollm2-135m-instruct"


@pytest.fixture
def door() -> Door:
    return opened()


@pytest.fixture
def called(caller: Caller) -> Callable[..., Invocation]:
    """Puts a call of the caller on the account."""

    def record(created: datetime = NOON, **changed) -> Invocation:
        plain = Invocation(caller.application, new_id(), created, "A", "vendor.a", "A", "text", Outcome.SUCCESS, 10, 5, 100)
        made = replace(plain, **changed)
        services.record(made)
        return made

    return record


def test_a_day_sums_the_calls_of_a_model(caller, called):
    called(), called(input_tokens=1, output_tokens=0), called(status=Outcome.FAILED, input_tokens=0, output_tokens=0)
    shipped()
    (day,) = services.daily(caller.application, None, None).items
    assert (day.day, day.calls, day.succeeded, day.failed) == ("2026-11-24", 3, 2, 1)
    assert (day.input_tokens, day.output_tokens, day.latency_ms) == (11, 5, 300)


def test_a_call_that_is_recorded_twice_counts_once(caller, called):
    twice = called()
    shipped()
    services.record(twice)
    services.record(twice)
    shipped()
    (day,) = services.daily(caller.application, None, None).items
    assert day.calls == 1
    assert len(services.calls(caller.application).items) == 1


def test_both_ends_of_a_span_are_included(caller, called):
    for number in range(5):
        called(NOON + timedelta(days=number))
    shipped()
    span = services.daily(caller.application, date(2026, 11, 25), date(2026, 11, 27)).items
    assert [day.day for day in span] == ["2026-11-25", "2026-11-26", "2026-11-27"]
    assert services.metrics(caller.application, date(2026, 11, 28), date(2026, 11, 28))["vendor.a"].calls == 1


def test_a_day_begins_at_midnight_utc_wherever_the_caller_is(caller, called):
    called(datetime.fromisoformat("2026-11-25T01:30:00+02:00"))
    shipped()
    assert [day.day for day in services.daily(caller.application, None, None).items] == ["2026-11-24"]


def test_totals_are_by_model_id_with_its_name_whoever_answered(caller, called):
    called(), called(served_by="B"), called(model_name="C", model_id="vendor.c")
    shipped()
    totals = services.metrics(caller.application, None, None)
    assert {key: (total.model_name, total.calls) for key, total in totals.items()} == {
        "vendor.a": ("A", 2),
        "vendor.c": ("C", 1),
    }


def test_the_account_of_another_application_is_not_seen(caller, stranger, called):
    called()
    shipped()
    assert services.daily(stranger.application, None, None).items == ()
    assert services.metrics(stranger.application, None, None) == {}


def test_days_come_page_by_page(caller, called):
    for number in range(5):
        called(NOON + timedelta(days=number))
    shipped()
    first = services.daily(caller.application, None, None, limit=3)
    rest = services.daily(caller.application, None, None, limit=3, cursor=first.cursor)
    assert ([len(first.items), len(rest.items)], rest.cursor) == ([3, 2], None)


async def test_every_call_is_on_the_account_whatever_its_end(door: Door):
    asked = {"model_name": "ANTHROPIC_CLAUDE_V2", "prompt": "Hi", "max_tokens": 2}
    good = (await door.post("/model/invoke", asked)).json
    await door.post("/model/invoke", {**asked, "prompt": [{"role": "user", "content": "word " * 6000}]})
    await door.post("/model/embed", {"model_name": "TITAN_TEXT_EMBED_V2", "input_text": "hello"})
    await door.post("/model/invoke", {**asked, "model_name": "nothing"})
    shipped()
    listed = (await door.get("/usage/daily")).json
    today = now().date().isoformat()
    assert listed == [
        {
            "date": today,
            "model_name": "ANTHROPIC_CLAUDE_V2",
            "model_id": "anthropic.claude-v2",
            "served_by": LOCAL,
            "total_count": 2,
            "total_input_tokens": good["input_tokens"],
            "total_output_tokens": good["output_tokens"],
            "total_cached_tokens": 0,
            "cache_hits": 0,
            "cost_usd": 0.0,
            "status_counts": {"SUCCESS": 1, "FAILED": 1},
        },
        {
            "date": today,
            "model_name": "TITAN_TEXT_EMBED_V2",
            "model_id": "amazon.titan-embed-text-v2:0",
            "served_by": "all-minilm-l6-v2",
            "total_count": 1,
            "total_input_tokens": 3,
            "total_output_tokens": 0,
            "total_cached_tokens": 0,
            "cache_hits": 0,
            "cost_usd": 0.0,
            "status_counts": {"SUCCESS": 1},
        },
        {
            "date": today,
            "model_name": "unknown",
            "model_id": "unknown",
            "served_by": "unknown",
            "total_count": 1,
            "total_input_tokens": 0,
            "total_output_tokens": 0,
            "total_cached_tokens": 0,
            "cache_hits": 0,
            "cost_usd": 0.0,
            "status_counts": {"FAILED": 1},
        },
    ]


async def test_many_texts_in_one_call_are_one_row(door: Door):
    await invocation.embed(door.caller, "all-minilm-l6-v2", ["a", "b", "c"])
    shipped()
    (row,) = services.calls(door.caller.application).items
    assert (row.input_tokens, row.output_tokens, row.model_kind, row.status) == (9, 0, "embed", Outcome.SUCCESS)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("start_date=yesterday", "query.start_date"),
        ("end_date=2026-02-30", "query.end_date"),
        ("start_date=2026-11-02&end_date=2026-11-01", "query.start_date"),
        ("start_date=%00", "query.start_date"),
    ],
)
async def test_a_date_that_is_none_is_refused_by_its_field(door: Door, query, field):
    answer = await door.get(f"/usage/daily?{query}")
    assert (answer.status, answer.fields) == (422, [field])


@pytest.mark.parametrize("path", ["/usage/daily", "/usage/calls"])
async def test_a_filter_that_there_is_not_is_refused_with_those_that_there_are(door: Door, path: str):
    answer = await door.get(f"{path}?limit=1&cursor=&start_date=&end_date=&model=gpt")
    assert (answer.status, answer.fields) == (422, ["query.model"])
    assert answer.json["issues"][0]["msg"] == "this is no filter; there are start_date, end_date, limit, cursor"


async def test_an_empty_date_is_no_date_and_a_page_has_a_cursor(door: Door):
    for name in ("TITAN_TEXT_EMBED_V2", "COHERE_EMBED_ENGLISH_V3"):
        await door.post("/model/embed", {"model_name": name, "input_text": "hello"})
    shipped()
    first = await door.get("/usage/daily?start_date=&end_date=&limit=1")
    rest = await door.get(f"/usage/daily?start_date=&end_date=&limit=1&cursor={first.headers['x-next-cursor']}")
    assert [row["model_name"] for row in first.json + rest.json] == ["COHERE_EMBED_ENGLISH_V3", "TITAN_TEXT_EMBED_V2"]


def test_a_day_has_its_cost_cached_tokens_and_cache_hits(caller, called):
    called(cost=3, cached_tokens=4), called(cost=None), called(cost=0, cache="exact")
    shipped()
    (day,) = services.daily(caller.application, None, None).items
    assert (day.cost, day.cached_tokens, day.cache_hits) == (3, 4, 1)
    total = services.metrics(caller.application, None, None)["vendor.a"]
    assert (total.cost_usd, total.cached_tokens, total.cache_hits) == (0.000003, 4, 1)


async def test_an_application_sees_its_own_calls_one_by_one_newest_first(door: Door):
    asked = {"model_name": "ANTHROPIC_CLAUDE_V2", "prompt": "Count to ten.", "max_tokens": 2, "temperature": 0}
    first = await door.post("/model/invoke", asked, x_labels="team=search")
    second = await door.post("/model/embed", {"model_name": "TITAN_TEXT_EMBED_V2", "input_text": "hello"})
    shipped()
    listed = await door.get("/usage/calls?limit=1")
    rest = await door.get(f"/usage/calls?limit=1&cursor={listed.headers['x-next-cursor']}")
    assert second.status == 200
    (newest,), (oldest,) = listed.json, rest.json
    assert (newest["model_kind"], newest["input_tokens"], newest["outcome"]) == ("embed", 3, "success")
    assert oldest["invocation_id"] == first.headers["x-request-id"]
    assert (oldest["labels"], oldest["dialect"], oldest["finish_reason"]) == ({"team": "search"}, "platform", "length")
    assert (await opened().get("/usage/calls")).json == []


async def test_the_days_of_calls_are_in_utc_and_both_included(caller, called):
    for number in range(3):
        called(NOON + timedelta(days=number))
    shipped()
    kept = services.calls(caller.application, date(2026, 11, 24), date(2026, 11, 25)).items
    assert [row.created.day for row in kept] == [25, 24]
