"""manage.py prepare: have every capability make what it needs before it can serve."""

from typing import Any

from django.core.management.base import BaseCommand

from foundation.manifest import load
from foundation.settings import HOUSE


class Command(BaseCommand):
    """Safe to repeat. `manage.py up` runs it first, in a process of its own."""

    help = "Makes what the capabilities need before they can serve, and prints what an operator should know of it."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        for capability in HOUSE.needed:
            if capability.manifest.prepare:
                for line in load(capability.manifest.prepare)():
                    self.stdout.write(line)
