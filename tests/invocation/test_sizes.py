"""What is reserved for a prompt is no less than a tokenizer makes of it, in any script, and what is learned where it was."""

import asyncio
import base64
import json
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from apps.invocation import excess
from apps.invocation.adapters import provider
from apps.invocation.invocations import Document, Image, Message, Request, Role, Text, Tool, ToolResult, ToolUse
from apps.invocation.ports import Connection, CountsTokens
from apps.invocation.records import Kind
from apps.invocation.sizes import A_MESSAGE, A_PICTURE, A_REQUEST, TOOLS, Size, is_large, size_of

ALONE = A_REQUEST + A_MESSAGE
TEMPLATE = 9  # tokens of the local model's template around a turn
CODE = Path(excess.__file__).read_text()
WRITTEN = {
    "English": "It was the best of times, it was the worst of times, it was the age of wisdom. ",
    "German": "Das Verkehrswegeplanungsbeschleunigungsgesetz außergewöhnlich lang, trotzdem häufig. ",
    "Finnish": "Järjestelmällistyttämättömyydellänsäkään ei ole merkitystä, sanoi lentokonemekaanikko. ",
    "Turkish": "Çekoslovakyalılaştıramadıklarımızdan mısınız? ",
    "Swahili": "Watu wote wamezaliwa huru, hadhi na haki zao ni sawa. ",
    "French": "Tous les êtres humains naissent libres et égaux en dignité et en droits. ",
    "Polish": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. ",
    "Russian": "Все люди рождаются свободными и равными в своём достоинстве и правах. ",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια. ",
    "Arabic": "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. ",
    "Hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. ",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में स्वतन्त्रता प्राप्त है। ",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน ",
    "Chinese": "人人生而自由，在尊严和权利上一律平等。",
    "Japanese": "すべての人間は、生れながらにして自由であり、平等である。",
    "emoji": "🙂😀🎉🚀👍🏽👩‍👩‍👧🇨🇭🧪🦄",
    "digits": "3141592653589793238462643383279502884197",
    "punctuation": "!#$%&()*+,-./:;<=>?@[]^_{|}~",
    "Python": CODE,
    "JSON": json.dumps({"name": "a", "values": [1, 2.5, None, True], "nested": {"Key": "v"}}, indent=2),
    "shouting": "HOW MANY TOKENS ARE THERE IN ALL OF THIS? ",
    "indented": "\n        if it:\n            pass",
}

Count = Callable[[str], Awaitable[int]]


@pytest.fixture
def count() -> Count:
    """The tokens that the local model's own tokenizer makes of a text."""
    local = provider(Connection("local_text"))

    async def counted(text: str) -> int:
        assert isinstance(local, CountsTokens)
        tokens = await local.count(request(text))
        assert tokens is not None
        return tokens - TEMPLATE

    return counted


def request(*texts: str) -> Request:
    return Request("m", tuple(Message(Role.USER, (Text(text),)) for text in texts))


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN.keys())
async def test_no_text_that_people_write_has_more_tokens_than_are_reserved_for_it(count: Count, text: str):
    whole = (text * (4000 // len(text) + 1))[:4000]
    assert 0 < await count(whole) <= size_of(request(whole), Kind.TEXT).text


@pytest.mark.parametrize("seed", range(40))
async def test_no_text_at_all_has_more_than_twice_as_many(count: Count, seed: int):
    draw = random.Random(seed)
    alphabet = [chr(draw.choice((draw.randrange(32, 127), draw.randrange(0xA0, 0xD800), draw.randrange(0x1F300, 0x1FA00))))]
    alphabet += [chr(draw.randrange(97, 123)) for _ in range(draw.randrange(30))]
    text = "".join(draw.choices(alphabet, k=draw.randrange(1, 2000)))
    measured = size_of(request(text), Kind.TEXT)
    assert await count(text) <= 2 * measured.text
    assert len(text.encode()) <= 2 * measured.text


async def test_the_templates_of_many_turns_are_reserved_too():
    local, many = provider(Connection("local_text")), request(*"abcdefghijklmnopqrstuvwxyz0123456789" * 3)
    assert isinstance(local, CountsTokens)
    assert (await local.count(many) or 0) <= excess.most_read("new", size_of(many, Kind.TEXT))


async def test_texts_that_are_embedded_here_are_counted_as_they_are_read():
    local = provider(Connection("local_embeddings"))
    texts = [text * 9 for text in WRITTEN.values()]
    assert isinstance(local, CountsTokens)
    made = await local.embed("all-minilm-l6-v2", texts)
    embedded = Request("m", (Message(Role.USER, tuple(map(Text, texts))),))
    assert await local.count(embedded) == made.input_tokens
    measured = size_of(embedded, Kind.EMBED)
    assert made.input_tokens <= measured.text + measured.beside


def test_a_query_is_read_with_each_document():
    ranked = Request("m", (Message(Role.USER, tuple(map(Text, ("QUERY", "A", "B", "C")))),))
    measured = size_of(ranked, Kind.RERANK)
    assert measured.text + measured.beside >= 3 * len("QUERY") + len("ABC")


@pytest.mark.parametrize(
    ("part", "least"),
    [
        (Image("image/png", "AAAA"), A_PICTURE),
        (ToolResult("1", (Text("0" * 50), Image(url="https://example.org/1.png"))), A_PICTURE + 50),
        (ToolUse("1", "name", '{"1":2}'), 9),
        (Document("text/csv", base64.b64encode(b"7" * 3000).decode()), 3000),
        (Document("application/vnd.ms-excel", base64.b64encode(bytes(9000)).decode()), 9000),
        (Document("text/plain", "no base64"), 4),
    ],
    ids=["picture", "result", "use", "text", "sheet", "broken"],
)
def test_what_is_no_text_is_reserved_too(part: Image | ToolResult | ToolUse | Document, least: int):
    measured = size_of(Request("m", (Message(Role.USER, (part,)),)), Kind.TEXT)
    assert least <= measured.text + measured.beside - ALONE <= least + 1100


def test_tools_are_reserved_with_what_explains_them():
    schema = {"type": "object", "properties": {"CITY_12345": {"type": "string"}}}
    tools = (Tool("weather", "What the weather is.", schema),)
    plain, tooled = (size_of(Request("m", request("x").messages, tools=given), Kind.TEXT) for given in ((), tools))
    assert tooled.beside >= plain.beside + TOOLS
    assert tooled.text >= plain.text + len(json.dumps(schema)) // 2


def test_what_is_long_to_measure_is_known_before():
    long = "x" * 300_000
    parts = (Text(long), ToolResult("1", (Text(long),)), Document("text/plain", long), ToolUse("1", "n", long))
    assert all(is_large(Request("m", (Message(Role.USER, (part,)),))) for part in parts)
    assert not is_large(request("x" * 1000))


@pytest.mark.parametrize(("size", "counted"), [(Size(1, 1, 110), 140), (Size(250, 500, 110), 900), (Size(250, 500, 110), 9000)])
def test_the_same_prompt_is_not_thought_smaller_than_it_was(size: Size, counted: int):
    model = f"new {counted}"
    assert excess.most_read(model, size) == size.text + size.beside
    excess.learn(model, size, counted)
    assert counted <= excess.most_read(model, size) <= counted + 1
    excess.learn(model, size, 5)
    assert counted <= excess.most_read(model, size) + 1
    assert excess.most_read(f"not {model}", size) == size.text + size.beside


def test_what_a_template_adds_is_learned_from_a_short_prompt_for_a_long_one_and_a_tokenizer_from_a_long_one():
    excess.learn("adds", Size(1, 1, 110), 211)
    assert excess.most_read("adds", Size(250, 500, 110)) == pytest.approx(710, abs=1)
    excess.learn("splits", Size(250, 500, 0), 750)
    assert excess.most_read("splits", Size(500, 1000, 0)) == pytest.approx(1500, abs=1)


def test_what_was_learned_fades_and_a_wrong_report_is_not_believed_whole():
    learned = excess.Excess(2.0, 400.0, 1000.0).at(1000.0 + excess.HALF_LIFE)
    assert (learned.factor, learned.more) == (1.5, 200.0)
    excess.learn("wrong", Size(1, 1, 110), 10**12)
    assert excess.most_read("wrong", Size(1, 1, 110)) <= excess.LARGEST + 111
    assert excess.learned["wrong"].moment <= time.monotonic()


async def test_until_it_is_known_what_a_model_counts_one_call_after_another_finds_out():
    size = Size(1, 1, 110)
    assert (excess.caution("found out", size), excess.caution("found out", Size(9, 0, 9, exact=True))) == (excess.CAUTION, 1)
    assert await excess.turn("found out") == "found out"
    others = [asyncio.create_task(excess.turn("found out")) for _ in range(3)]
    await asyncio.sleep(3 * excess.PAUSE)
    assert not any(other.done() for other in others)
    excess.asking.discard("found out")  # the first has failed
    async with asyncio.timeout(5):
        await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
    assert [other.result() for other in others if other.done()] == ["found out"]
    excess.learn("found out", size, 5)
    assert sorted(await asyncio.gather(*others)) == ["", "", "found out"]
    assert excess.caution("found out", size) == 1
