"""What Bedrock's errors mean, as a status before the answer or as an event in the middle of a stream."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from apps.invocation.adapters.refusals import retry_after, words
from foundation.errors import (
    Invalid,
    Problem,
    TooLong,
    TooMany,
    Unavailable,
    UnknownModel,
    UpstreamDenied,
    UpstreamFailed,
    UpstreamTimeout,
)


class Meaning(Struct, frozen=True):
    """What an error is here, what is said before Bedrock's own words, what an administrator can do, and how many seconds
    to wait."""

    kind: type[Problem]
    before: str
    after: str = ""
    wait: int | None = None


DENIED: Final = Meaning(
    UpstreamDenied,
    "AWS does not let this platform do this",
    "The platform's AWS credentials must be valid and allow bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream for "
    "this model, and the account must have access to it.",
)
# By error code: the service model of bedrock-runtime has the first ten, the common errors of AWS the others
# (docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html).
CODES: Final[Mapping[str, Meaning]] = {
    "ValidationException": Meaning(Invalid, "Bedrock cannot do this"),
    "AccessDeniedException": DENIED,
    "ResourceNotFoundException": Meaning(UnknownModel, "Bedrock has no such model here"),
    "ServiceQuotaExceededException": Meaning(TooMany, "the account is over its quota of Bedrock", wait=60),
    "ThrottlingException": Meaning(TooMany, "the account is over its limits of Bedrock", wait=1),
    "ModelNotReadyException": Meaning(Unavailable, "Bedrock is not ready to run this model", wait=5),
    "ModelTimeoutException": Meaning(UpstreamTimeout, "the model did not answer Bedrock in time"),
    "ModelErrorException": Meaning(UpstreamFailed, "the model failed"),
    "ModelStreamErrorException": Meaning(UpstreamFailed, "the model failed while it answered"),
    "InternalServerException": Meaning(UpstreamFailed, "Bedrock failed"),
    "ServiceUnavailableException": Meaning(Unavailable, "Bedrock is overloaded", wait=2),
    "UnrecognizedClientException": DENIED,
    "InvalidSignatureException": DENIED,
    "IncompleteSignatureException": DENIED,
    "MissingAuthenticationTokenException": DENIED,
    "ExpiredTokenException": DENIED,
    "RequestTimeoutException": Meaning(UpstreamTimeout, "Bedrock did not get the request in time"),
}
STATUSES: Final[Mapping[int, str]] = {
    400: "ValidationException",
    401: "AccessDeniedException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    413: "ValidationException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    529: "ServiceUnavailableException",
    504: "ModelTimeoutException",
}
LONG: Final = Meaning(TooLong, "the prompt is longer than the model can take")
GONE: Final = Meaning(UnknownModel, "Bedrock has ended this model", "Choose another; `manage.py models refresh` shows which.")
PROFILE: Final = Meaning(
    UnknownModel,
    "this model is reached by an inference profile only",
    "Make the profile's id the model's id: its own with us., eu., apac., au., jp., us-gov. or global. before it.",
)
# By what Bedrock's own words hold, in lower case: one code stands for several things.
# Seen at pydantic/pydantic-ai (cassettes test_bedrock_error), terricain/aioboto3#352, awslabs/llmeter#35,
# aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws#708.
WORDS: Final[tuple[tuple[str, str, Meaning], ...]] = (
    ("ValidationException", "model identifier is invalid", Meaning(UnknownModel, "Bedrock has no such model")),
    ("ValidationException", "on-demand throughput", PROFILE),
    ("ValidationException", "is too long", LONG),
    ("ValidationException", "too many input tokens", LONG),
    ("ValidationException", "too many total text bytes", LONG),
    ("ValidationException", "exceed context limit", LONG),
    ("ValidationException", "exceeds the maximum number of tokens", LONG),
    ("ValidationException", "maximum context length", LONG),
    ("ValidationException", "end of its life", GONE),
    ("ResourceNotFoundException", "end of its life", GONE),
    ("ResourceNotFoundException", "marked by provider as legacy", GONE),
    ("ThrottlingException", "per day", Meaning(TooMany, "the account is over its daily limits of Bedrock", wait=3600)),
)


def refused(status: int, body: bytes, headers: Mapping[str, str]) -> Problem:
    """What an answer of another status than 200 means: by its x-amzn-errortype, its __type, or its status."""
    code = headers.get("x-amzn-errortype") or _type(body) or STATUSES.get(status, "InternalServerException")
    return meant(code, words(body), retry_after(headers.get("retry-after", "")))


def meant(code: str, said: str, wait: int | None = None) -> Problem:
    """The Problem that an error of this code is; `said` are Bedrock's own words, `wait` the seconds that it asks for.

    A code may come as `ThrottlingException:http://…`, `com.amazon…#ThrottlingException` or `throttlingException`.
    """
    bare = code.partition(":")[0].rpartition("#")[2]
    name = bare[:1].upper() + bare[1:]
    lower = said.lower()
    special = (meaning for of, held, meaning in WORDS if of == name and held in lower)
    meaning = next(special, None) or CODES.get(name) or Meaning(UpstreamFailed, f"Bedrock failed with {name[:80]}")
    pause = meaning.wait if wait is None else wait
    if meaning.kind is UpstreamDenied:  # Bedrock's own words may name the platform's account and roles
        return UpstreamDenied(f"{meaning.before}. {meaning.after}", retry_after=pause)
    text = f"{meaning.before}: {said}"
    inside = f"{text.rstrip('.')}. {meaning.after}" if meaning.after else text
    if not issubclass(meaning.kind, Invalid):  # what is not about the request may name Bedrock's insides
        return meaning.kind(meaning.before, retry_after=pause, inside=inside)
    return meaning.kind(text, retry_after=pause, inside=inside if meaning.after else "")


def _type(body: bytes) -> str:
    """The error's code in its body; nothing when it has none."""
    try:
        error = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    code = (error.get("__type") or error.get("code")) if isinstance(error, dict) else ""
    return code if isinstance(code, str) else ""
