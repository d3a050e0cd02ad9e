"""What the journeys of OpenAI's SDK share: a platform with the models MODELS of their module, and a client with a key alone."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from tests.conftest import free_port
from tests.running import Platform
from tests.upstream.openai_server import OpenAIServer, running


@pytest.fixture(scope="module")
def upstream() -> Iterator[OpenAIServer]:
    """A provider of models that can do everything."""
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(
    request: pytest.FixtureRequest, upstream: OpenAIServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """A platform that has the provider's models beside its own."""
    home = tmp_path_factory.mktemp("gateway") / "home"
    started = Platform(home, free_port(), OPENAI_BASE_URL=upstream.url, OPENAI_MODELS=request.module.MODELS)
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def key(gateway: Platform) -> str:
    """An API key of a new application."""
    return gateway.new_key("clients")


@pytest.fixture(scope="module")
def client(gateway: Platform, key: str) -> Iterator[OpenAI]:
    """The SDK, which repeats nothing."""
    with OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as made:
        yield made
