"""The journal: what goes on the account is on this machine's disk before the answer leaves, and in the store soon after.

Each process has a folder of its own under JOURNAL_HOME, which it holds by a lock; the folder of a process that is no more is
taken over by another. Room is taken from the disk before it is needed, so that a call that was let in finds room.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from apps.usage.segments import SEGMENT_BYTES, Segment, framed, sync_folder, write_whole
from foundation.ambient import new_hex_id
from foundation.errors import Unavailable

LOCK: Final = "lock"
REFUSED: Final = "refused"  # what the store will never take lies there
FULL: Final = "the account of calls waits for its store, and this machine has no room for more; try again later"
RETRY: Final = 5  # seconds


@contextmanager
def holding(home: Path) -> Iterator[None]:
    """The lock of all journals of this machine: folders are made, taken over and summed up under it."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def seized(folder: Path) -> int | None:
    """The lock of a folder, as an open file; None when a living process has it, or the folder is gone."""
    try:
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


class Journal:
    """The journal of this process. One thread appends, one ships; any may ask whether there is room.

    limit: the most bytes that may wait for the store. waiting bytes and rows are those of this process and those that it
    took over.
    """

    def __init__(self, home: Path, limit: int) -> None:
        self.home, self.limit = home, limit
        self._begin()

    def begin_anew(self) -> None:
        """Be the journal of another process: of the child, after a fork."""
        for file in (self.lock, self.file):
            if file >= 0:
                os.close(file)
        self._begin()

    def _begin(self) -> None:
        self.changed = threading.Condition()
        self.room = threading.Lock()
        self.folder: Path | None = None
        self.lock = -1
        self.file, self.current = -1, Segment(self.home / "none.log")
        self.spare: Path | None = None
        self.segments: list[Segment] = []
        self.written = self.shipped = self.adopted = 0
        self.written_rows = self.shipped_rows = self.adopted_rows = 0
        self.number, self.opened = 0, time.monotonic()
        self.is_crowded = False
        self.since: float | None = None

    @property
    def waiting(self) -> int:
        """Bytes that are not in the store yet."""
        return self.written - self.shipped + self.adopted

    @property
    def waiting_rows(self) -> int:
        """Calls that are not in the store yet."""
        return self.written_rows - self.shipped_rows + self.adopted_rows

    @property
    def is_full(self) -> bool:
        """Whether no further call may be let in."""
        return self.is_crowded or self.waiting > self.limit

    def append(self, payloads: Sequence[bytes]) -> Sequence[None]:
        """Put them at the end, durably. Unavailable when the disk does not take them; then none of them counts as written."""
        try:
            with self.room:
                self._append([framed(payload) for payload in payloads])
        except OSError as refused:
            self.is_crowded = True
            raise Unavailable(f"the journal of calls cannot be written: {refused.strerror}", retry_after=RETRY) from refused
        return [None] * len(payloads)

    def make_room(self) -> None:
        """Have room for what will come, where there is none: at the start, and after the disk was full."""
        with self.room:
            try:
                self._open()
                self._prepare()
            except OSError:
                self.is_crowded = True

    def retire(self) -> None:
        """Write no more to this segment if it has anything, so that it can go when it is shipped."""
        with self.room:
            if self.file >= 0 and self.current.end:
                self._close()

    def _append(self, framed: Sequence[bytes]) -> None:
        """All of it lies in one segment, so that it is written as a whole or not at all."""
        content = b"".join(framed)
        self._open(len(content))
        self._commit(content, len(framed))
        self._prepare()

    def _commit(self, content: bytes, rows: int) -> None:
        try:
            write_whole(self.file, content, self.current.end)
        except OSError:  # what a failed flush left on the disk is not known: go on in another file
            self._close()
            raise
        self.current.rows += rows
        with self.changed:
            self.current.end += len(content)
            self.written, self.written_rows = self.written + len(content), self.written_rows + rows
            self.since = self.since or time.time()
            self.changed.notify()

    def _close(self) -> None:
        file, self.file = self.file, -1
        with suppress(OSError):  # room that is given back late is no harm
            os.ftruncate(file, self.current.end)
        os.close(file)
        self.current.closed = True

    def _open(self, size: int = 0) -> None:
        """Have a segment to write so many bytes to; OSError when the disk has no room for it, and then all is as it was."""
        if self.folder is None:
            self._move_in()
        if self.file >= 0 and self.current.end + size <= SEGMENT_BYTES:
            return
        self.spare = path = self.spare or self._allocated()
        file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            if size > SEGMENT_BYTES:
                os.posix_fallocate(file, 0, size)
        except OSError:
            os.close(file)
            raise
        if self.file >= 0:
            self._close()
        self.file, self.spare = file, None
        self.current, self.opened = Segment(path), time.monotonic()
        with self.changed:
            self.segments.append(self.current)

    def _prepare(self) -> None:
        """Have the next segment when this one is half full, or else let nobody in."""
        try:
            if self.spare is None and self.current.end > SEGMENT_BYTES // 2:
                self.spare = self._allocated()
        except OSError:
            self.is_crowded = True
        else:
            self.is_crowded = False

    def _move_in(self) -> None:
        with holding(self.home):
            folder = self.home / new_hex_id()
            folder.mkdir(mode=0o700)
            held = seized(folder)
            if held is None:
                raise OSError(f"{folder} cannot be locked")
            self.folder, self.lock = folder, held
        sync_folder(self.home)

    def _allocated(self) -> Path:
        assert self.folder is not None
        self.number += 1
        path = self.folder / f"{self.number:08}.log"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(file, 0, SEGMENT_BYTES)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(file)
        sync_folder(self.folder)
        return path


class Orphan:
    """The folder of a process that is no more, held by this one, with what of it is not in the store."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder, self.lock = folder, lock
        self.segments = [Segment.left_behind(path) for path in sorted(folder.glob("*.log"))]

    @property
    def waiting(self) -> int:
        """Bytes that are not in the store."""
        return sum(segment.end - segment.shipped for segment in self.segments)

    @property
    def waiting_rows(self) -> int:
        """Calls that are not in the store."""
        return sum(segment.rows - segment.shipped_rows for segment in self.segments)

    def remove(self) -> None:
        """Remove the folder and let go of it."""
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()
        os.close(self.lock)


def orphans(home: Path) -> list[Orphan]:
    """Take over every folder that no living process holds. To be called under `holding`."""
    found = []
    for folder in sorted(path for path in home.iterdir() if path.is_dir() and path.name != REFUSED):
        lock = seized(folder)
        if lock is not None:
            found.append(Orphan(folder, lock))
    return found
