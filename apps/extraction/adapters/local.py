"""The engine of this machine: pdfium for what PDFs say, OCR for what pictures show; each document in a process of its own."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from typing import IO, BinaryIO, Final

import msgspec

from apps.extraction.adapters.child import TOO_MUCH_MEMORY, Answer
from apps.extraction.names import Kind
from apps.extraction.ports import Document, Extracted
from apps.extraction.results import Page, Unreadable
from foundation.adapters import files
from foundation.errors import Unavailable
from foundation.platform_settings import BASE_DIR
from foundation.settings import Settings

logger = logging.getLogger(__name__)
LARGEST: Final = 500 * 2**20
PART: Final = 2**20
WALL_SECONDS: Final = 12 * 60  # less than the queue's visibility
HEAD: Final = 1024
LOGGED: Final = 4000
MAGIC: Final[Mapping[Kind, tuple[bytes, ...]]] = {
    Kind.PDF: (b"%PDF-",),
    Kind.PNG: (b"\x89PNG\r\n\x1a\n",),
    Kind.JPEG: (b"\xff\xd8\xff",),
    Kind.TIFF: (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
}
TOO_SLOW: Final = f"The document takes longer than {WALL_SECONDS // 60} minutes to read. Split it."
DAMAGED: Final = "The document cannot be read: reading it breaks down. It may be damaged; save it anew and upload it again."
KILLED: Final[Mapping[int, str]] = {
    signal.SIGABRT: TOO_MUCH_MEMORY,  # how pdfium ends when it gets no memory
    signal.SIGTRAP: TOO_MUCH_MEMORY,
    signal.SIGILL: TOO_MUCH_MEMORY,
    signal.SIGKILL: TOO_MUCH_MEMORY,  # the kernel's choice when the machine has none left
    signal.SIGXCPU: TOO_SLOW,
    signal.SIGXFSZ: "The document holds more text than a document may have. Split it.",
}


def adapter(settings: Settings) -> "LocalEngine":
    """The engine of this machine."""
    return LocalEngine()


class LocalEngine:
    """The Engine port on child processes."""

    def __init__(self, wall_seconds: float = WALL_SECONDS) -> None:
        self.wall_seconds = wall_seconds

    def admits(self, document: str) -> bool:
        return True

    def leave(self, document: str) -> None:
        """Nothing is kept for it."""

    def read(self, document: Document, ticket: str | None = None) -> Extracted:
        with closing(files.open(document.path)) as content:
            return Extracted(self.extract(content, document.kind))

    def extract(self, document: BinaryIO, kind: Kind) -> tuple[Page, ...]:
        """The pages of a document; Unreadable and Unavailable as `read` raises them."""
        try:
            with tempfile.TemporaryFile() as copy, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as log:
                _copied(document, copy)
                _check(copy, kind)
                code = self._run(kind, copy, said, log)
                return _heard(code, said, log)
        except OSError as refused:
            raise Unavailable(
                f"no process can be started to read the document: {refused.strerror}", retry_after=30
            ) from refused

    def _run(self, kind: Kind, copy: IO[bytes], said: IO[bytes], log: IO[bytes]) -> int | None:
        """How the child ended, None when it had to be killed. Its files have no names: nothing is left of them after that."""
        child = subprocess.Popen(
            [sys.executable, "-m", "apps.extraction.adapters.child", str(os.getpid()), kind.value],
            stdin=copy,
            stdout=said,
            stderr=log,
            cwd=BASE_DIR,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        try:
            return child.wait(self.wall_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _heard(code: int | None, said: IO[bytes], log: IO[bytes]) -> tuple[Page, ...]:
    """The pages that a child which ended with `code` gave."""
    if code is None:
        raise Unreadable(TOO_SLOW)
    if code:
        log.seek(0)
        logger.warning("a document ended its reader with %s: %s", code, log.read(LOGGED).decode("utf-8", "replace"))
        raise Unreadable(KILLED.get(-code, DAMAGED))
    said.seek(0)
    answer = msgspec.json.decode(said.read(), type=Answer)
    if answer.unreadable is not None:
        raise Unreadable(answer.unreadable)
    return answer.pages


def _copied(document: BinaryIO, copy: IO[bytes]) -> None:
    size = 0
    while part := document.read(PART):
        size += len(part)
        if size > LARGEST:
            raise Unreadable(f"The document is larger than {LARGEST // 2**20} MB. Split it.")
        copy.write(part)
    copy.flush()


def _check(copy: IO[bytes], kind: Kind) -> None:
    """Unreadable when the content is not what the name says."""
    copy.seek(0)
    head = copy.read(HEAD)
    if _begins(head, kind):
        return
    other = next((known for known in MAGIC if _begins(head, known)), None)
    found = f"but a {other.upper()}; give it the name extension of that" if other else "and cannot be read as one"
    raise Unreadable(f"By its name the file is a {kind.upper()}; its content is not, {found}, and upload it again.")


def _begins(head: bytes, kind: Kind) -> bool:
    if kind is Kind.PDF:
        return MAGIC[kind][0] in head  # readers take up to 1,024 bytes before it (ISO 32000-1, annex H)
    return head.startswith(MAGIC[kind])
