"""Anthropic's API as a provider that fails: by a status, by an event after the 200, or by what is no answer."""

from collections.abc import Sequence

import pytest

from apps.invocation.folding import complete
from foundation.errors import (
    Blocked,
    Invalid,
    Problem,
    TooLong,
    TooMany,
    Unavailable,
    UnknownModel,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamTimeout,
)
from tests.invocation.test_anthropic_provider import END, START, STOP, answered, api, asking, block, said, streamed
from tests.invocation.unruly import reply, serving

ERRORS: Sequence[tuple[str, str, type[Problem]]] = (
    ("invalid_request_error", "messages: wrong", Invalid),
    ("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum", TooLong),
    ("invalid_request_error", "Output blocked by content filtering policy", Blocked),
    ("invalid_request_error", "Your credit balance is too low to access the Anthropic API.", UpstreamDenied),
    ("invalid_request_error", "You have reached your specified API usage limits.", UpstreamDenied),
    ("authentication_error", "invalid x-api-key", UpstreamDenied),
    ("billing_error", "no money", UpstreamDenied),
    ("permission_error", "no", UpstreamDenied),
    ("not_found_error", "model: x", UnknownModel),
    ("request_too_large", "large", Invalid),
    ("rate_limit_error", "slow down", TooMany),
    ("api_error", "boom", UpstreamFailed),
    ("timeout_error", "late", UpstreamTimeout),
    ("overloaded_error", "Overloaded", Unavailable),
    ("error_of_tomorrow", "new", UpstreamFailed),
)


@pytest.mark.parametrize(("kind", "words", "wanted"), ERRORS)
async def test_39_an_error_event_means_what_its_status_would(kind, words, wanted):
    error = {"type": "error", "error": {"type": kind, "message": words}}
    for events in ((error,), (START, *said("Hi"), error)):
        with pytest.raises(wanted) as raised:
            await answered(streamed(*events))
        assert type(raised.value) is wanted
        if wanted is not UpstreamDenied:
            said_so = words.partition(":")[0]
            assert said_so in raised.value.reason
            assert (said_so in raised.value.detail) == issubclass(wanted, Invalid | Blocked)


@pytest.mark.parametrize(
    ("status", "wanted"), [(401, UpstreamDenied), (403, UpstreamDenied), (529, Unavailable), (500, UpstreamFailed)]
)
async def test_a_bad_status_has_the_servers_words_unless_they_may_name_the_key(status, wanted):
    async with serving(reply(status, {"type": "error", "error": {"type": "x", "message": "as it says"}})) as server:
        with pytest.raises(wanted) as raised:
            await api(server).complete(asking())
    assert ("as it says" in str(raised.value)) == (wanted is not UpstreamDenied)
    assert "a key" not in str(raised.value)
    assert ("THE_KEY" in str(raised.value)) == (status in (401, 403))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "events",
    [
        (START, *said("Hi")),
        (START, *said("Hi"), END),
        (START, *said("Hi"), STOP),
        (START, *block(0, {"type": "text", "text": ""}, {"type": "input_json_delta", "partial_json": "{}"}), END, STOP),
        (),
    ],
)
async def test_38_an_answer_without_its_end_is_none(events):
    with pytest.raises(UpstreamFailed):
        await answered(streamed(*events))


@pytest.mark.parametrize(
    "body", [{"type": "error", "error": {"message": "boom"}}, {"type": "completion"}, {"content": "x"}, "x", []]
)
async def test_40_a_whole_answer_that_is_none_fails(body):
    async with serving(reply(200, body)) as server:
        for work in (api(server).complete(asking()), complete(api(server).stream(asking()))):
            with pytest.raises(UpstreamFailed):
                await work
