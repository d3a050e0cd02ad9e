"""Every use case of applications. The portal and the commands come in here; both have found an administrator already."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from apps.applications.policies import checked as checked_policy
from apps.applications.records import PLATFORM, Application, ApplicationName, Policy
from foundation import keys
from foundation.adapters import directory, records
from foundation.ambient import new_id, now
from foundation.apps import ApiKey
from foundation.errors import Conflict, Invalid, NotFound
from foundation.fresh import Fresh
from foundation.ports import SCOPE, Credentials
from foundation.records import UNSAFE, Page, update
from foundation.settings import CHOSEN

LONGEST_NAME = 100
LONGEST_DESCRIPTION = 1000
LONGEST_DAYS: Final = 3650
LONGEST_HOURS: Final = 8760
OVERLAP: Final = 24.0


@dataclass(frozen=True, slots=True)
class Connection:
    """All that an application needs to connect, but its secret."""

    client_id: str
    token_url: str
    api_url: str
    scope: str


def create(name: str, description: str) -> tuple[Application, Credentials]:
    """Onboard an application: active at once, with its first secret, which is readable only now.

    Raises Invalid for an empty or over-long text, Conflict when another application has the name.
    """
    wanted, text = checked("app_name", name, LONGEST_NAME), checked("description", description, LONGEST_DESCRIPTION, "\r\n\t")
    made = new_id()
    credentials = directory.create(made, wanted)
    application = Application(made, wanted, text, credentials.client, now())
    try:
        records.batch([ApplicationName(wanted.casefold(), made), application])
    except Conflict as taken:
        directory.delete(credentials.client)
        raise Conflict(f"there is an application named {wanted} already; choose another name") from taken
    return find(made), credentials


def checked(field: str, text: str, longest: int, breaks: str = "") -> str:
    """A text without the white space around it; Invalid when nothing is left, it is too long, or holds control characters.

    `breaks` are control characters that it may hold.
    """
    bare = text.strip()
    if not bare:
        raise Invalid(f"{field} is required")
    if len(bare) > longest or UNSAFE.search(bare.translate(dict.fromkeys(map(ord, breaks)))):
        raise Invalid(f"{field} must be at most {longest} characters, without control characters")
    return bare


def find(application: str) -> Application:
    """One application; NotFound."""
    found = records.get(Application, PLATFORM, application)
    if found is None:
        raise NotFound(f"there is no application {application}")
    return found


def find_by_name(name: str) -> Application:
    """One application by its name, whatever the case of its letters; NotFound."""
    held = records.get(ApplicationName, PLATFORM, name.strip().casefold())
    if held is None:
        raise NotFound(f"there is no application named {name}; `manage.py apps list` shows them all")
    return find(held.application)


def has_name(name: str) -> bool:
    """Whether an application has this name, whatever the case of its letters."""
    return records.get(ApplicationName, PLATFORM, name.strip().casefold()) is not None


def find_by_name_or_id(text: str) -> Application:
    """One application by what people call it or by its id; NotFound."""
    found = records.get(Application, PLATFORM, text) if text.isprintable() else None
    return found or find_by_name(text)


def page(*, limit: int = 100, cursor: str | None = None) -> Page[Application]:
    """The applications, newest first."""
    return records.query(Application, PLATFORM, index="by_created", descending=True, limit=limit, cursor=cursor)


def set_active(application: str, active: bool) -> Application:
    """Let an application in, or keep it out: it is refused everywhere within 5 seconds. A repeat changes nothing."""
    known = find(application)
    directory.set_active(known.client, active)
    key, change = (PLATFORM, application), lambda found: replace(found, active=active)
    return update(records, Application, *key, change=change, known=known) or find(application)


def rotate(application: str) -> Credentials:
    """A new secret beside the newest one, which stays good until `revoke_old`; an older one ends."""
    return directory.rotate(find(application).client)


def revoke_old(application: str) -> int:
    """End every secret but the newest; how many there were."""
    return directory.revoke_old(find(application).client)


def connection(application: Application) -> Connection:
    """What to configure in the application besides its secret."""
    return Connection(application.client, f"{CHOSEN.applications_domain}/oauth2/token", CHOSEN.api_url, SCOPE)


def policy_of(application: str) -> Policy:
    """What an application may do with models, as it is stored now."""
    return records.get(Policy, application) or Policy(application)


policies: Fresh[str, Policy] = Fresh(policy_of)
"""The same, at most 5 seconds old."""


def set_policy(policy: Policy) -> Policy:
    """Change what an application may do; everywhere within 5 seconds.

    Invalid names the field that is wrong; Conflict when it was changed since it was read; NotFound.
    """
    find(policy.application)
    stored = records.put(checked_policy(policy))
    policies.forget(policy.application)
    return stored


def change_policy(application: str, change: Callable[[Policy], Policy]) -> Policy:
    """The same for a change that is good whatever was changed before it: done again when somebody else was faster."""
    for _ in range(100):
        with suppress(Conflict):
            return set_policy(change(policy_of(find(application).application)))
    raise Conflict("the policy was changed by others all the time; try again")


def create_key(application: str, name: str, days: float | None = None) -> tuple[ApiKey, str]:
    """A new API key of an application with its text, which is readable only now; good for so many days, None: until revoked.

    Invalid for an empty or over-long name, or a number of days that is none; NotFound for an unknown application.
    """
    owner = find(application)
    ends = None if days is None else now() + timedelta(days=span("expires", days, LONGEST_DAYS, "days"))
    return keys.create(owner.application, owner.client, checked("name", name, LONGEST_NAME), ends)


def keys_of(application: str, *, limit: int = 100, cursor: str | None = None) -> Page[ApiKey]:
    """The API keys of an application, newest first, with those that are no longer good; NotFound."""
    return keys.page(find(application).application, limit=limit, cursor=cursor)


def key_of(application: str, key: str) -> ApiKey:
    """One API key of an application; NotFound."""
    return keys.find(find(application).application, key)


def find_key(key: str) -> ApiKey:
    """One API key of any application by its id alone, for administrators; NotFound."""
    return keys.anywhere(key)


def rotate_key(application: str, key: str, hours: float = OVERLAP) -> tuple[ApiKey, str]:
    """A new API key in the place of one that stays good for so many hours more; 0: it ends at once.

    Invalid for a key that is no longer good, NotFound for one that this application does not have.
    """
    overlap = timedelta(hours=span("overlap", hours, LONGEST_HOURS, "hours", lowest=0))
    return keys.rotate(find(application).application, key, now() + overlap)


def revoke_key(application: str, key: str) -> ApiKey:
    """End an API key: it is refused everywhere within 5 seconds. A repeat changes nothing; NotFound."""
    return keys.revoke(find(application).application, key)


def span(field: str, wanted: float, longest: int, unit: str, lowest: float = 1 / 86_400) -> float:
    """A length of time inside its bounds; Invalid names the field."""
    if not math.isfinite(wanted) or not lowest <= wanted <= longest:
        raise Invalid(
            f"{field} ({wanted:g}) must be {'0 or more' if not lowest else 'more than 0'} and at most {longest} {unit}"
        )
    return wanted
