"""The administrators of this machine: making them, their passwords, and letting them in or keeping them out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from apps.issuer import passwords
from apps.issuer.records import POOL, Administrator
from foundation.adapters import records
from foundation.ambient import new_id, now
from foundation.errors import Conflict, Invalid, NotFound
from foundation.records import update


@dataclass(frozen=True, slots=True)
class OneTimePassword:
    """A password in the clear, which exists only in the moment of its making, and whose it is."""

    email: str
    password: str = field(repr=False)


def find(email: str) -> Administrator | None:
    """The administrator with this e-mail address, in whatever case it is written."""
    key = email.strip().lower()
    return records.get(Administrator, POOL, key) if key.isprintable() else None


def everyone() -> Iterator[Administrator]:
    """All administrators in the order of their addresses."""
    cursor = None
    while True:
        page = records.query(Administrator, POOL, cursor=cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return


def create(email: str) -> OneTimePassword:
    """A new administrator; Conflict when there is one with this address, Invalid when it is not an address."""
    address, moment, password = email.strip().lower(), now(), passwords.one_time()
    local, _, domain = address.rpartition("@")
    if not (local and domain and address.isprintable() and " " not in address and len(address) <= 254):
        raise Invalid(f"{email!r} is not an e-mail address")
    made = Administrator(
        POOL, address, new_id(), passwords.hashed(password), moment, must_change=True, active=True, created=moment
    )
    try:
        records.put(made)
    except Conflict as there:
        raise Conflict(f"there is an administrator {address} already; `admins reset` gives a new password") from there
    return OneTimePassword(address, password)


def reset(email: str) -> OneTimePassword:
    """A new one-time password in place of the present one, which ends with every session that it opened."""
    password = passwords.one_time()
    kept, moment = passwords.hashed(password), now()
    changed = _changed(email, lambda found: replace(found, password=kept, password_since=moment, must_change=True))
    return OneTimePassword(changed.email, password)


def set_active(email: str, active: bool) -> Administrator:
    """Let an administrator in, or keep out; a repeat changes nothing."""
    return _changed(email, lambda found: replace(found, active=active) if found.active != active else None)


def choose_password(person: Administrator, password: str, repeated: str) -> Administrator:
    """The person with the password of their choice. Invalid says what is wrong with it; Conflict when it changed meanwhile."""
    passwords.check_new(password, repeated, email=person.email, kept=person.password)
    return records.put(replace(person, password=passwords.hashed(password), password_since=now(), must_change=False))


def who_knows(email: str, password: str) -> Administrator | None:
    """The active administrator whose password this is, or None; takes as long for an address that nobody has."""
    found = find(email)
    right = passwords.is_right(password, found.password if found else None)
    return found if found is not None and right and found.active else None


def with_session(email: str, since: datetime) -> Administrator | None:
    """The administrator for whom a session was opened with the password set at `since`, if that still holds."""
    found = find(email)
    return found if found is not None and found.active and found.password_since == since else None


def _changed(email: str, change: Callable[[Administrator], Administrator | None]) -> Administrator:
    found = update(records, Administrator, POOL, email.strip().lower(), change=change)
    if found is None:
        raise NotFound(f"there is no administrator {email}; `admins list` shows all")
    return found
