"""manage.py demo: onboard a sample application and take three documents through the running platform with it."""

import sys
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console

from apps.applications import services
from apps.applications.records import Application
from cookbook.client import Client
from cookbook.journey import Journey
from foundation.errors import NotFound
from foundation.ports import Credentials
from foundation.settings import CHOSEN

NAME = "Sample application"


class Command(BaseCommand):
    help = "Take three sample documents through the running platform; ends with 0 only if every step held."
    requires_system_checks = ()

    def handle(self, *args: Any, **given: Any) -> None:
        application, credentials = sample_application()
        connection = services.connection(application)
        client = Client(
            connection.api_url,
            connection.token_url,
            credentials.client,
            credentials.secret,
            connection.scope,
            verify=CHOSEN.ca_file or True,
        )
        if not Journey(client, Console()).run():
            sys.exit(1)


def sample_application() -> tuple[Application, Credentials]:
    """The sample application with a secret of this run; made when there is none, let in again when it was kept out."""
    try:
        found = services.find_by_name(NAME)
    except NotFound:
        return services.create(NAME, "Made by `manage.py demo` for its journey.")
    return services.set_active(found.application, True), services.rotate(found.application)
