"""A whole deployment without an account: every server that stands for AWS, and all processes as the templates have them.

Each container of the generated template of services is a process of its own with the command, the settings and the packages
that it has there, and an access key that stands for its role. Requests come in by two doors: one takes what API Gateway takes,
the other what CloudFront does, and both ask the container that the load balancer's rules name.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import requests
from botocore.exceptions import ClientError

from deploy.cloudformation.house import platform
from deploy.cloudformation.names import CACHE, CACHE_USER
from tests.conftest import free_port
from tests.extraction.recorded import eye
from tests.running import ROOT, wait_for
from tests.servers import image
from tests.servers.aws_calls import COLLECTION, KEY
from tests.servers.cache_door import cache_door
from tests.servers.containers import Container, Services, asked_of_api, asked_of_portal, matches, services
from tests.servers.doors import doors
from tests.servers.dynamodb import Dynamo
from tests.servers.elasticmq import ElasticMq
from tests.servers.moto import ACCOUNT, BUCKET, REGION, Moto, moto
from tests.servers.pool_domain import pool_domain
from tests.servers.recording import Recording, key_of
from tests.servers.redis import RedisServer
from tests.servers.serverless_proxy import collection
from tests.servers.starting import started
from tests.servers.textract import textract
from tests.upstream.bedrock_server import BedrockServer, serving

DELAY: Final = 0.5  # seconds until the collection shows what was written
MOTO: Final = ("S3", "SECRETS_MANAGER", "COGNITO_IDENTITY_PROVIDER")
HERE: Final = {"HOST": "127.0.0.1", "DJANGO_SETTINGS_MODULE": "foundation.configuration", "AWS_EC2_METADATA_DISABLED": "true"}


@dataclass
class Account:
    """A running deployment. `told` is what all processes are told beyond the template, as servers here have other addresses."""

    name: str
    home: Path
    recording: Recording
    bedrock: BedrockServer
    told: Mapping[str, str]
    secrets: Mapping[str, str]
    api: str = ""
    portal: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    services: Services = Services({})
    ports: dict[str, int] = field(default_factory=dict)

    def environment(self, container: Container) -> dict[str, str]:
        """The environment of a process, which has a folder of its own; nothing of it is this test's but the way to Python."""
        (self.home / container.name).mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            **image.environment(),
            **container.told,
            **{name: self.secrets.get(name, "") for name in container.secrets},
            **HERE,
            **self.told,
            **self.recording.credentials(container.name),
            "FOUNDATION_HOME": str(self.home / container.name),
            "PORT": str(self.ports.setdefault(container.name, free_port())),
        }

    def manage(self, *arguments: str) -> str:
        """The output of a command of the operators' container; fails when the command does."""
        (operations,) = (each for each in self.services.containers() if each.name == "operations")
        return self.done(["python", "manage.py", *arguments], operations)

    def done(self, command: Sequence[str], container: Container) -> str:
        """The output of a command inside a container; fails when the command does."""
        options: dict[str, Any] = {"cwd": ROOT, "env": self.environment(container), "capture_output": True, "text": True}
        done = subprocess.run(by_this_python(command), check=False, timeout=120, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    def onboard(self, name: str) -> Mapping[str, Any]:
        """A new application's credentials, as the command tells them."""
        made: Mapping[str, Any] = json.loads(self.manage("apps", "create", name, "--json"))
        return made

    def errors(self) -> str:
        """The end of what every process has printed, for a test that failed."""
        logs = {path.name: path.read_text(errors="replace")[-3000:] for path in sorted(self.home.glob("*.log"))}
        return "\n".join(f"{name}:\n{text}" for name, text in logs.items() if text)


def by_this_python(command: Sequence[str]) -> list[str]:
    """The command of a container, run by the Python of this test."""
    program, *arguments = command
    assert program == "python"
    return [sys.executable, *arguments]


def behind(account: Account, rules: Mapping[str, str], path: str) -> str | None:
    """The address that the load balancer sends a path to; of two rules none has the same path."""
    found = {name for pattern, name in rules.items() if matches(pattern, path.partition("?")[0])}
    assert len(found) < 2, f"{path} has the rules of {found}"
    return next((f"http://127.0.0.1:{account.ports[name]}" for name in found), None)


def by_api(account: Account, method: str, path: str) -> str | None:
    """Where API Gateway and the balancer behind it send a request."""
    known = any(method == asked and pattern.fullmatch(path.partition("?")[0]) for asked, pattern in asked_of_api())
    return behind(account, account.services.rules(), path) if known else None


def by_portal(account: Account, method: str, path: str) -> str | None:
    """Where CloudFront and the balancer behind it send a request."""
    del method
    known = any(matches(pattern, path.partition("?")[0]) for pattern in asked_of_portal())
    return behind(account, account.services.rules(), path) if known else None


def stored(running: Moto) -> Any:
    """What is at a bucket and a name, for Textract."""
    s3: Any = running.client("s3")

    def read(bucket: str, name: str) -> bytes | None:
        try:
            content: bytes = s3.get_object(Bucket=bucket, Key=name)["Body"].read()
        except ClientError:
            return None
        return content

    return read


@contextmanager
def account(name: str, home: Path, dynamo: Dynamo, elasticmq: ElasticMq, opensearch_url: str) -> Iterator[Account]:
    """Everything that stands for AWS, made as the templates make it, and no process yet."""
    processes = tuple(process.name for process in platform().processes)
    with ExitStack() as stack:
        enter = stack.enter_context
        opened = enter(doors())
        recording = Recording(processes)
        running = enter(moto(free_port(), home / "moto.log", map(key_of, processes)))
        redis = RedisServer(home / "redis")
        enter(redis.running())
        cache = enter(cache_door(f"{name}-{CACHE}", f"{name}-{CACHE_USER}", redis.port, home, recording.signs_in))
        vectors = enter(collection(opensearch_url, DELAY))
        bedrock = enter(serving(BedrockServer(region=REGION, secret=running.environment["AWS_SECRET_ACCESS_KEY"])))
        reader = enter(textract(stored(running), eye))
        enter(dynamo.tables(name, platform().records))
        elasticmq.make(name, *platform().queues)
        pool = running.pool(name)
        door = partial(recording.before, opened)
        own, models = door(running.url), door(bedrock.url)
        told = {
            **{f"AWS_ENDPOINT_URL_{service}": own for service in MOTO},
            "AWS_ENDPOINT_URL_DYNAMODB": door(dynamo.url),
            "AWS_ENDPOINT_URL_SQS": door(f"http://127.0.0.1:{elasticmq.port}"),
            "AWS_ENDPOINT_URL_TEXTRACT": door(reader.url),
            "AWS_ENDPOINT_URL_BEDROCK": models,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": models,
            "APPLICATIONS_ISSUER": f"{own}/{pool}",
        }
        made = Account(name, home, recording, bedrock, told, {"SECRET_KEY": "a secret"})
        made.api, made.portal = opened.open(partial(by_api, made)), opened.open(partial(by_portal, made))
        people = enter(pool_domain(free_port(), made.portal))
        told["ADMINISTRATORS_ISSUER"] = people.url
        made.outputs = {
            **outputs(name, pool, own),
            "AdministratorsDomain": people.url,
            "AdministratorsClient": people.client,
            "CollectionUrl": door(vectors.url),
            "CacheUrl": cache.url,
            "CacheName": cache.name,
            "ApiUrl": made.api,
            "PortalUrl": made.portal,
        }
        made.services = services(made.outputs, REGION)
        yield made


def outputs(name: str, pool: str, domain: str) -> dict[str, str]:
    """What the other stacks tell that of services."""
    return {
        "Deployment": name,
        "FilesBucket": BUCKET,
        "FilesBucketArn": f"arn:aws:s3:::{BUCKET}",
        "CollectionArn": COLLECTION,
        "DataKeyArn": KEY,
        "ApplicationsPoolId": pool,
        "ApplicationsPoolArn": f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{pool}",
        "ApplicationsDomain": f"{domain}/{pool}",
    }


@contextmanager
def running(made: Account) -> Iterator[None]:
    """All services and workers of a deployment, for the length of the block; the services are UP when it begins."""
    with ExitStack() as stack:
        processes = {}
        for container in made.services.containers():
            if container.name != "operations":
                log, environment = made.home / f"{container.name}.log", made.environment(container)
                processes[container] = stack.enter_context(started(by_this_python(container.command), log, environment))
        for container, process in processes.items():
            if container.serves:
                wait_for(partial(is_up, process, made.ports[container.name]), 180)
        yield
        ended = [container.name for container, process in processes.items() if process.poll() is not None]
        assert not ended, f"{ended} ended"


def is_up(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Whether the health of a service says so; fails when its process has ended."""
    assert process.poll() is None, f"{process.args!r} ended"
    try:
        return requests.get(f"http://127.0.0.1:{port}/service/health", timeout=10).json() == {"status": "UP"}
    except (requests.RequestException, ValueError):
        return False
