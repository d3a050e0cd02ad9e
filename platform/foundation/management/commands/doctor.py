"""manage.py doctor: is everything there that the platform needs, and what to do where it is not."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from foundation.doctor import findings


class Command(BaseCommand):
    """Exits with 1 when any check failed."""

    help = "Checks the configuration and everything that the platform stands on, and says what to do."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        failed = 0
        for finding in findings():
            failed += not finding.good
            self.stdout.write(f"{'good' if finding.good else 'BAD ':<5} {finding.subject}: {finding.text}")
            if not finding.good and finding.remedy:
                self.stdout.write(f"      -> {finding.remedy}")
        self.stdout.write(f"{failed} of the checks failed." if failed else "All is well.")
        sys.exit(1 if failed else 0)
