"""Tasks that write what happens to them into one file, a line each, for a test to read."""

import os
import signal
import time

from foundation.celery import task
from foundation.errors import Conflict, Invalid, Unavailable, UpstreamFailed
from foundation.settings import CHOSEN

DIARY = CHOSEN.home / "diary"


def prepared():
    yield "the stage is prepared"


def write(line):
    with DIARY.open("a") as file:
        file.write(line + "\n")


def abandoned(reason, word):
    write(f"abandoned {word}: {reason}")


@task("note", queue="rehearsal", abandoned=abandoned)
def note(word):
    write(f"note {word}")


@task("quiet", queue="rehearsal", abandoned=abandoned)
def quiet(word):
    """Nothing, for the benchmark."""


@task("wait", queue="rehearsal", abandoned=abandoned)
def wait(word):
    write(f"begun {word}")
    while not (CHOSEN.home / word).exists():
        time.sleep(0.01)
    write(f"done {word}")


@task("recover", queue="rehearsal", abandoned=abandoned)
def recover(word):
    write(f"tried {word}")
    if not (CHOSEN.home / word).exists():
        (CHOSEN.home / word).touch()
        raise UpstreamFailed("the provider answered 503")


@task("break", queue="rehearsal", abandoned=abandoned)
def break_(word):
    raise KeyError(word)


@task("refuse", queue="rehearsal", abandoned=abandoned)
def refuse(word):
    raise Invalid(f"{word} cannot be done")


@task("collide", queue="rehearsal", abandoned=abandoned)
def collide(word):
    write(f"tried {word}")
    if not (CHOSEN.home / word).exists():
        (CHOSEN.home / word).touch()
        raise Conflict("many have changed it at once")


def told_later(reason, word):
    """As a capability whose store is away until the file of this name is there."""
    if not (CHOSEN.home / word).exists():
        write("not told")
        raise Unavailable("the store does not answer")
    abandoned(reason, word)


@task("outlast", queue="rehearsal", abandoned=told_later)
def outlast(word):
    raise Invalid(f"{word} cannot be done")


@task("die", queue="rehearsal", abandoned=abandoned)
def die(word):
    write(f"dying {word}")
    os.kill(os.getpid(), signal.SIGKILL)
