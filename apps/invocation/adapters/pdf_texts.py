"""The text of a PDF, read by pdfium in a process of its own, whatever the document does to it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

READER: Final = Path(__file__).with_name("pdf_reader.py")
SECONDS: Final = 30.0  # that a document may take


def text_of_pdf(content: bytes) -> str | None:
    """The text of all its pages, without what is in pictures; None where not all of it can be read: it is damaged,
    encrypted, or takes more than 30 seconds or 2 GiB. Blocks; not for an event loop."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(content)
        given.seek(0)
        try:
            ended = subprocess.run(
                [sys.executable, "-I", str(READER), str(os.getpid())],
                stdin=given,
                stdout=said,
                stderr=subprocess.DEVNULL,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        said.seek(0)
        return None if ended.returncode else said.read().decode(errors="replace")
