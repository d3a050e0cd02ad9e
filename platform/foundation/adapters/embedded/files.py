"""Files on this machine's disk under `<home>/files`, and the signed grants by which their URLs are good."""

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

from django.core import signing

from foundation.ambient import new_secret, now
from foundation.errors import Forbidden, Invalid, NotFound, TooLarge, Unavailable
from foundation.manifest import Folder
from foundation.ports import HOUR, StoredFile
from foundation.records import UNSAFE
from foundation.settings import Settings

DAY: Final = 24 * 3600
LONGEST_PART: Final = 240
LONGEST_PATH: Final = 3000
HANDED_IN: Final = "this file has been handed in already; register it in a new job to upload another"
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
    """The Files port on a folder. A write goes to a draft on the same disk, is synced, and takes its place in one step."""

    def __init__(self, folder: Path, public_url: str) -> None:
        self.folder, self.public_url = folder, public_url
        self.drafts = folder / ".drafts"

    def write(self, path: str, content: bytes | Iterable[bytes]) -> None:
        parts = [content] if isinstance(content, bytes) else content
        place = self._place(path)
        with self._draft(place, parts) as draft:
            draft.replace(place)

    def read(self, path: str) -> bytes:
        with self.open(path) as file, answering():
            return file.read()

    def open(self, path: str) -> BinaryIO:
        place = self._place(path)
        with answering():
            try:
                return place.open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as missing:
                raise NotFound(f"there is no file {path}") from missing

    def find(self, path: str) -> StoredFile | None:
        place = self._place(path)
        with answering():
            try:
                known = place.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not stat.S_ISREG(known.st_mode):
            return None
        return StoredFile(path, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))

    def delete(self, path: str) -> None:
        place = self._place(path)
        with answering():
            try:
                place.unlink(missing_ok=True)
            except (NotADirectoryError, IsADirectoryError):
                return

    def seal(self, source: str, target: str, *, limit: int) -> StoredFile:
        origin, destination = self._place(source), self._place(target)
        found, sealed = self.find(source), self.find(target)
        if found is None and sealed is None:
            raise NotFound(f"there is no file {source}")
        if found is not None and sealed is None and found.size > limit:
            raise TooLarge(f"the file is larger than {limit:,} bytes")
        with answering():
            made(origin.parent)
            made(destination.parent)
            with alone(origin.parent):
                seal_of(origin).touch()
                if origin.exists() and not destination.exists():
                    destination.hardlink_to(origin)
            synced(destination.parent)
            synced(origin.parent)
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
        if seal_of(place).exists():
            raise Forbidden(HANDED_IN)
        with self._draft(place, limited(content, grant.limit)) as draft, alone(place.parent):
            if seal_of(place).exists():
                raise Forbidden(HANDED_IN)
            draft.replace(place)

    def sweep(self, folders: Iterable[Folder] = ()) -> int:
        """Remove the drafts that a process left when it was killed, once they are a day old, and what has lain in one of
        the folders for its `days`; their number."""
        ages = [(self.drafts, 1), *((self.folder / each.name, each.days) for each in folders if each.days is not None)]
        with answering():
            old = [each for place, days in ages for each in aged(place, now().timestamp() - days * DAY)]
            for each in old:
                each.unlink(missing_ok=True)
        return len(old)

    @contextmanager
    def _draft(self, place: Path, content: Iterable[bytes]) -> Iterator[Path]:
        """The content on disk among the drafts, for the block to move it to its place, where its name is then on disk too."""
        draft = self.drafts / new_secret(9)
        with answering():
            try:
                made(place.parent)
                made(self.drafts)
                with draft.open("xb") as file:
                    for part in content:
                        file.write(part)
                    file.flush()
                    os.fsync(file.fileno())
                yield draft
                synced(place.parent)
            finally:
                draft.unlink(missing_ok=True)

    def _place(self, path: str) -> Path:
        parts = path.split("/")
        if len(path) > LONGEST_PATH or UNSAFE.search(path) or not all(map(is_name, parts)):
            raise Invalid(f"{path[:100]!r} cannot be the path of a file")
        return self.folder.joinpath(*parts)


def is_name(part: str) -> bool:
    """Whether this can be one part of a path; a dot at its beginning is kept for drafts and seals."""
    return bool(part) and not part.startswith(".") and len(part.encode()) <= LONGEST_PART


def seal_of(place: Path) -> Path:
    """The empty file whose being there says that no upload reaches this place any more."""
    return place.with_name(f".{place.name}.sealed")


def aged(place: Path, moment: float) -> Iterator[Path]:
    """The files under a folder that were last written before the moment, in seconds since 1970."""
    for folder, _, names in os.walk(place):
        for name in names:
            with suppress(FileNotFoundError):
                if (Path(folder) / name).stat().st_mtime < moment:
                    yield Path(folder) / name


@contextmanager
def answering() -> Iterator[None]:
    """Turns what the operating system refuses into Unavailable."""
    try:
        yield
    except OSError as refused:
        raise Unavailable(f"the file store does not answer: {refused.strerror or refused}", retry_after=30) from refused


def made(folder: Path) -> None:
    """Make a folder, and those above it, so that they are on disk too."""
    if not folder.is_dir():
        made(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        synced(folder.parent)


def synced(folder: Path) -> None:
    """Have the names in a folder on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Only one thread of one process at a time is inside this for one folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def limited(content: Iterable[bytes], limit: int) -> Iterable[bytes]:
    """The parts, until they are more than `limit` bytes together: then TooLarge."""
    size = 0
    for part in content:
        size += len(part)
        if size > limit:
            raise TooLarge(f"the file is larger than {limit:,} bytes, the limit of this upload")
        yield part
