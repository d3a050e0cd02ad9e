"""Calls under limits and budgets, a server that answers them at known prices, and what was counted of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec

from apps.applications import services as applications
from apps.invocation import admission, claims, excess, services
from apps.invocation.records import Deployment, Kind, Model, Prices
from apps.usage import services as usage
from apps.usage.records import Invocation
from foundation.adapters import limits
from foundation.ambient import now
from tests.invocation import unruly
from tests.invocation.door import Answer, Door
from tests.upstream.checking import eventually
from tests.upstream.openai_server import OpenAIServer, running

PRICES = Prices(1_000.0, 2_000.0)  # dollars a million: a thousandth of a dollar for a token read, two for one written
PROMPT = "Say it once more, please."  # 14 tokens at the most, and 110 for what may be added; the server counts 5
READ = 124
ANSWER = {"read": 5, "written": 7}


@contextmanager
def answering() -> Iterator[OpenAIServer]:
    """A server whose models are known here with different prices and bounds."""
    with running() as server:

        def place(name: str) -> tuple[Deployment, ...]:
            return (Deployment(name, "openai_compatible", name, base_url=server.url),)

        made = [
            Model("priced", "", Kind.TEXT, "", prices=PRICES, deployments=place("priced"), aliases=("priced-alias",)),
            Model("bounded", "", Kind.TEXT, "", prices=PRICES, output_limit=50, deployments=place("bounded")),
            Model("unpriced", "", Kind.TEXT, "", deployments=place("unpriced")),
            Model("failing", "", Kind.TEXT, "", prices=PRICES, deployments=place("limited")),
            Model("embedding", "", Kind.EMBED, "", prices=Prices(1_000.0), deployments=place("embedding")),
            Model("dear", "", Kind.TEXT, "", prices=Prices(100_000.0, 100_000.0), deployments=place("dear")),
            Model("cheap", "", Kind.TEXT, "", prices=PRICES, deployments=place("cheap"), fallbacks=("dear",)),
            Model("adrift", "", Kind.TEXT, "", prices=PRICES, deployments=place("adrift"), fallbacks=("unpriced",)),
        ]
        for model in made:
            services.save_model(msgspec.structs.replace(model, fallbacks=()))
        for model in made:
            services.save_model(model)
            excess.learned[model.name] = excess.NONE  # what its server counts is known
        yield server
        for model in reversed(made):
            services.remove_model(model.name)


@asynccontextmanager
async def under_way(door: Door, calls: int = 1, **more: Any) -> AsyncIterator[asyncio.Event]:
    """So many calls of an application, each of which holds back and costs what one of `priced` does, under way until the event
    is set or the block ends."""
    ended = asyncio.Event()
    usage_of = {"prompt_tokens": ANSWER["read"], "completion_tokens": ANSWER["written"]}
    whole = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}], "usage": usage_of}

    async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.write(unruly.reply(200, whole))
        await writer.drain()

    async with unruly.serving(slowly) as server:
        place = Deployment("slow", "openai_compatible", "slow", base_url=server.url)
        services.save_model(Model("slow", "", Kind.TEXT, "", prices=PRICES, deployments=(place,)))
        excess.learned["slow"] = excess.NONE
        asked = [asyncio.create_task(ask(door, "slow", **more)) for _ in range(calls)]
        await eventually(lambda: len(server.asked) == calls)
        yield ended
        ended.set()
        assert [answer.status for answer in await asyncio.gather(*asked)] == [200] * calls
        services.remove_model("slow")


def call(model: str = "priced", **more: Any) -> dict[str, Any]:
    return {"model_name": model, "prompt": [{"role": "user", "content": PROMPT}], "max_tokens": 20, **more}


async def ask(door: Door, model: str = "priced", **more: Any) -> Answer:
    return await door.post("/model/invoke", call(model, **more))


def rate(answer: Answer, kind: str) -> tuple[int, int]:
    """The limit of a kind, and what is left of it; its reset is within the minute."""
    assert 0 <= int(answer.headers[f"x-ratelimit-reset-{kind}"]) <= 60
    return int(answer.headers[f"x-ratelimit-limit-{kind}"]), int(answer.headers[f"x-ratelimit-remaining-{kind}"])


async def used(door: Door, field: str, model: str = "") -> float | None:
    """What is used of a limit, once all that has ended is settled."""
    await admission.steps.done(admission.Settlement("none", {}))
    policy = applications.policy_of(door.caller.application)
    scope = next(scope for scope in services.limits_of(policy) if scope.model == model)
    return next(share.used for share in scope.shares if share.field == field)


def spent(door: Door) -> int:
    """Millionths of a dollar on the counter of this month's budget."""
    key = claims.counter(door.caller.application, "", claims.LIMITS[-1], now())
    return limits.used([key])[0]


async def settled(door: Door) -> int:
    await admission.steps.done(admission.Settlement("none", {}))
    return spent(door)


async def on_the_account(door: Door, count: int) -> list[Invocation]:
    """The calls of an application, newest first, once there are so many."""

    def there() -> list[Invocation]:
        rows = usage.calls(door.caller.application).items
        return list(rows) if len(rows) >= count else []

    return await eventually(there)


async def outcomes(door: Door, count: int) -> list[str]:
    """How they ended."""
    return [row.outcome for row in await on_the_account(door, count)]
