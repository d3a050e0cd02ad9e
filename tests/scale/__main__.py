"""Measures what every endpoint costs in DynamoDB, computes what follows from it, and writes both into docs/scale.md.

With the word `computed`, it computes from what the page has.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, "platform")

import tests.conftest  # noqa: F401 (sets Django up)
from tests.scale import growth
from tests.scale.measuring import measured
from tests.scale.page import PAGE, write

if __name__ == "__main__":
    if sys.argv[1:] != ["computed"]:
        with tempfile.TemporaryDirectory() as folder:
            write(measured(Path(folder)))
    growth.write()
    print(f"{PAGE} is written")
