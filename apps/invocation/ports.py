"""What invocation needs from whoever runs models."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from apps.invocation.invocations import Embeddings, Event, Request


class Provider(Protocol):
    """Runs models, known by their ids at the provider. Serves any number of callers at once, on any event loop.

    Raises Invalid for what the model cannot do as asked (too long, no such model, not this kind of model), TooMany over
    the provider's limits, UpstreamFailed or UpstreamTimeout when it fails, Unavailable when it cannot be reached.
    """

    def prepare(self) -> None:
        """Do what takes long once a machine, so that the first call need not. A repeat does nothing."""

    def stream(self, request: Request) -> AsyncIterator[Event]:
        """The answer as it comes: text deltas, and Finish as the last event if and only if it ended well.

        Parameters that the model does not know are ignored, max_tokens above its limit is lowered to it. Closing the
        iterator stops the model.
        """

    async def embed(self, model: str, texts: Sequence[str]) -> Embeddings:
        """A unit vector for each text, whatever their number; a text beyond the model's length counts by its beginning."""
