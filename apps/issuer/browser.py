"""Who is signed in to the issuer in a browser: one entry of the Django session, which other capabilities share."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.contrib.sessions.backends.base import SessionBase

from apps.issuer import people
from apps.issuer.records import Administrator
from foundation.ambient import now

ENTRY: Final = "issuer_sign_in"
LASTS: Final = timedelta(hours=8)
LASTS_FOR_CHANGE: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class SignIn:
    """A person and the moment when they showed their password."""

    person: Administrator
    moment: datetime


def remember(session: SessionBase, person: Administrator) -> SignIn:
    """Note who signed in, under a fresh session key, so that a key known before is worth nothing."""
    moment = now()
    session.cycle_key()
    session[ENTRY] = [person.email, person.password_since.isoformat(), moment.isoformat()]
    return SignIn(person, moment)


def forget(session: SessionBase) -> None:
    """End the issuer's part of the session."""
    if session.pop(ENTRY, None) is not None:
        session.cycle_key()


def signed_in(session: SessionBase) -> SignIn | None:
    """Who is signed in and may go on: still active, with the same password, which need not be changed."""
    found = _found(session, LASTS)
    return found if found and not found.person.must_change else None


def changing(session: SessionBase) -> SignIn | None:
    """Who showed a one-time password a short while ago and has to choose another."""
    found = _found(session, LASTS_FOR_CHANGE)
    return found if found and found.person.must_change else None


def _found(session: SessionBase, lasts: timedelta) -> SignIn | None:
    entry = session.get(ENTRY)
    if entry is None:
        return None
    email, since, moment = entry[0], datetime.fromisoformat(entry[1]), datetime.fromisoformat(entry[2])
    person = people.with_session(email, since) if now() - moment < lasts else None
    return SignIn(person, moment) if person else None
