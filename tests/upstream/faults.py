"""What can go wrong with a model provider: how the server behaves, and what the platform then says and writes down.

The numbers are those of the list of faults. Each behaviour's name is the id of a model.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.upstream.unruly import Behaviour, Exchange

WORDS = ("Hello", " there", ", how", " are", " you", "?")
PAUSE = 0.03


async def good(exchange: Exchange) -> None:
    await exchange.good(*WORDS)


async def limited(exchange: Exchange) -> None:
    await exchange.refuse(exchange.wire.refusal("limited"))


async def limited_once(exchange: Exchange) -> None:
    """Over its limits at first, for a second."""
    if exchange.turn > 1:
        return await exchange.good(*WORDS)
    await exchange.refuse(exchange.wire.refusal("limited"), Retry_After="1")


async def limited_for_an_hour(exchange: Exchange) -> None:
    await exchange.refuse(exchange.wire.refusal("limited"), Retry_After="3600")


async def limited_for_no_time(exchange: Exchange) -> None:
    """Over its limits, and to be asked again at once, as it says."""
    await exchange.refuse(exchange.wire.refusal("limited"), Retry_After="0")


async def failed(exchange: Exchange) -> None:
    await exchange.refuse(exchange.wire.refusal("failed"))


async def bad_gateway(exchange: Exchange) -> None:
    await exchange.whole(502, b"<html><body>502 Bad Gateway</body></html>", "text/html")


async def overloaded(exchange: Exchange) -> None:
    await exchange.refuse(exchange.wire.refusal("overloaded"))


async def overloaded_529(exchange: Exchange) -> None:
    await exchange.whole(529, b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}')


async def reset(exchange: Exchange) -> None:
    exchange.reset()


async def hang(exchange: Exchange) -> None:
    await exchange.hang()


async def hang_in_mid_stream(exchange: Exchange) -> None:
    await exchange.begin()
    beginning = exchange.wire.opening() + exchange.wire.piece("Hello")
    await exchange.send(beginning if exchange.streamed else exchange.wire.whole(WORDS)[:20])
    await exchange.hang()


async def cut(exchange: Exchange) -> None:
    """The connection ends in the middle, as if all was well."""
    await exchange.begin()
    beginning = exchange.wire.opening() + exchange.wire.piece("Hello")
    await exchange.send(beginning if exchange.streamed else exchange.wire.whole(WORDS)[:20])


async def error_after_the_200(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.send(exchange.wire.opening() + exchange.wire.piece("Hello") + exchange.wire.failure())


async def malformed(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.send(b'event: x\ndata: {"choices": [{"delta"\n\n' if exchange.streamed else b'{"choices": [{"mess')


async def a_page(exchange: Exchange) -> None:
    await exchange.whole(200, b"<html><body>Please log in</body></html>", "text/html")


async def empty(exchange: Exchange) -> None:
    await exchange.whole(200, exchange.wire.empty())


async def uncounted(exchange: Exchange) -> None:
    await exchange.good(*WORDS, counted=False)


async def error_in_a_200(exchange: Exchange) -> None:
    await exchange.whole(200, exchange.wire.refusal("failed").body)


async def trickle(exchange: Exchange) -> None:
    """Something comes all the time, and never an answer."""
    await exchange.begin("" if exchange.wire.stream == "text/event-stream" else "application/json")
    while not exchange.reader.at_eof():
        await exchange.send(b": still here\n\n" if exchange.streamed else b" ")
        await asyncio.sleep(PAUSE)
    exchange.server.left[exchange.case] += 1


async def slow(exchange: Exchange) -> None:
    """A good answer, word by word, slower in all than any pause may be."""
    if not exchange.streamed:
        return await exchange.good(*WORDS)
    await exchange.begin()
    await exchange.send(exchange.wire.opening())
    for word in WORDS:
        await asyncio.sleep(PAUSE * 4)
        await exchange.send(exchange.wire.piece(word))
    await exchange.send(exchange.wire.ending())


async def endless(exchange: Exchange) -> None:
    """Words without end, until the client hangs up."""
    await exchange.begin()
    await exchange.send(exchange.wire.opening())
    leaving = asyncio.ensure_future(exchange.hang())
    while not leaving.done():
        await exchange.send(exchange.wire.piece("word "))
        await asyncio.wait({leaving}, timeout=PAUSE)


async def too_long(exchange: Exchange) -> None:
    await exchange.refuse(exchange.wire.refusal("too_long"))


async def filtered(exchange: Exchange) -> None:
    await exchange.refuse(exchange.wire.refusal("filtered"))


async def filtered_answer(exchange: Exchange) -> None:
    await exchange.good("I ", reason="filtered")


async def unknown(exchange: Exchange) -> None:
    await exchange.refuse(exchange.wire.refusal("unknown"))


async def denied(exchange: Exchange) -> None:
    await exchange.refuse(exchange.wire.refusal("denied"))


BEHAVIOURS: Mapping[str, Behaviour] = {
    each.__name__: each
    for each in (
        good,
        limited,
        limited_once,
        limited_for_an_hour,
        limited_for_no_time,
        failed,
        bad_gateway,
        overloaded,
        overloaded_529,
        reset,
        hang,
        hang_in_mid_stream,
        cut,
        error_after_the_200,
        malformed,
        a_page,
        empty,
        uncounted,
        error_in_a_200,
        trickle,
        slow,
        endless,
        too_long,
        filtered,
        filtered_answer,
        unknown,
        denied,
    )
}


@dataclass(frozen=True)
class Fault:
    """One fault and its end: the outcome on the account, and how many tries that takes at the most.

    begun: a stream has begun by then, so there is one try and the stream itself says it. but: the provider that does not
    have it. url: `refused` where nothing listens, `https` where what listens speaks no TLS, `untrusted` where nobody knows its
    certificate.
    """

    number: int
    name: str
    outcome: str
    tries: int = 1
    begun: bool = False
    url: str = "http"
    but: str = ""


ALL = 4  # ROUTE_TRIES
FAULTS: Sequence[Fault] = (
    Fault(34, "limited", "rate_limited", ALL),
    Fault(34, "limited_for_an_hour", "rate_limited"),
    Fault(35, "failed", "upstream_failed", ALL),
    Fault(35, "bad_gateway", "upstream_failed", ALL),
    Fault(35, "overloaded", "unavailable", ALL),
    Fault(35, "overloaded_529", "unavailable", ALL),
    Fault(36, "good", "unavailable", ALL, url="refused"),
    Fault(36, "good", "unavailable", ALL, url="https"),
    Fault(36, "good", "unavailable", ALL, url="untrusted"),
    Fault(36, "reset", "upstream_failed", ALL),
    Fault(37, "hang", "upstream_timeout"),
    Fault(37, "hang_in_mid_stream", "upstream_timeout", begun=True),
    Fault(38, "cut", "upstream_failed", ALL, begun=True),
    Fault(39, "error_after_the_200", "upstream_failed", ALL, begun=True),
    Fault(40, "malformed", "upstream_failed", ALL),
    Fault(40, "a_page", "upstream_failed", ALL),
    Fault(40, "empty", "upstream_failed", ALL),
    Fault(41, "error_in_a_200", "upstream_failed", ALL),
    Fault(42, "trickle", "upstream_timeout"),
    Fault(43, "too_long", "context_length_exceeded"),
    Fault(43, "filtered", "content_blocked", but="bedrock"),  # whose filter ends an answer, and is no error
    Fault(43, "unknown", "model_not_found"),
    Fault(43, "denied", "upstream_denied"),
)
