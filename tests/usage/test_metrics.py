"""GET /metrics: what Prometheus is told, by whom it may be asked, and that nothing that was said is in it."""

from pathlib import Path

import pytest
import requests
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from apps.usage.records import Invocation, Outcome, Try
from apps.usage.totals import Totals, families
from foundation.ambient import new_id, now
from tests.running import Api, Platform, wait_for
from tests.usage.provider import Gateway, gateway


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample of an answer, by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def told(door: Gateway, name: str, **labels: str) -> float:
    """The sum of the samples that have this name and these labels."""
    found = samples(requests.get(f"{door.platform.url}/metrics", timeout=30).text)
    return sum(value for (known, said), value in found.items() if known == name and set(labels.items()) <= said)


def test_calls_of_all_processes_are_summed_and_outlive_them(tmp_path: Path) -> None:
    with gateway(tmp_path / "home", WEB_CONCURRENCY="2") as door:
        with requests.Session() as session:
            for _ in range(30):
                assert door.call(session) == 200
        calls = len(door.answered)
        own = {"application": door.application, "gen_ai_request_model": "fixed"}
        wait_for(lambda: told(door, "foundation_model_calls_total", **own, outcome="success") == calls, 10)
        assert told(door, "foundation_model_tokens_total", **own, gen_ai_token_type="input") == 5 * calls
        assert told(door, "gen_ai_client_token_usage_sum", gen_ai_token_type="output") == 2 * calls
        assert told(door, "gen_ai_server_request_duration_seconds_count", gen_ai_operation_name="chat") == calls
        wait_for(lambda: told(door, "foundation_calls_under_way") == 0, 10)
        wait_for(lambda: told(door, "foundation_journal_waiting_bytes") == 0, 10)
        door.platform.stop()
        door.platform.start()
        wait_for(lambda: told(door, "foundation_model_calls_total", **own) == calls, 20)


def test_without_a_token_only_this_machine_is_answered(api: Api) -> None:
    assert requests.get(f"{api.url}/metrics", timeout=30).status_code == 200
    for name in ("X-Forwarded-For", "Forwarded"):
        refused = requests.get(f"{api.url}/metrics", headers={name: "203.0.113.7"}, timeout=30)
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_with_a_token_nobody_is_answered_without_it(tmp_path: Path) -> None:
    from tests.conftest import free_port

    running = Platform(tmp_path / "home", free_port(), METRICS_TOKEN="a token of this test", SERVE="usage")
    running.start()
    try:
        shown = {"right": "Bearer a token of this test", "wrong": "Bearer another", "basic": "a token of this test"}
        statuses = {
            name: requests.get(f"{running.url}/metrics", headers={"Authorization": value}, timeout=30).status_code
            for name, value in shown.items()
        }
        assert statuses == {"right": 200, "wrong": 401, "basic": 401}
        assert requests.get(f"{running.url}/metrics", timeout=30).status_code == 401
    finally:
        running.stop()


def counted(*rows: Invocation) -> Totals:
    totals = Totals()
    totals.add(rows)
    return totals


def called(**changed) -> Invocation:
    plain = {"served_by": "m", "model_kind": "text", "status": Outcome.SUCCESS, "input_tokens": 10, "output_tokens": 5}
    return Invocation("a", new_id(), now(), "m", "m", **{"latency_ms": 30, **plain, **changed})


def test_totals_of_two_processes_are_those_of_one_that_had_all_their_calls() -> None:
    first, second = called(cost=3, first_token_ms=7), called(outcome="upstream_timeout", tries=(Try("d", "timeout", 3),))
    together = counted(first)
    together.take(counted(second), gauges=True)
    whole = counted(first, second)
    assert (together.counters, together.histograms) == (whole.counters, whole.histograms)


@pytest.mark.parametrize(("milliseconds", "bucket"), [(10, "0.01"), (11, "0.02"), (100_000, "+Inf")])
def test_a_call_falls_into_the_first_bucket_that_is_not_below_it(milliseconds: int, bucket: str) -> None:
    totals = counted(called(latency_ms=milliseconds))
    (family,) = [each for each in families(totals) if each.name == "gen_ai_server_request_duration_seconds"]
    reached = [sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket") and sample.value == 1]
    assert reached[0] == bucket


def test_tries_are_told_apart_by_the_model_that_was_asked_for_where_deployments_have_one_name() -> None:
    tries = Try("openai", "upstream_failed", 3), Try("openai", "success", 3)
    totals = counted(*(replace(called(tries=tries), model_name=model) for model in ("one", "two", "two")))
    (family,) = [each for each in families(totals) if each.name == "foundation_model_tries"]
    found = {(each.labels["gen_ai_request_model"], each.labels["outcome"]): each.value for each in family.samples}
    ends = ("upstream_failed", "success")
    assert found == {**{("one", end): 1 for end in ends}, **{("two", end): 2 for end in ends}}
