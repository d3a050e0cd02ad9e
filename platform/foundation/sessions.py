"""Browser sessions as records; Django's SESSION_ENGINE."""

from typing import Any

from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError

from foundation.adapters import records
from foundation.apps import Session
from foundation.errors import Conflict
from foundation.records import ANY


class SessionStore(SessionBase):
    """Django's session interface over the Records port."""

    def load(self) -> dict[str, Any]:
        found = records.get(Session, self.session_key) if self.session_key else None
        if found is None:
            self._session_key = None
            return {}
        return self.decode(found.content)

    def exists(self, session_key: str) -> bool:
        return records.get(Session, session_key) is not None

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]  # the stubs lack it
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        if self.session_key is None:
            return self.create()
        content = self.encode(self._get_session(no_load=must_create))  # type: ignore[attr-defined]  # the stubs lack it
        if not must_create and not self.exists(self.session_key):
            raise UpdateError
        try:
            records.put(Session(self.session_key, content, self.get_expiry_date()), expect=0 if must_create else ANY)
        except Conflict as taken:
            raise CreateError from taken

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            records.delete(Session, key)

    @classmethod
    def clear_expired(cls) -> None:
        """Expired sessions leave by the sweep of records."""
