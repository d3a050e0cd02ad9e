"""One process that keeps the platform's others running: starts them, restarts what ends, stops them in order."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

LOOK: Final = 0.1  # seconds between two looks at the children
FIRST_PAUSE: Final = 0.2  # seconds before a child is started again; doubled each time, up to LONGEST_PAUSE
LONGEST_PAUSE: Final = 30.0
SETTLED: Final = 60.0  # a child that has lived so many seconds starts again with FIRST_PAUSE
STOP_TIMEOUT: Final = 30.0  # seconds in which requests and tasks may end after the signal to stop
PR_SET_PDEATHSIG: Final = 1  # prctl(2)

_libc: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """Have Linux send SIGTERM to this process when its parent is gone, even by kill -9."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do every so many seconds, the first time that long after the start."""

    every: float
    work: Callable[[], None]


class Child:
    """One process of the platform, `manage.py <command>`, in a session of its own. It ends when its supervisor does."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.started, self.failures, self.due = 0.0, 0, 0.0

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, sys.argv[0], self.command],
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 (the supervisor has no other threads)
        )
        self.started = time.monotonic()

    def look(self) -> str | None:
        """Start it again when it has ended and its pause is over; how it ended, at the look that finds it."""
        if self.process is None:
            if time.monotonic() >= self.due:
                self.start()
            return None
        code = self.process.poll()
        if code is None:
            return None
        self.signal(signal.SIGKILL)  # what it had started itself
        self.process = None
        self.failures = 1 if time.monotonic() - self.started > SETTLED else self.failures + 1
        self.due = time.monotonic() + min(FIRST_PAUSE * 2 ** (self.failures - 1), LONGEST_PAUSE)
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

    def signal(self, number: int) -> None:
        """Send a signal to the process; SIGKILL goes to all that it started as well."""
        if self.process is None:
            return
        try:
            (os.killpg if number == signal.SIGKILL else os.kill)(self.process.pid, number)
        except ProcessLookupError:
            return


class Supervisor:
    """The children together. `say` gets a line whenever one had to be started again."""

    def __init__(self, commands: Sequence[str], chores: Sequence[Chore], say: Callable[[str], object]) -> None:
        self.children = [Child(command) for command in commands]
        self.chores, self.say = chores, say
        self.due = [time.monotonic() + chore.every for chore in chores]
        self.stopping = False

    def start(self) -> None:
        """Start every child. From now on SIGTERM and SIGINT end `watch`."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))
        for child in self.children:
            child.start()

    def watch(self, until: Callable[[], bool]) -> None:
        """Keep the children running until the condition holds or a signal to stop comes."""
        while not self.stopping and not until():
            for child in self.children:
                end = child.look()
                if end is not None:
                    self.say(f"the {child.command} process ended ({end}) and is started again")
            self._do_chores()
            time.sleep(LOOK)

    def _do_chores(self) -> None:
        for position, chore in enumerate(self.chores):
            if time.monotonic() >= self.due[position]:
                self.due[position] = time.monotonic() + chore.every
                chore.work()

    @property
    def failures(self) -> int:
        """How often, at most, a child has ended soon after it was started."""
        return max((child.failures for child in self.children), default=0)

    def stop(self) -> None:
        """Let every child finish what it is doing, and end those that have not after STOP_TIMEOUT."""
        for child in self.children:
            child.signal(signal.SIGTERM)
        end = time.monotonic() + STOP_TIMEOUT
        for child in self.children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.say(f"the {child.command} process did not stop in {STOP_TIMEOUT:.0f} s and is ended")
            child.signal(signal.SIGKILL)
            child.process.wait()
