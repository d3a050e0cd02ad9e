"""Settings that come together in one variable: a list that an operator writes, and a secret whose keys are their names."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Final

from foundation.readers import assignments, checked

FURTHER: Final = "FURTHER_SETTINGS"
SECRETS: Final = "FURTHER_SECRETS"


def members(text: str) -> Mapping[str, str]:
    """A JSON object of names and texts, as Secrets Manager keeps keys and values; empty texts are left out."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ValueError('a JSON object of names and texts, for example {"OPENAI_API_KEY": "…"}')
    return {name: value for name, value in found.items() if value}


READERS: Final[Mapping[str, Callable[[str], Mapping[str, str]]]] = {FURTHER: assignments, SECRETS: members}


def spread(environment: Mapping[str, str], names: Collection[str]) -> Mapping[str, str]:
    """The environment with the settings of each such variable; `names` are all settings that there are.

    ValueError names what cannot be set, and why. What FURTHER_SECRETS holds is not said.
    """
    known = dict(environment)
    for variable, read in READERS.items():
        given = checked(variable, read, environment.get(variable, ""), hidden=variable == SECRETS)
        for name, value in given.items():
            if name not in names:
                raise ValueError(f"{variable} names {name}, which is no setting; docs/settings.md has them all")
            if name in known:
                raise ValueError(f"{variable} names {name}, which has a variable of its own here; set it there")
            known[name] = value
    return known
