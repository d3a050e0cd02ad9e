"""OAuth2 clients as app clients of the applications' Cognito pool; which application each speaks for, in a record.

Cognito keeps the secrets, two of them at most, and gives the tokens; Secrets Manager keeps the newest for who deploys the
application. Whether a client is let in is the record's to say: Cognito gives tokens to an inactive one, and they are refused.
"""

import base64
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final

from botocore.exceptions import ClientError
from msgspec.structs import replace

from foundation.adapters.aws import records as aws_records
from foundation.adapters.aws import secrets as aws_secrets
from foundation.adapters.aws.clients import answering, client, code_of
from foundation.adapters.aws.secrets import ManagedSecrets
from foundation.apps import RegisteredClient
from foundation.errors import NotFound, Unavailable
from foundation.ports import SCOPE, Client, Credentials
from foundation.records import Records, update
from foundation.settings import Settings

WHAT: Final = "the user directory"
CLIENT: Final = re.compile(r"[A-Za-z0-9_+]{1,128}")
UNNAMEABLE: Final = re.compile(r"[^\w +=,.@-]", re.ASCII)
TRIES: Final = 20
TAKEN: Final = frozenset({"LimitExceededException", "ResourceNotFoundException", "InvalidParameterException"})


def adapter(settings: Settings) -> "CognitoDirectory":
    """The clients of this deployment."""
    kept = aws_records.adapter(settings), aws_secrets.adapter(settings)
    return CognitoDirectory(settings, client("cognito-idp", settings), *kept)


def changed(found: RegisteredClient, active: bool) -> RegisteredClient | None:
    """The client let in or kept out; None where it is so already."""
    return replace(found, active=active) if found.active != active else None


class CognitoDirectory:
    """The Directory port on a Cognito user pool. Of two rotations at once either may leave its secret in Secrets Manager."""

    def __init__(self, settings: Settings, cognito: Any, records: Records, secrets: ManagedSecrets) -> None:
        self.pool, self.domain = settings.applications_pool, settings.applications_domain
        self.lifetime = settings.token_lifetime
        self.cognito, self.records, self.secrets = cognito, records, secrets

    def create(self, application: str, name: str) -> Credentials:
        with answering(WHAT):
            made = self.cognito.create_user_pool_client(
                UserPoolId=self.pool,
                ClientName=UNNAMEABLE.sub("-", name)[:128] or "-",
                GenerateSecret=True,
                AllowedOAuthFlows=["client_credentials"],
                AllowedOAuthScopes=[SCOPE],
                AllowedOAuthFlowsUserPoolClient=True,
                AccessTokenValidity=self.lifetime,
                TokenValidityUnits={"AccessToken": "seconds"},
            )["UserPoolClient"]
        identifier = str(made["ClientId"])
        try:
            credentials = self._kept(identifier, str(made["ClientSecret"]))
            self.records.put(RegisteredClient(identifier, application, name, True, ()))
        except Exception:
            self._removed(identifier)
            raise
        return credentials

    def find(self, client: str) -> Client | None:
        found = self._found(client)
        return Client(found.client, found.application, found.active) if found else None

    def set_active(self, client: str, active: bool) -> None:
        self._needed(client)
        if update(self.records, RegisteredClient, client, change=lambda found: changed(found, active)) is None:
            raise NotFound(f"there is no client {client}")

    def rotate(self, client: str) -> Credentials:
        self._needed(client)
        for _ in range(TRIES):
            old = self._secret_ids(client)[:-1]
            with answering(WHAT):
                try:
                    for each in old:
                        self.cognito.delete_user_pool_client_secret(**self._at(client), ClientSecretId=each)
                    made = self.cognito.add_user_pool_client_secret(**self._at(client))["ClientSecretDescriptor"]
                except ClientError as refused:
                    if code_of(refused) not in TAKEN:
                        raise
                    continue  # another rotation came between; look again
            return self._kept(client, str(made["ClientSecretValue"]))
        raise Unavailable(f"the secrets of {client} are being changed by many at once; try again", retry_after=1)

    def revoke_old(self, client: str) -> int:
        self._needed(client)
        old = self._secret_ids(client)[:-1]
        for each in old:
            with answering(WHAT):
                try:
                    self.cognito.delete_user_pool_client_secret(**self._at(client), ClientSecretId=each)
                except ClientError as refused:
                    if code_of(refused) != "ResourceNotFoundException":
                        raise
        return len(old)

    def authenticate(self, client: str, secret: str) -> Client | None:
        """Asks Cognito's token endpoint, as applications do themselves: no service on AWS asks this."""
        good = CLIENT.fullmatch(client) is not None and self._lets_in(client, secret)
        return self.find(client) if good else None

    def delete(self, client: str) -> bool:
        if self._found(client) is None:
            return False
        self._removed(client)
        return self.records.delete(RegisteredClient, client)

    def _found(self, client: str) -> RegisteredClient | None:
        return self.records.get(RegisteredClient, client) if CLIENT.fullmatch(client) else None

    def _needed(self, client: str) -> None:
        if self._found(client) is None:
            raise NotFound(f"there is no client {client}")

    def _at(self, client: str) -> dict[str, str]:
        return {"UserPoolId": self.pool, "ClientId": client}

    def _secret_ids(self, client: str) -> list[str]:
        """The secrets that Cognito has, newest last."""
        with answering(WHAT):
            listed = self.cognito.list_user_pool_client_secrets(**self._at(client))["ClientSecrets"]
        listed.sort(key=lambda each: (each["ClientSecretCreateDate"], each["ClientSecretId"]))  # the id ends with the time, too
        return [str(each["ClientSecretId"]) for each in listed]

    def _kept(self, client: str, secret: str) -> Credentials:
        reference = f"{client}_client_secret"
        self.secrets.put(reference, secret)
        return Credentials(client, secret, reference)

    def _removed(self, client: str) -> None:
        """Remove it from Cognito and Secrets Manager; a repeat changes nothing."""
        with answering(WHAT):
            try:
                self.cognito.delete_user_pool_client(**self._at(client))
            except ClientError as refused:
                if code_of(refused) != "ResourceNotFoundException":
                    raise
        self.secrets.delete(f"{client}_client_secret")

    def _lets_in(self, client: str, secret: str) -> bool:
        shown = base64.b64encode(f"{client}:{secret}".encode(errors="replace")).decode()
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": client, "scope": SCOPE}).encode()
        asked = urllib.request.Request(f"{self.domain}/oauth2/token", form, {"Authorization": f"Basic {shown}"})  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 (the URL is a setting)
                return bool(answer.status == 200)
        except urllib.error.HTTPError as refused:
            if refused.code in (400, 401):
                return False
            raise Unavailable(f"{WHAT} does not answer: {refused.code}", retry_after=5) from refused
        except OSError as silent:
            raise Unavailable(f"{WHAT} does not answer", retry_after=5) from silent
