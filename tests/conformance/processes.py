"""Work in other processes, for promises that have to hold between them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def python(code: str, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """Start a Python process with the project set up; `code` is its program and `sys.argv[1:]` are `arguments`."""
    setup = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'platform')!r}]; import django; django.setup()\n"
    return subprocess.Popen(
        [sys.executable, "-c", setup + code, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outputs(running: Sequence["subprocess.Popen[str]"]) -> list[str]:
    """What each process printed, when all have ended well."""
    told = []
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        told.append(out)
    return told


def kill(process: "subprocess.Popen[str]") -> str:
    """End a process as a power cut would; what it had printed."""
    process.send_signal(signal.SIGKILL)
    return process.communicate(timeout=30)[0]


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """The results of `work(0)` to `work(count - 1)`, called by as many threads."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))
