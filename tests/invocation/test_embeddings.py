"""POST /model/embed, and what its vectors say about texts."""

import numpy as np
import pytest
from asgiref.sync import async_to_sync

from apps.invocation import services
from foundation.errors import Invalid
from tests.invocation.door import Door
from tests.invocation.numpy_minilm import NumpyMiniLM

LOCAL = "all-minilm-l6-v2"
PAIRS = [
    ("A man is eating food.", "A man eats a meal.", "The stock market fell sharply today."),
    ("How do I reset my password?", "I forgot my login credentials.", "The recipe needs two eggs and some flour."),
    ("The cat sits outside.", "A kitten is in the garden.", "Quarterly revenue grew by ten percent."),
]
TEXTS = [
    "hello",
    "",
    "Ein deutscher Satz mit Umlauten: äöüß.",
    "日本語 🎉",
    "word " * 400,
    *(text for texts in PAIRS for text in texts),
]


def embedded(door: Door, texts: list[str]) -> np.ndarray:
    return np.array(async_to_sync(services.embed)(door.caller, LOCAL, texts).vectors)


async def test_one_text_becomes_a_unit_vector_of_384_numbers(door: Door):
    answer = (await door.post("/model/embed", {"model_name": "TITAN_TEXT_EMBED_V2", "input_text": "hello"})).json
    assert answer.keys() == {"embedding", "input_tokens", "model", "served_by"}
    assert (answer["input_tokens"], answer["model"], answer["served_by"]) == (3, "TITAN_TEXT_EMBED_V2", LOCAL)
    assert len(answer["embedding"]) == 384
    assert np.linalg.norm(answer["embedding"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("text", "paraphrase", "other"), PAIRS)
def test_a_paraphrase_is_closer_than_another_text(door: Door, text, paraphrase, other):
    one, near, far = embedded(door, [text, paraphrase, other])
    assert one @ near > 0.4
    assert one @ near > one @ far + 0.3


def test_a_batch_gives_what_its_texts_give_alone_and_in_their_order(door: Door):
    texts = [text for text in TEXTS if text] * 3
    alone = np.array([embedded(door, [text])[0] for text in texts])
    assert np.abs(embedded(door, texts) - alone).max() < 1e-5


def test_the_vectors_are_those_of_an_independent_implementation(door: Door):
    texts = [text for text in TEXTS if text]
    reference = NumpyMiniLM()
    assert np.abs(embedded(door, texts) - np.array([reference.embed(text) for text in texts])).max() < 1e-5


def test_a_long_text_counts_by_its_first_256_tokens_and_not_by_128(door: Door):
    beginning = "apple " * 126
    short, long, longer = embedded(door, [beginning, beginning + "river " * 128, beginning + "river " * 128 + "moon " * 300])
    assert short @ long < 0.98
    assert long @ longer == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("given", [{}, {"input_text": None}, {"input_text": ""}])
async def test_no_text_is_refused_by_its_field(door: Door, given):
    answer = await door.post("/model/embed", {"model_name": LOCAL, **given})
    assert answer.status == 400
    assert answer.json["detail"].startswith("input_text is empty")


async def test_a_wrong_model_is_refused_with_the_contracts_words(door: Door):
    wrong = await door.post("/model/embed", {"model_name": "nothing", "input_text": "x"})
    text = await door.post("/model/embed", {"model_name": "ANTHROPIC_CLAUDE_V2", "input_text": "x"})
    assert (wrong.status, wrong.json["detail"]) == (400, "Unsupported model: nothing")
    assert (text.status, text.json["detail"]) == (400, "Model is not an embed model: ANTHROPIC_CLAUDE_V2")


def test_an_empty_text_of_many_is_refused_by_its_place(door: Door):
    with pytest.raises(Invalid, match="text 2 of 3"):
        embedded(door, ["a", "", "c"])
