"""The decision itself. Pure: what somebody holds, a right, a place → the holding that allows it, or None.

More holdings never allow less, and a wider one allows all that a narrower one does (tests/accounts/roles/test_decide.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from xqplatform.accounts.catalogue import CATALOGUE


@dataclass(frozen=True)
class Scope:
    """Where: all that is named together. Of a holding, what is not named is not limited (nothing named: everywhere). Of a question, what
    is not named is not concerned: a host is of no team, a build is in no environment.
    """

    team: int | None = None
    environment: str | None = None
    service: str | None = None

    @property
    def everywhere(self) -> bool:
        return self == EVERYWHERE


EVERYWHERE = Scope()


class At(TypedDict, total=False):
    """Where something is, as arguments of `can` and `require`: things that have a place offer it as `at`."""

    team_id: int | None
    environment: str | None
    service: str | None


@dataclass(frozen=True)
class Held:
    """A role somebody holds somewhere, and whence: the base role, a membership, or a grant (perhaps a team's)."""

    role: str
    rights: frozenset[str]
    scope: Scope = EVERYWHERE
    grant: int | None = None  # key of the grant; None: base role or membership
    member: int | None = None  # the team by whose membership it is held
    until: datetime | None = None  # when the grant ends; None: never

    def outlasts(self, until: datetime | None) -> bool:
        """Whether it is held until then, or longer."""
        return self.until is None or (until is not None and self.until >= until)


def reaches(held: Scope, asked: Scope, whole: bool = False) -> bool:
    """Whether a holding's scope contains what is asked about. `whole`: the right may be asked without an environment; then one who is
    limited to environments of a team or of a service passes, one of an environment alone does not.
    """
    if held.team is not None and held.team != asked.team:
        return False
    if held.service is not None and held.service != asked.service:
        return False
    if held.environment is None or held.environment == asked.environment:
        return True
    return whole and asked.environment is None and (held.team is not None or held.service is not None)


def decide(held: Iterable[Held], right: str, asked: Scope) -> Held | None:
    """The first holding that allows it. Raises KeyError for an unknown right."""
    return next(reasons(held, right, asked), None)


def reasons(held: Iterable[Held], right: str, asked: Scope) -> Iterator[Held]:
    """All holdings that allow it."""
    whole = CATALOGUE[right].whole
    return (one for one in held if right in one.rights and reaches(one.scope, asked, whole))


def within(wide: Scope, narrow: Scope) -> bool:
    """Whether everything in the narrow scope is in the wide one."""
    pairs = ((wide.team, narrow.team), (wide.environment, narrow.environment), (wide.service, narrow.service))
    return all(a is None or a == b for a, b in pairs)


def narrowed(scope: Scope, environments: Sequence[str]) -> list[Scope]:
    """What of a scope remains for somebody who is limited to environments (none named: all of it)."""
    if not environments:
        return [scope]
    if scope.environment is not None:
        return [scope] if scope.environment in environments else []
    return [Scope(scope.team, environment, scope.service) for environment in environments]
