"""What invocation needs from whoever runs models."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from apps.invocation.invocations import Completion, Embeddings, Event, Ranking, Request


class Connection(Struct, frozen=True):
    """How to reach a provider; what is empty is as configured. `key` is the name of a secret, never the secret itself."""

    provider: str
    base_url: str = ""
    region: str = ""
    key: str = ""


class Provider(Protocol):
    """Runs models, known by their ids at the provider. Serves any number of callers at once, on any event loop.

    Raises Invalid for what the model cannot do as asked (too long, no such model, not this kind of model), TooMany over
    the provider's limits, UpstreamFailed or UpstreamTimeout when it fails, Unavailable when it cannot be reached. Every
    try is one try: it is repeated by routing, nowhere else.
    """

    honours: frozenset[str]
    """The optional fields of Request, and the kinds of Part (image, document, thinking), that it can pass on; `cache` where it
    passes cache points on."""

    def prepare(self) -> None:
        """Do what takes long once a machine, so that the first call need not. A repeat does nothing."""

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """The answer as it comes: its pieces, and Finish as the last event if and only if it ended well.

        Closing the iterator stops the model.
        """

    async def complete(self, request: Request) -> Completion:
        """The whole answer."""

    async def embed(self, model: str, texts: Sequence[str], dimensions: int | None = None) -> Embeddings:
        """A vector for each text, whatever their number, of unit length; a text beyond the model's length counts by its
        beginning. InvalidValue, which names `dimensions`, for a number that the model does not have. What it raises after some
        of many texts were read says how many tokens these had (`used`)."""

    async def rerank(self, model: str, query: str, documents: Sequence[str], top: int | None = None) -> Ranking:
        """The documents by their relevance, the best `top` of them."""


@runtime_checkable
class CountsTokens(Protocol):
    """A Provider that can count the tokens of a request. One that cannot has no such verb: a count is exact, or none."""

    async def count(self, request: Request) -> int | None:
        """The tokens that the model would read, all of them: Usage.input_tokens of the answer, were it asked. None for a
        model whose tokens the provider counts only when it is asked.

        Runs no model and costs nothing. Raises as the other verbs do.
        """


@runtime_checkable
class Selective(Protocol):
    """A Provider whose models differ in what they honour."""

    def lost(self, model: str, asks: frozenset[str]) -> frozenset[str]:
        """Of these names, which `honours` has, those that this model, by its id, cannot honour."""


class Lifecycle(Struct, frozen=True):
    """A model, or an inference profile, which has what the models behind it have.

    state: `active`, `legacy` (its provider will end it, at `ends` where that is known) or `retired`. inputs and outputs: text,
    image, embedding, as Bedrock says it. direct: whether it is called by this id, and not by an inference profile only.
    """

    name: str
    state: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    ends: str = ""
    direct: bool = True
