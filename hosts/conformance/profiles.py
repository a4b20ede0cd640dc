"""Which profile holds for a host."""

from __future__ import annotations

from collections.abc import Iterable

from hosts.conformance.models import Profile, built_in
from hosts.models import Host
from hosts.runtimes import TRAITS


def role_of(host: Host) -> str:
    """The one role that decides: services that run there count most, as they are what suffers."""
    if host.role_run:
        return Profile.Role.RUN
    return Profile.Role.BUILD if host.role_build else Profile.Role.REGISTRY


def family(host: Host) -> str:
    """Which checks are about it."""
    return TRAITS[host.runtime].checks


def profile_of(host: Host) -> Profile:
    """The profile of the host's role and group, else the role's, else the built-in one (which has no row)."""
    return choose(host, Profile.objects.filter(role=role_of(host)))


def choose(host: Host, profiles: Iterable[Profile]) -> Profile:
    """The same, out of profiles that are at hand."""
    role = role_of(host)
    fitting = {one.group_id: one for one in profiles if one.role == role}
    found = fitting.get(host.group_id) or fitting.get(None)
    return found or built_in(role)
