"""Every use case of prompts. Views come in here."""

from msgspec.structs import replace

from apps.prompts.records import LatestTemplate, TemplateVersion
from foundation.adapters import records
from foundation.ambient import new_id, now
from foundation.errors import Conflict, Invalid, NotFound
from foundation.identity import Caller
from foundation.records import Page

ATTEMPTS = 50


def save(caller: Caller, name: str, text: str) -> TemplateVersion:
    """Save `text` as the next version of `name`; versions of one name count from 1 without a gap, whoever saves at once."""
    if not name.strip():
        raise Invalid("name must not be empty")
    for _ in range(ATTEMPTS):
        latest = records.get(LatestTemplate, caller.application, name) or LatestTemplate(caller.application, name, 0)
        number = latest.version + 1
        saved = TemplateVersion(caller.application, name, number, new_id(), text, now())
        try:
            records.batch([replace(latest, version=number), saved])
        except Conflict:
            continue
        return saved
    raise Conflict(f"prompt template {name} is being saved by many at once; try again")


def latest(caller: Caller, name: str) -> TemplateVersion:
    """The newest version of a name; NotFound when the caller has none."""
    newest = records.get(LatestTemplate, caller.application, name)
    if newest is None:
        raise NotFound("Prompt template not found")
    return version(caller, name, newest.version)


def version(caller: Caller, name: str, number: int) -> TemplateVersion:
    """One version of a name; NotFound when the caller has none."""
    found = records.get(TemplateVersion, caller.application, name, number) if number > 0 else None
    if found is None:
        raise NotFound("Prompt template version not found")
    return found


def versions(caller: Caller, name: str, *, limit: int, cursor: str | None) -> Page[TemplateVersion]:
    """The versions of a name, newest first; NotFound when the caller has none."""
    found = records.query(TemplateVersion, caller.application, name, descending=True, limit=limit, cursor=cursor)
    if not found.items:
        raise NotFound("Prompt template not found")
    return found


def every(caller: Caller, *, limit: int, cursor: str | None) -> Page[TemplateVersion]:
    """Every version of every name: names in descending order, the newest version of each first."""
    return records.query(TemplateVersion, caller.application, descending=True, limit=limit, cursor=cursor)
