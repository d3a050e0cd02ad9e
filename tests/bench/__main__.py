"""`make bench`: every benchmark after the other. `python -m tests.bench records` runs one."""

import importlib
import os
import pkgutil
import platform
import sys
import tempfile
from pathlib import Path

PREFIX = "bench_"


def main(wanted: list[str]) -> int:
    """Run the named benchmarks, or all; 1 when any of them misses what it must reach."""
    root = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(root), str(root / "platform")]
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name.startswith(PREFIX)]
    chosen = [name for name in names if not wanted or name.removeprefix(PREFIX) in wanted]
    if not chosen:
        known = ", ".join(name.removeprefix(PREFIX) for name in names)
        print(f"there is no benchmark {', '.join(wanted)}; there are {known}")
        return 2
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    missed = 0
    with tempfile.TemporaryDirectory() as home:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foundation.configuration")
        os.environ["FOUNDATION_HOME"] = home
        for name in chosen:
            print(f"\n{name.removeprefix(PREFIX)}")
            missed |= int(bool(importlib.import_module(f"tests.bench.{name}").main()))
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
