"""The models that the platform carries: texts embedded and tokens written a second.

The floor of the embeddings stands beside them, measured in the same run: the same encoder in plain numpy, a text at a time.
"""

import statistics
import time
from asyncio import gather, run
from collections.abc import Callable

from apps.invocation.adapters.local.embeddings import LocalEmbeddings
from apps.invocation.adapters.local.text import LocalText
from apps.invocation.folding import complete
from apps.invocation.invocations import Message, Request, Role, Text
from foundation.settings import CHOSEN
from tests.invocation.numpy_minilm import NumpyMiniLM

ROUNDS = 5
CHUNK = "The committee met on Tuesday to discuss the annual budget and the repair of the old bridge over the river. " * 10
QUERY = "Who repairs the bridge?"


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def embedding_rates() -> tuple[list[float], list[float], list[float]]:
    """Chunks a second, the floor's chunks a second, and milliseconds of a query; a value a round, taken in turn."""
    ours, floor = LocalEmbeddings(CHOSEN), NumpyMiniLM()
    run(ours.embed("", [CHUNK])), floor.embed(CHUNK)
    fast, slow, query = [], [], []
    for _ in range(ROUNDS):
        fast.append(32 / seconds(lambda: run(ours.embed("", [CHUNK] * 32))))
        slow.append(4 / seconds(lambda: [floor.embed(CHUNK) for _ in range(4)]))
        query.append(1000 * seconds(lambda: run(ours.embed("", [QUERY]))))
    return fast, slow, query


def writing_rates(callers: int) -> list[float]:
    """Tokens written a second by so many answers at once; a value a round."""
    model = LocalText(60)
    request = Request("", (Message(Role.USER, (Text("Tell me a long story about the sea."),)),), (), 64, 0.7, 0.9, 40)

    async def answers() -> int:
        made = await gather(*(complete(model.stream(request)) for _ in range(callers)))
        return sum(answer.usage.output_tokens for answer in made)

    run(answers())
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        rates.append(run(answers()) / (time.perf_counter() - began))
    return rates


def main() -> int:
    """Print the medians; 1 when the engine is slower than its floor."""
    fast, slow, query = embedding_rates()
    chunks, floor = statistics.median(fast), statistics.median(slow)
    print(f"embeddings        {chunks:8.1f} chunks of 200 tokens/s   floor (numpy) {floor:.1f}/s   {chunks / floor:.1f} times")
    print(f"one query         {statistics.median(query):8.1f} ms")
    for callers in (1, 2):
        print(f"text, {callers} at once   {statistics.median(writing_rates(callers)):8.1f} tokens/s")
    return int(chunks <= floor)


if __name__ == "__main__":
    raise SystemExit(main())
