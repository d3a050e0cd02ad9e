"""Policies: what they may hold, changed by service and by `manage.py policies`."""

import json
import uuid
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from msgspec.structs import replace

from apps.applications import services
from apps.applications.records import Action, Allowance, Application, CacheScope, Caching, Guard, Policy
from foundation.errors import Conflict, Invalid, NotFound
from foundation.fresh import FRESH
from tests.conformance.processes import at_once, outputs, python
from tests.running import wait_for


@pytest.fixture
def application() -> Application:
    return services.create(f"Governed {uuid.uuid4()}", "It has a policy.")[0]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("policies", *arguments, stdout=out)
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_a_policy_is_stored_whole_and_read_whole(application: Application) -> None:
    policy = Policy(
        application.application,
        ("claude*", "llama"),
        Allowance(1, 2, 3, 0.5, 6.25),
        {"llama": Allowance(concurrent=1)},
        Caching(True, True, 0.8, 60, CacheScope.USER),
        Guard(Action.MASK, Action.BLOCK, Action.NOTE, ("Project X",), 100, 200, "abc123:DRAFT"),
        30,
    )
    assert services.set_policy(policy) == replace(policy, revision=1)
    assert services.policies.get(application.application) == replace(policy, revision=1)


def test_who_changes_what_was_changed_meanwhile_is_told_and_nothing_is_lost(application: Application) -> None:
    read = services.policy_of(application.application)
    services.set_policy(replace(read, content_days=1))
    with pytest.raises(Conflict):
        services.set_policy(replace(read, content_days=2))
    assert services.policy_of(application.application).content_days == 1


def test_many_changes_at_once_are_all_made(application: Application) -> None:
    def add(number: int) -> None:
        services.change_policy(
            application.application, lambda policy: replace(policy, models=(*policy.models, f"model {number}"))
        )

    at_once(8, add)
    assert set(services.policy_of(application.application).models) == {f"model {number}" for number in range(8)}


def test_only_an_application_that_exists_has_a_policy() -> None:
    unknown = str(uuid.uuid4())
    with pytest.raises(NotFound):
        services.set_policy(Policy(unknown))
    with pytest.raises(NotFound):
        services.change_policy(unknown, lambda policy: policy)


def test_a_change_holds_in_this_process_at_once(application: Application) -> None:
    assert services.policies.get(application.application).content_days == 0
    services.change_policy(application.application, lambda policy: replace(policy, content_days=5))
    assert services.policies.get(application.application).content_days == 5


def test_a_change_in_another_process_holds_here_soon(application: Application) -> None:

    assert services.policies.get(application.application).content_days == 0
    change = """
from msgspec.structs import replace
from apps.applications import services
services.change_policy(sys.argv[1], lambda policy: replace(policy, content_days=5))
"""
    outputs([python(change, application.application)])
    wait_for(lambda: services.policies.get(application.application).content_days == 5, FRESH + 0.5)


def test_what_says_nothing_is_left_out(application: Application) -> None:
    stored = services.set_policy(
        Policy(application.application, (" a ", "a", "b"), by_model={"none": Allowance(), "one": Allowance(concurrent=1)})
    )
    assert stored.models == ("a", "b")
    assert dict(stored.by_model) == {"one": Allowance(concurrent=1)}


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("models", {"models": tuple(f"m{number}" for number in range(101))}),
    ("models", {"models": ("\u202egpj",)}),
    ("by_model", {"by_model": {"": Allowance(concurrent=1)}}),
    ("concurrent of llama", {"by_model": {"llama": Allowance(concurrent=-1)}}),
    ("requests_per_minute", {"allowance": Allowance(requests_per_minute=True)}),
    ("requests_per_minute", {"allowance": Allowance(requests_per_minute=1.5)}),
    ("usd_per_day", {"allowance": Allowance(usd_per_day=float("nan"))}),
    ("usd_per_day", {"allowance": Allowance(usd_per_day=0.001)}),
    ("threshold", {"caching": Caching(threshold=float("nan"))}),
    ("threshold", {"caching": Caching(threshold=0.1)}),
    ("seconds", {"caching": Caching(seconds=0)}),
    ("phrases", {"guard": Guard(phrases=Action.BLOCK)}),
    ("denied", {"guard": Guard(denied=("",))}),
    ("input_characters", {"guard": Guard(input_characters=0)}),
    ("output_characters", {"guard": Guard(output_characters=10**12)}),
    ("bedrock_guardrail", {"guard": Guard(bedrock_guardrail="abc")}),
    ("bedrock_guardrail", {"guard": Guard(bedrock_guardrail="abc:0")}),
    ("content_days", {"content_days": -1}),
    ("content_days", {"content_days": 10**6}),
]


@pytest.mark.parametrize(("field", "wrong"), WRONG)
def test_a_value_that_cannot_be_is_refused_by_the_name_of_its_field(
    application: Application, field: str, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Invalid, match=field):
        services.set_policy(Policy(application.application, **wrong))
    assert services.policy_of(application.application) == Policy(application.application)


@pytest.mark.parametrize("rail", ["gr1abc:1", "gr1abc:DRAFT", "arn:aws:bedrock:eu-central-1:123456789012:guardrail/gr1abc:12"])
def test_a_guardrail_of_bedrock_is_named_by_id_or_arn(application: Application, rail: str) -> None:
    assert (
        services.set_policy(Policy(application.application, guard=Guard(bedrock_guardrail=rail))).guard.bedrock_guardrail
        == rail
    )


def test_the_command_sets_what_it_is_told_and_leaves_the_rest(application: Application) -> None:
    name = application.name
    shown = run_json(
        "set", name, "--cache", "both", "--cache-seconds", "60", "--cache-threshold", "0.9", "--cache-scope", "user"
    )
    assert shown["caching"] == {"exact": True, "semantic": True, "threshold": 0.9, "seconds": 60, "scope": "user"}
    run(
        "set", name, "--personal", "mask", "--phrases", "block", "--deny", "Project X", "Project Y", "--input-characters", "500"
    )
    run("set", name, "--content-days", "7", "--cache", "exact")
    policy = services.policy_of(application.application)
    assert policy.caching == Caching(True, False, 0.9, 60, CacheScope.USER)
    assert policy.guard == Guard(Action.MASK, Action.OFF, Action.BLOCK, ("Project X", "Project Y"), 500)
    assert policy.content_days == 7
    run("set", name, "--input-characters", "none", "--phrases", "off", "--deny", "--content-days", "0")
    assert services.policy_of(application.application).guard == Guard(Action.MASK)


def test_the_command_says_the_same_to_people(application: Application) -> None:
    run("set", application.name, "--cache", "semantic", "--secrets", "block", "--content-days", "7")
    told = run("show", application.name)
    for part in ("semantic", "0.98", "secrets", "block", "kept for 7 days"):
        assert part in told


@pytest.mark.parametrize(
    "wrong", [("--cache", "sometimes"), ("--personal", "perhaps"), ("--input-characters", "few"), ("--phrases", "block")]
)
def test_the_command_refuses_in_one_line(application: Application, wrong: tuple[str, str]) -> None:
    with pytest.raises(CommandError) as refused:
        run("set", application.name, *wrong)
    assert "\n" not in str(refused.value)
    assert services.policy_of(application.application).revision == 0
