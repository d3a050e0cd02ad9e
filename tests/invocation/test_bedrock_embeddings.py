"""Embeddings and rerankers of Bedrock: each family's own body, as it was recorded or is documented.

Recorded: github.com/pydantic/pydantic-ai, tests/cassettes/test_embeddings; each test names its file there. Rerankers:
docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-cohere-rerank.html and cohere-ai/cohere-python#613.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from apps.invocation.adapters.bedrock.provider import Bedrock
from apps.invocation.adapters.bedrock.wire import Runtime
from apps.invocation.invocations import Ranked, Usage
from foundation.errors import Invalid, TooMany, UpstreamFailed
from tests.upstream.bedrock_server import BEARER, Asked, BedrockServer, Refusal, serving

TITAN_1, TITAN_2 = "amazon.titan-embed-text-v1", "amazon.titan-embed-text-v2:0"
COHERE_3, COHERE_4 = "cohere.embed-english-v3", "eu.cohere.embed-v4:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"
RERANK = "amazon.rerank-v1:0"


@pytest.fixture(scope="module")
def server() -> Iterator[BedrockServer]:
    with serving() as running:
        yield running


@pytest.fixture
def bedrock(server: BedrockServer) -> Bedrock:
    server.asked.clear()
    server.most_at_once = 0
    return Bedrock(Runtime(server.url, server.region, BEARER))


def vector(text: str) -> list[float]:
    """A vector that tells the text: not of unit length."""
    return [3.0 * len(text), 4.0 * len(text)]


ANSWERS: dict[str, Any] = {
    # TestBedrock.test_titan_v1_minimal.yaml
    TITAN_1: lambda asked: {"embedding": vector(asked.body["inputText"]), "inputTextTokenCount": 4},
    # TestBedrock.test_titan_v2_minimal.yaml
    TITAN_2: lambda asked: {
        "embedding": vector(asked.body["inputText"]),
        "embeddingsByType": {"float": vector(asked.body["inputText"])},
        "inputTextTokenCount": 5,
    },
    # TestBedrock.test_cohere_v3_minimal.yaml
    COHERE_3: lambda asked: {
        "embeddings": [vector(text) for text in asked.body["texts"]],
        "id": "67259668-f82e-41c6-a2a0-136b340d2400",
        "response_type": "embeddings_floats",
        "texts": [text.lower() for text in asked.body["texts"]],
    },
    # TestBedrock.test_cohere_v4_minimal.yaml
    COHERE_4: lambda asked: {
        "embeddings": {"float": [vector(text) for text in asked.body["texts"]]},
        "id": "3893ebf7-39cf-472c-b3be-846a709a2663",
        "response_type": "embeddings_by_type",
        "texts": asked.body["texts"],
    },
    # TestBedrock.test_nova_minimal.yaml
    NOVA: lambda asked: {
        "embeddings": [
            {"embedding": vector(asked.body["singleEmbeddingParams"]["text"]["value"]), "embeddingType": "TEXT"},
        ]
    },
}


@pytest.mark.parametrize("model", ANSWERS)
async def test_each_text_gets_its_unit_vector_in_order_and_all_tokens_count(
    bedrock: Bedrock, server: BedrockServer, model: str
):
    server.answers[model] = ANSWERS[model]
    texts = ["x" * number for number in range(1, 121)]
    made = await bedrock.embed(model, texts)
    assert np.array(made.vectors).shape == (120, 2)
    assert np.allclose(made.vectors, [[0.6, 0.8]] * 120)
    assert made.input_tokens == 7 * len(server.asked)
    assert len(server.asked) == (2 if "cohere" in model else 120)
    assert server.most_at_once <= 8


@pytest.mark.parametrize(("said", "counted"), [("12.0", 12), ("many", 25), (None, 25)])
async def test_tokens_are_those_that_bedrock_says_or_estimated(
    bedrock: Bedrock, server: BedrockServer, monkeypatch: pytest.MonkeyPatch, said: str | None, counted: int
):
    monkeypatch.setattr(server, "token_count", said)
    server.answers |= {TITAN_2: ANSWERS[TITAN_2], RERANK: lambda _: {"results": [{"index": 0, "relevance_score": 1.0}]}}
    embedded = await bedrock.embed(TITAN_2, ["x" * 100])
    ranked = await bedrock.rerank(RERANK, "x" * 50, ["x" * 50])
    assert [each.usage for each in (embedded, ranked)] == [Usage(counted, 0, estimated=counted == 25)] * 2


async def test_the_order_of_texts_holds_whatever_comes_first(bedrock: Bedrock, server: BedrockServer):
    server.answers[TITAN_2] = lambda asked: {"embedding": [float(asked.body["inputText"]), 1.0]}
    made = await bedrock.embed(TITAN_2, [str(number) for number in range(30)])
    assert [round(first / second) for first, second in made.vectors] == list(range(30))


def model_and_body(model: str, dimensions: int | None, body: Any) -> Any:
    return pytest.param(model, dimensions, body, id=f"{model}-{dimensions}")


@pytest.mark.parametrize(
    ("model", "dimensions", "body"),
    [
        model_and_body(TITAN_1, None, {"inputText": "Hi"}),
        model_and_body(TITAN_1, 1536, {"inputText": "Hi"}),
        model_and_body(TITAN_2, None, {"inputText": "Hi", "normalize": True}),
        # TestBedrock.test_titan_v2_with_dimensions.yaml
        model_and_body(TITAN_2, 256, {"inputText": "Hi", "normalize": True, "dimensions": 256}),
        # TestBedrock.test_cohere_v3_with_truncate.yaml
        model_and_body(COHERE_3, None, {"texts": ["Hi"], "input_type": "search_document", "truncate": "END"}),
        # TestBedrock.test_cohere_v4_with_dimensions.yaml
        model_and_body(
            COHERE_4,
            512,
            {"texts": ["Hi"], "input_type": "search_document", "truncate": "END", "output_dimension": 512},
        ),
        # TestBedrock.test_nova_with_dimensions.yaml, and the schema's version as documented
        model_and_body(
            NOVA,
            256,
            {
                "schemaVersion": "nova-multimodal-embed-v1",
                "taskType": "SINGLE_EMBEDDING",
                "singleEmbeddingParams": {
                    "embeddingPurpose": "GENERIC_INDEX",
                    "text": {"truncationMode": "END", "value": "Hi"},
                    "embeddingDimension": 256,
                },
            },
        ),
    ],
)
async def test_each_family_is_asked_in_its_own_form(
    bedrock: Bedrock, server: BedrockServer, model: str, dimensions: int | None, body: Any
):
    server.answers[model] = ANSWERS[model]
    await bedrock.embed(model, ["Hi"], dimensions)
    assert (server.last.action, server.last.body) == ("invoke", body)


@pytest.mark.parametrize(
    ("model", "dimensions", "said"),
    [
        (TITAN_1, 256, "dimensions is 256; amazon.titan-embed-text-v1 has 1536"),
        (TITAN_2, 300, "has 1024, 512, 256"),
        (COHERE_3, 512, "has 1024"),
        ("anthropic.claude-3-haiku-20240307-v1:0", None, "is no embedding model of Bedrock"),
    ],
)
async def test_what_a_model_cannot_embed_is_invalid(bedrock: Bedrock, model: str, dimensions: int | None, said: str):
    with pytest.raises(Invalid, match=said) as wrong:
        await bedrock.embed(model, ["Hi"], dimensions)
    assert getattr(wrong.value, "param", None) == (dimensions and "dimensions")


async def test_a_text_beyond_coheres_length_counts_by_its_beginning(bedrock: Bedrock, server: BedrockServer):
    server.answers[COHERE_3] = ANSWERS[COHERE_3]
    await bedrock.embed(COHERE_3, ["x" * 5000])
    assert len(server.last.body["texts"][0]) == 2048


async def test_a_text_beyond_titans_length_counts_by_its_beginning(bedrock: Bedrock, server: BedrockServer):
    """The words are Titan's: aws-samples/amazon-bedrock-workshop#136."""

    def answer(asked: Asked) -> Any:
        count = len(asked.body["inputText"]) // 3
        said = f"400 Bad Request: Too many input tokens. Max input tokens: 8192, request input token count: {count} "
        return Refusal(400, "ValidationException", said) if count > 8192 else ANSWERS[TITAN_2](asked)

    server.answers[TITAN_2] = answer
    made = await bedrock.embed(TITAN_2, ["short", "x" * 90_000])
    assert len(made.vectors) == 2
    longest = max(len(asked.body["inputText"]) for asked in server.asked)
    taken = [len(asked.body["inputText"]) for asked in server.asked if 5 < len(asked.body["inputText"]) < longest]
    assert longest == 50_000
    assert 20_000 < taken[-1] <= 24_576


async def test_a_text_that_stays_too_long_is_invalid_after_a_few_tries(bedrock: Bedrock, server: BedrockServer):
    server.answers[TITAN_2] = lambda _: Refusal(400, "ValidationException", "Too many input tokens.")
    with pytest.raises(Invalid, match="so was its beginning"):
        await bedrock.embed(TITAN_2, ["x" * 1000])
    assert len(server.asked) == 4


async def test_one_text_that_fails_ends_the_others(bedrock: Bedrock, server: BedrockServer):
    server.answers[TITAN_2] = lambda _: Refusal(429, "ThrottlingException", "Too many requests")
    with pytest.raises(TooMany):
        await bedrock.embed(TITAN_2, ["Hi"] * 100)
    assert len(server.asked) < 100


async def test_one_that_fails_late_says_how_many_tokens_were_read_before_it(bedrock: Bedrock, server: BedrockServer):
    late = Refusal(429, "ThrottlingException", "Too many requests")
    server.answers[TITAN_2] = lambda asked: late if asked.body["inputText"] == "late" else ANSWERS[TITAN_2](asked)
    with pytest.raises(TooMany) as refused:
        await bedrock.embed(TITAN_2, [*["Hi"] * 99, "late"])
    assert 92 * 7 <= refused.value.used <= 99 * 7  # eight are under way at a time


@pytest.mark.parametrize(
    "body",
    [{"embeddings": [[1.0]]}, {"embeddings": [[0.0, 0.0], [1.0]]}, {"embeddings": []}, {"message": "odd"}],
    ids=["too few", "no direction", "none", "no answer"],
)
async def test_an_answer_that_is_none_is_a_failure(bedrock: Bedrock, server: BedrockServer, body: Any):
    server.answers[COHERE_3] = lambda _: body
    with pytest.raises(UpstreamFailed):
        await bedrock.embed(COHERE_3, ["one", "two"])


@pytest.mark.parametrize(("model", "more"), [(RERANK, {}), ("cohere.rerank-v3-5:0", {"api_version": 2})])
async def test_documents_come_in_the_order_of_their_relevance(bedrock: Bedrock, server: BedrockServer, model: str, more: Any):
    server.answers[model] = lambda _: {
        "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
    }
    ranking = await bedrock.rerank(model, "Who?", ["a", "b", "c"], top=2)
    assert ranking.ranked == (Ranked(1, 0.9), Ranked(0, 0.1))
    assert ranking.usage.input_tokens == 7
    assert server.last.body == {"query": "Who?", "documents": ["a", "b", "c"], "top_n": 2, **more}


async def test_all_documents_are_ranked_where_nothing_else_is_said(bedrock: Bedrock, server: BedrockServer):
    server.answers[RERANK] = lambda _: {"results": []}
    await bedrock.rerank(RERANK, "Who?", ["a", "b"])
    assert server.last.body["top_n"] == 2


async def test_no_documents_have_no_order_and_cost_nothing(bedrock: Bedrock, server: BedrockServer):
    assert (await bedrock.rerank(RERANK, "Who?", [])).ranked == ()
    assert server.asked == []


async def test_a_document_that_was_not_given_cannot_be_ranked(bedrock: Bedrock, server: BedrockServer):
    server.answers[RERANK] = lambda _: {"results": [{"index": 9, "relevance_score": 0.9}]}
    with pytest.raises(UpstreamFailed):
        await bedrock.rerank(RERANK, "Who?", ["a"])


async def test_what_cannot_be_ranked_is_invalid(bedrock: Bedrock):
    with pytest.raises(Invalid, match="is no reranker of Bedrock"):
        await bedrock.rerank(TITAN_2, "Who?", ["a"])
    with pytest.raises(Invalid, match="ranks up to 1000"):
        await bedrock.rerank(RERANK, "Who?", ["a"] * 1001)
