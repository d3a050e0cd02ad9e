"""Calls that the store refused: each is a file beside the journals, until an operator has it put on the account again."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from apps.usage.journal import REFUSED
from apps.usage.posting import DECODER, Entry, post
from apps.usage.shipping import is_passing
from foundation.errors import Problem


@dataclass(frozen=True, slots=True)
class SetAside:
    """A call that was set aside: its file, what it says, if that can be read, and why it is still there."""

    path: Path
    entry: Entry | None
    refused: str = ""


def set_aside(home: Path) -> list[SetAside]:
    """All of them, in the order of their files."""
    return [SetAside(path, read(path)) for path in sorted((home / REFUSED).glob("*"))]


def posted_again(home: Path) -> Iterator[SetAside]:
    """Put each on the account and remove its file; those that are refused again stay, and say why.

    A call counts once however often this is done, as it is put there under the name under which it was refused. Unavailable
    when the store does not answer; then what is left stays as it was.
    """
    for each in set_aside(home):
        if each.entry is None:
            yield SetAside(each.path, None, "it does not read as a call")
            continue
        try:
            post([each.entry], each.path.name.replace("-", "/"))
        except Exception as failed:  # whatever set it aside may do so again
            if is_passing(failed):
                raise
            why = failed.reason if isinstance(failed, Problem) else type(failed).__name__
            yield SetAside(each.path, each.entry, why)
        else:
            each.path.unlink(missing_ok=True)
            yield each


def read(path: Path) -> Entry | None:
    """The call of a file; None where it is none."""
    try:
        return DECODER.decode(path.read_bytes())
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
