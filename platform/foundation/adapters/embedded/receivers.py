"""Who works on a message: a process of this machine, named so that it can be told later whether it still lives."""

import os
from functools import cache
from pathlib import Path


def _started(process: int) -> str:
    """When the process started, in clock ticks since the machine did: proc(5), field 22 of /proc/<pid>/stat."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]


def _place() -> str:
    """The set of processes that this one can see: another container's processes cannot be judged from here."""
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{Path('/proc/self/ns/pid').readlink()}"


@cache
def _receiver(process: int) -> str:
    try:
        return f"{_place()} {process} {_started(process)}"
    except OSError:  # not Linux: only the visibility timeout tells
        return f"? {process} ?"


def receiver() -> str:
    """This process, as no other process of any time is called."""
    return _receiver(os.getpid())


def is_gone(name: str) -> bool:
    """Whether that process has certainly ended; False whenever it cannot be told."""
    place, process, started = name.rsplit(" ", 2)
    if place == "?" or place != receiver().rsplit(" ", 2)[0]:
        return False
    try:
        return _started(int(process)) != started
    except FileNotFoundError:
        return True
    except OSError:
        return False
