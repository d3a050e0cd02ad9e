"""manage.py jobs: how full the queues are, what was given up on, and how to try that again."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from foundation.adapters import queues
from foundation.ports import DeadMessage
from foundation.settings import HOUSE


class Command(BaseCommand):
    """`list` shows every queue and its dead letters, `redrive` puts dead letters back as new messages."""

    help = "Shows queues and dead letters, and puts dead letters back."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        shown = verbs.add_parser("list", help="how full the queues are, and their dead letters")
        shown.add_argument("--json", action="store_true", help="as JSON")
        moved = verbs.add_parser("redrive", help="put dead letters back into their queues")
        moved.add_argument("--message", help="only the dead letter with this id")
        for verb in (shown, moved):
            verb.add_argument("--queue", help="only this queue")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = chosen(options["queue"])
        if options["verb"] == "redrive":
            return self.redrive(wanted, options["message"])
        found = {name: (queues.depth(name), tuple(dead_letters(name))) for name in wanted}
        if options["json"]:
            listed = [
                {"queue": name, **asdict(depth), "letters": list(map(asdict, dead))} for name, (depth, dead) in found.items()
            ]
            return self.stdout.write(json.dumps(listed, default=str, indent=2))
        self.stdout.write(f"{'queue':<20} {'waiting':>8} {'in flight':>10} {'delayed':>8} {'dead':>6}")
        for name, (depth, _) in found.items():
            self.stdout.write(f"{name:<20} {depth.waiting:>8} {depth.in_flight:>10} {depth.delayed:>8} {depth.dead:>6}")
        for _, dead in found.values():
            for letter in dead:
                self.stdout.write("\n" + described(letter))

    def redrive(self, wanted: list[str], message: str | None) -> None:
        """Put back one dead letter of these queues, or all."""
        moved = sum(queues.redrive(name, message) for name in wanted)
        if message and not moved:
            raise CommandError(f"there is no dead letter {message} in {', '.join(wanted)}; `jobs list` shows which there are")
        self.stdout.write(f"{moved} dead letter{'' if moved == 1 else 's'} put back")


def chosen(name: str | None) -> list[str]:
    """The named queue, or all of them."""
    known = [queue.name for queue in HOUSE.known_queues]
    if name is not None and name not in known:
        raise CommandError(f"there is no queue {name}; there is {', '.join(known) or 'none'}")
    return known if name is None else [name]


def dead_letters(queue: str) -> list[DeadMessage]:
    """Every dead letter of the queue, oldest first."""
    found: list[DeadMessage] = []
    cursor = None
    while True:
        page = queues.dead(queue, cursor=cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found


def described(letter: DeadMessage) -> str:
    """A dead letter in a few lines."""
    ids = " ".join(f"{name}={value}" for name, value in letter.ids.items())
    return (
        f"{letter.id}  {letter.queue}  {letter.died:%Y-%m-%d %H:%M:%S} UTC, after {letter.deliveries} deliveries\n"
        f"  {letter.task} {ids}\n  {letter.reason}"
    )
