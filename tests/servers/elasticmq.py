"""What stands for SQS: ElasticMQ from Maven Central, its queues made from the template's own resources, and the adapter on it.

All that it holds is in its memory. What it does otherwise than AWS is in docs/testing.md, "What stands for AWS in tests".
"""

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.cloudformation.parts import queues as template
from foundation.adapters.aws.clients import client
from foundation.adapters.aws.messages import Messages
from foundation.adapters.aws.queues import SqsQueues
from foundation.manifest import Queue
from tests.servers import moto
from tests.servers.maven import jars
from tests.servers.starting import server

COORDINATE: Final = "org.elasticmq:elasticmq-server_3:1.7.1"
MAIN: Final = "org.elasticmq.server.Main"
CONFIGURATION: Final = """
include classpath("application.conf")
rest-sqs {{ bind-hostname = "127.0.0.1", bind-port = {port}, sqs-limits = strict }}
rest-stats.enabled = false
"""
KNOWN: Final = ("VisibilityTimeout", "MessageRetentionPeriod")  # of what the template says; it has no keys and no policies


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class ElasticMq:
    """A server, and what reaches it."""

    folder: Path
    port: int = field(default_factory=free_port)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The server for the length of the block."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = self.folder / f"{self.port}.conf"
        configuration.write_text(CONFIGURATION.format(port=self.port))
        classes = jars("elasticmq", COORDINATE)
        command = ["java", "-Xmx256m", f"-Dconfig.file={configuration}", "-cp", classes, MAIN]
        with server(command, self.port, self.folder / f"{self.port}.log"):
            yield

    def environment(self, door: int | None = None) -> dict[str, str]:
        """AWS's own variables with which a process reaches this server in place of AWS, by another port if need be."""
        url = f"http://127.0.0.1:{door or self.port}"
        return {
            **moto.CREDENTIALS,
            "AWS_REGION": moto.REGION,
            "AWS_DEFAULT_REGION": moto.REGION,
            "AWS_ENDPOINT_URL_SQS": url,
        }

    def make(self, deployment: str, *queues: Queue) -> None:
        """Make the queues of a deployment, from the resources that the template has for them."""
        administrator: Any = moto.ADMINISTRATOR.client(
            "sqs", region_name=moto.REGION, endpoint_url=f"http://127.0.0.1:{self.port}"
        )
        for queue in queues:
            own, dead, *_ = (json.loads(json.dumps(made.to_dict()["Properties"])) for made in template.queue(queue))
            url = administrator.create_queue(QueueName=named(dead, deployment), Attributes=attributes(dead))["QueueUrl"]
            found = administrator.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
            redrive = {**own["RedrivePolicy"], "deadLetterTargetArn": found["QueueArn"]}
            administrator.create_queue(
                QueueName=named(own, deployment), Attributes={**attributes(own), "RedrivePolicy": json.dumps(redrive)}
            )

    def queues(self, *queues: Queue, deployment: str | None = None, door: int | None = None) -> SqsQueues:
        """The adapter on these queues, made for it when it is not said in which deployment they are."""
        name = deployment or f"d-{uuid.uuid4().hex[:8]}"
        if deployment is None:
            self.make(name, *queues)
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in self.environment(door).items():
                patch.setenv(variable, value)
            reached = client("sqs", moto.Moto("").settings(DEPLOYMENT=name))
        return SqsQueues(Messages(reached, name, queues))


def named(properties: dict[str, Any], deployment: str) -> str:
    """The name of a queue of the template in a deployment."""
    name: str = properties["QueueName"]["Fn::Sub"]
    return name.replace("${Deployment}", deployment)


def attributes(properties: dict[str, Any]) -> dict[str, str]:
    """What the template says of a queue, as far as the server knows it."""
    return {key: str(properties[key]) for key in KNOWN if key in properties}
