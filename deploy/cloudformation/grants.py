"""What a process may do in AWS, derived from the manifests of the capabilities that it needs, with the reason of each grant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from troposphere import Sub

from deploy.cloudformation import reach
from deploy.cloudformation.code import Name
from deploy.cloudformation.house import Platform, Process
from deploy.cloudformation.names import CACHE, CACHE_USER
from deploy.cloudformation.uses import ANY, SHARED, Use
from foundation.adapters.aws import names
from foundation.apps import Foundation
from foundation.manifest import Capability, Folder, Queue, short
from foundation.records import Record

DEPLOYMENT: Final = "${Deployment}"
TABLE: Final = "arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{name}"
QUEUE: Final = "arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}"
SECRET_ARN: Final = "arn:${{AWS::Partition}}:secretsmanager:${{AWS::Region}}:${{AWS::AccountId}}:secret:{name}-*"  # noqa: S105 (a name)

FOUNDATION: Final = "foundation"
TAKES_ANY: Final = ("foundation.", "apps.portal.")  # whose code asks for what other capabilities declare: every queue, say
Needs = Mapping[str, frozenset[str]]  # actions, and the verbs of a port that each is needed for

RECORDS: Final[Needs] = {
    "dynamodb:GetItem": frozenset({"get", "update", "increment once"}),
    "dynamodb:Query": frozenset({"query"}),
    "dynamodb:PutItem": frozenset({"put", "add", "batch", "increment initial"}),
    "dynamodb:UpdateItem": frozenset({"put", "batch", "update", "increment"}),
    "dynamodb:DeleteItem": frozenset({"delete", "remove"}),
    "dynamodb:BatchWriteItem": frozenset({"increment once"}),
}
FILES: Final[Needs] = {
    "s3:GetObject": frozenset({"read", "open", "find", "seal", "sealed", "download_url"}),
    "s3:PutObject": frozenset({"write", "sealed", "upload_url"}),
    "s3:DeleteObject": frozenset({"delete"}),
    "s3:AbortMultipartUpload": frozenset({"write"}),  # one that failed half way leaves nothing
}
READS: Final = FILES["s3:GetObject"]
QUEUES: Final[Needs] = {
    "sqs:GetQueueUrl": frozenset({"send", "depth", "redrive", "work"}),
    "sqs:SendMessage": frozenset({"send", "redrive"}),
    "sqs:GetQueueAttributes": frozenset({"depth"}),
    "sqs:ReceiveMessage": frozenset({"work"}),
    "sqs:DeleteMessage": frozenset({"work"}),
    "sqs:ChangeMessageVisibility": frozenset({"work"}),  # what failed comes again after a pause, what takes long stays hidden
}
DEAD_LETTERS: Final[Needs] = {
    "sqs:GetQueueUrl": frozenset({"depth", "dead", "redrive", "work"}),
    "sqs:SendMessage": frozenset({"work"}),  # what cannot be done is buried
    "sqs:GetQueueAttributes": frozenset({"depth"}),
    "sqs:ReceiveMessage": frozenset({"dead", "redrive"}),
    "sqs:DeleteMessage": frozenset({"redrive"}),
    "sqs:ChangeMessageVisibility": frozenset({"dead", "redrive"}),  # what was only listed is there for the next who looks
}
ELASTICACHE: Final = "arn:${AWS::Partition}:elasticache:${AWS::Region}:${AWS::AccountId}"
SECRETS: Final[Needs] = {
    "secretsmanager:GetSecretValue": frozenset({"get", "create"}),
    "secretsmanager:PutSecretValue": frozenset({"put"}),
    "secretsmanager:CreateSecret": frozenset({"create", "put"}),  # it is made by the first
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource (`*` or an ARN with `${…}` names), why, by which line of which manifest, and under which
    condition if any."""

    action: str
    resource: str
    reason: str
    source: str
    condition: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the code of a process comes to, and what that asks of the ports; reach.py says how that is found."""

    units: frozenset[Name]
    uses: Mapping[Use, frozenset[Name]]

    def verbs(self, port: str, on: str, owner: str, index: str = "") -> frozenset[str]:
        """The verbs on one thing that `owner` declares; with `once` or `initial` after them where these are given.

        Where the text does not tell on what, it is on all that the capability has whose code it is.
        """
        return frozenset(
            verb
            for use, units in self.uses.items()
            if use.port == port and use.index in (index, ANY)
            if use.on == on or (use.on == ANY and any(unit[0].startswith((f"{owner}.", *TAKES_ANY)) for unit in units))
            for verb in (use.verb, *(f"{use.verb} {each}" for each in ("once", "initial") if each in use.further))
        )


def grants(platform: Platform, process: Process) -> tuple[Grant, ...]:
    """All that a process may do, in an order that does not change, each grant once: what the manifests that it needs declare,
    as far as its own code asks for it."""
    needed, asked = platform.needed(process), Asked(reach.units(platform, process), reach.asked(platform, process))
    found = [
        *(grant for each in needed for kind in each.manifest.records for grant in _table(asked, kind, each, "records")),
        *(grant for each in needed for kind in each.manifest.keeps for grant in _table(asked, kind, each, "keeps")),
        *(grant for kind in Foundation.read for grant in _read(asked, kind)),
        *(grant for each in needed for queue in each.manifest.queues for grant in _queue(asked, process, queue, each)),
        *(grant for each in needed for folder in each.manifest.files for grant in _folder(asked, folder, each)),
        *_foundation(asked),
        *(
            Grant(action.name, action.resource, action.reason, f"{short(each)}.actions")
            for each in needed
            for action in each.manifest.actions
            if not asked.units.isdisjoint(tuple(by.split(":")) for by in action.by)
        ),
    ]
    return tuple({(grant.action, grant.resource): grant for grant in reversed(found)}.values())[::-1]


def _granted(needs: Needs, verbs: frozenset[str], resource: str, on: str, source: str) -> Iterator[Grant]:
    """The actions that some verbs need."""
    for action, wanted in needs.items():
        if verbs & wanted:
            yield Grant(action, resource, f"{', '.join(sorted(verbs & wanted))} {on}", source)


def _table(asked: Asked, kind: type[Record], owner: type[Capability], line: str) -> Iterator[Grant]:
    record, table = kind.kind.table, TABLE.format(name=names.table_name(DEPLOYMENT, kind))
    source = f"{short(owner)}.{line}"
    yield from _granted(RECORDS, asked.verbs("records", record, owner.name), table, f"of {record}", source)
    for index in kind.kind.indexes:
        if asked.verbs("records", record, owner.name, index):
            yield Grant("dynamodb:Query", f"{table}/index/{index}", f"query of {record} by {index}", source)


def _read(asked: Asked, kind: type[Record]) -> Iterator[Grant]:
    table = TABLE.format(name=names.table_name(DEPLOYMENT, kind))
    if "get" in asked.verbs("records", kind.kind.table, FOUNDATION):
        yield Grant("dynamodb:GetItem", table, f"get of {kind.kind.table}, to know who calls", FOUNDATION)


def _queue(asked: Asked, process: Process, queue: Queue, owner: type[Capability]) -> Iterator[Grant]:
    place, dead = (QUEUE.format(name=name(DEPLOYMENT, queue.name)) for name in (names.queue_name, names.dead_queue_name))
    verbs = asked.verbs("queues", queue.name, owner.name) | ({"work"} if process.works_on(queue.name) else frozenset())
    for needs, resource, on in ((QUEUES, place, "of messages"), (DEAD_LETTERS, dead, "of dead letters")):
        yield from _granted(needs, verbs, resource, on, f"{short(owner)}.queues")


def _folder(asked: Asked, folder: Folder, owner: type[Capability]) -> Iterator[Grant]:
    verbs = asked.verbs("files", folder.name, owner.name)
    source, resource = f"{short(owner)}.files", f"${{FilesBucketArn}}/{folder.name}/*"
    yield from _granted(FILES, verbs if folder.writes else verbs & READS, resource, f"under {folder.name}/", source)


def _foundation(asked: Asked) -> Iterator[Grant]:
    """What no capability declares: that who calls is known, and that what is read and written is encrypted."""
    for folder in Foundation.files:
        verbs = asked.verbs("files", folder.name, FOUNDATION)
        yield from _granted(FILES, verbs, f"${{FilesBucketArn}}/{folder.name}/*", f"under {folder.name}/", FOUNDATION)
    if any(use.port == "files" and use.verb in READS for use in asked.uses):
        listing = "without it S3 answers 403 and not 404 where there is no file"
        yield Grant("s3:ListBucket", "${FilesBucketArn}", listing, FOUNDATION)
    for name in Foundation.secrets:
        secret = SECRET_ARN.format(name=names.secret_name(DEPLOYMENT, name))  # AWS adds a hyphen and six characters
        verbs = frozenset(use.verb for use in asked.uses if use.port == "secrets" and use.on == name)
        yield from _granted(SECRETS, verbs, secret, f"of the secret {name}", FOUNDATION)
    if any(use.port in SHARED for use in asked.uses):
        for place in (
            f"{ELASTICACHE}:serverlesscache:${{Deployment}}-{CACHE}",
            f"{ELASTICACHE}:user:${{Deployment}}-{CACHE_USER}",
        ):
            yield Grant("elasticache:Connect", place, "signs in to the cache of counters and limits", FOUNDATION)
    through = tuple(("StringLike", "kms:ViaService", f"{service}.${{AWS::Region}}.amazonaws.com") for service in ENCRYPTED)
    yield Grant("kms:Decrypt", "${DataKeyArn}", "what is read is encrypted", FOUNDATION, through)
    yield Grant("kms:GenerateDataKey", "${DataKeyArn}", "what is written is encrypted", FOUNDATION, through)


ENCRYPTED: Final = ("dynamodb", "s3", "secretsmanager", "sqs")


def statements(some: Iterable[Grant]) -> list[dict[str, Any]]:
    """Grants as statements of an IAM policy, short: what has the same resources and condition has one statement."""
    by_resource: dict[tuple[str, Any], set[str]] = {}
    for grant in some:
        by_resource.setdefault((grant.resource, grant.condition), set()).add(grant.action)
    by_actions: dict[tuple[tuple[str, ...], Any], list[str]] = {}
    for (resource, condition), actions in by_resource.items():
        by_actions.setdefault((tuple(sorted(actions)), condition), []).append(resource)
    return [
        {
            "Effect": "Allow",
            "Action": list(actions),
            "Resource": [_said(resource) for resource in sorted(resources)],
            **({"Condition": _condition(condition)} if condition else {}),
        }
        for (actions, condition), resources in by_actions.items()
    ]


def _condition(parts: Iterable[tuple[str, str, str]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for operator, key, value in parts:
        made.setdefault(operator, {}).setdefault(key, []).append(_said(value))
    return made


def _said(text: str) -> Any:
    return Sub(text) if "${" in text else text
