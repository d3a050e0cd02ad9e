"""Requests to AWS as IAM sees them: for each, the actions that it needs, on which resources, and through which service.

Sources: the Service Authorization Reference (docs.aws.amazon.com/service-authorization), per service; for KMS the pages
"How Amazon DynamoDB / S3 / SQS / Secrets Manager uses AWS KMS" of its developer guide.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from tests.servers.doors import Passed
from tests.servers.moto import ACCOUNT, REGION

SIGNED: Final = re.compile(r"(?:Credential=|X-Amz-Credential=)([^/&]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/data"
COLLECTION: Final = f"arn:aws:aoss:{REGION}:{ACCOUNT}:collection/vectors"


@dataclass(frozen=True, order=True)
class Need:
    """An action on a resource (an ARN, or `*`); `through` is the service that asks for it on the process's behalf."""

    action: str
    resource: str
    through: str = ""


@dataclass(frozen=True)
class Signer:
    """Who signed a request, and for which service."""

    key: str
    service: str


def signer(passed: Passed) -> Signer | None:
    """Who signed it, in a header or in its URL; None for a request that is not signed."""
    found = SIGNED.search(passed.headers.get("authorization", "")) or SIGNED.search(unquote(passed.path))
    return Signer(found[1], found[4]) if found else None


def needs(service: str, passed: Passed) -> Iterator[Need]:
    """All that a request needs, KMS's part with it. ValueError: a request that is not known here."""
    for need in READERS[service](passed):
        yield need
        kms = THROUGH_KMS.get(need.action)
        if kms is not None:
            yield Need(kms, KEY, f"{need.action.partition(':')[0]}.{REGION}.amazonaws.com")


def arn(service: str, rest: str) -> str:
    """An ARN of the account."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def target(passed: Passed) -> tuple[str, Mapping[str, Any]]:
    """The operation and the parameters of a request in AWS's JSON protocols."""
    asked: Mapping[str, Any] = json.loads(passed.body or b"{}")
    return passed.headers["x-amz-target"].rpartition(".")[2], asked


PARTS: Final = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


def dynamodb(passed: Passed) -> Iterator[Need]:
    """A transaction needs what its parts need."""
    operation, asked = target(passed)
    if operation == "TransactWriteItems":
        for part in asked["TransactItems"]:
            ((verb, about),) = part.items()
            yield Need(f"dynamodb:{PARTS[verb]}", arn("dynamodb", f"table/{about['TableName']}"))
        return
    if operation == "TransactGetItems":
        for part in asked["TransactItems"]:
            yield Need("dynamodb:GetItem", arn("dynamodb", f"table/{part['Get']['TableName']}"))
        return
    if operation.startswith("Batch"):
        for table in asked["RequestItems"]:
            yield Need(f"dynamodb:{operation}", arn("dynamodb", f"table/{table}"))
        return
    index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
    yield Need(f"dynamodb:{operation}", arn("dynamodb", f"table/{asked['TableName']}{index}"))


def sqs(passed: Passed) -> Iterator[Need]:
    """A batch needs the action of its entries."""
    operation, asked = target(passed)
    name = asked.get("QueueName") or asked["QueueUrl"].rpartition("/")[2]
    yield Need(f"sqs:{operation.removesuffix('Batch')}", arn("sqs", name))


def s3(passed: Passed) -> Iterator[Need]:
    """Path-style requests. Who may not list a bucket is told 403 and not 404 of what is not there: so a 404 needs that, too."""
    path, _, query = passed.path.partition("?")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    asked = parse_qs(query, keep_blank_values=True)
    place, whole = f"arn:aws:s3:::{bucket}/{key}", f"arn:aws:s3:::{bucket}"
    if not key:
        if passed.method != "GET" or not ({"list-type"} & asked.keys()):
            raise ValueError(f"{passed.method} {passed.path} of S3")
        yield Need("s3:ListBucket", whole)
        return
    if "uploadId" in asked and passed.method in ("DELETE", "GET"):
        yield Need({"DELETE": "s3:AbortMultipartUpload", "GET": "s3:ListMultipartUploadParts"}[passed.method], place)
        return
    if passed.status == 404:
        yield Need("s3:ListBucket", whole)
    source = passed.headers.get("x-amz-copy-source")
    if source:
        yield Need("s3:GetObject", f"arn:aws:s3:::{unquote(source).lstrip('/')}")
    verbs = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}
    yield Need(f"s3:{verbs[passed.method]}", place)


def secretsmanager(passed: Passed) -> Iterator[Need]:
    """An ARN has six characters after the name."""
    operation, asked = target(passed)
    yield Need(f"secretsmanager:{operation}", arn("secretsmanager", f"secret:{asked.get('Name') or asked['SecretId']}-AbCdEf"))


def cognito(passed: Passed) -> Iterator[Need]:
    """Operations on a pool."""
    operation, asked = target(passed)
    yield Need(f"cognito-idp:{operation}", arn("cognito-idp", f"userpool/{asked['UserPoolId']}"))


CALLS: Final = {
    "converse": "InvokeModel",
    "invoke": "InvokeModel",
    "converse-stream": "InvokeModelWithResponseStream",
    "invoke-with-response-stream": "InvokeModelWithResponseStream",
    "count-tokens": "CountTokens",
}
LISTS: Final = {"/foundation-models": "ListFoundationModels", "/inference-profiles": "ListInferenceProfiles"}


def bedrock(passed: Passed) -> Iterator[Need]:
    """An id with a region's beginning is an inference profile, which needs its model in each of its regions as well."""
    path = passed.path.partition("?")[0]
    if path in LISTS:
        yield Need(f"bedrock:{LISTS[path]}", "*")
        return
    _, _, raw, action = path.split("/")
    model = unquote(raw)
    prefix, _, bare = model.partition(".")
    is_profile = prefix in ("us", "eu", "apac", "global")
    if is_profile:
        yield Need(f"bedrock:{CALLS[action]}", arn("bedrock", f"inference-profile/{model}"))
    yield Need(f"bedrock:{CALLS[action]}", f"arn:aws:bedrock:{REGION}::foundation-model/{bare if is_profile else model}")
    guardrail = json.loads(passed.body or b"{}").get("guardrailConfig")
    if guardrail:
        yield Need("bedrock:ApplyGuardrail", arn("bedrock", f"guardrail/{guardrail['guardrailIdentifier']}"))


def aoss(passed: Passed) -> Iterator[Need]:
    """One action for all of a collection; what of its indexes is permitted says its access policy, which its door asks."""
    del passed
    yield Need("aoss:APIAccessAll", COLLECTION)


def textract(passed: Passed) -> Iterator[Need]:
    """Textract fetches a document with the rights of who asks."""
    operation, asked = target(passed)
    yield Need(f"textract:{operation}", "*")
    if operation == "StartDocumentAnalysis":
        place = asked["DocumentLocation"]["S3Object"]
        yield Need("s3:GetObject", f"arn:aws:s3:::{place['Bucket']}/{place['Name']}")


READERS: Final[Mapping[str, Callable[[Passed], Iterator[Need]]]] = {
    "dynamodb": dynamodb,
    "sqs": sqs,
    "s3": s3,
    "secretsmanager": secretsmanager,
    "cognito-idp": cognito,
    "bedrock": bedrock,
    "aoss": aoss,
    "textract": textract,
}
THROUGH_KMS: Final[Mapping[str, str]] = {  # what a service asks of the key on behalf of who calls it
    "dynamodb:GetItem": "kms:Decrypt",
    "dynamodb:Query": "kms:Decrypt",
    "dynamodb:PutItem": "kms:Decrypt",
    "dynamodb:UpdateItem": "kms:Decrypt",
    "dynamodb:DeleteItem": "kms:Decrypt",
    "s3:GetObject": "kms:Decrypt",
    "s3:PutObject": "kms:GenerateDataKey",
    "sqs:SendMessage": "kms:GenerateDataKey",
    "sqs:ReceiveMessage": "kms:Decrypt",
    "secretsmanager:GetSecretValue": "kms:Decrypt",
    "secretsmanager:CreateSecret": "kms:GenerateDataKey",
    "secretsmanager:PutSecretValue": "kms:GenerateDataKey",
}
