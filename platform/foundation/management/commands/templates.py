"""manage.py templates: write the CloudFormation templates that follow from the manifests, or check that they are current."""

from importlib import import_module
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Writes deploy/cloudformation/templates/; with --check it writes nothing and fails where a file is not current."""

    help = "Writes the CloudFormation templates that follow from the manifests."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a template is not current")

    def handle(self, *args: Any, **options: Any) -> None:
        generate = import_module("deploy.cloudformation.generate")
        wanted = generate.templates(import_module("deploy.cloudformation.house").platform())
        there = {each.name: each.read_text() for each in generate.FOLDER.glob("*.json")}
        if options["check"]:
            stale = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
            if stale:
                raise CommandError(f"{', '.join(stale)}: not current; run `manage.py templates`")
            return
        generate.FOLDER.mkdir(exist_ok=True)
        for name in {*there} - {*wanted}:
            (generate.FOLDER / name).unlink()
        for name, text in wanted.items():
            (generate.FOLDER / name).write_text(text)
        self.stdout.write(f"{len(wanted)} files in {generate.FOLDER}")
