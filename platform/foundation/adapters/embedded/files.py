"""Files on this machine's disk under `<home>/files`, and the signed grants by which their URLs are good."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

from django.core import signing

from foundation.ambient import new_secret
from foundation.errors import Forbidden, Invalid, NotFound, TooLarge, Unavailable
from foundation.ports import HOUR, StoredFile
from foundation.settings import Settings

SEALED: Final = ".sealed"
SALT: Final = "files"


def adapter(settings: Settings) -> "DiskFiles":
    """The files of this machine."""
    return DiskFiles(settings.home / "files", settings.public_url)


@dataclass(frozen=True, slots=True)
class Grant:
    """What one signed URL allows: this method on this path, with a body of at most `limit` bytes, until it expires."""

    method: str
    path: str
    limit: int
    lifetime: int


class DiskFiles:
    """The Files port on a folder. A write goes to a draft beside the file, is synced, and takes its name in one step."""

    def __init__(self, folder: Path, public_url: str) -> None:
        self.folder, self.public_url = folder, public_url

    def write(self, path: str, content: bytes | Iterable[bytes]) -> None:
        parts = [content] if isinstance(content, bytes) else content
        self._keep(self._place(path), parts)

    def read(self, path: str) -> bytes:
        with self.open(path) as file:
            return file.read()

    def open(self, path: str) -> BinaryIO:
        try:
            return self._place(path).open("rb")
        except (FileNotFoundError, NotADirectoryError) as missing:
            raise NotFound(f"there is no file {path}") from missing
        except OSError as refused:
            raise Unavailable(f"the file store does not answer: {refused.strerror}", retry_after=5) from refused

    def find(self, path: str) -> StoredFile | None:
        try:
            known = self._place(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return StoredFile(path, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))

    def delete(self, path: str) -> None:
        place = self._place(path)
        place.unlink(missing_ok=True)
        place.with_name(place.name + SEALED).unlink(missing_ok=True)

    def seal(self, source: str, target: str) -> StoredFile:
        origin, destination = self._place(source), self._place(target)
        if not origin.exists() and not destination.exists():
            raise NotFound(f"there is no file {source}")
        self._keep(origin.with_name(origin.name + SEALED), [])
        if origin.exists():
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(origin, destination)
        sealed = self.find(target)
        if sealed is None:
            raise NotFound(f"there is no file {target}")
        return sealed

    def upload_url(self, path: str, *, limit: int, lifetime: int = HOUR) -> str:
        return self._url(Grant("PUT", path, limit, lifetime))

    def download_url(self, path: str, *, lifetime: int = HOUR) -> str:
        return self._url(Grant("GET", path, 0, lifetime))

    def _url(self, grant: Grant) -> str:
        self._place(grant.path)
        signed = signing.dumps([grant.method, grant.path, grant.limit, grant.lifetime], salt=SALT)
        return f"{self.public_url}/files/{signed}/{quote(grant.path.rpartition('/')[2])}"

    def grant(self, signed: str, method: str) -> Grant:
        """What a URL allows; Forbidden when it was altered, has expired, or is for another method."""
        try:
            granted = Grant(*signing.loads(signed, salt=SALT))
            signing.loads(signed, salt=SALT, max_age=granted.lifetime)
        except signing.SignatureExpired as late:
            raise Forbidden("this URL has expired; ask for a new one") from late
        except (signing.BadSignature, TypeError, ValueError) as refused:
            raise Forbidden("this URL was not made by this platform") from refused
        if granted.method != method:
            raise Forbidden(f"this URL is for {granted.method}, not for {method}")
        return granted

    def receive(self, grant: Grant, content: Iterable[bytes]) -> None:
        """Keep an upload under its grant. TooLarge over its limit, Forbidden once sealed; what was there stays then."""
        place = self._place(grant.path)
        sealed = place.with_name(place.name + SEALED)
        if sealed.exists():
            raise Forbidden("this file has been handed in already; register it in a new job to upload another")
        self._keep(place, limited(content, grant.limit), unless=sealed)

    def _keep(self, place: Path, content: Iterable[bytes], unless: Path | None = None) -> None:
        draft = place.with_name(f".{new_secret(9)}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with draft.open("xb") as file:
                for part in content:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            if unless is not None and unless.exists():
                raise Forbidden("this file has been handed in already; register it in a new job to upload another")
            draft.replace(place)
            self._sync(place.parent)
        except OSError as refused:
            raise Unavailable(f"the file store cannot keep this: {refused.strerror}", retry_after=30) from refused
        finally:
            draft.unlink(missing_ok=True)

    def _sync(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _place(self, path: str) -> Path:
        parts = path.split("/")
        if any(part in ("", ".", "..") or part.startswith(".") or "\x00" in part or len(part.encode()) > 250 for part in parts):
            raise Invalid(f"{path[:100]!r} cannot be the path of a file")
        return self.folder.joinpath(*parts)


def limited(content: Iterable[bytes], limit: int) -> Iterable[bytes]:
    """The parts, until they are more than `limit` bytes together: then TooLarge."""
    size = 0
    for part in content:
        size += len(part)
        if size > limit:
            raise TooLarge(f"the file is larger than {limit:,} bytes, the limit of this upload")
        yield part
