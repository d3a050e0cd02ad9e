"""manage.py calls: what the store refused to take on the account, and how that is tried again."""

from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.core.management.base import CommandError

from apps.usage import services
from apps.usage.aside import SetAside
from foundation.management.actions import ActionsCommand


def listed(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """calls list."""
    return [described(each) for each in services.set_aside()]


def post(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """calls post."""
    return [described(each) for each in services.post_again()]


def described(each: SetAside) -> Mapping[str, Any]:
    """A call that was set aside, as JSON has it."""
    row = each.entry.row if each.entry else None
    return {
        "file": str(each.path),
        "app_id": row and row.application,
        "call": row and row.invocation,
        "model": row and row.model_name,
        "created": row and row.created.isoformat(),
        "refused": each.refused or None,
    }


ACTIONS: Final = {
    "list": ("list the calls that this machine's journals set aside, as the store refused them", listed),
    "post": ("put them on the account, each once however often this is done", post),
}


class Command(ActionsCommand):
    help = "Lists the calls that could not be put on the account, and tries that again."
    actions = ACTIONS

    def arguments(self, action: str, parser: ArgumentParser) -> None:
        """Neither takes any."""

    def lines(self, told: Any) -> Iterator[str]:
        for each in told:
            yield f"{each['created'] or 'no call':<32}  {each['model'] or '-':<30}  {each['file']}"
            if each["refused"]:
                yield f"  refused: {each['refused']}"
        if not told:
            yield "No call was set aside."

    def handle(self, *args: Any, **given: Any) -> None:
        refused = sum(1 for each in self.acted(given) if each["refused"])
        if refused:
            raise CommandError(f"of these, {refused} cannot be put on the account; their files stay where they are")
