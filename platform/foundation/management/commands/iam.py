"""manage.py iam: print what each process of an AWS deployment may do, and why."""

from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """One block for each role: its grants with their reasons and the lines of manifests that have them. Asks nothing of AWS."""

    help = "Prints what each process of an AWS deployment may do, with the reason of each grant."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("process", nargs="*", help="only these, for example invocation or extraction-worker")

    def handle(self, *args: Any, **options: Any) -> None:
        platform = import_module("deploy.cloudformation.house").platform()
        grants = import_module("deploy.cloudformation.grants").grants
        processes = {process.name: process for process in platform.processes}
        unknown = [name for name in options["process"] if name not in processes]
        if unknown:
            raise CommandError(f"{', '.join(unknown)}: unknown; there are {', '.join(processes)}")
        for name in options["process"] or processes:
            self.stdout.write(f"{name}")
            for grant in grants(platform, processes[name]):
                limited = " (by other services alone)" if grant.condition else ""
                self.stdout.write(f"  {grant.action}  {grant.resource}  {grant.reason} [{grant.source}]{limited}")
