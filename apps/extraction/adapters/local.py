"""The engine of this machine: pdfium for what PDFs say, OCR for what pictures show; each document in a process of its own."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from apps.extraction.adapters.child import TOO_MUCH_MEMORY, Answer
from apps.extraction.names import Kind
from apps.extraction.results import Page, Unreadable
from foundation.errors import Unavailable
from foundation.settings import BASE_DIR, Settings

logger = logging.getLogger(__name__)
LARGEST: Final = 500 * 2**20
PART: Final = 2**20
WALL_SECONDS: Final = 12 * 60  # less than the queue's visibility
HEAD: Final = 1024
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

    def extract(self, document: BinaryIO, kind: Kind) -> tuple[Page, ...]:
        try:
            with tempfile.TemporaryDirectory(prefix="extraction-") as folder:
                path = Path(folder) / "document"
                _kept(document, path)
                _check(path, kind)
                return self._read(path, kind, Path(folder))
        except OSError as refused:
            raise Unavailable(
                f"no process can be started to read the document: {refused.strerror}", retry_after=30
            ) from refused

    def _read(self, path: Path, kind: Kind, folder: Path) -> tuple[Page, ...]:
        said, logged = folder / "answer", folder / "log"
        with said.open("xb") as out, logged.open("xb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "apps.extraction.adapters.child", str(os.getpid()), kind.value, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                cwd=BASE_DIR,
                env={"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"},
                start_new_session=True,
            )
            code = _ended(child, self.wall_seconds)
        if code is None:
            raise Unreadable(TOO_SLOW)
        if code:
            logger.warning(
                "a document ended its reader with %s: %s", code, logged.read_bytes()[-2000:].decode("utf-8", "replace")
            )
            raise Unreadable(KILLED.get(-code, DAMAGED))
        answer = msgspec.json.decode(said.read_bytes(), type=Answer)
        if answer.unreadable is not None:
            raise Unreadable(answer.unreadable)
        return answer.pages


def _kept(document: BinaryIO, path: Path) -> None:
    size = 0
    with path.open("xb") as copy:
        while part := document.read(PART):
            size += len(part)
            if size > LARGEST:
                raise Unreadable(f"The document is larger than {LARGEST // 2**20} MB. Split it.")
            copy.write(part)


def _check(path: Path, kind: Kind) -> None:
    """Unreadable when the content is not what the name says."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if _begins(head, kind):
        return
    other = next((known for known in MAGIC if _begins(head, known)), None)
    found = f"but a {other.upper()}; give it the name extension of that" if other else "and cannot be read as one"
    raise Unreadable(f"By its name the file is a {kind.upper()}; its content is not, {found}, and upload it again.")


def _begins(head: bytes, kind: Kind) -> bool:
    if kind is Kind.PDF:
        return MAGIC[kind][0] in head  # readers take up to 1,024 bytes before it (ISO 32000-1, annex H)
    return head.startswith(MAGIC[kind])


def _ended(child: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """How the child ended, or None when it had to be killed with all that it started."""
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
