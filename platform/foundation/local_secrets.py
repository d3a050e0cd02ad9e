"""Secrets in files that only this user can read; what the embedded platform needs before anything else can start."""

import os
from pathlib import Path

from foundation.ambient import new_secret


class LocalSecrets:
    """One file a secret, under `<home>/secrets`, readable by its owner alone."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "secrets"

    def get(self, name: str) -> str | None:
        try:
            return (self.folder / name).read_bytes().decode()
        except FileNotFoundError:
            return None

    def put(self, name: str, value: str) -> None:
        self._written(name, value).replace(self.folder / name)

    def create(self, name: str, value: str = "") -> str:
        """The secret that is kept under this name; `value`, or a random one, where there was none."""
        kept = self.get(name)
        if kept is not None:
            return kept
        draft = self._written(name, value or new_secret(48))
        try:
            os.link(draft, self.folder / name)  # fails where another process was first, so both return the same
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        return (self.folder / name).read_bytes().decode()

    def _written(self, name: str, value: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.folder / f".{name}.{new_secret(6)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(value.encode())
            file.flush()
            os.fsync(file.fileno())
        return draft
