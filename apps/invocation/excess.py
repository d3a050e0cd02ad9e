"""By how much providers count more tokens of a prompt than was thought the most, learned from their answers, by model.

It is each process's own, and fades to half in an hour, so that one wrong report is not believed for long. Until the first
answer of a model has come in this process, ten times the prompt is reserved; where that does not fit, one call is made alone.
"""

import asyncio
import math
import time
from typing import Final, NamedTuple

from apps.invocation.sizes import Size

LONG: Final = 100  # tokens of text from which a text, and not what is added to it, may be what was thought too small
LARGEST_FACTOR: Final = 2.0  # no tokenizer makes more of a text: see sizes
LARGEST: Final = 50_000  # tokens
HALF_LIFE: Final = 3600.0  # seconds
CAUTION: Final = 10
PATIENCE: Final = 5.0  # seconds that a call waits at the most for another one's end
PAUSE: Final = 0.02


class Excess(NamedTuple):
    """What a model's provider counts at the most: the text's tokens times `factor`, and `more`; as of a moment of the
    process's own clock."""

    factor: float
    more: float
    moment: float

    def at(self, moment: float) -> "Excess":
        """What is left of it later."""
        share = 0.5 ** ((moment - self.moment) / HALF_LIFE)
        return Excess(1 + (self.factor - 1) * share, self.more * share, moment)


NONE: Final = Excess(1.0, 0.0, 0.0)
learned: Final[dict[str, Excess]] = {}
asking: Final[set[str]] = set()


def most_read(model: str, size: Size) -> int:
    """The most tokens that this model's provider is expected to count of a prompt of this size."""
    known = learned.get(model, NONE)
    if known is NONE or size.exact:
        return size.text + size.beside
    excess = known.at(time.monotonic())
    return math.ceil(size.text * excess.factor + excess.more) + size.beside


def learn(model: str, size: Size, counted: int) -> None:
    """A provider has counted so many. The same prompt, asked again, is not expected to be less."""
    known = learned.setdefault(model, NONE)
    if size.exact or counted <= most_read(model, size):
        return
    factor, more, moment = known.at(time.monotonic())
    over = counted - size.beside
    if size.text >= LONG:
        factor = min(max(factor, (over - more) / size.text), LARGEST_FACTOR)
    learned[model] = Excess(factor, min(max(more, over - size.text * factor), LARGEST), moment)


def caution(model: str, size: Size | None) -> int:
    """How many times a prompt is to be reserved: more than once until this process knows what the model's provider counts."""
    return 1 if model in learned or size is None or size.exact else CAUTION


async def turn(model: str) -> str:
    """Wait until it is known what this model's provider counts, or until nobody else is asking it to find out; not for long.

    The name of the model, for who is to find out; it is in `asking` until its call has ended. Else empty.
    """
    end = time.monotonic() + PATIENCE
    while model in asking and model not in learned and time.monotonic() < end:
        await asyncio.sleep(PAUSE)
    if model in learned:
        return ""
    asking.add(model)
    return model
