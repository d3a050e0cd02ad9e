"""What the issuer remembers: the people who administer the platform, and the authorization codes that it gave out."""

from datetime import datetime
from typing import Final

from foundation.records import Record, record

POOL: Final = "local_administrators"


@record(table="administrators", key=("pool", "email"))
class Administrator(Record, frozen=True):
    """A person who may sign in to the portal. `password` is a salted hash; a one-time password `must_change`."""

    pool: str
    email: str
    subject: str
    password: str
    password_since: datetime
    must_change: bool
    active: bool
    created: datetime


@record(table="authorization_grants", key=("grant",), expires="until")
class Grant(Record, frozen=True):
    """One authorization code, under its hash, and what it was given for; kept after its use to notice a second one."""

    grant: str
    email: str
    client: str
    redirect_uri: str
    challenge: str
    scope: str
    nonce: str
    signed_in: datetime
    until: datetime
    used: bool = False
    revoked: bool = False
