"""What S3 refuses and moto lets pass: a door in front of moto that checks every signed URL as AWS documents it.

Signature Version 4 in the query: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

SIGNATURE = "X-Amz-Signature"
NEEDED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", SIGNATURE)
LONGEST = 7 * 24 * 3600


class S3Front:
    """A WSGI application before another. `secrets` are secret keys by access key."""

    def __init__(self, behind: Any, secrets: Mapping[str, str]) -> None:
        self.behind, self.secrets = behind, secrets
        self.copying = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        refused = self.refusal(environ)
        if refused is None and "HTTP_X_AMZ_COPY_SOURCE" in environ:
            with self.copying:
                refused = unmet(environ)
                if refused is None:
                    return list(self.behind(environ, start))
        if refused is None:
            answer: Iterable[bytes] = self.behind(environ, start)
            return answer
        status, code = refused
        start(status, [("Content-Type", "application/xml"), ("Connection", "close")])
        return [f"<Error><Code>{code}</Code></Error>".encode()]

    def refusal(self, environ: dict[str, Any]) -> tuple[str, str] | None:
        """Status and code of what S3 would refuse of this request; None for what goes through."""
        method, target = environ["REQUEST_METHOD"], environ["RAW_URI"]
        if method == "PUT" and environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            return "501 Not Implemented", "NotImplemented"
        path, _, query = target.partition("?")
        fields = dict(parse_qsl(query, keep_blank_values=True))
        if SIGNATURE not in fields:
            is_other = "HTTP_AUTHORIZATION" in environ or path.startswith("/moto-api") or method == "OPTIONS"
            return None if is_other or not is_object(path) else ("403 Forbidden", "AccessDenied")
        if any(name not in fields for name in NEEDED) or not 0 < int(fields["X-Amz-Expires"]) <= LONGEST:
            return "400 Bad Request", "AuthorizationQueryParametersError"
        made = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if datetime.now(UTC) > made + timedelta(seconds=int(fields["X-Amz-Expires"])):
            return "403 Forbidden", "AccessDenied"
        if not hmac.compare_digest(self.signature(method, path, fields, environ), fields[SIGNATURE]):
            return "403 Forbidden", "SignatureDoesNotMatch"
        environ["HTTP_AUTHORIZATION"] = f"{fields['X-Amz-Algorithm']} Credential={fields['X-Amz-Credential']}"  # for moto
        return None

    def signature(self, method: str, path: str, fields: Mapping[str, str], environ: Mapping[str, Any]) -> str:
        """The signature that this request must show."""
        key, day, region, service, last = fields["X-Amz-Credential"].split("/")
        names = fields["X-Amz-SignedHeaders"].split(";")
        headers = "".join(f"{name}:{environ.get('HTTP_' + name.upper().replace('-', '_'), '').strip()}\n" for name in names)
        query = "&".join(
            f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(fields.items()) if name != SIGNATURE
        )
        canonical = "\n".join((method, path, query, headers, ";".join(names), "UNSIGNED-PAYLOAD"))
        scope = "/".join((day, region, service, last))
        text = "\n".join(("AWS4-HMAC-SHA256", fields["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest()))
        step = b"AWS4" + self.secrets.get(key, "").encode()
        for part in (day, region, service, last, text):
            step = hmac.new(step, part.encode(), hashlib.sha256).digest()
        return step.hex()


def is_object(path: str) -> bool:
    """Whether a path is that of an object in a bucket, and not an endpoint of another service."""
    return path.count("/") >= 2 and not path.endswith(("/jwks.json", "/openid-configuration", "/oauth2/token"))


def unmet(environ: Mapping[str, Any]) -> tuple[str, str] | None:
    """What S3 answers when a condition of a copy is not met; moto copies whatever the conditions are."""
    target, source = object_at(environ["RAW_URI"].partition("?")[0]), object_at(environ["HTTP_X_AMZ_COPY_SOURCE"])
    wanted = environ.get("HTTP_X_AMZ_COPY_SOURCE_IF_MATCH")
    changed = wanted is not None and source is not None and source.etag.strip('"') != wanted.strip('"')
    if changed or (environ.get("HTTP_IF_NONE_MATCH") == "*" and target is not None):
        return "412 Precondition Failed", "PreconditionFailed"
    return None


def object_at(path: str) -> Any:
    """moto's own object at a path of bucket and key, or None."""
    from moto.s3.models import s3_backends

    bucket, _, key = unquote(path.lstrip("/")).partition("/")
    for partitions in s3_backends.values():
        for backend in partitions.values():
            if bucket in backend.buckets:
                return backend.get_object(bucket, key)
    return None
