"""manage.py apps: onboard applications and let them in or out."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from apps.applications import services
from apps.applications.records import Application
from foundation.management.actions import ActionsCommand
from foundation.ports import Credentials


def described(application: Application) -> Mapping[str, Any]:
    """An application as the command shows it."""
    connection = asdict(services.connection(application))
    return {
        "name": application.name,
        "app_id": application.application,
        "status": "active" if application.active else "inactive",
        "created": application.created.isoformat(timespec="seconds"),
        **connection,
    }


def with_secret(application: Application, credentials: Credentials) -> Mapping[str, Any]:
    """The same with the secret, which is shown this once."""
    return {**described(application), "client_secret": credentials.secret}


def create(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """apps create NAME."""
    return with_secret(*services.create(given["name"], given["description"]))


def every(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """apps list."""
    return [described(application) for application in all_applications()]


def all_applications() -> Iterator[Application]:
    """Every application, page by page."""
    cursor: str | None = None
    while True:
        page = services.page(cursor=cursor)
        yield from page.items
        if (cursor := page.cursor) is None:
            return


def activate(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """apps activate NAME."""
    return described(services.set_active(services.find_by_name(given["name"]).application, True))


def deactivate(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """apps deactivate NAME."""
    return described(services.set_active(services.find_by_name(given["name"]).application, False))


def rotate(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """apps rotate NAME."""
    application = services.find_by_name(given["name"])
    credentials = services.rotate(application.application)
    if given["revoke_old"]:
        services.revoke_old(application.application)
    return with_secret(application, credentials)


def lines(told: Any) -> Iterator[str]:
    """What was done, a line for each value, and a line between two applications."""
    if isinstance(told, list):
        for place, one in enumerate(told):
            yield from ["", *lines(one)] if place else lines(one)
        if not told:
            yield "There are no applications yet; `manage.py apps create NAME` makes one."
        return
    width = max(len(name) for name in told)
    for name, value in told.items():
        yield f"{name:<{width}}  {value}"
    if "client_secret" in told:
        yield "The secret is shown this once; `manage.py apps rotate` makes a new one."


ACTIONS = {
    "create": ("onboard an application and print its credentials", create),
    "list": ("list the applications", every),
    "activate": ("let an application in again", activate),
    "deactivate": ("keep an application out, within 5 seconds", deactivate),
    "rotate": ("make a new secret; the newest one before it stays good", rotate),
}


class Command(ActionsCommand):
    help = "Onboard applications, list them, let them in or keep them out, give them a new secret."
    actions = ACTIONS
    lines = staticmethod(lines)

    def arguments(self, action: str, parser: ArgumentParser) -> None:
        if action != "list":
            parser.add_argument("name", help="the application's name")
        if action == "create":
            parser.add_argument("--description", default="Created on the command line.", help="what it is, for people")
        if action == "rotate":
            parser.add_argument("--revoke-old", action="store_true", help="end every older secret at once")
