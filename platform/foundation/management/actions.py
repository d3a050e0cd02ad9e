"""Commands of several actions, which say what they did to people or, with --json, to programs."""

import json
from abc import ABC, abstractmethod
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from django.core.management.base import BaseCommand, CommandError

from foundation.errors import Problem

Action: TypeAlias = Callable[[Mapping[str, Any]], Any]
NONE: Final = "none"  # as an argument: there shall be none


class ActionsCommand(BaseCommand, ABC):
    """A command with `actions`: by name, a line of help and what is done with the arguments, which returns what JSON can hold.

    A Problem that an action raises is the command's error.
    """

    requires_system_checks = ()
    actions: Mapping[str, tuple[str, Action]]

    @abstractmethod
    def arguments(self, action: str, parser: ArgumentParser) -> None:
        """Declare what an action takes."""

    @abstractmethod
    def lines(self, told: Any) -> Iterable[str]:
        """What an action returned, for people."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for action, (text, _) in self.actions.items():
            one = actions.add_parser(action, help=text, description=text)
            self.arguments(action, one)
            one.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **given: Any) -> None:
        self.acted(given)

    def acted(self, given: Mapping[str, Any]) -> Any:
        """Do what was asked for and say it; what the action returned."""
        try:
            told = self.actions[given["action"]][1](given)
        except Problem as problem:
            raise CommandError(problem.reason) from problem
        self.stdout.write(json.dumps(told) if given["json"] else "\n".join(self.lines(told)))
        return told


def number(read: Callable[[str], float], text: str) -> float | str:
    """An argument's number, or that there shall be none."""
    try:
        return NONE if text == NONE else read(text)
    except ValueError as wrong:
        raise ArgumentTypeError(f"{text[:50]!r} is no {'whole ' if read is int else ''}number, and not {NONE}") from wrong


def said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those arguments that were given; `none` is None."""
    return {field: None if value == NONE else value for field, value in values.items() if value is not None}
