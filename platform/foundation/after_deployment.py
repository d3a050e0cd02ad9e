"""manage.py deploy-check --after: whether a deployment on AWS is complete, and what is behind each of its outputs works."""

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from foundation.adapters.aws import deployed
from foundation.before_deployment import CREDENTIALS, found
from foundation.doctor import Finding
from foundation.errors import Problem
from foundation.identity import fetch_json
from foundation.manifest import Queue
from foundation.records import Record
from foundation.settings import CHOSEN, Settings

EVENTS: Final = (
    "Open the stack in CloudFormation, Events, and read the first line that failed: docs/deploy.md, The console walk."
)
LOGS: Final = "Read the log group /<deployment>/<service>, and the service's events in ECS."
DOMAIN: Final = "Wait some minutes; then look at the domain's record and certificate: docs/deploy.md, Custom domains."
POOL: Final = "Open the pool in Cognito; the stack identity makes it."
ALARMS: Final = "Open CloudWatch, Alarms; confirm the subscription in the e-mail of AWS Notifications."


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployment that was made, and what of it must be there. services: the names under which its API tells of health."""

    region: str
    deployment: str
    stack: str
    records: Sequence[type[Record]]
    queues: Sequence[Queue]
    services: Sequence[str]


def findings(made: Deployed) -> Iterator[Finding]:
    """How each stack is, what is behind each output, and how each service is. Nothing is changed."""
    there = replace(CHOSEN, aws_region=made.region, deployment=made.deployment)
    try:
        told = deployed.outputs(there, made.stack)
        for name, state in deployed.stacks(there, made.stack):
            yield Finding(f"stack {name}", state in deployed.DONE, state, "" if state in deployed.DONE else EVENTS)
    except Problem as problem:
        yield Finding(f"stack {made.stack}", False, problem.detail, f"Check its name and the region. {CREDENTIALS}")
        return
    yield found("tables", partial(deployed.tables, there, made.records), EVENTS)
    yield found("queues", partial(deployed.queues, there, made.queues), EVENTS)
    for output, check, remedy in BEHIND:
        if output in told:
            yield found(output, partial(check, there, told[output]), remedy)
        else:
            yield Finding(output, False, "the stack does not tell it", "Deploy the root template of this release.")
    pool, scope = told.get("ApplicationsPoolId", ""), told.get("Scope", "")
    yield found("Scope", partial(deployed.scope, there, pool, scope), POOL)
    for name in made.services:
        yield found(f"service {name}", partial(healthy, f"{told.get('ApiUrl', '')}/{name}/service/health"), LOGS)


def healthy(url: str) -> str:
    """That a service says that it is up."""
    said = fetch_json(url)
    if said.get("status") != "UP":
        raise OSError(f"{url} says {said}")
    return "UP"


def answers(url: str) -> str:
    """That something answers there, be it that it wants to be asked otherwise."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (the URL is an output of the stack)
            status = answer.status
    except urllib.error.HTTPError as refused:
        status = refused.code
    if status >= 500 or status == 404:
        raise OSError(f"{url} answers {status}")
    return f"{url} answers {status}"


def api(there: Settings, url: str) -> str:
    """That the API answers, and asks for a token where one is needed."""
    return answers(f"{url}/prompt/service/health")


def portal(there: Settings, url: str) -> str:
    """That the portal's page of sign-in answers."""
    return answers(f"{url}/admin/")


def document(there: Settings, url: str) -> str:
    """That the OpenAPI document is served, and of how many paths it tells."""
    return f"the OpenAPI document has {len(fetch_json(f'{url}/openapi.json')['paths'])} paths"


def domain(there: Settings, url: str) -> str:
    """That the domain of a pool answers."""
    return answers(f"{url}/oauth2/userInfo")


def issuer(there: Settings, pool_id: str) -> str:
    """That the issuer of a pool publishes keys."""
    known = fetch_json(deployed.keys_url(there, pool_id))["keys"]
    if not known:
        raise OSError(f"the issuer of {pool_id} has no keys")
    return f"its issuer has {len(known)} keys"


def target(there: Settings, name: str) -> str:
    """Where an own domain must point; nothing to see where there is none."""
    return "no domain of the company" if name == "none" else f"the domain's record must lead to {name}"


BEHIND: Final[Sequence[tuple[str, Callable[[Settings, str], str], str]]] = (  # every output of the root but Scope
    ("ApiUrl", api, DOMAIN),
    ("ApiTarget", target, DOMAIN),
    ("PortalUrl", portal, DOMAIN),
    ("PortalUrl", document, DOMAIN),
    ("PortalTarget", target, DOMAIN),
    ("ApplicationsPoolId", deployed.pool, POOL),
    ("ApplicationsPoolId", issuer, POOL),
    ("ApplicationsDomain", domain, POOL),
    ("AdministratorsPoolId", deployed.pool, POOL),
    ("AdministratorsPoolId", issuer, POOL),
    ("AdministratorsDomain", domain, POOL),
    ("FilesBucket", deployed.bucket, EVENTS),
    ("LogsBucket", deployed.bucket, EVENTS),
    ("SigningKeysSecretArn", deployed.secret, EVENTS),
    ("CollectionUrl", deployed.collection, EVENTS),
    ("RepositoryUri", deployed.repository, EVENTS),
    ("ImageUri", deployed.image, EVENTS),
    ("ClusterName", deployed.containers, LOGS),
    ("OperationsTask", deployed.task, EVENTS),
    ("AlarmsTopicArn", deployed.alarms, ALARMS),
    ("DashboardUrl", deployed.dashboard, EVENTS),
    ("BackupVaultName", deployed.vault, EVENTS),
)
