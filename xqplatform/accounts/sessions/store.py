"""Django's sessions in the database, with a hash for the key and columns for what a list of them shows.

What the columns say comes from the session's own data, so a request reads and writes one row as before.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

FACTS = "xq"  # where the session's data has {"ip", "agent", "began", "seen", "proof"}


def digest(key: str) -> str:
    """What stands in the table for a key that a browser has."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:40]


def _time(value: Any) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> Any:
        from xqplatform.accounts.sessions.models import Session

        return Session

    def _get_session_from_db(self) -> Any:
        found = self._live().first()
        if found is None:
            self._session_key = None
        return found

    async def _aget_session_from_db(self) -> Any:
        found = await self._live().afirst()
        if found is None:
            self._session_key = None
        return found

    def _live(self) -> Any:
        from django.utils import timezone

        key = digest(self.session_key or "")
        return self.model.objects.filter(session_key=key, expire_date__gt=timezone.now()).order_by()

    def exists(self, session_key: str) -> bool:
        return super().exists(digest(session_key))

    async def aexists(self, session_key: str) -> bool:
        return await super().aexists(digest(session_key))

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(digest(key))

    async def adelete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            await super().adelete(digest(key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        return self._with_columns(super().create_model_instance(data), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        return self._with_columns(await super().acreate_model_instance(data), data)

    def _with_columns(self, row: Any, data: dict[str, Any]) -> Any:
        facts = data.get(FACTS) or {}
        row.session_key = digest(row.session_key)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.ip, row.agent = str(facts.get("ip", ""))[:45], str(facts.get("agent", ""))[:200]
        row.began, row.seen = _time(facts.get("began")), _time(facts.get("seen"))
        return row
