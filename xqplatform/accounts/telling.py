"""What tells a person that something was done to their account. The app that has inboxes fills it."""

from __future__ import annotations

from collections.abc import Callable

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User

# (the person, who did it, what: «factors», «password» or «place»), in the verb's transaction.
TELLS: list[Callable[[User, Actor, str], None]] = []


def tell(user: User, actor: Actor, what: str) -> None:
    for one in TELLS:
        one(user, actor, what)
