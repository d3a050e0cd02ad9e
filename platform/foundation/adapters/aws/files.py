"""Files in an S3 bucket, by django-storages, and presigned URLs that are good for one key and one method.

What S3 does otherwise than the embedded store is in the promises of foundation.ports.Files: an upload URL cannot hold an
upload to its limit, which `seal` does, and cannot be taken back, so that nothing but the sealed copy may be read.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, BinaryIO, Final, cast

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from storages.backends.s3 import S3Storage

from foundation.adapters.aws.clients import CONNECTIONS, answering, code_of
from foundation.errors import Invalid, NotFound, TooLarge, Unavailable
from foundation.ports import HOUR, StoredFile
from foundation.records import UNSAFE
from foundation.settings import Settings

WHAT: Final = "the file store"
LONGEST_PART: Final = 240
LONGEST_KEY: Final = 1024  # bytes; S3's own
PART: Final = 8 * 2**20
IN_MEMORY: Final = PART  # of a file that is read; beyond that it is on the disk of the process
SECONDS: Final = 120  # of silence; a copy inside S3 says nothing until it is done
TRIES: Final = 10
MISSING: Final = frozenset({"404", "NoSuchKey"})
CHANGED: Final = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})


def adapter(settings: Settings) -> "S3Files":
    """The files of this deployment."""
    return S3Files(Bucket(settings))


class Bucket(S3Storage):
    """django-storages' S3 storage with one connection for all threads: a session a thread costs 15 MB and 0.2 s (measured).

    Only its client and new Object resources are used, which threads may share.
    """

    def __init__(self, settings: Settings) -> None:
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "virtual"},  # else URLs are signed for us-east-1, which sends those of a new bucket away
            connect_timeout=3,
            read_timeout=SECONDS,
            retries={"mode": "standard", "max_attempts": 3},
            max_pool_connections=CONNECTIONS,
            tcp_keepalive=True,
        )
        super().__init__(
            bucket_name=settings.files_bucket,
            region_name=settings.aws_region,
            client_config=config,
            transfer_config=TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4),
            max_memory_size=IN_MEMORY,
            default_acl=None,
            file_overwrite=True,
        )

    @cached_property
    def connection(self) -> Any:
        """boto3's S3 resource; credentials are found, and renewed, as AWS's own tools do."""
        return boto3.session.Session().resource("s3", region_name=self.region_name, config=self.client_config)

    @property
    def client(self) -> Any:
        """boto3's S3 client, safe between threads."""
        return self.connection.meta.client

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        """What is stored with a file: never a type that a browser would run."""
        return {"ContentType": content_type(name)}


class S3Files:
    """The Files port on a bucket. S3 shows a write when it is whole, and keeps it with a checksum and the bucket's own key."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket, self.client = bucket, bucket.client

    def write(self, path: str, content: bytes | Iterable[bytes]) -> None:
        stream = io.BytesIO(content) if isinstance(content, bytes) else cast(io.BytesIO, Parts(iter(content)))
        with answering(WHAT):
            self.bucket._save(key_of(path), stream)

    def read(self, path: str) -> bytes:
        with answering(WHAT), absent(path):
            content: bytes = self.client.get_object(**self._at(path))["Body"].read()
        return content

    def open(self, path: str) -> BinaryIO:
        with answering(WHAT), absent(path):
            opened = self.bucket._open(key_of(path), "rb").file
        return cast(BinaryIO, opened)

    def find(self, path: str) -> StoredFile | None:
        known = self._known(path)
        return StoredFile(path, known["ContentLength"], known["LastModified"]) if known else None

    def delete(self, path: str) -> None:
        with answering(WHAT):
            self.bucket.delete(key_of(path))

    def seal(self, source: str, target: str, *, limit: int) -> StoredFile:
        for _ in range(TRIES):
            origin, sealed = self._known(source), self.find(target)
            if sealed is not None:
                return sealed
            if origin is None:
                raise NotFound(f"there is no file {source}")
            if origin["ContentLength"] > limit:
                raise TooLarge(f"the file is larger than {limit:,} bytes")
            self._copied(source, target, origin["ETag"])
        raise Unavailable(f"{source} is written to all the time", retry_after=5)

    def upload_url(self, path: str, *, limit: int, lifetime: int = HOUR) -> str:
        return self._url("put_object", path, lifetime)

    def download_url(self, path: str, *, lifetime: int = HOUR) -> str:
        return self._url(
            "get_object", path, lifetime, ResponseContentType=content_type(path), ResponseContentDisposition="attachment"
        )

    def _url(self, action: str, path: str, lifetime: int, **fields: str) -> str:
        with answering(WHAT):
            url: str = self.client.generate_presigned_url(action, Params={**self._at(path), **fields}, ExpiresIn=lifetime)
        return url

    def _at(self, path: str) -> dict[str, str]:
        return {"Bucket": self.bucket.bucket_name, "Key": key_of(path)}

    def _known(self, path: str) -> Any:
        place = self._at(path)
        with answering(WHAT):
            try:
                return self.client.head_object(**place)
            except ClientError as refused:
                if code_of(refused) not in MISSING:
                    raise
                return None

    def _copied(self, source: str, target: str, etag: str) -> None:
        """Copy what was looked at and nothing newer, and never over a copy that was made meanwhile."""
        with answering(WHAT):
            try:
                self.client.copy_object(
                    **self._at(target), CopySource=self._at(source), CopySourceIfMatch=etag, IfNoneMatch="*"
                )
            except ClientError as refused:
                if code_of(refused) not in CHANGED | MISSING:
                    raise


class Parts(io.RawIOBase):
    """Parts of a content as a stream, read once and not held together in memory."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.parts, self.rest = parts, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only at the end; all without a size."""
        held, count = [self.rest], len(self.rest)
        while size < 0 or count < size:
            part = next(self.parts, None)
            if part is None:
                break
            held.append(part)
            count += len(part)
        whole = b"".join(held)
        end = len(whole) if size < 0 else size
        self.rest = whole[end:]
        return whole[:end]


def key_of(path: str) -> str:
    """The object's key: the path, with the backslash escaped, which django-storages would take for a slash."""
    parts = path.split("/")
    if UNSAFE.search(path) or not all(map(is_name, parts)):
        raise Invalid(f"{path[:100]!r} cannot be the path of a file")
    key = path.replace("%", "%25").replace("\\", "%5C")
    if len(key.encode()) > LONGEST_KEY:
        raise Invalid(f"{path[:100]!r} is too long for the path of a file")
    return key


def is_name(part: str) -> bool:
    """Whether this can be one part of a path, on every platform."""
    return bool(part) and not part.startswith(".") and len(part.encode()) <= LONGEST_PART


def content_type(path: str) -> str:
    """Stored results are JSON; anything else is only ever handed back as bytes."""
    return "application/json" if path.endswith(".json") else "application/octet-stream"


@contextmanager
def absent(path: str) -> Iterator[None]:
    """Turns what says that a path holds nothing into NotFound."""
    try:
        yield
    except FileNotFoundError as missing:
        raise NotFound(f"there is no file {path}") from missing
    except ClientError as refused:
        if code_of(refused) not in MISSING:
            raise
        raise NotFound(f"there is no file {path}") from refused
