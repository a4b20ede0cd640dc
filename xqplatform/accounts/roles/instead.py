"""Who can get in as somebody else, by their password or a token of theirs, has all that they may."""

from __future__ import annotations

import copy
from collections.abc import Collection

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import require
from xqplatform.accounts.roles.decide import within
from xqplatform.accounts.roles.holding import held_by


def require_as_much(actor: Actor, user: User, rights: Collection[str] | None = None) -> None:
    """Raises Denied for who lacks anything that `user` may, and may not give it to them either. `rights`: of these only."""
    person = copy.copy(user)
    person.is_active = True  # a password outlasts the time in which somebody is deactivated
    gained = (
        (right, one.scope)
        for one in held_by(person)
        for right in one.rights
        if actor.user is not None and (rights is None or right in rights)
    )
    if not all(any(right in one.rights and within(one.scope, scope) for one in actor.held) for right, scope in gained):
        require(actor, "roles.manage", obj=user)
