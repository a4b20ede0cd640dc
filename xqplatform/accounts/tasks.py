"""What workers do for accounts."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="accounts.tasks.tidy_sessions", ignore_result=True)
def tidy_sessions() -> None:
    """Removes rows of sessions that ended by time."""
    from xqplatform.accounts.sessions.store import SessionStore

    SessionStore.clear_expired()


@shared_task(name="accounts.tasks.expire_requests", ignore_result=True)
def expire_requests() -> None:
    """Ends requests for rights that nobody decided in time."""
    from xqplatform.accounts.roles.foureyes import expire

    expire()
