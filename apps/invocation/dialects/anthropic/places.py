"""Where the parts of the inner request stand in a request of Anthropic's dialect."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from apps.invocation import folding
from apps.invocation.dialects.anthropic.messages import turn
from apps.invocation.dialects.anthropic.shapes import Block, CountTokensRequest, MessageParam

Spot: TypeAlias = tuple[str, str | Block]  # a block with its place


def places(wanted: CountTokensRequest) -> Mapping[str, str]:
    """Where each part of the inner request stands in this one."""
    before = spoken(spots("system", wanted.system or ()))
    turns = ((turn(each), of_turn(place, each)) for place, each in enumerate(wanted.messages))
    return folding.places((each for each in turns if each[0].content), before)


def of_turn(place: int, message: MessageParam) -> Sequence[str]:
    """The places of the parts of a turn, in their order."""
    found = spots(f"messages[{place}].content", message.content)
    return spoken(found) if message.role == "system" else [where for where, _ in found]


def spots(where: str, content: str | Sequence[Block]) -> Sequence[Spot]:
    """The blocks of some content, which may be one text, each with its place."""
    return [(where, content)] if isinstance(content, str) else [(f"{where}[{n}]", each) for n, each in enumerate(content)]


def spoken(found: Iterable[Spot]) -> Sequence[str]:
    """Of what the application says, the places of what is not empty: nothing else is a part."""
    return [where for where, block in found if (block if isinstance(block, str) else getattr(block, "text", ""))]
