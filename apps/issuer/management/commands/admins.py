"""manage.py admins: the people who administer this machine's platform."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from apps.issuer import services
from apps.issuer.people import OneTimePassword
from apps.issuer.records import Administrator
from foundation.errors import Problem


def described(person: Administrator) -> Mapping[str, Any]:
    """What may be shown of an administrator."""
    return {
        "email": person.email,
        "active": person.active,
        "one_time_password": person.must_change,
        "created": person.created.isoformat(timespec="seconds"),
    }


def revealed(made: OneTimePassword) -> Mapping[str, Any]:
    """An administrator's one-time password, shown this once."""
    return {"email": made.email, "one_time_password": made.password}


ACTIONS: Final[Mapping[str, Callable[[str], Mapping[str, Any]]]] = {
    "create": lambda email: revealed(services.create_administrator(email)),
    "reset": lambda email: revealed(services.reset_administrator(email)),
    "activate": lambda email: described(services.set_administrator_active(email, True)),
    "deactivate": lambda email: described(services.set_administrator_active(email, False)),
}


class Command(BaseCommand):
    """Lists administrators, makes new ones with a one-time password, resets passwords, lets in and keeps out."""

    help = "Administrators: list, create, reset (a new one-time password), activate, deactivate."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["list", *ACTIONS])
        parser.add_argument("email", nargs="?", help="the administrator's e-mail address; not for list")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        action, email = options["action"], options["email"]
        if (action == "list") == bool(email):
            raise CommandError(f"{action} takes {'no' if action == 'list' else 'an'} e-mail address")
        try:
            rows = [described(each) for each in services.administrators()] if action == "list" else [ACTIONS[action](email)]
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        if options["json"]:
            self.stdout.write(json.dumps(rows if action == "list" else rows[0], indent=2))
            return
        for row in rows:
            self.stdout.write("  ".join(f"{name}: {value}" for name, value in row.items()))
