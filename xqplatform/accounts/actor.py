"""Who acts: frozen as text for the audit log, with the request it came by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from xqplatform.accounts.scopes import Scopes

if TYPE_CHECKING:
    from django.http import HttpRequest

    from xqplatform.accounts.models import Token, User
    from xqplatform.accounts.roles.decide import Held


@dataclass(frozen=True)
class Actor:
    """A person, a token's person, or the platform itself (`user` is None and `via` is «system»)."""

    name: str
    via: str = "system"  # page, api, cli, system
    user: User | None = None
    ip: str = ""
    request_id: str = ""
    scopes: Scopes | None = None  # of the token that it came by; never more than the person's own rights
    token: str = ""  # its name and first characters

    @cached_property
    def held(self) -> tuple[Held, ...]:
        """Roles and where they hold, read once: an actor lives as long as a request. Whoever watches for longer makes a new one."""
        from xqplatform.accounts.roles.holding import held_by

        return held_by(self.user) if self.user is not None else ()

    @classmethod
    def system(cls, name: str = "platform") -> Actor:
        return cls(name=name)

    @classmethod
    def person(cls, user: User, via: str = "cli") -> Actor:
        return cls(name=user.get_username(), via=via, user=user)

    @classmethod
    def of_request(cls, request: HttpRequest, via: str = "page") -> Actor:
        user = request.user if request.user.is_authenticated else None
        return cls(
            name=user.get_username() if user else "anonymous",
            via=via,
            user=user,
            ip=request.META.get("REMOTE_ADDR") or "",
            request_id=getattr(request, "request_id", ""),
        )

    @classmethod
    def of_token(cls, request: HttpRequest, token: Token) -> Actor:
        """The token's person, narrowed to what the token may."""
        request.user = token.user
        return replace(cls.of_request(request, via="api"), scopes=token.scopes, token=str(token))

    @property
    def is_system(self) -> bool:
        return self.via == "system" and self.user is None
