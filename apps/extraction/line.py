"""The line of an application's documents for which the engine has no room: they wait without a message, and are let in in turn.

One message for each application that has a line comes every few seconds, and lets in as many as there is room for. So what
waiting takes does not depend on how many wait, no message grows old, and applications have as many chances as each other.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from msgspec.structs import replace

from apps.extraction.ports import QUEUE, Engine
from apps.extraction.records import ExtractedFile, Line, WaitingFile
from foundation.adapters import queues, records
from foundation.ambient import now, number_between
from foundation.errors import Conflict
from foundation.fresh import Fresh
from foundation.records import ANY, update
from foundation.together import each

PAUSE: Final = 2.0  # seconds between two looks for room; with the dice, so that no application is always the first
STOPPED: Final = timedelta(minutes=10)  # for which no line is not looked after
MOST: Final = 100  # let in at a time
LATER: Final = 900  # seconds after which a message that was given up on is followed by another


def call(file: ExtractedFile, delay: int = 0) -> None:
    """Have a worker go on with a file."""
    ids = {"application": file.application, "job": file.job, "file": file.name, "turn": str(file.turn)}
    queues.send("extract_document", queue=QUEUE, delay=delay, **ids)


def join(file: ExtractedFile, started: datetime) -> None:
    """Put a file of a job that was started then into its application's line; a repeat changes nothing."""
    records.put(WaitingFile(file.application, started, file.job, file.name, file.file), expect=ANY)
    line = records.get(Line, file.application) or Line(file.application, now())
    if not line.moving or now() - line.updated > STOPPED:
        look_after(file.application, line.turn)
        with suppress(Conflict):  # somebody else has set it moving, or it has moved already
            records.put(replace(line, moving=True, updated=now()))


def look_after(application: str, turn: int, delay: int = 0) -> None:
    """Have a worker let in those for whom there is room; `turn` is the message's number."""
    queues.send("let_in_documents", queue=QUEUE, delay=delay, application=application, turn=str(turn))


def let_in(application: str, turn: int, reader: Engine, pause: float = PAUSE) -> None:
    """Let in those for whom there is room, then send the next message, unless nobody waits any more.

    The next message is sent before the line's number is raised to it. So while a line moves there is a message of its number
    or a higher one; a lower one is a copy, and over. A line that seems empty is first said to stand still, then looked at once
    more: who joins after that finds it so, and sends a message. The first message may come before who sent it has written
    down the line; then this does.
    """
    line = records.get(Line, application) or records.put(Line(application, now()))
    if turn < line.turn:
        return
    if not _let_in(application, reader):
        _note(application, turn, moving=False)
        if not records.query(WaitingFile, application, limit=1).items:
            return
    look_after(application, turn + 1, round(pause * number_between(0.5, 1.5)))
    _note(application, turn + 1, moving=True)


def _let_in(application: str, reader: Engine) -> bool:
    """Whether some are left."""
    found = records.query(WaitingFile, application, limit=MOST)
    admitted = list(takewhile(lambda waiting: reader.admits(waiting.file), found.items))

    def called(waiting: WaitingFile) -> None:
        file = records.get(ExtractedFile, application, waiting.job, waiting.name)
        if file is None or file.ended:
            reader.leave(waiting.file)
        else:
            call(file)
        records.delete(WaitingFile, application, waiting.started, waiting.job, waiting.name)

    each(called, admitted)
    return len(admitted) < len(found.items) or found.cursor is not None


def _note(application: str, turn: int, *, moving: bool) -> None:
    def noted(line: Line) -> Line | None:
        return None if turn < line.turn else replace(line, turn=turn, moving=moving, updated=now())

    update(records, Line, application, change=noted)


def _is_moving(application: str) -> bool:
    line = records.get(Line, application)
    return line is not None and line.moving


moving: Final[Fresh[str, bool]] = Fresh(_is_moving)  # whether an application has a line, as it was some seconds ago
