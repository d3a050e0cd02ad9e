"""What stands for S3, Secrets Manager and Cognito: moto's server in a process of its own, and the adapters on it.

All that it holds is in its memory. What it does otherwise than AWS is in docs/testing.md, "What stands for AWS in tests".
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from foundation.adapters.aws import files, secrets
from foundation.adapters.aws.secrets import ManagedSecrets
from foundation.ports import SCOPE, Files
from foundation.settings import Settings, read_settings
from tests.servers.starting import server

REGION = "us-west-2"
ACCOUNT = "123456789012"
KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ADMINISTRATOR = boto3.session.Session(KEY, SECRET)  # one for all clients: each session reads the services' models anew
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
BUCKET = "foundation-files"
SERVICES = ("S3", "SECRETS_MANAGER", "COGNITO_IDENTITY_PROVIDER", "STS", "CLOUDFORMATION", "CODEBUILD", "ECR")


@dataclass(frozen=True)
class Moto:
    """The running server."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """AWS's own variables with which a process reaches this server in place of AWS."""
        return {
            **CREDENTIALS,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            **{f"AWS_ENDPOINT_URL_{service}": self.url for service in SERVICES},
        }

    @property
    def told(self) -> dict[str, str]:
        """What a process that stands on it is told at the least."""
        return {
            "PLATFORM": "aws",
            "SECRET_KEY": "not a secret",
            "PUBLIC_URL": "https://portal.example",
            "API_URL": "https://api.example",
            "AWS_REGION": REGION,
            "FILES_BUCKET": BUCKET,
            "REDIS_URL": "redis://nowhere",
            "OPENSEARCH_URL": "https://nowhere",
            "APPLICATIONS_POOL": "us-west-2_applications",
            "APPLICATIONS_DOMAIN": "https://applications.example",
            "ADMINISTRATORS_POOL": "us-west-2_administrators",
            "ADMINISTRATORS_DOMAIN": "https://administrators.example",
            "ADMINISTRATORS_CLIENT": "portal",
        }

    def settings(self, **changed: str) -> Settings:
        """The settings of a process that stands on it."""
        return read_settings({**self.told, **changed})

    def pool(self, name: str) -> str:
        """The id of a new Cognito pool with the platform's scope, as the template of identity makes it."""
        cognito: Any = self.client("cognito-idp")
        pool = str(cognito.create_user_pool(PoolName=name)["UserPool"]["Id"])
        server, _, word = SCOPE.partition("/")
        scopes = [{"ScopeName": word, "ScopeDescription": "x"}]
        cognito.create_resource_server(UserPoolId=pool, Identifier=server, Name=name, Scopes=scopes)
        return pool

    def told_of(self, pool: str) -> dict[str, str]:
        """What a process is told of the pool of its applications, whose domain and whose keys are here, too."""
        place = f"{self.url}/{pool}"
        return {"APPLICATIONS_POOL": pool, "APPLICATIONS_DOMAIN": place, "APPLICATIONS_ISSUER": place}

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Clients that are made inside the block are this server's."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    def client(self, service: str) -> BaseClient:
        """An administrator's client of it, to make what a template makes."""
        made: Any = ADMINISTRATOR.client(service, region_name=REGION, endpoint_url=self.url)
        return made  # type: ignore[no-any-return]


def files_of(running: Moto, bucket: str = BUCKET) -> Files:
    """The store of files on its S3."""
    with running.reached():
        return files.adapter(running.settings(FILES_BUCKET=bucket))


def secrets_of(running: Moto, deployment: str, **changed: str) -> ManagedSecrets:
    """The secrets of a deployment in its Secrets Manager."""
    with running.reached():
        return secrets.adapter(running.settings(DEPLOYMENT=deployment, **changed))


@contextmanager
def moto(port: int, log: Path, keys: Iterable[str] = ()) -> Iterator[Moto]:
    """The server for the length of the block, which knows these access keys besides its own."""
    with server([sys.executable, "-m", "tests.servers.moto_process", str(port), *keys], port, log):
        running = Moto(f"http://127.0.0.1:{port}")
        s3: Any = running.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield running
