"""Secrets in files of the data folder, readable by its owner alone."""

from foundation.local_secrets import LocalSecrets
from foundation.settings import Settings


def adapter(settings: Settings) -> LocalSecrets:
    """The secrets of this machine."""
    return LocalSecrets(settings.home)
