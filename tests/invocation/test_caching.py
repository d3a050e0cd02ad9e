"""Answers that are given again to the very same request: to whom, for how long, and what the account says of them."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from apps.applications import services as applications
from apps.applications.records import Allowance, CacheScope, Caching, Guard
from apps.invocation import services
from apps.invocation.caching.reading import LARGEST, Memory
from apps.invocation.invocations import NOTHING, Completion, StopReason
from apps.invocation.records import CachedAnswer
from foundation.ambient import now
from tests.invocation.door import onboarded
from tests.invocation.kept import CHAT, QUESTION, SAME, TOOL, account, ask, asked, kept, models, said
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer, running

EXACT = Caching(exact=True)


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with models() as server:
        yield server


async def test_the_very_same_request_gets_the_kept_answer_and_costs_nothing(upstream: OpenAIServer):
    door = onboarded(caching=EXACT)
    first, count = await asked(door), len(upstream.asked)
    second = await ask(door)
    assert len(upstream.asked) == count
    assert said(second) == said(first) == "You said: What is the capital of France?"
    assert (second.headers["x-cache"], second.headers["x-served-by"]) == ("exact", "kept")
    assert 0 <= int(second.headers["age"]) < 60
    assert not {"x-cache", "age"} & first.headers.keys()
    paid, given = await account(door, 2)
    assert (paid.cache, given.cache, given.cost, given.outcome) == ("", "exact", 0, "success")
    assert paid.cost == 6 * 1 + 8 * 2
    assert (given.input_tokens, given.output_tokens) == (paid.input_tokens, paid.output_tokens)
    assert (given.deployment, given.tries) == ("", ())


@pytest.mark.parametrize("streams", [False, True])
async def test_who_asks_again_as_soon_as_the_answer_is_there_gets_it_from_the_cache(upstream: OpenAIServer, streams):
    door = onboarded(caching=EXACT)
    for number in range(20):
        body = {"stream": streams, "messages": [{"role": "user", "content": f"Question {number}"}]}
        assert "x-cache" not in (await ask(door, body)).headers
        assert (await ask(door, body)).headers["x-cache"] == "exact"


async def test_nothing_is_kept_where_no_administrator_asked_for_it(upstream: OpenAIServer):
    door = onboarded()
    await ask(door)
    assert "x-cache" not in (await ask(door)).headers
    assert kept(door) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "kept too"},
        {"messages": SAME},
        {"messages": [{"role": "system", "content": "Be brief."}, *QUESTION]},
        {"temperature": 0.5},
        {"max_completion_tokens": 50},
        {"seed": 7},
        {"tools": [TOOL]},
        {"logprobs": True},
    ],
)
async def test_a_request_that_differs_in_anything_that_counts_is_asked_anew(upstream: OpenAIServer, changed):
    door = onboarded(caching=EXACT)
    await asked(door)
    assert "x-cache" not in (await ask(door, changed)).headers


async def test_what_is_said_for_the_account_alone_makes_no_difference(upstream: OpenAIServer):
    door = onboarded(caching=EXACT)
    await asked(door, {"user": "alice", "metadata": {"team": "search"}}, x_prompt="greeting@1")
    assert (await ask(door, {"user": "bob"}, x_labels="team=billing")).headers["x-cache"] == "exact"
    assert [row.labels for row in await account(door, 2)] == [{"team": "search"}, {"team": "billing"}]


async def test_applications_never_share_an_answer(upstream: OpenAIServer):
    door, other = onboarded(caching=EXACT), onboarded(caching=EXACT)
    await asked(door)
    assert "x-cache" not in (await ask(other)).headers


async def test_users_share_no_answer_where_the_scope_is_the_user(upstream: OpenAIServer):
    door = onboarded(caching=Caching(exact=True, scope=CacheScope.USER))
    await asked(door, {"user": "alice"})
    assert "x-cache" not in (await ask(door, {"user": "bob"})).headers
    assert (await ask(door, {"user": "alice"})).headers["x-cache"] == "exact"
    await ask(door)
    assert "x-cache" not in (await ask(door)).headers  # nobody's


async def test_a_streamed_answer_is_kept_too_and_a_kept_one_is_streamed_in_any_dialect(upstream: OpenAIServer):
    door = onboarded(caching=EXACT)
    await asked(door, {"stream": True})
    whole = await ask(door)
    assert (whole.headers["x-cache"], said(whole)) == ("exact", "You said: What is the capital of France?")
    again = await ask(door, {"stream": True})
    assert (again.headers["x-cache"], again.headers["content-type"]) == ("exact", "text/event-stream; charset=utf-8")
    events = [json.loads(line.removeprefix("data: ")) for line in again.body.decode().split("\n\n")[:-2]]
    assert "".join(event["choices"][0]["delta"].get("content") or "" for event in events) == said(whole)
    assert events[-1]["choices"][0]["finish_reason"] == "stop"


async def test_an_answer_with_calls_of_tools_is_given_again_as_it_was(upstream: OpenAIServer):
    door = onboarded(caching=EXACT)
    first = await asked(door, {"tools": [TOOL]})
    second = await ask(door, {"tools": [TOOL]})
    assert second.headers["x-cache"] == "exact"
    assert second.json["choices"] == first.json["choices"]


async def test_no_cache_brings_a_new_answer_and_keeps_it_and_no_store_keeps_none(upstream: OpenAIServer):
    door = onboarded(caching=EXACT)
    await asked(door)
    assert "x-cache" not in (await asked(door, cache_control="max-age=0, No-Cache")).headers
    assert (await ask(door)).headers["x-cache"] == "exact"
    other = onboarded(caching=EXACT)
    await ask(other, cache_control="no-store")
    assert "x-cache" not in (await ask(other, cache_control="no-store")).headers
    assert kept(other) == ()


async def test_an_answer_is_given_no_longer_than_the_policy_says(upstream: OpenAIServer):
    door = onboarded(caching=Caching(exact=True, seconds=1))
    await asked(door)
    count = len(upstream.asked)

    async def is_new() -> bool:
        await ask(door)
        return len(upstream.asked) > count

    while not await is_new():
        pass


async def test_failures_and_answers_that_were_cut_are_not_kept(upstream: OpenAIServer):
    door = onboarded(caching=EXACT)
    cut = {"max_completion_tokens": 2}
    assert (await ask(door, cut)).json["choices"][0]["finish_reason"] == "length"
    assert (await door.post(CHAT, {"model": "kept limited", "messages": QUESTION})).status == 429
    await asked(door)  # all that was to be kept before this is kept by now
    assert len(kept(door)) == 1
    assert "x-cache" not in (await ask(door, cut)).headers


async def test_another_guard_asks_anew(upstream: OpenAIServer):
    door = onboarded(caching=EXACT)
    await asked(door)
    policy = applications.policy_of(door.caller.application)
    applications.set_policy(replace(policy, guard=Guard(output_characters=1000)))
    assert "x-cache" not in (await ask(door)).headers


async def test_another_server_behind_the_model_is_asked_anew(upstream: OpenAIServer):
    door = onboarded(caching=EXACT)
    await asked(door)
    with running() as other:
        model = services.find_model("kept")
        try:
            services.save_model(replace(model, deployments=(replace(model.deployments[0], base_url=other.url),)))
            answer = await ask(door)
        finally:
            services.save_model(model)
    assert (len(other.asked), "x-cache" in answer.headers) == (1, False)


async def test_a_kept_answer_counts_as_a_request_and_uses_no_tokens(upstream: OpenAIServer):
    door = onboarded(caching=EXACT, allowance=Allowance(requests_per_minute=3, tokens_per_minute=1130))
    await asked(door)
    second = await ask(door)
    assert second.headers["x-cache"] == "exact"
    assert second.headers["x-ratelimit-remaining-requests"] == "1"
    assert (await door.post(CHAT, {"model": "kept", "messages": SAME})).status == 429  # no tokens are left for a new answer
    assert (await ask(door)).headers["x-cache"] == "exact"
    refused = await door.post(CHAT, {"model": "kept", "messages": QUESTION})
    assert (refused.status, "requests a minute" in refused.json["error"]["message"]) == (429, True)


async def test_many_answers_at_once_are_all_kept_and_found_again(upstream: OpenAIServer):
    door = onboarded(caching=Caching(exact=True, semantic=True, threshold=0.999))
    questions = [
        [{"role": "user", "content": f"What is the capital of {name}?"}] for name in ("France", "Peru", "Chad", "Fiji")
    ]
    await asyncio.gather(*(ask(door, {"messages": question}) for question in questions))
    await eventually(lambda: len(kept(door)) == len(questions))
    for question in questions:
        again = await ask(door, {"messages": question})
        assert (again.headers["x-cache"], said(again)) == ("exact", f"You said: {question[0]['content']}")


def test_the_memory_of_answers_read_lately_holds_the_latest_and_never_more_than_its_bound():
    moment, answer = now(), Completion((), NOTHING, StopReason.END)
    held = Memory()
    for number in range(40):
        held.put(CachedAnswer("a", f"place {number}", moment, moment, "y" * 300_000), answer)
    assert 0 < held.size <= LARGEST
    assert held.get("a", "place 39") is not None
    assert held.get("b", "place 39") is None
    assert held.get("a", "place 0") is None
    held.forget("a", "place 39")
    assert held.get("a", "place 39") is None
    for number in range(40):
        held.forget("a", f"place {number}")
    assert held.size == 0
