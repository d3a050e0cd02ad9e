"""manage.py worker: work on the messages of every queue that this process serves, until it is told to stop."""

import sys
import warnings
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from foundation.celery import app
from foundation.manifest import begin
from foundation.settings import CHOSEN, HOUSE


class Command(BaseCommand):
    """A signal to end (SIGTERM) lets it finish what it works on; a second one does not."""

    help = "Works on the messages of every queue that SERVE names, or of one of them, in WORKER_CONCURRENCY threads."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", help="only this queue")

    def handle(self, *args: Any, **options: Any) -> None:
        known = [queue.name for queue in HOUSE.queues]
        if not known:
            raise CommandError("nothing that SERVE names has a queue, so there is nothing to work on")
        if options["queue"] not in (None, *known):
            raise CommandError(f"SERVE names no capability with a queue {options['queue']}; there is {', '.join(known)}")
        warnings.filterwarnings("ignore", "You're running the worker with superuser")  # meant for pickle; this takes JSON only
        worker = app.Worker(
            queues=known if options["queue"] is None else [options["queue"]],
            loglevel=CHOSEN.log_level,
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        begin(HOUSE)
        worker.start()
        sys.exit(worker.exitcode)
