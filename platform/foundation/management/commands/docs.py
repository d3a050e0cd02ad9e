"""manage.py docs: write the pages of docs/ that are derived from the code, or check that they are what it would write."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from foundation.defaults import NeededOnAws
from foundation.platform_settings import BASE_DIR
from foundation.settings import Settings


class Command(BaseCommand):
    """Writes every page of PAGES; with --check it writes nothing and fails where a page is not current."""

    help = "Writes the pages of docs/ that are derived from the code."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is not current")

    def handle(self, *args: Any, **options: Any) -> None:
        for place, written in PAGES.items():
            (check if options["check"] else write)(BASE_DIR / place, written())


def check(page: Path, wanted: str) -> None:
    """CommandError, with the first lines that differ, when the page does not hold what is wanted."""
    there = page.read_text() if page.exists() else ""
    if there != wanted:
        lines = difflib.unified_diff(there.splitlines(), wanted.splitlines(), page.name, "current", n=0, lineterm="")
        told = "\n".join(list(lines)[:20])
        raise CommandError(f"{page.name} is not current; run `manage.py docs`.\n{told}")


def write(page: Path, wanted: str) -> None:
    """Have the page hold what is wanted."""
    page.parent.mkdir(exist_ok=True)
    page.write_text(wanted)


class Names:
    """Stands in for Settings where a default is to be shown: each setting is the name of its variable."""

    def __getattr__(self, name: str) -> str:
        return next(str(each.metadata["name"]) for each in fields(Settings) if each.name == name)


def settings() -> str:
    """docs/settings.md: every environment variable that the platform reads."""
    known = [each.metadata for each in fields(Settings)]
    rows = [f"| `{each['name']}` | {default(each['default'])} | {each['meaning'].replace('|', '&#124;')} |" for each in known]
    return "\n".join(
        [
            "# Settings",
            "",
            "Every setting is an environment variable, read once at the start. A wrong value stops the start with one line",
            "that names the variable, what it holds and what it may hold. An empty variable is one that is not set.",
            "AWS's own client reads more of them (`AWS_PROFILE`, `AWS_ENDPOINT_URL_SQS` and the like), which AWS explains;",
            "a wrong URL in a variable that begins with `AWS_ENDPOINT_URL` stops the start, too.",
            "This page is generated from `platform/foundation/settings.py` by `manage.py docs`.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def default(given: str | Callable[[Any], Any]) -> str:
    """How a default is shown: the value itself, what it is derived from, or in words."""
    if isinstance(given, NeededOnAws):
        return f"{default(given.embedded) or 'none'}; needed when PLATFORM is aws"
    if not callable(given):
        return f"`{given.removeprefix(f'{BASE_DIR}/')}`" if given else ""
    return f"`{given(Names())}`" if given.__name__ == "<lambda>" else str(given.__doc__)


def of_templates(name: str) -> Callable[[], str]:
    """The page that a module of deploy/cloudformation derives from the templates as they are committed."""
    return lambda: str(import_module(f"deploy.cloudformation.{name}").page())


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/settings.md": settings,
    "docs/cost.md": of_templates("cost"),
    "docs/deploy.md": of_templates("guide"),
    "docs/parity.md": of_templates("parity"),
    "docs/security.md": of_templates("roles"),
}
