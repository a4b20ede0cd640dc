"""The verbs. `register_local` is called by the start of the platform."""

from __future__ import annotations

from hosts.services.machines import register_local

__all__ = ["register_local"]
