"""A deployment on the servers that stand for AWS, for all tests here."""

from collections.abc import Iterator

import pytest

from tests.servers import deployment as deployments
from tests.servers.deployment import Deployment
from tests.servers.dynamodb import Dynamo
from tests.servers.moto import Moto


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory, moto: Moto, dynamo: Dynamo) -> Iterator[Deployment]:
    """The deployment."""
    with deployments.deployment("aws-tests", tmp_path_factory.mktemp("deployment"), moto, dynamo) as made:
        yield made


@pytest.fixture(scope="session")
def prompts(deployment: Deployment) -> Iterator[str]:
    """The URL of a service of the deployment."""
    with deployment.serving("prompts") as url:
        yield url
