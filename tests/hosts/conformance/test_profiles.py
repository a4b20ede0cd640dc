"""Which profile holds for which host."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from hosts.conformance.models import THRESHOLDS, Profile
from hosts.conformance.profiles import profile_of
from hosts.models import Host, HostGroup

pytestmark = pytest.mark.django_db


def make(name: str, **values: object) -> Host:
    return Host.objects.create(name=name, address=f"10.0.0.1:{2376 + Host.objects.count()}", **values)


def test_without_rows_the_built_in_values_of_the_role_hold() -> None:
    run, build = profile_of(make("a")), profile_of(make("b", role_run=False, role_build=True))
    assert run.pk is None
    assert run.daemon["ip-forward"] is False
    assert build.daemon["ip-forward"] is True
    assert run.limit("free_percent") == THRESHOLDS["free_percent"]


def test_a_groups_profile_goes_before_the_roles_own() -> None:
    group = HostGroup.objects.create(slug="room-a")
    general = Profile.objects.create(name="run", role="run")
    special = Profile.objects.create(name="run in room A", role="run", group=group, thresholds={"free_percent": 5})
    assert profile_of(make("a")) == general
    inside = profile_of(make("b", group=group))
    assert inside == special
    assert inside.limit("free_percent") == 5


def test_a_profile_of_another_role_does_not_count() -> None:
    Profile.objects.create(name="build", role="build")
    assert profile_of(make("a")).pk is None


def test_there_is_one_general_profile_a_role() -> None:
    Profile.objects.create(name="one", role="run")
    with pytest.raises(IntegrityError), transaction.atomic():
        Profile.objects.create(name="two", role="run")
