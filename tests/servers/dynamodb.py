"""DynamoDB Local, Amazon's own server for tests, with all that it holds in its memory."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from foundation.adapters.aws.names import table_name
from foundation.adapters.aws.tables import TTL, properties
from foundation.records import Record
from tests.servers.maven import folder_of, jars
from tests.servers.starting import server

ARTIFACT = "com.amazonaws:DynamoDBLocal:2.6.1"
MAIN = "com.amazonaws.services.dynamodbv2.local.main.ServerRunner"
REGION = "us-west-2"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example"}


@dataclass(frozen=True)
class Dynamo:
    """The running server."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """AWS's own variables with which a process reaches this server in place of AWS."""
        return {**CREDENTIALS, "AWS_REGION": REGION, "AWS_ENDPOINT_URL_DYNAMODB": self.url}

    @cached_property
    def client(self) -> Any:
        """A client that is as patient as the platform's."""
        return boto3.session.Session(*CREDENTIALS.values()).client(
            "dynamodb",
            region_name=REGION,
            endpoint_url=self.url,
            config=Config(retries={"mode": "standard", "max_attempts": 3}, max_pool_connections=50),
        )

    @contextmanager
    def tables(self, deployment: str, kinds: Iterable[type[Record]]) -> Iterator[None]:
        """The tables of these records, as a template makes them, for the length of the block."""
        by_name = {table_name(deployment, kind): kind for kind in kinds}
        for table, kind in by_name.items():
            self.client.create_table(TableName=table, **properties(kind))
            ends = {"Enabled": True, "AttributeName": TTL}
            self.client.update_time_to_live(TableName=table, TimeToLiveSpecification=ends)
        yield
        for table in by_name:
            self.client.delete_table(TableName=table)


@contextmanager
def dynamodb(port: int, log: Path) -> Iterator[Dynamo]:
    """The server for the length of the block."""
    path = jars("dynamodb", ARTIFACT)
    natives = f"-Djava.library.path={folder_of('dynamodb')}"
    command = ["java", "-Xmx400m", natives, "-cp", path, MAIN]
    with server([*command, "-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)], port, log):
        yield Dynamo(f"http://127.0.0.1:{port}")
