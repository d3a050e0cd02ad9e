"""Calls that the store refused: each is a file beside the journals, until an operator has it put on the account again."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from apps.usage.journal import REFUSED
from apps.usage.posting import DECODER, Entry, is_passing, post
from apps.usage.segments import sync_folder, write_whole
from foundation.errors import Problem

DRAFT: Final = ".new"  # the end of the name of a file that is not whole yet


@dataclass(frozen=True, slots=True)
class SetAside:
    """A call that was set aside: its file, what it says, if that can be read, and why it is still there."""

    path: Path
    entry: Entry | None
    refused: str = ""


def put_aside(home: Path, name: str, payload: bytes) -> Path:
    """Keep a call that the store refused under the name that it was refused by; its file. It is whole and on the disk, or
    not there, and a repeat writes it again."""
    folder = home / REFUSED
    folder.mkdir(exist_ok=True, mode=0o700)
    path = folder / name.replace("/", "-")
    draft = path.with_name(path.name + DRAFT)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_whole(file, payload, 0)
    finally:
        os.close(file)
    draft.replace(path)
    sync_folder(folder)
    sync_folder(home)
    return path


def files(home: Path) -> list[Path]:
    """The files of those that were set aside, in their order."""
    return sorted(path for path in (home / REFUSED).glob("*") if path.suffix != DRAFT)


def set_aside(home: Path) -> Iterator[SetAside]:
    """All of them, in the order of their files; those that are put on the account meanwhile are passed by."""
    for path in files(home):
        with suppress(FileNotFoundError):
            yield SetAside(path, read(path))


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
