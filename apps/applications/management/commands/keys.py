"""manage.py keys: API keys, which applications show instead of an access token."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any, Final

from apps.applications import services
from apps.applications.management.commands.apps import all_applications
from foundation.apps import ApiKey
from foundation.management.actions import ActionsCommand


def described(key: ApiKey) -> Mapping[str, Any]:
    """A key as the command shows it."""
    return {
        "id": key.key,
        "beginning": key.beginning,
        "name": key.name,
        "application": key.application,
        "created": key.created.isoformat(timespec="seconds"),
        "expires": key.ends and key.ends.isoformat(timespec="seconds"),
        "state": key.state.value,
    }


def with_text(key: ApiKey, text: str) -> Mapping[str, Any]:
    """The same with the key itself, which is shown this once."""
    return {"key": text, **described(key)}


def create(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """keys create APPLICATION."""
    owner = services.find_by_name_or_id(given["application"])
    return with_text(*services.create_key(owner.application, given["name"], given["expires"]))


def every(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """keys list."""
    named = given["application"]
    owners = [services.find_by_name_or_id(named)] if named else all_applications()
    return [described(key) for owner in owners for key in keys_of(owner.application)]


def keys_of(application: str) -> Iterator[ApiKey]:
    """Every key of an application, page by page."""
    cursor: str | None = None
    while True:
        page = services.keys_of(application, cursor=cursor)
        yield from page.items
        if (cursor := page.cursor) is None:
            return


def rotate(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """keys rotate KEY."""
    old = services.find_key(given["key"])
    return with_text(*services.rotate_key(old.application, old.key, given["overlap"]))


def revoke(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """keys revoke KEY."""
    found = services.find_key(given["key"])
    return described(services.revoke_key(found.application, found.key))


def lines(told: Any) -> Iterator[str]:
    """What was done, a line for each value, and a line between two keys."""
    if isinstance(told, list):
        for place, one in enumerate(told):
            yield from ["", *lines(one)] if place else lines(one)
        if not told:
            yield "There are no API keys yet; `manage.py keys create APPLICATION` makes one."
        return
    width = max(map(len, told))
    for name, value in told.items():
        yield f"{name:<{width}}  {'never' if value is None else value}"
    if "key" in told:
        yield "The key is shown this once and kept only as a hash; `manage.py keys rotate` makes a new one."


ACTIONS: Final = {
    "create": ("make an API key for an application and print it", create),
    "list": ("list the API keys", every),
    "rotate": ("make a new key in the place of one, which stays good for some hours", rotate),
    "revoke": ("end a key, within 5 seconds", revoke),
}


class Command(ActionsCommand):
    help = "Create API keys for applications, list them, replace them and end them."
    actions = ACTIONS
    lines = staticmethod(lines)

    def arguments(self, action: str, parser: ArgumentParser) -> None:
        if action == "create":
            parser.add_argument("application", help="the application's name or id")
            parser.add_argument("--name", default="API key", help="what the key is for, for people")
            parser.add_argument("--expires", type=float, metavar="DAYS", help="it ends after so many days (default: never)")
        elif action == "list":
            parser.add_argument("application", nargs="?", help="the application's name or id (default: all)")
        else:
            parser.add_argument("key", help="the key's id, as `keys list` shows it")
        if action == "rotate":
            parser.add_argument(
                "--overlap",
                type=float,
                default=services.OVERLAP,
                metavar="HOURS",
                help=f"the old key stays good for so long (default: {services.OVERLAP:g}; 0: ends at once)",
            )
