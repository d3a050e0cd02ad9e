"""Secrets in AWS Secrets Manager, each under the deployment's name."""

from typing import Any, Final

from botocore.exceptions import ClientError

from foundation.adapters.aws.clients import answering, client, code_of
from foundation.adapters.aws.names import secret_name
from foundation.errors import Unavailable
from foundation.settings import Settings

WHAT: Final = "the keeper of secrets"
TRIES: Final = 5


def adapter(settings: Settings) -> "ManagedSecrets":
    """The secrets of this deployment."""
    return ManagedSecrets(client("secretsmanager", settings), settings.deployment, settings.secrets_key)


class ManagedSecrets:
    """The Secrets port on Secrets Manager, which makes a name once, whoever else makes it at the same time.

    key: the ARN of the KMS key that encrypts what is made here; empty: AWS's own.
    """

    def __init__(self, manager: Any, deployment: str, key: str) -> None:
        self.manager, self.deployment = manager, deployment
        self.encrypted = {"KmsKeyId": key} if key else {}

    def get(self, name: str) -> str | None:
        with answering(WHAT):
            try:
                value: str = self.manager.get_secret_value(SecretId=self._id(name))["SecretString"]
            except ClientError as refused:
                if code_of(refused) != "ResourceNotFoundException":
                    raise
                return None
        return value

    def put(self, name: str, value: str) -> None:
        with answering(WHAT):
            try:
                self.manager.put_secret_value(SecretId=self._id(name), SecretString=value)
            except ClientError as refused:
                if code_of(refused) != "ResourceNotFoundException":
                    raise
                if not self._made(name, value):  # another was faster; the last one counts
                    self.manager.put_secret_value(SecretId=self._id(name), SecretString=value)

    def create(self, name: str, value: str) -> str:
        for _ in range(TRIES):  # what another has just made may be seen a moment later
            kept = self.get(name)
            if kept is not None:
                return kept
            with answering(WHAT):
                if self._made(name, value):
                    return value
        raise Unavailable(f"{WHAT} has the name {name} and does not give it; try again", retry_after=5)

    def delete(self, name: str) -> None:
        """Remove it at once, without the days in which it could come back; nothing happens when there is none."""
        with answering(WHAT):
            try:
                self.manager.delete_secret(SecretId=self._id(name), ForceDeleteWithoutRecovery=True)
            except ClientError as refused:
                if code_of(refused) != "ResourceNotFoundException":
                    raise

    def _made(self, name: str, value: str) -> bool:
        """Make the secret; False when there is one."""
        try:
            self.manager.create_secret(Name=self._id(name), SecretString=value, **self.encrypted)
        except ClientError as refused:
            if code_of(refused) != "ResourceExistsException":
                raise
            return False
        return True

    def _id(self, name: str) -> str:
        return secret_name(self.deployment, name)
