"""How a process signs in to ElastiCache: with a signature of its role in the place of a password.

The rules are in docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html: the signature is asked for once, when a
connection begins, and is good for a quarter of an hour; ElastiCache ends a connection after twelve hours.
"""

import math
import time
from typing import Any, Final
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from redis import CredentialProvider
from redis.connection import SSLConnection
from redis.exceptions import ConnectionError as NotConnected

from foundation.adapters.aws.clients import session

SCHEME: Final = "https://"  # the signer wants one, ElastiCache takes the rest
GOOD_SECONDS: Final = 900
LONGEST_SECONDS: Final = 11 * 3600


class SignedLogin(CredentialProvider):
    """The user of a serverless cache and what the process's role signs for it; another one each time."""

    def __init__(self, user: str, cache: str, region: str) -> None:
        self.user, self.cache, self.region = user, cache, region

    def get_credentials(self) -> tuple[str, str]:
        """User and signature; redis-py's ConnectionError where there is nothing to sign with."""
        asked = urlencode({"Action": "connect", "User": self.user, "ResourceType": "ServerlessCache"})
        try:
            signed = self._signer().generate_presigned_url(
                {"method": "GET", "url": f"{SCHEME}{self.cache}/?{asked}", "body": {}, "headers": {}, "context": {}},
                operation_name="connect",
                expires_in=GOOD_SECONDS,
                region_name=self.region,
            )
        except BotoCoreError as refused:
            raise NotConnected(f"nothing signs for the cache: {refused}") from refused
        return self.user, str(signed).removeprefix(SCHEME)

    def _signer(self) -> RequestSigner:
        known: Any = session()
        events = known.events
        return RequestSigner(ServiceId("elasticache"), self.region, "elasticache", "v4", known.get_credentials(), events)


class SignedConnection(SSLConnection):
    """A connection that begins anew between two uses, before ElastiCache would end it in the middle of one.

    longest: seconds after which it does.
    """

    def __init__(self, longest: float = LONGEST_SECONDS, **options: Any) -> None:
        super().__init__(**options)
        self.longest, self.ends = longest, math.inf

    def connect(self) -> None:
        """Be connected, and not for too long already."""
        moment = time.monotonic()
        if moment >= self.ends:
            self.disconnect()  # type: ignore[no-untyped-call]  # redis-py's own connections are not typed
        begins = not self.is_connected
        super().connect()  # type: ignore[no-untyped-call]  # the same
        if begins:
            self.ends = moment + self.longest
