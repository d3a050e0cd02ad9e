"""What is refused before it becomes a call is on the account once, like any call: at every path, for every reason."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from apps.applications.records import Action, Allowance, Guard
from apps.invocation import listing, services
from apps.invocation.records import Deployment, Kind, Model, State
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation.errors import Invalid
from foundation.settings import CHOSEN
from tests.invocation.batched import kept, line, made, read, worked
from tests.invocation.door import Answer, Door, ask, onboarded, opened
from tests.usage.shipped import shipped

HELLO = [{"role": "user", "content": "Hello"}]
LOCAL = Deployment("here", "local_text", "smollm2-135m-instruct")
AWAY = Deployment("away", "openai_compatible", "x", base_url="http://127.0.0.1:1")
EMBEDDER = Deployment("here", "local_embeddings", "all-minilm-l6-v2")
TOO_LARGE = b" " * (CHOSEN.body_limit_mb * 2**20 + 1)
MODELS = (
    Model("refused-text", "id-of-text", Kind.TEXT, "", aliases=("refused-text-alias",), deployments=(LOCAL,)),
    Model("refused-embed", "id-of-embed", Kind.EMBED, "", aliases=("refused-embed-alias",), deployments=(EMBEDDER,)),
    Model("refused-rerank", "id-of-rerank", Kind.RERANK, "", aliases=("refused-rerank-alias",), deployments=(AWAY,)),
    Model("off-text", "id-of-off", Kind.TEXT, "", state=State.DISABLED, deployments=(LOCAL,)),
    Model("off-embed", "id-of-off", Kind.EMBED, "", state=State.DISABLED, deployments=(EMBEDDER,)),
    Model("off-rerank", "id-of-off", Kind.RERANK, "", state=State.DISABLED, deployments=(AWAY,)),
)


@dataclass(frozen=True)
class Path:
    """A path that calls a model: how its bodies name it, and what else they have."""

    path: str
    dialect: str
    more: Mapping[str, Any]
    named: str = "model"
    kind: Kind = Kind.TEXT
    called: str = ""
    malformed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str:
        return f"refused-{self.kind}"

    def body(self, model: str, **changed: Any) -> dict[str, Any]:
        return {self.named: model, **self.more, **changed}


PATHS = (
    Path("/model/invoke", "platform", {"prompt": "Hello", "max_tokens": 1}, named="model_name"),
    Path("/model/embed", "platform", {"input_text": "Hello"}, named="model_name", kind=Kind.EMBED),
    Path("/model/invoke_with_raw_input", "raw", {"raw_input": {"prompt": "Hello", "max_tokens": 1}}, named="model_id"),
    Path("/model/async_invoke", "async", {"prompt": "Hello", "max_tokens": 1}, named="model_name"),
    Path("/v1/chat/completions", "openai_chat", {"messages": HELLO, "max_tokens": 1}),
    Path("/v1/responses", "openai_responses", {"input": "Hello", "max_output_tokens": 16}),
    Path("/v1/embeddings", "openai_embeddings", {"input": "Hello"}, kind=Kind.EMBED),
    Path("/v1/rerank", "rerank", {"query": "Hello", "documents": ["a", "b"]}, kind=Kind.RERANK),
    Path("/v1/messages", "anthropic_messages", {"messages": HELLO, "max_tokens": 5}),
    Path("/v1/messages/count_tokens", "anthropic_messages", {"messages": HELLO}, called="count"),
)
every_path = pytest.mark.parametrize("at", PATHS, ids=[each.path for each in PATHS])
TOOLS = {
    "openai_chat": [{"type": "function", "function": {"name": "clock"}}],
    "openai_responses": [{"type": "function", "name": "clock"}],
    "anthropic_messages": [{"name": "clock", "input_schema": {"type": "object"}}],
}


@pytest.fixture(scope="module", autouse=True)
def models() -> Iterator[None]:
    for model in MODELS:
        services.save_model(model)
    yield
    for model in reversed(MODELS):
        services.remove_model(model.name)


@dataclass(frozen=True)
class Reason:
    """Why a request is refused: what is sent, to whom, and what the account then says."""

    says: str
    outcome: str
    body: Any  # of a Path: what to send
    model: str = "refused-{}"  # on the account
    policy: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


HELLOS = Guard(phrases=Action.BLOCK, denied=("hello",))
REASONS = (
    Reason("malformed", "unprocessable_entity", lambda at: b'{"model": ', model="unknown"),
    Reason("no object", "unprocessable_entity", lambda at: [], model="unknown"),
    Reason("no text", "unprocessable_entity", lambda at: b"\xff\xfe", model="unknown"),
    Reason("wrong type of content", "unprocessable_entity", lambda at: {}, "unknown", headers={"content_type": "text/plain"}),
    Reason("too large", "too_large", lambda at: TOO_LARGE, model="unknown"),
    Reason("another method", "method_not_allowed", lambda at: b"", model="unknown", method="GET"),
    Reason("no model", "unprocessable_entity", lambda at: dict(at.more), model="unknown"),
    Reason("a model that is no text", "unprocessable_entity", lambda at: at.body({"a": 1}), model="unknown"),  # type: ignore[arg-type]
    Reason("wrong field", "unprocessable_entity", lambda at: at.body(at.model, **dict.fromkeys(at.more, 1))),
    Reason("by its other name", "unprocessable_entity", lambda at: at.body(f"{at.model}-alias", **dict.fromkeys(at.more, 1))),
    Reason("unknown model", "model_not_found", lambda at: at.body("made up by an attacker"), model="unknown"),
    Reason("no name at all", "model_not_found", lambda at: at.body(""), model="unknown"),
    Reason("switched off", "model_unavailable", lambda at: at.body(f"off-{at.kind}"), model="off-{}"),
    Reason("not allowed", "forbidden", lambda at: at.body(at.model), policy={"models": ("another",)}),
    Reason("blocked by the guard", "content_blocked", lambda at: at.body(at.model), policy={"guard": HELLOS}),
    Reason("longer than allowed", "content_blocked", lambda at: at.body(at.model), policy={"guard": Guard(input_characters=2)}),
    Reason("wrong labels", "invalid_request", lambda at: at.body(at.model), headers={"x_labels": "no pair"}),
)
every_reason = pytest.mark.parametrize("why", REASONS, ids=[each.says for each in REASONS])
BY_A_WORKER = ("forbidden", "content_blocked")  # of an asynchronous invocation


async def rows(door: Door) -> list[Invocation]:
    await asyncio.to_thread(shipped)
    return list(usage.calls(door.caller.application).items)


async def sent(door: Door, at: Path, why: Reason) -> Answer:
    """The answer; of an asynchronous invocation, when a worker has worked on it."""
    body = why.body(at)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await ask(why.method, at.path, raw, door.token, {"x_labels": "team=search", **why.headers})
    if at.path == "/model/async_invoke" and answer.status == 200:
        await asyncio.to_thread(services.work_async, door.caller.application, answer.json["invocation_id"])
    return answer


@every_path
@every_reason
async def test_what_is_refused_is_on_the_account_once_by_the_id_that_its_answer_tells(at: Path, why: Reason):
    door = onboarded(**why.policy)
    answer = await sent(door, at, why)
    assert answer.status >= 400 or (at.dialect == "async" and why.outcome in BY_A_WORKER)
    (row,) = await rows(door)
    assert row.invocation == answer.headers["x-request-id"]
    assert (row.outcome, row.status.value) == (why.outcome, "FAILED")
    assert row.model_name == why.model.format(at.kind)
    assert (row.dialect, row.model_kind) == (at.dialect, at.called or at.kind)
    assert (row.input_tokens, row.output_tokens, row.tries) == (0, 0, ())
    assert row.latency_ms >= 0
    assert row.labels == ({} if "x_labels" in why.headers else {"team": "search"})
    (day,) = usage.daily(door.caller.application, None, None).items
    assert (day.calls, day.failed, day.model_name, day.input_tokens) == (1, 1, row.model_name, 0)


@pytest.mark.parametrize("at", [each for each in PATHS if each.dialect in TOOLS], ids=lambda at: at.path)
async def test_a_parameter_that_no_model_can_honour_is_on_the_account(at: Path):
    door = opened()
    answer = await door.post(at.path, at.body(at.model, tools=TOOLS[at.dialect], stream=True))
    assert answer.status == 400
    (row,) = await rows(door)
    assert (row.invocation, row.outcome) == (answer.headers["x-request-id"], "invalid_request")
    assert (row.model_name, row.served_by, row.streamed) == (at.model, at.model, True)


@pytest.mark.parametrize("at", [each for each in PATHS if each.dialect != "async"], ids=lambda at: at.path)
async def test_what_is_over_a_limit_is_on_the_account(at: Path):
    door = onboarded(allowance=Allowance(requests_per_minute=1))
    let_in, refused = [await door.post(at.path, at.body(at.model)) for _ in range(2)]
    assert refused.status == 429
    found = {row.invocation: row for row in await rows(door)}
    assert found.keys() == {let_in.headers["x-request-id"], refused.headers["x-request-id"]}
    row = found[refused.headers["x-request-id"]]
    assert (row.outcome, row.model_kind) == ("rate_limited", at.called or at.kind)


@every_path
async def test_what_is_answered_is_on_the_account_once_as_well(at: Path):
    door = opened()
    answer = await sent(door, at, Reason("", "", lambda at: at.body(at.model)))
    (row,) = await rows(door)
    assert (row.invocation, row.model_name) == (answer.headers["x-request-id"], at.model)
    assert row.outcome == ("success" if at.kind is not Kind.RERANK else "unavailable")


@every_path
@pytest.mark.parametrize("body", [b"{", b"{}", TOO_LARGE], ids=["malformed", "empty", "too large"])
async def test_who_shows_no_good_key_is_told_an_id_and_is_on_no_account(at: Path, body: bytes):
    before = usage.journal.written_rows
    for token in (None, "gaf_made_up"):
        answer = await ask("POST", at.path, body, token, {})
        assert answer.status in (400, 401, 413, 422)
        assert answer.headers["x-request-id"]
    assert usage.journal.written_rows == before


async def test_anthropics_clients_find_the_id_by_its_own_name_and_in_the_body():
    answer = await opened().post("/v1/messages", {"model": "made up", "max_tokens": 5, "messages": HELLO})
    assert answer.headers["request-id"] == answer.headers["x-request-id"] == answer.json["request_id"]


async def test_made_up_names_add_one_name_to_the_sums():
    door = opened()
    for number in range(20):
        await door.post("/v1/chat/completions", {"model": f"made-up-{number}", "messages": HELLO})
    await rows(door)
    (day,) = usage.daily(door.caller.application, None, None).items
    assert (day.model_name, day.served_by, day.model_id, day.failed) == ("unknown", "unknown", "unknown", 20)
    with pytest.raises(Invalid):
        listing.save_model(Model("unknown", "", Kind.TEXT, "", deployments=(LOCAL,)))


async def test_when_the_journal_is_full_what_is_wrong_is_refused_like_all_else():
    door, limit = opened(), usage.journal.limit
    usage.journal.limit = -1
    try:
        answers = [await door.post("/v1/chat/completions", body) for body in (b"{", {"model": "made up", "messages": HELLO})]
    finally:
        usage.journal.limit = limit
    assert [(answer.status, answer.headers["retry-after"]) for answer in answers] == [(503, "5")] * 2
    assert all(answer.headers["x-request-id"] for answer in answers)
    assert await rows(door) == []


async def test_a_line_of_a_batch_that_is_refused_has_an_id_and_is_on_the_account_with_its_labels():
    door = opened()
    wrong = [line("unknown", {"model": "made up", "input": "x"}), line("formless", {"model": "refused-embed"})]
    batch = await made(door, await kept(door, *wrong))
    ended = await worked(door, batch)
    results = await read(door, ended["error_file_id"])
    named = {each["custom_id"]: each["response"]["request_id"] for each in results}
    found = {row.labels["custom_id"]: row for row in await rows(door)}
    assert {name: row.invocation for name, row in found.items()} == named
    assert {name: (row.outcome, row.model_name, row.labels["batch"]) for name, row in found.items()} == {
        "unknown": ("model_not_found", "unknown", batch),
        "formless": ("unprocessable_entity", "refused-embed", batch),
    }


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/made-up", "/model/list_models", "/v1/batches", "/v1/nowhere"])
async def test_what_calls_no_model_tells_an_id_and_is_on_no_account(path: str):
    door = opened()
    assert (await door.get(path)).headers["x-request-id"]
    assert await rows(door) == []
