"""manage.py worker: work on the messages of every queue that this process serves, until it is told to stop."""

import sys
import warnings
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation.celery import app
from foundation.manifest import begin
from foundation.settings import CHOSEN, HOUSE


class Command(BaseCommand):
    """A signal to end (SIGTERM) lets it finish what it works on; a second one does not."""

    help = "Works on the messages of every queue that SERVE names, in WORKER_CONCURRENCY threads."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        if not HOUSE.queues:
            raise CommandError("nothing that SERVE names has a queue, so there is nothing to work on")
        warnings.filterwarnings("ignore", "You're running the worker with superuser")  # meant for pickle; this takes JSON only
        worker = app.Worker(
            loglevel=CHOSEN.log_level,
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        begin(HOUSE)
        worker.start()
        sys.exit(worker.exitcode)
