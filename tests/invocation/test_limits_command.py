"""manage.py limits."""

import json
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from msgspec.structs import replace

from apps.applications import services
from apps.applications.records import Allowance, Application, Caching
from foundation.adapters import limits
from foundation.ambient import now
from foundation.ports import Claim, Reservation

MODEL = "smollm2-135m-instruct"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("limits", *arguments, stdout=out)
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


@pytest.fixture
def application() -> Application:
    return services.create(f"Limited {uuid.uuid4()}", "It has limits.")[0]


def test_an_application_without_limits_is_shown_as_that(application: Application) -> None:
    shown = run_json("show", application.name)
    assert (shown["application"], shown["app_id"], shown["allow"]) == (application.name, application.application, [])
    (scope,) = shown["limits"]
    assert all(scope[name] is None for name in ("model", "requests_per_minute", "concurrent", "usd_per_month"))
    assert "every model" in run("show", application.application)


def test_every_limit_is_set_for_all_models_together(application: Application) -> None:
    values = {"requests_per_minute": 10, "tokens_per_minute": 2000, "concurrent": 3, "usd_per_day": 1.5, "usd_per_month": 20.0}
    flags = [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    shown = run_json("set", application.name, *flags, "--allow", "smollm2*", MODEL)
    assert {name: shown["limits"][0][name] for name in values} == values
    policy = services.policy_of(application.application)
    assert policy.allowance == Allowance(10, 2000, 3, 1.5, 20.0)
    assert policy.models == ("smollm2*", MODEL)


def test_what_is_not_named_stays_and_none_removes(application: Application) -> None:
    run("set", application.name, "--requests-per-minute", "10", "--concurrent", "2", "--allow", MODEL)
    services.change_policy(application.application, lambda policy: replace(policy, caching=Caching(exact=True)))
    run("set", application.name, "--requests-per-minute", "none", "--usd-per-day", "5")
    policy = services.policy_of(application.application)
    assert policy.allowance == Allowance(concurrent=2, usd_per_day=5.0)
    assert (policy.models, policy.caching.exact) == ((MODEL,), True)
    run("set", application.name, "--allow")
    assert services.policy_of(application.application).models == ()


def test_one_model_has_limits_of_its_own_until_they_are_cleared(application: Application) -> None:
    run("set", application.name, "--concurrent", "9")
    shown = run_json("set", application.name, "--model", MODEL, "--tokens-per-minute", "500")
    assert [scope["model"] for scope in shown["limits"]] == [None, MODEL]
    assert services.policy_of(application.application).by_model == {MODEL: Allowance(tokens_per_minute=500)}
    run("clear", application.name, "--model", MODEL)
    policy = services.policy_of(application.application)
    assert (dict(policy.by_model), policy.allowance.concurrent) == ({}, 9)


def test_clear_removes_all_limits_and_leaves_the_rest(application: Application) -> None:
    run("set", application.name, "--concurrent", "9", "--allow", MODEL)
    run("set", application.name, "--model", MODEL, "--concurrent", "1")
    services.change_policy(application.application, lambda policy: replace(policy, content_days=7))
    run("clear", application.name)
    policy = services.policy_of(application.application)
    assert (policy.models, policy.allowance, dict(policy.by_model), policy.content_days) == ((), Allowance(), {}, 7)


def test_show_says_what_is_used(application: Application) -> None:
    run("set", application.name, "--tokens-per-minute", "500")
    end = now().timestamp() + 60
    name = f"{application.application}:{uuid.uuid4()}"
    limits.reserve([Reservation(name, (Claim(f"{application.application}::tokens", 123, 500, end),), end)])
    assert run_json("show", application.name)["limits"][0]["used"]["tokens_per_minute"] == 123
    assert "123 used" in run("show", application.name)


@pytest.mark.parametrize(
    ("flag", "value", "field"),
    [
        ("--requests-per-minute", "0", "requests_per_minute"),
        ("--requests-per-minute", "-1", "requests_per_minute"),
        ("--tokens-per-minute", str(10**18), "tokens_per_minute"),
        ("--tokens-per-minute", str(10**40), "tokens_per_minute"),
        ("--concurrent", "0", "concurrent"),
        ("--usd-per-day", "nan", "usd_per_day"),
        ("--usd-per-day", "-0.5", "usd_per_day"),
        ("--usd-per-month", "inf", "usd_per_month"),
        ("--usd-per-month", "0", "usd_per_month"),
        ("--usd-per-month", "1e300", "usd_per_month"),
        ("--requests-per-minute", "many", "requests-per-minute"),
        ("--concurrent", "1.5", "concurrent"),
        ("--usd-per-day", "1,5", "usd-per-day"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_limit(
    application: Application, flag: str, value: str, field: str
) -> None:
    with pytest.raises(CommandError, match=field) as refused:
        run("set", application.name, f"{flag}={value}")
    assert "\n" not in str(refused.value)
    assert services.policy_of(application.application).allowance == Allowance()


def test_a_day_that_may_cost_more_than_its_month_is_refused(application: Application) -> None:
    with pytest.raises(CommandError, match="usd_per_day"):
        run("set", application.name, "--usd-per-day", "10", "--usd-per-month", "5")


@pytest.mark.parametrize("pattern", ["", "x" * 301, "a\x00b"])
def test_a_pattern_that_cannot_be_a_name_is_refused(application: Application, pattern: str) -> None:
    with pytest.raises(CommandError, match="models"):
        run("set", application.name, "--allow", pattern)


def test_unknown_names_say_where_names_are_found(application: Application) -> None:
    with pytest.raises(CommandError, match="apps list"):
        run("show", str(uuid.uuid4()))
    with pytest.raises(CommandError, match="models list"):
        run("set", application.name, "--model", "none such", "--concurrent", "1")
