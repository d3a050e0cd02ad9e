"""Packages that a library loads wherever they are installed, though nothing here asks it for what it does with them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Imports of these fail within the block, as where they are not installed; after it all is as it was."""
    found = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # an import of None fails
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(found)
