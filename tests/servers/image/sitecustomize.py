"""Loaded by every Python process of a deployment in tests: what the image does not have is not found."""

import importlib.machinery
import os
import sys
from collections.abc import Sequence
from types import ModuleType

ABSENT = frozenset(os.environ["ABSENT_FROM_IMAGE"].split())


class Image(importlib.machinery.PathFinder):
    """Finds what Python finds, without what is absent."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """None for what is absent."""
        return None if fullname.partition(".")[0] in ABSENT else super().find_spec(fullname, path, target)


sys.meta_path[:] = [Image if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
