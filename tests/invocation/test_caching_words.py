"""Which questions share an answer by their meaning: never two that ask something else, however alike they look."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from apps.applications.records import Caching
from apps.invocation import services
from apps.invocation.caching.words import decisive, plain
from apps.invocation.records import CachedAnswer, CachedMeanings, Deployment, Kind, Model
from foundation.adapters import records
from tests.invocation.door import Door, onboarded
from tests.invocation.pairs import ALIKE, UNLIKE
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer, running

MODEL = "asked alike"


@pytest.fixture(scope="module", autouse=True)
def upstream() -> Iterator[OpenAIServer]:
    """A server with OpenAI's API, whose model is called `asked alike` here."""
    with running() as server:
        place = Deployment("there", "openai_compatible", "gpt-4o", base_url=server.url)
        services.save_model(Model(MODEL, "", Kind.TEXT, "", deployments=(place,)))
        yield server
        services.remove_model(MODEL)


async def found(door: Door, number: int, question: str) -> str:
    """How the answer to a question was found in the cache; its number keeps it from the other pairs."""
    turns = [{"role": "system", "content": f"This is pair {number}."}, {"role": "user", "content": question}]
    answer = await door.post("/v1/chat/completions", {"model": MODEL, "messages": turns})
    assert answer.status == 200, answer.body
    return answer.headers.get("x-cache", "")


async def shared(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs of which the second question got the first one's answer, at the threshold that is the default."""
    door = onboarded(caching=Caching(semantic=True))
    assert {await found(door, number, first) for number, (first, _) in enumerate(pairs)} == {""}

    def is_kept(table: type[CachedAnswer] | type[CachedMeanings]) -> bool:
        return len(records.query(table, door.caller.application, limit=len(pairs)).items) == len(pairs)

    await eventually(lambda: is_kept(CachedAnswer) and is_kept(CachedMeanings))
    how = await asyncio.gather(*(found(door, number, second) for number, (_, second) in enumerate(pairs)))
    assert set(how) <= {"", "semantic"}
    return [pair for pair, cache in zip(pairs, how, strict=True) if cache]


async def test_no_question_gets_the_answer_to_another_one_however_alike_they_look():
    assert await shared(UNLIKE) == []


async def test_questions_that_ask_the_same_in_another_way_share_an_answer():
    assert len(await shared(ALIKE)) >= 15  # of 45; docs/gateway.md says how many


@pytest.mark.parametrize(
    ("question", "same"),
    [
        ("Could you please tell me what's wrong?", "what is wrong"),
        ("How can I cancel my order?", "how to cancel my order"),
        ("I'd like to know the price of gold.", "what is the price of gold"),
        ("Translate the text into German, please.", "translate the text to German"),
        ("Why can't I summarise?", "why can not I summarize"),
        ("¿Dónde está mi pedido?", "dónde está mi pedido"),
        ("US or EU?", "US or EU?"),
    ],
)
def test_ways_of_asking_are_left_out_of_a_question(question, same):
    assert plain(question) == same


@pytest.mark.parametrize("text", ["Fix this: a  =  b", 'Say "please"', "def f():\n  pass", "Please run `ls`.", "Is {x} set?"])
def test_a_text_to_work_on_is_left_as_it_is(text):
    assert decisive(plain(text)) == text


def test_light_words_are_left_to_the_embedding_in_short_questions_alone():
    assert decisive("what is the time in the office") == "what is time in the office"
    long = "what is the time when " + "one or another of us " * 3 + "has left the office"
    assert decisive(long) == long
