"""Signing in, one's own account, and the settings about people."""

from xqplatform.accounts.views.session import Login, logout

__all__ = ["Login", "logout"]
