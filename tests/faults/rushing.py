"""Many clients of a running platform at once, in every dialect of theirs, and what they are told of a limit or a budget."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

CLIENTS = 64
PROMPT = "Say it once more, please."
SAID = [{"role": "user", "content": PROMPT}]
# The upstream counts 5 tokens of the prompt and writes 7: 0.019 USD at these prices. Reserved are 124 and 20: 0.164 USD.
PRICE_IN, PRICE_OUT = 1_000, 2_000
COST, RESERVED = 5 * PRICE_IN + 7 * PRICE_OUT, 124 * PRICE_IN + 20 * PRICE_OUT
DOLLAR = 1_000_000
HELD = "while calls under way hold back"


def crowd(key: str) -> aiohttp.ClientSession:
    """Clients with an API key, each request on a connection of its own: an idle one may be closed as the next goes out."""
    return aiohttp.ClientSession(headers={"x-api-key": key}, connector=aiohttp.TCPConnector(limit=64, force_close=True))


@dataclass
class Told:
    """What the clients were told: how many calls were answered, what they cost, and the refusals."""

    answered: int = 0
    cost: int = 0
    refused: list[tuple[int, Any, Any]] = field(default_factory=list)


Ask = Callable[[aiohttp.ClientSession, Told], Any]


def chat(url: str, *, streamed: bool, model: str = "priced", prompt: str = PROMPT, most: int = 20) -> Ask:
    """A call in OpenAI's dialect; what it cost is taken from the usage that the client is told."""
    said = [{"role": "user", "content": prompt}]
    body = {"model": model, "messages": said, "max_tokens": most, "stream": streamed}
    if streamed:
        body["stream_options"] = {"include_usage": True}

    async def ask(session: aiohttp.ClientSession, told: Told) -> None:
        async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
            text = await answer.text()
        if answer.status != 200:
            told.refused.append((answer.status, answer.headers, json.loads(text)))
            return
        lines = text.split("\n\n") if streamed else []
        assert not streamed or lines[-2] == "data: [DONE]", text
        usage = json.loads(lines[-3].removeprefix("data: ") if streamed else text)["usage"]
        told.answered += 1
        told.cost += usage["prompt_tokens"] * PRICE_IN + usage["completion_tokens"] * PRICE_OUT

    return ask


def messages(url: str) -> Ask:
    """A call in Anthropic's dialect, with the key as its clients send it."""
    body = {"model": "priced", "messages": SAID, "max_tokens": 20}

    async def ask(session: aiohttp.ClientSession, told: Told) -> None:
        async with session.post(f"{url}/v1/messages", json=body) as answer:
            given = await answer.json()
        if answer.status != 200:
            told.refused.append((answer.status, answer.headers, given))
            return
        told.answered += 1
        told.cost += given["usage"]["input_tokens"] * PRICE_IN + given["usage"]["output_tokens"] * PRICE_OUT

    return ask


def invoking(url: str) -> Ask:
    """A call of the contract's own."""
    body = {"model_name": "priced", "prompt": PROMPT, "max_tokens": 20}

    async def ask(session: aiohttp.ClientSession, told: Told) -> None:
        async with session.post(f"{url}/model/invoke", json=body) as answer:
            given = await answer.json()
        if answer.status != 200:
            told.refused.append((answer.status, answer.headers, given))
            return
        told.answered += 1
        told.cost += given["input_tokens"] * PRICE_IN + given["output_tokens"] * PRICE_OUT

    return ask


def message(body: Any) -> str:
    """The words of an error, in whatever dialect."""
    return str(body["error"]["message"] if "error" in body else body["detail"])


async def rushed(key: str, ask: Ask, turns: int) -> Told:
    """What 64 clients are told, each of which asks so many times without a pause."""
    told = Told()

    async def client() -> None:
        async with crowd(key) as session:
            for _ in range(turns):
                await ask(session, told)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return told


async def use_up(key: str, ask: Ask, told: Told) -> None:
    """Ask, with nothing else under way, until the budget is said to be spent. What only calls under way are in the way of has
    been told to come again at once, and what is spent for the next day."""
    async with crowd(key) as session:
        async with asyncio.timeout(30):
            answered = -1
            while answered != told.answered or told.refused[-1][0] != 402:  # what was held back is given back soon
                answered = told.answered
                await ask(session, told)
    for status, headers, body in told.refused:
        is_held = HELD in message(body)
        assert (status, is_held) in ((429, True), (402, False))
        assert ("when the next day begins" in message(body)) != is_held
        assert headers["retry-after"] == "1" if is_held else int(headers["retry-after"]) > 0
