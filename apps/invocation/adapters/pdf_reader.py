"""The process in which the text of one PDF is read: `python -I pdf_reader.py PARENT`, the PDF as stdin, its text on stdout.

It is started for one document and may be killed at any time; it imports nothing of the platform. Whatever it cannot read all
of, it ends with a code that is not 0, as text that is not read cannot be checked.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import Final

import pypdfium2  # type: ignore[import-untyped]

MEMORY: Final = 2 * 2**30
SECONDS: Final = 20  # of a processor
LARGEST_TEXT: Final = 64 * 2**20
DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG, prctl(2)


def confine(parent: int) -> None:
    """Die with the parent, leave no core, take no more memory and time than a document may have."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, LARGEST_TEXT),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
    ):
        resource.setrlimit(limit, (most, most))


def main() -> None:
    confine(int(sys.argv[1]))
    document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
    for page in document:
        text = page.get_textpage()
        sys.stdout.buffer.write(text.get_text_bounded().encode(errors="replace") + b"\n")
        text.close()
        page.close()


if __name__ == "__main__":
    main()
