"""The decision: more never allows less, scopes contain one another, and what is limited stays limited."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from xqplatform.accounts.catalogue import CATALOGUE, Of
from xqplatform.accounts.roles.asked import Runs, asked, of_project
from xqplatform.accounts.roles.builtin import BUILTIN
from xqplatform.accounts.roles.decide import EVERYWHERE, Held, Scope, decide, narrowed, reaches, within

RIGHT = st.sampled_from(sorted(CATALOGUE))
TEAMS, ENVIRONMENTS, SERVICES = (1, 2), ("isolated", "production"), ("snow", "ice")
SCOPES = st.builds(
    Scope,
    st.sampled_from([None, *TEAMS]),
    st.sampled_from([None, *ENVIRONMENTS]),
    st.sampled_from([None, *SERVICES]),
)
ENDS = st.sampled_from([None, *(datetime(2026, 12, day, tzinfo=UTC) for day in (1, 2))])
HELD = st.builds(Held, st.just("own"), st.frozensets(RIGHT), SCOPES, until=ENDS)


@given(st.lists(HELD), st.lists(HELD), RIGHT, SCOPES)
def test_more_holdings_never_allow_less(some: list[Held], more: list[Held], right: str, asked: Scope) -> None:
    if decide(some, right, asked):
        assert decide([*more, *some], right, asked)
        assert decide([*some, *more], right, asked)


@given(HELD, SCOPES, RIGHT, SCOPES)
def test_a_wider_scope_allows_all_that_a_narrower_one_does(held: Held, wide: Scope, right: str, asked: Scope) -> None:
    if within(wide, held.scope) and decide([held], right, asked):
        assert decide([Held("own", held.rights, wide)], right, asked)


@given(HELD, RIGHT, SCOPES)
def test_only_what_is_held_and_only_there(held: Held, right: str, asked: Scope) -> None:
    if found := decide([held], right, asked):
        assert right in found.rights
        for name in ("team", "service"):
            assert getattr(found.scope, name) in {None, getattr(asked, name)}
        assert found.scope.environment in {None, asked.environment} or asked.environment is None


@given(SCOPES, SCOPES, SCOPES)
def test_containment_is_an_order(a: Scope, b: Scope, c: Scope) -> None:
    assert within(a, a)
    assert within(EVERYWHERE, a)
    if within(a, b) and within(b, c):
        assert within(a, c)
    if within(a, b) and within(b, a):
        assert a == b


@given(SCOPES, SCOPES)
def test_what_contains_a_place_reaches_it(wide: Scope, asked: Scope) -> None:
    assert reaches(wide, asked) == within(wide, asked)


@given(SCOPES, st.lists(st.sampled_from(ENVIRONMENTS), min_size=1, unique=True))
def test_a_membership_only_narrows(scope: Scope, environments: list[str]) -> None:
    assert narrowed(scope, []) == [scope]
    for part in narrowed(scope, environments):
        assert within(scope, part)
        assert part.environment in environments


def test_who_is_kept_to_an_environment_acts_on_a_whole_service_of_the_team_only() -> None:
    """As memberships always did; but «in isolated, whatever the service» is no right to change services as a whole."""
    rights = frozenset({"service.change", "service.logs"})
    whole = Scope(team=1, service="snow")
    assert decide([Held("own", rights, Scope(team=1, environment="isolated"))], "service.change", whole)
    assert decide([Held("own", rights, Scope(service="snow", environment="isolated"))], "service.change", whole)
    assert not decide([Held("own", rights, Scope(environment="isolated"))], "service.change", whole)
    assert not decide([Held("own", rights, Scope(team=1, environment="isolated"))], "service.logs", whole)


def test_built_in_roles_keep_apart_what_must_be() -> None:
    sre, admin, auditor = (BUILTIN[slug].rights for slug in ("sre", "admin", "auditor"))
    assert not {"people.manage", "roles.manage", "roles.approve"} & sre
    assert "service.deploy" in sre
    assert not {right for right in admin if right.startswith(("service.", "host.", "build."))}
    assert auditor == {
        "service.logs",
        "audit.read",
        "audit.review",
        "terminal.recordings",
        "metrics.read",
        "fleet.read",
    }


@given(HELD, RIGHT, st.sampled_from([None, *TEAMS]), st.lists(st.builds(Runs, st.sampled_from(SERVICES), st.sampled_from([None, *TEAMS])), max_size=2))  # fmt: skip
def test_a_grant_on_a_service_reaches_builds_that_are_this_services_alone(
    held: Held, right: str, team: int | None, runs: list[Runs]
) -> None:
    scope = of_project(team, runs)
    assert scope.team == team
    if reaches(held.scope, scope, CATALOGUE[right].whole) and held.scope.service is not None:
        assert runs == [Runs(held.scope.service, team)]
    if held.scope == Scope(service=scope.service):
        assert reaches(held.scope, scope)
    # Who runs it takes nothing from whom the team or everything is given.
    for wide in (Scope(team), EVERYWHERE):
        assert reaches(wide, scope)


@given(HELD, RIGHT, SCOPES)
def test_a_grant_with_a_limit_reaches_nothing_of_the_platform(held: Held, right: str, place: Scope) -> None:
    found = asked(right, place)
    of = CATALOGUE[right].of
    if of is Of.PLATFORM and decide([held], right, found):
        assert held.scope == EVERYWHERE
    if of in {Of.TEAM, Of.PROJECT} and decide([held], right, found):
        assert held.scope.service is None
    if of is Of.PLACE:
        assert found == place
