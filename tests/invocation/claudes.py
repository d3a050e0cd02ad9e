"""Models that a server in Anthropic's manner answers, in the catalogue of this process; each is named as its id."""

from collections.abc import Iterator
from contextlib import contextmanager

from apps.invocation import listing
from apps.invocation.records import Deployment, Kind, Model, Prices
from foundation.adapters import secrets
from tests.upstream.anthropic_server import ERRORS, KEY, MISBEHAVIOURS, AnthropicServer, serving

CLAUDE = "claude-test"
KEPT = "anthropic_upstream"
PRICES = Prices(input=3.0, output=15.0, cached=0.3, cache_written=3.75)


@contextmanager
def claudes() -> Iterator[AnthropicServer]:
    """The server, and its models in the catalogue for as long as the block lasts."""
    secrets.put(KEPT, KEY)
    names = (CLAUDE, *ERRORS, *MISBEHAVIOURS)
    with serving() as server:
        for name in names:
            place = Deployment("anthropic", "anthropic", name, base_url=server.url, key=KEPT)
            listing.save_model(Model(name, name, Kind.TEXT, "", prices=PRICES, deployments=(place,)))
        try:
            yield server
        finally:
            for name in names:
                listing.remove_model(name)
