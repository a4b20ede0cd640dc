"""A log-in session as a row that can be listed: whose it is, from where, since when."""

from __future__ import annotations

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models


class Session(AbstractBaseSession):
    """`session_key` is a hash: who reads the database gets nothing that a browser could send."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions")
    ip = models.CharField(max_length=45, blank=True)  # of the last look
    agent = models.CharField(max_length=200, blank=True)
    began = models.DateTimeField(null=True)
    seen = models.DateTimeField(null=True)

    class Meta:
        db_table = "accounts_session"
        ordering = ["-seen"]

    def __str__(self) -> str:
        return f"{self.user} · {self.ip}"

    @classmethod
    def get_session_store_class(cls) -> type:
        from xqplatform.accounts.sessions.store import SessionStore

        return SessionStore
