"""What a process may do in AWS, derived from the manifests of the capabilities that it needs, with the reason of each grant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from troposphere import Sub

from deploy.cloudformation.house import Platform, Process
from foundation.adapters.aws import names
from foundation.apps import Foundation
from foundation.manifest import Capability, Folder, Queue, short
from foundation.records import Record

DEPLOYMENT: Final = "${Deployment}"
TABLE: Final = "arn:${{AWS::Partition}}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/{name}"
QUEUE: Final = "arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}"
SECRET_ARN: Final = "arn:${{AWS::Partition}}:secretsmanager:${{AWS::Region}}:${{AWS::AccountId}}:secret:{name}-*"  # noqa: S105 (a name)

VERBS: Final[Mapping[str, str]] = {
    "dynamodb:GetItem": "get",
    "dynamodb:Query": "query",
    "dynamodb:PutItem": "put, batch",
    "dynamodb:UpdateItem": "put, batch, increment",
    "dynamodb:DeleteItem": "delete",
    "dynamodb:BatchWriteItem": "increment once",
}
SENDS: Final[Mapping[str, str]] = {
    "sqs:SendMessage": "messages of its own and of what it calls",
    "sqs:GetQueueAttributes": "how full the queue is",
    "sqs:GetQueueUrl": "where the queue is",
}
WORKS: Final[Mapping[str, str]] = {
    "sqs:ReceiveMessage": "the worker takes messages",
    "sqs:DeleteMessage": "what is done leaves the queue",
    "sqs:ChangeMessageVisibility": "what failed comes again after a pause, what takes long stays hidden",
}
LISTS_DEAD: Final[Mapping[str, str]] = {
    "sqs:GetQueueUrl": "where the dead letters are",
    "sqs:GetQueueAttributes": "how many dead letters there are",
}
BURIES: Final[Mapping[str, str]] = {**LISTS_DEAD, "sqs:SendMessage": "the worker buries what cannot be done"}
REDRIVES: Final[Mapping[str, str]] = {
    **LISTS_DEAD,
    "sqs:ReceiveMessage": "dead letters are listed",
    "sqs:DeleteMessage": "what is sent again leaves the dead letters",
    "sqs:ChangeMessageVisibility": "what was only listed is there for the next who looks",
}
FOUNDATION: Final = "foundation"
READS: Final[Mapping[str, str]] = {"s3:GetObject": "read, open, find, download URLs"}
WRITES: Final[Mapping[str, str]] = {
    **READS,
    "s3:PutObject": "write, seal, upload URLs",
    "s3:DeleteObject": "delete, seal",
    "s3:AbortMultipartUpload": "a write that failed half way leaves nothing",
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


def grants(platform: Platform, process: Process) -> tuple[Grant, ...]:
    """All that a process may do, in an order that does not change, each grant once."""
    needed = platform.needed(process)
    found = [
        *(grant for each in needed for kind in each.manifest.records for grant in _table(kind, f"{short(each)}.records")),
        *(grant for each in needed for kind in each.manifest.keeps for grant in _table(kind, f"{short(each)}.keeps")),
        *(_read(kind) for kind in Foundation.read),
        *(
            grant
            for each in needed
            for queue in each.manifest.queues
            for grant in _queue(process, queue, f"{short(each)}.queues")
        ),
        *(grant for folder in platform.folders_of(needed) for grant in _folder(folder, _declared(folder, needed))),
        *_foundation(),
        *(
            Grant(action.name, action.resource, action.reason, f"{short(each)}.actions")
            for each in needed
            for action in each.manifest.actions
            if action.queue is None or process.works_on(action.queue)
        ),
    ]
    return tuple({(grant.action, grant.resource): grant for grant in reversed(found)}.values())[::-1]


def _table(kind: type[Record], source: str) -> Iterator[Grant]:
    record, table = kind.kind.table, TABLE.format(name=names.table_name(DEPLOYMENT, kind))
    for action, verbs in VERBS.items():
        yield Grant(action, table, f"{verbs} of {record}", source)
    for index in kind.kind.indexes:
        yield Grant("dynamodb:Query", f"{table}/index/{index}", f"query of {record} by {index}", source)


def _read(kind: type[Record]) -> Grant:
    table = TABLE.format(name=names.table_name(DEPLOYMENT, kind))
    return Grant("dynamodb:GetItem", table, f"get of {kind.kind.table}, to know who calls", FOUNDATION)


def _queue(process: Process, queue: Queue, source: str) -> Iterator[Grant]:
    """Everybody who knows a queue sends to it; its worker works on it; operators redrive its dead letters."""
    place, dead = (QUEUE.format(name=name(DEPLOYMENT, queue.name)) for name in (names.queue_name, names.dead_queue_name))
    works = process.works_on(queue.name)
    on_dead = REDRIVES if process.capability is None else BURIES if works else LISTS_DEAD
    for actions, resource in ((SENDS, place), (WORKS if works else {}, place), (on_dead, dead)):
        for action, reason in actions.items():
            yield Grant(action, resource, reason, source)


def _folder(folder: Folder, source: str) -> Iterator[Grant]:
    for action, verbs in (WRITES if folder.writes else READS).items():
        yield Grant(action, f"${{FilesBucketArn}}/{folder.name}/*", f"{verbs} under {folder.name}/", source)


def _declared(folder: Folder, some: Iterable[type[Capability]]) -> str:
    """The manifests that name a folder."""
    return ", ".join(f"{short(each)}.files" for each in some if any(folder.name == own.name for own in each.manifest.files))


def _foundation() -> Iterator[Grant]:
    """What every process does: it identifies callers, and reads and writes what is encrypted."""
    for folder in Foundation.files:
        yield from _folder(folder, FOUNDATION)
    listing = "without it S3 answers 403 and not 404 where there is no file"
    yield Grant("s3:ListBucket", "${FilesBucketArn}", listing, FOUNDATION)
    for name in Foundation.secrets:
        secret = SECRET_ARN.format(name=names.secret_name(DEPLOYMENT, name))  # AWS adds a hyphen and six characters
        yield Grant("secretsmanager:GetSecretValue", secret, "get: a secret that processes agree on", FOUNDATION)
        yield Grant("secretsmanager:CreateSecret", secret, "create: it is made by the first", FOUNDATION)
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
