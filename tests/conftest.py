"""What tests stand on: a data folder of their own, callers, and one running platform to talk to over HTTP."""

import atexit
import os
import shutil
import socket
import tempfile
from pathlib import Path


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


HOME = Path(tempfile.mkdtemp(prefix="foundation-tests-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)  # after what this process itself does at its end
os.environ.update(
    {
        "FOUNDATION_HOME": str(HOME / "in-process"),
        "PORT": str(free_port()),
        "DJANGO_SETTINGS_MODULE": "foundation.configuration",
        "MODEL_ALIASES": "text:*=smollm2-135m-instruct,embed:*=all-minilm-l6-v2",
        "SERVE": "all",
        "ROUTE_PAUSE_MS": "0",  # of what is tried and told no test asks when
    }
)

import uuid  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402

import django  # noqa: E402
import pytest  # noqa: E402

django.setup()

from apps.usage import services as usage  # noqa: E402
from foundation.adapters import directory  # noqa: E402
from foundation.identity import Caller  # noqa: E402
from tests import watched  # noqa: E402
from tests.running import Api, Platform  # noqa: E402
from tests.servers.dynamodb import Dynamo, dynamodb  # noqa: E402
from tests.servers.elasticmq import ElasticMq  # noqa: E402
from tests.servers.moto import Moto  # noqa: E402
from tests.servers.moto import moto as moto_server  # noqa: E402
from tests.servers.opensearch import opensearch as opensearch_server  # noqa: E402

watched.watch()
usage.shipper.pace = 0.01  # calls of this process are on the account soon: thousands of tests look there


@pytest.fixture(autouse=True)
def no_use_of_a_port_that_roles_do_not_know() -> Iterator[None]:
    """Fails the test that brought one about."""
    yield
    found = [*watched.faults]
    watched.faults.clear()
    assert found == []


@pytest.fixture
def caller() -> Caller:
    """A caller of an application that nobody else has."""
    return made_caller()


@pytest.fixture
def stranger() -> Caller:
    """A caller of another application."""
    return made_caller()


def made_caller() -> Caller:
    """The active client of a new application."""
    application = str(uuid.uuid4())
    return Caller(application, directory.create(application, "tests").client)


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """The whole platform, started by `manage.py up` with a data folder of its own; stopped at the end of the tests."""
    running = Platform(HOME / "running", free_port())
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client_for(platform: Platform) -> Callable[[str], Api]:
    """Gives the HTTP client of an application by its name, onboarding it when it is new."""
    clients: dict[str, Api] = {}

    def client(name: str) -> Api:
        if name not in clients:
            clients[name] = platform.api(platform.create_application(name))
        return clients[name]

    return client


@pytest.fixture(scope="session")
def api(client_for: Callable[[str], Api]) -> Api:
    """An application's HTTP client."""
    return client_for("first application")


@pytest.fixture(scope="session")
def other_api(client_for: Callable[[str], Api]) -> Api:
    """Another application's HTTP client."""
    return client_for("second application")


@pytest.fixture(scope="session")
def moto() -> Iterator[Moto]:
    """What stands for S3, Secrets Manager and Cognito."""
    with moto_server(free_port(), HOME / "moto.log") as running:
        yield running


@pytest.fixture(scope="session")
def opensearch_url() -> Iterator[str]:
    """A cluster of OpenSearch."""
    with opensearch_server(HOME / "opensearch") as url:
        yield url


@pytest.fixture(scope="session")
def elasticmq() -> Iterator[ElasticMq]:
    """What stands for SQS, for all tests; each has its own deployment in it."""
    server = ElasticMq(HOME / "elasticmq")
    with server.running():
        yield server


@pytest.fixture(scope="session")
def dynamo() -> Iterator[Dynamo]:
    """A DynamoDB for all tests; each has its own deployment in it."""
    with dynamodb(free_port(), HOME / "dynamodb.log") as running:
        yield running
