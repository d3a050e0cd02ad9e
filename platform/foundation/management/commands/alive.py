"""manage.py alive: whether the worker that shares this FOUNDATION_HOME is able to receive; for a container's health check."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from foundation import pulse
from foundation.settings import CHOSEN


class Command(BaseCommand):
    """Ends with 0 or 1. It asks no other service, so that it costs little and fails for the worker's own reasons only."""

    help = "Says whether the worker that shares FOUNDATION_HOME is able to receive."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        silence = pulse.silence(CHOSEN.home)
        if silence is None:
            raise CommandError(f"no worker has given a sign of life in {pulse.place(CHOSEN.home)}")
        if silence > pulse.LONGEST_SILENCE:
            raise CommandError(f"the worker has not been able to receive for {silence:.0f} s")
        self.stdout.write(f"the worker was able to receive {silence:.0f} s ago")
