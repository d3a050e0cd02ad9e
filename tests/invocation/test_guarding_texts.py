"""What a guard finds in texts, whole and in pieces."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from apps.applications.records import Action, Guard
from apps.invocation import guarding
from apps.invocation.folding import Answer
from apps.invocation.guarding.answers import screened
from apps.invocation.guarding.screens import Findings, screen
from apps.invocation.invocations import (
    NOTHING,
    Completion,
    Event,
    StopReason,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolDelta,
    ToolStart,
    ToolUse,
)
from tests.invocation.guarded import EVERYTHING, FOUND, NOT_FOUND, PEM, call, stream

POSITIVES = [(rule, text) for rule, texts in FOUND.items() for text in texts]
AROUND = ["{}", "See {}, or not.", "({})", '"{}"', "<{}>", "x={};", "这是{}的", "a:\n{}\nb"]
DENYING = Guard(Action.MASK, Action.MASK, Action.MASK, ("Project X", "naïve plan", "禁止", "straße"))


def mask_of(rule: str) -> str:
    return f"[{rule.upper()}]"


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(("rule", "text"), POSITIVES)
def test_what_is_personal_or_secret_is_masked_wherever_it_stands(rule: str, text: str, around: str):
    masked = guarding.masked(around.format(text))
    assert mask_of(rule) in masked
    assert text.rsplit(maxsplit=1)[-1] not in masked
    if rule != "aws_secret_key":  # whose context stays
        assert masked == around.format(mask_of(rule))


@pytest.mark.parametrize("text", NOT_FOUND)
def test_what_only_looks_so_stays(text: str):
    assert guarding.masked(f"It says {text} here.") == f"It says {text} here."


def test_several_in_one_text_are_each_masked_and_the_rest_stays():
    text = "Pay 4111 1111 1111 1111 12/26 by DE89 3704 0044 0532 0130 00 BIC COBADEFF, ask bob@example.com or +41446681800!"
    assert guarding.masked(text) == "Pay [CARD] 12/26 by [IBAN] BIC COBADEFF, ask [EMAIL] or [PHONE]!"


def test_a_key_without_its_last_line_is_masked_as_far_as_it_may_go():
    assert guarding.masked(f"a {PEM[:60]}") == "a [PRIVATE_KEY]"
    assert guarding.masked(f"a `{PEM[:60]}` b") == "a `[PRIVATE_KEY]` b"


pieces = some.one_of(
    some.sampled_from([text for _, text in POSITIVES]),
    some.sampled_from(NOT_FOUND),
    some.sampled_from(["project x", "PROJECT  X", "project xy", "naïve plan", "naive plan", "禁止", "STRASSE", "strasse"]),
    some.sampled_from(
        ["eyJ", "sk-", "gaf_", "AKIA", "-----BEGIN ", "PRIVATE KEY-----", "-----END ", "secret ", "@", "+", "\n"]
    ),
    some.text('ab1 .-@/+_"\\{}:,', max_size=8),
    some.text(max_size=8),
)
texts = some.lists(some.tuples(pieces, some.sampled_from(["", " ", " ", ", ", "-", ".", "\n"])), max_size=7).map(
    lambda found: "".join(piece + after for piece, after in found)
)
cuts = some.lists(some.integers(0, 400), max_size=12)


def split(text: str, places: list[int]) -> list[str]:
    ends = sorted({place % (len(text) + 1) for place in places} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


async def streamed(guard: Guard, events: list[Event]) -> Completion:
    answer = Answer()
    async for event in guarding.filtered(call(guard), stream(events)):
        answer.add(event)
    return answer.completion()


@settings(max_examples=400, deadline=None)
@given(texts, cuts)
async def test_a_stream_is_masked_as_its_whole_text_is_wherever_it_is_cut(text: str, places: list[int]):
    whole = await guarding.after(call(DENYING), Completion((Text(text),), NOTHING, StopReason.END))
    assert (await streamed(DENYING, [TextDelta(piece) for piece in split(text, places)])).text == whole.text


@pytest.mark.parametrize(("rule", "text"), POSITIVES)
async def test_a_stream_cut_at_any_one_place_or_after_each_character_leaks_nothing(rule: str, text: str):
    said = f"So: {text}. That is it"
    whole = guarding.masked(said)
    for place in range(len(said)):
        assert (await streamed(EVERYTHING, [TextDelta(said[:place]), TextDelta(said[place:])])).text == whole
    assert (await streamed(EVERYTHING, list(map(TextDelta, said)))).text == whole


async def test_a_key_that_touches_another_one_in_its_armour_is_found_wherever_the_stream_is_cut():
    said = f"{FOUND['google_api_key'][0]}{PEM}"
    for place in range(len(said)):
        events: list[Event] = [TextDelta(said[:place]), TextDelta(said[place : place + 9]), TextDelta(said[place + 9 :])]
        assert (await streamed(EVERYTHING, events)).text == "[GOOGLE_API_KEY][PRIVATE_KEY]"


@settings(max_examples=200, deadline=None)
@given(
    some.recursive(
        texts | some.integers() | some.just(4111111111111111),
        lambda inner: some.lists(inner, max_size=3) | some.dictionaries(texts, inner, max_size=3),
    ),
    cuts,
)
async def test_a_tools_input_stays_json_and_a_stream_of_it_is_masked_as_the_whole(value: object, places: list[int]):
    given = json.dumps({"value": value}, ensure_ascii=len(places) % 2 == 0)
    whole = (await guarding.after(call(DENYING), Completion((ToolUse("1", "t", given),), NOTHING, StopReason.TOOLS))).content[0]
    assert isinstance(whole, ToolUse)
    json.loads(whole.input)
    events = [ToolStart(0, "1", "t"), *(ToolDelta(0, piece) for piece in split(given, places))]
    assert (await streamed(DENYING, events)).content == (whole,)


async def test_a_tools_input_cut_at_any_one_place_keeps_its_escapes_whole():
    value = {
        "a": 'x\nbob@example.com "y" 4111111111111111',
        "card": 4111111111111111,
        "b": [-4111111111111111, "ébob@example.com"],
    }
    expected = {"a": 'x\n[EMAIL] "y" [CARD]', "card": "[CARD]", "b": ["[CARD]", "é[EMAIL]"]}
    text = json.dumps(value)
    for place in range(len(text)):
        made = await streamed(EVERYTHING, [ToolStart(0, "1", "t"), ToolDelta(0, text[:place]), ToolDelta(0, text[place:])])
        assert isinstance(made.content[0], ToolUse)
        assert json.loads(made.content[0].input) == expected


async def test_text_thoughts_and_tools_are_masked_in_their_order_and_a_masked_thought_is_signed_no_more():
    events = [
        ThinkingDelta("all is "),
        ThinkingDelta("well"),
        ThinkingDelta("", "signed first"),
        ThinkingDelta("ask bob@exam"),
        ThinkingDelta("ple.com"),
        ThinkingDelta("", "signed"),
        ThinkingDelta("so be it"),
        ThinkingDelta("", "signed too"),
        TextDelta("Write to bob@example.com"),
        ToolStart(0, "1", "mail"),
        ToolDelta(0, '{"to": "bob@exa'),
        ToolDelta(0, 'mple.com"}'),
    ]
    assert (await streamed(EVERYTHING, events)).content == (
        Thinking("all is well", "signed first"),
        Thinking("ask [EMAIL]so be it"),
        Text("Write to [EMAIL]"),
        ToolUse("1", "mail", '{"to": "[EMAIL]"}'),
    )


async def test_ordinary_text_waits_for_no_more_than_its_last_word():
    said, seen = "The quick brown fox, aged 7, jumps over 13 lazy dogs. 这是一个很长的句子。 Then it sleeps. ", ""
    for place in range(1, len(said)):
        answer = Answer()
        events = guarding.filtered(call(DENYING), stream([TextDelta(said[:place]), ToolStart(0, "1", "t")]))
        async for event in events:
            if isinstance(event, TextDelta):
                answer.add(event)
                break
        seen = "".join(answer.pieces)
        assert len(said[:place]) - len(seen) <= 12, (said[:place], seen)


HOSTILE = {
    "one letter": "a",
    "digits": "4",
    "digits and spaces": "41 ",
    "names that never end": "a.",
    "addresses in a row": "a@b.",
    "addresses without an end": "a@bb.cc-",
    "tokens that begin": "eyJhbGciOiJSUzI1NiJ9.",
    "tokens in a row": "=eyJhbGciOiJSUzI1NiJ9.eyJhbGciOiJSUzI1NiJ9.",
    "keys that begin": "sk-ant-api03-",
    "groups of an account": "DE89 ",
    "plus and digits": "+41(",
    "keys in their armour": "-----BEGIN RSA PRIVATE KEY-----",
    "keys one after the other": "é-----BEGIN PRIVATE KEY-----!",
    "groups of no account": "AA00 ",
    "lines that end keys": "-----END ",
    "phrases that begin": "project ",
    "backslashes": "\\",
    "other digits": "٤١",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_the_time_that_a_hostile_text_takes_grows_as_the_text_does(piece: str):
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        began = time.process_time()
        screened(screen(DENYING), Findings(), Completion((Text(text),), NOTHING, StopReason.END))
        return time.process_time() - began

    seconds(2_000)
    short, long = (min(seconds(length) for _ in range(3)) for length in (10_000, 80_000))
    assert long < 8 * short * 4 + 0.05  # where it grew by the square, it would be 64 times as long
