"""What a token may at most. Pure: it only ever takes away from what its person may at that moment."""

from __future__ import annotations

from dataclasses import dataclass

READ = "read"  # what every token may: the same as `rights.READ`
# Rights that change nothing. A token with no others is refused every request that is not a mere read.
READING = frozenset({READ, "service.logs", "audit.read", "terminal.recordings", "metrics.read", "fleet.read"})


@dataclass(frozen=True)
class Scopes:
    """`rights` None: all that the person has; `team` None, and no names of environments or services: wherever the person has them."""

    rights: frozenset[str] | None = None
    team: int | None = None
    environments: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    @property
    def narrow(self) -> bool:
        return self.rights is not None or self.team is not None or bool(self.environments | self.services)

    @property
    def read_only(self) -> bool:
        return self.rights is not None and self.rights <= READING

    def allows(
        self, right: str, team: int | None = None, environment: str | None = None, service: str | None = None
    ) -> bool:
        """Whether the token leaves this question to its person's rights.

        What belongs to no team, such as hosts and people, is outside of every team and of every environment; what belongs to no
        service, such as a host, is outside of every service.
        """
        if right == READ:
            return True
        if self.rights is not None and right not in self.rights:
            return False
        if self.team is not None and team != self.team:
            return False
        if self.services and service not in self.services:
            return False
        if not self.environments:
            return True
        return team is not None and (environment is None or environment in self.environments)

    def within(self, outer: Scopes) -> bool:
        """Whether everything that it allows `outer` allows, too: a token makes none that may more than itself."""
        rights = outer.rights is None or (self.rights is not None and self.rights <= outer.rights)
        team = outer.team is None or self.team == outer.team
        places = ((self.environments, outer.environments), (self.services, outer.services))
        return rights and team and all(not wide or (bool(narrow) and narrow <= wide) for narrow, wide in places)
