"""Measures what every endpoint costs in DynamoDB, and writes it into docs/scale.md."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, "platform")

import tests.conftest  # noqa: F401 (sets Django up)
from tests.scale.measuring import measured
from tests.scale.page import PAGE, write

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write(measured(Path(folder)))
    print(f"{PAGE} is written")
