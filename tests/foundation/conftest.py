"""Tokens from an issuer that answers in this process, the stage on which tasks and processes are rehearsed, and an account."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.test import override_settings

from tests import forging
from tests.foundation.deployment_in_moto import SERVICES, Endpoints, made, served
from tests.foundation.staging import Stage
from tests.servers.moto import Moto
from tests.serving import serving


@pytest.fixture(scope="module")
def good_token() -> Iterator[str]:
    """The access token of an onboarded application."""
    with serving():
        yield forging.good_token(forging.new_client())


@pytest.fixture
def both_ways() -> Iterator[None]:
    """The paths of `asking` are served beside the platform's own."""
    with override_settings(ROOT_URLCONF="tests.foundation.asking"):
        yield


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage of its own for each test."""
    made = Stage(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture
def endpoints() -> Iterator[Endpoints]:
    """What a deployment's URLs answer: all is well."""
    with served() as known:
        yield known


@pytest.fixture
def account(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moto]:
    """An account whose every service is moto's; what a test makes in it is named by the test's own deployment."""
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    for service in SERVICES:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", moto.url)
    yield moto


@pytest.fixture
def told(account: Moto, endpoints: Endpoints, request: pytest.FixtureRequest) -> Mapping[str, str]:
    """What the root stack of a whole deployment tells."""
    return made(account, "whole" + str(abs(hash(request.node.name)) % 10**6), endpoints)
