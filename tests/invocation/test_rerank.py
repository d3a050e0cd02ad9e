"""POST /v1/rerank: documents in the order in which they answer a query."""

from collections.abc import Iterator

import pytest

from apps.invocation import services
from apps.invocation.records import Deployment, Kind, Model, Prices
from apps.usage import services as usage
from tests.invocation import unruly
from tests.invocation.door import Door
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer, running

DOCUMENTS = ["The moon is far away.", "Lisbon is the capital of Portugal.", "The capital city."]


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    """A server that ranks, whose model is called `ranker` here."""
    with running() as server:
        place = Deployment("there", "openai_compatible", "bge-reranker", base_url=server.url)
        services.save_model(Model("ranker", "", Kind.RERANK, "", prices=Prices(1.0), deployments=(place,)))
        yield server
        services.remove_model("ranker")


async def test_documents_come_in_the_order_of_their_relevance(door: Door, upstream: OpenAIServer):
    answer = await door.post("/v1/rerank", {"model": "ranker", "query": "the capital of portugal.", "documents": DOCUMENTS})
    assert answer.status == 200, answer.body
    results = answer.json["results"]
    assert [each["index"] for each in results] == [1, 2, 0]
    assert [each["relevance_score"] for each in results] == [1.0, 0.5, 0.25]
    assert results[0].keys() == {"index", "relevance_score"}
    assert (answer.json["model"], answer.json["id"]) == ("ranker", answer.headers["x-request-id"])
    assert upstream.last == {"model": "bge-reranker", "query": "the capital of portugal.", "documents": DOCUMENTS}


async def test_only_the_best_may_be_wanted_with_their_text(door: Door, upstream: OpenAIServer):
    wanted = [{"text": text} for text in DOCUMENTS]
    body = {"model": "ranker", "query": "capital", "documents": wanted, "top_n": 2, "return_documents": True}
    results = (await door.post("/v1/rerank", body)).json["results"]
    assert [each["document"]["text"] for each in results] == [DOCUMENTS[each["index"]] for each in results]
    assert len(results) == upstream.last["top_n"] == 2


async def test_a_ranking_is_on_the_account(door: Door, upstream: OpenAIServer):
    answer = await door.post("/v1/rerank", {"model": "ranker", "query": "capital", "documents": DOCUMENTS})
    name = answer.headers["x-request-id"]
    rows = await eventually(
        lambda: [row for row in usage.calls(door.caller.application, limit=500).items if row.invocation == name]
    )
    assert [(row.model_kind, row.dialect, row.outcome) for row in rows] == [("rerank", "rerank", "success")]
    words = sum(len(text.split()) for text in ("capital", *DOCUMENTS))  # as the server counts them, in total_tokens alone
    assert rows[0].input_tokens == answer.json["usage"]["prompt_tokens"] == words
    assert not rows[0].estimated
    assert rows[0].cost == rows[0].input_tokens


@pytest.mark.parametrize("results", [[], [{"index": 3, "relevance_score": 1}], [{"index": -1, "relevance_score": 1}], "x"])
async def test_an_order_that_is_none_is_a_failure_of_the_server(door: Door, results):
    async with unruly.serving(unruly.reply(200, {"results": results})) as server:
        place = Deployment("odd", "openai_compatible", "x", base_url=server.url)
        services.save_model(Model("odd-ranker", "", Kind.RERANK, "", deployments=(place,)))
        answer = await door.post("/v1/rerank", {"model": "odd-ranker", "query": "q", "documents": DOCUMENTS})
        services.remove_model("odd-ranker")
    assert (answer.status, answer.json["error"]["type"]) == (502, "server_error")


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"model": "nothing", "query": "q", "documents": ["a"]}, 404, "model"),
        ({"model": "smollm2-135m-instruct", "query": "q", "documents": ["a"]}, 400, None),
        ({"model": "x", "query": "", "documents": ["a"]}, 400, "query"),
        ({"model": "x", "query": "q", "documents": []}, 400, "documents"),
        ({"model": "x", "query": "q", "documents": [{"title": "a"}]}, 400, "documents[0].text"),
        ({"model": "x", "query": "q", "documents": ["a"], "top_n": 0}, 400, "top_n"),
    ],
)
async def test_a_reranking_that_cannot_be_done_is_refused_in_openais_words(door: Door, body, status, param):
    answer = await door.post("/v1/rerank", body)
    assert (answer.status, answer.json["error"]["param"]) == (status, param)
