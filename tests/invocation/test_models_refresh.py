"""manage.py models refresh: what Bedrock says of its models becomes their state here."""

import uuid
from collections.abc import Iterator

import pytest
from django.core.management import CommandError

from apps.invocation import services
from tests.invocation.test_bedrock_signing import SUMMARIES, credentials, profile, server
from tests.invocation.test_models_command import models
from tests.upstream.bedrock_server import BedrockServer

__all__ = ["credentials", "server"]  # fixtures


@pytest.fixture
def names() -> Iterator[tuple[str, str, str]]:
    """Three names that no model has; gone after the test."""
    made = tuple(f"{word}-{uuid.uuid4().hex[:8]}" for word in ("sonnet", "titan", "gone"))
    yield made
    for name in made:
        if any(model.name == name for model, _ in services.models()):
            services.remove_model(name)


def test_states_are_as_bedrock_says_and_what_is_switched_off_stays_so(
    server: BedrockServer, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str, str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", server.url)
    server.models, server.profiles = SUMMARIES, [profile("eu")]
    ids = ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.titan-embed-text-v1", "anthropic.claude-instant-v1")
    for name, identifier in zip(names, ids, strict=True):
        models("add", name, "--provider", "bedrock", "--region", server.region, "--model", identifier)
    sonnet, titan, gone = names
    assert {one["name"]: one["state"] for one in models("refresh")} == {titan: "legacy", gone: "retired"}
    assert models("refresh") == []
    assert models("show", gone)["deployments"] and models("show", sonnet)["state"] == "active"
    with pytest.raises(CommandError, match="ended by its provider"):
        models("enable", gone)
    models("disable", titan)
    assert models("refresh") == [] and models("show", titan)["state"] == "disabled"


def test_without_bedrock_there_is_nothing_to_read() -> None:
    with pytest.raises(CommandError, match="BEDROCK_REGION"):
        models("refresh")
