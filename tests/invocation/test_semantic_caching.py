"""Answers that are given again to a request that means the same, and what never means the same."""

from collections.abc import Iterator

import pytest

from apps.applications.records import Allowance, Caching
from foundation.adapters import limits
from tests.invocation.door import onboarded
from tests.invocation.kept import PIXEL, QUESTION, SAME, TOOL, account, ask, asked, models, said
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer

SEMANTIC = Caching(semantic=True, threshold=0.8)


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    with models() as server:
        yield server


async def test_a_question_that_means_the_same_gets_the_kept_answer(upstream: OpenAIServer):
    door = onboarded(caching=SEMANTIC)
    first = await asked(door)
    second = await ask(door, {"messages": SAME})
    assert (second.headers["x-cache"], said(second)) == ("semantic", said(first))
    rows = await account(door, 4)
    assert [row.cache for row in rows if row.model_kind == "text"] == ["", "semantic"]
    embedded = [row for row in rows if row.model_kind == "embed"]
    assert [(row.dialect, row.served_by, row.status) for row in embedded] == [("cache", "all-minilm-l6-v2", "SUCCESS")] * 2


async def test_the_embedding_of_a_question_counts_in_the_tokens_of_the_application(upstream: OpenAIServer):
    door = onboarded(caching=SEMANTIC, allowance=Allowance(requests_per_minute=9, tokens_per_minute=100_000))
    answer = await asked(door)
    rows = await account(door, 2)
    assert {row.model_kind for row in rows} == {"text", "embed"}
    read = sum(row.input_tokens + row.output_tokens for row in rows)
    counter = f"{door.caller.application}::tokens"
    await eventually(lambda: tuple(limits.used([counter])) == (read,))
    assert answer.headers["x-ratelimit-remaining-requests"] == "8"  # the client made one request


async def test_where_the_embedding_is_over_a_limit_the_answer_is_new(upstream: OpenAIServer):
    door = onboarded(caching=SEMANTIC, by_model={"all-minilm-l6-v2": Allowance(tokens_per_minute=1)})
    await asked(door)
    assert "x-cache" not in (await ask(door, {"messages": SAME})).headers
    rows = await account(door, 4)
    assert [row.outcome for row in rows if row.dialect == "cache"] == ["rate_limited"] * 2


@pytest.mark.parametrize(
    "changed",
    [
        {"messages": [{"role": "user", "content": "How do I bake bread?"}]},
        {"messages": [{"role": "system", "content": "Be brief."}, *SAME]},
        {"messages": [*QUESTION, {"role": "assistant", "content": "Paris."}, *SAME]},
        {"messages": SAME, "temperature": 0.5},
        {"messages": SAME, "seed": 7},
        {"messages": SAME, "max_completion_tokens": 50},
        {"messages": SAME, "response_format": {"type": "json_object"}},
        {"messages": SAME, "tools": [TOOL]},
        {"messages": SAME, "model": "kept too"},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "What's the capital of France?"}, PIXEL]}]},
        {"messages": [{"role": "user", "content": "What is the capital of France? " * 40}]},
    ],
)
async def test_what_means_something_else_or_stands_elsewhere_is_asked_anew(upstream: OpenAIServer, changed):
    door = onboarded(caching=SEMANTIC)
    await asked(door)
    assert "x-cache" not in (await ask(door, changed)).headers


async def test_questions_with_other_numbers_never_mean_the_same(upstream: OpenAIServer):
    door = onboarded(caching=SEMANTIC)
    await asked(door, {"messages": [{"role": "user", "content": "What was the revenue in the year 2023?"}]})
    other = await ask(door, {"messages": [{"role": "user", "content": "What was the revenue in the year 2024?"}]})
    assert "x-cache" not in other.headers
    same = await ask(door, {"messages": [{"role": "user", "content": "What was revenue in the year 2023?"}]})
    assert same.headers["x-cache"] == "semantic"


async def test_the_threshold_is_the_applications_own(upstream: OpenAIServer):
    with_the, without = ([{"role": "user", "content": f"When was {what} founded?"}] for what in ("the company", "company"))
    for threshold, cache in ((0.999, None), (0.9, "semantic")):
        door = onboarded(caching=Caching(semantic=True, threshold=threshold))
        await asked(door, {"messages": with_the})
        assert (await ask(door, {"messages": without})).headers.get("x-cache") == cache
