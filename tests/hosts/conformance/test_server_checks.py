"""Checks of hosts that are LXD or Incus servers: what passes, what fails, and that nothing passes without having been read."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts import ca
from hosts.conformance import gather, store
from hosts.conformance.checks import BY_SLUG, CHECKS, of
from hosts.conformance.models import Profile, built_in
from hosts.engine import EngineError
from hosts.inventory import Space
from hosts.lxd import settings, shape
from hosts.models import CheckResult, Host, HostFacts
from hosts.runtimes import SERVER

RUN = built_in("run")
SLUGS = [check.slug for check in CHECKS if SERVER in check.families]
PAIR = ca.issue(ca.make_authority("db-1", 3650), "server", "db-1", ["10.0.0.1"], days=365)
ENDS = settings.ends(PAIR.cert) or 0.0


def told(**changes: Any) -> dict[str, Any]:
    """What a server in shape says, with some of it changed."""
    values: dict[str, Any] = {
        "pool": "fast", "pinned": PAIR.cert, "space": Space(1000, 500, 100, 50),
        "pools": [{"name": "fast", "driver": "zfs", "status": "Created"}, {"name": "old", "driver": "dir", "status": "Created"}],
        "networks": [{"name": "br0", "type": "bridge"}, {"name": "eth0", "type": "physical"}],
        "profiles": [{"name": "default", "config": {}}, {"name": "big", "config": {"limits.memory": "1GiB"}}],
        "projects": [{"name": "default", "config": {"features.images": "true"}}],
        "certificates": [{"name": "xq"}, {"name": "ops"}],
        "warnings": [{"type": "no blkio", "severity": "low", "status": "new"}, {"type": "old", "severity": "high", "status": "resolved"}],
        "instances": [{"name": "a", "expanded_config": {}}],
    }  # fmt: skip
    server = {
        "config": {f"{shape.NETWORK}xq-lan": '{"bridge": "br0"}', "core.https_address": "10.0.0.1:8443"},
        "api_extensions": [*settings.NEEDED, "zstd"],
        "environment": {
            "server": "lxd", "server_version": "5.0.2", "server_name": "db-1", "server_clustered": False,
            "certificate": PAIR.cert, "certificate_fingerprint": settings.fingerprint(PAIR.cert).upper(),
        },
    }  # fmt: skip
    server |= {name: {**server[name], **changes.pop(name)} for name in ("config", "environment") if name in changes}
    return settings.facts(server | changes.pop("server", {}), **values | changes)


def good(**changes: Any) -> dict[str, Any]:
    host = {"name": "db-1", "ip": "10.0.0.1", "connection": "tcp", "clock_skew": None}
    return {
        "source": "server",
        "taken": ENDS - 200 * 86400,
        "host": host,
        "certificates": {"client": ENDS},
        **told(**changes),
    }


def test_a_server_in_shape() -> None:
    assert [check.slug for check in of(RUN, SERVER)] == SLUGS
    assert not {check.slug for check in of(RUN)} & set(SLUGS)
    for check in of(RUN, SERVER):
        verdict = check.evaluate(good(), RUN)
        assert verdict.state == "passes", (check.slug, verdict)
        assert verdict.evidence
        assert verdict.words
        assert check.propose(good(), RUN) is None
        assert str(check.why).count(". ") == 1


@pytest.mark.parametrize(
    ("slug", "changes"),
    [
        ("pool", {"pool": ""}),
        ("pool", {"pool": "gone"}),
        ("pool", {"pools": [{"name": "fast", "driver": "zfs", "status": "Unavailable"}]}),
        ("pool_driver", {"pool": "old"}),
        ("pool_space", {"space": Space(1000, 50)}),
        ("pool_space", {"space": Space(1000, 500, 1000, 1)}),
        ("server_bridge", {"networks": [{"name": "eth0", "type": "physical"}]}),
        ("server_bridge", {"networks": [{"name": "br0", "type": "physical"}]}),
        ("server_bridge", {"config": {f"{shape.NETWORK}xq-db": '{"bridge": "br7"}'}}),
        ("privileged", {"profiles": [{"name": "default", "config": {"security.privileged": "true"}}]}),
        ("privileged", {"instances": [{"name": "a", "expanded_config": {"security.privileged": "true"}}]}),
        ("project", {"projects": [{"name": "other"}]}),
        ("project", {"projects": [{"name": "default", "config": {"restricted": "true"}}]}),
        ("server_version", {"environment": {"server_version": "4.0.9"}}),
        ("server_version", {"environment": {"server": "incus", "server_version": "5.21"}}),
        ("server_version", {"server": {"api_extensions": ["projects"]}}),
        ("pinned", {"pinned": ""}),
        ("pinned", {"environment": {"certificate_fingerprint": "ab" * 32}}),
        ("trust", {"config": {"core.trust_password": True}}),
        ("alone", {"environment": {"server_clustered": True}}),
        ("server_warnings", {"warnings": [{"type": "no pool", "last_message": "gone", "severity": "high", "status": "new"}]}),
    ],
)  # fmt: skip
def test_it_fails_and_says_what_to_do(slug: str, changes: dict[str, Any]) -> None:
    verdict = BY_SLUG[slug].evaluate(good(**changes), RUN)
    assert verdict.state == "fails", verdict
    assert verdict.evidence
    assert verdict.words
    fix = BY_SLUG[slug].propose(good(**changes), RUN)
    assert fix is None or (fix.by_hand and fix.commands and fix.words)  # nothing is done there by the platform


@pytest.mark.parametrize(
    ("driver", "state", "said"),
    [
        ("btrfs", "passes", "As the profile wants it."),
        ("lvm", "passes", "As the profile wants it."),
        ("ceph", "passes", "As the profile wants it."),
        ("zfs", "passes", "only the newest can be put back"),
        ("dir", "fails", "a pool's driver never changes"),
    ],
)
def test_what_is_said_of_a_pool_s_driver(driver: str, state: str, said: str) -> None:
    verdict = BY_SLUG["pool_driver"].evaluate(good(pools=[{"name": "fast", "driver": driver}]), RUN)
    assert (verdict.state, said in str(verdict.words), verdict.evidence) == (state, True, f"fast: {driver}")


def test_certificates_of_both_sides() -> None:
    check = BY_SLUG["server_certificate"]
    assert check.evaluate({**good(), "taken": ENDS - 86400}, RUN).state == "fails"
    assert check.evaluate({**good(), "taken": ENDS + 86400}, RUN).state == "fails"
    assert check.evaluate({**good(), "certificates": {}}, RUN).state == "unknown"
    local = {**good(pinned=""), "host": {"connection": "local"}, "certificates": {}}
    assert {BY_SLUG[slug].evaluate(local, RUN).state for slug in ("pinned", "server_certificate")} == {"passes"}


@pytest.mark.parametrize("slug", SLUGS)
def test_without_what_it_reads_it_cannot_tell(slug: str) -> None:
    check = BY_SLUG[slug]
    assert check.evaluate({}, RUN).state == "unknown"
    bare = settings.facts({"environment": {}}, pool="fast", pinned="", space=None)
    if slug not in {"pinned", "alone"}:  # what is not said is an answer, too
        assert check.evaluate({"source": "server", "host": {"connection": "tcp"}, **bare}, RUN).state in {
            "unknown",
            "fails",
        }
    assert check.evaluate({"source": "server"}, RUN).words.startswith("Cannot tell")


def test_limits_are_the_profile_s() -> None:
    own = Profile(
        role="run",
        daemon={},
        thresholds={"pool_drivers": ["dir"], "oldest_lxd": "5.21", "bridge": "br1"},
        off=["trust"],
    )
    states = {check.slug: check.evaluate(good(), own).state for check in of(own, SERVER)}
    assert {slug for slug, state in states.items() if state == "fails"} == {
        "pool_driver",
        "server_version",
        "server_bridge",
    }
    assert "trust" not in states


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(told()["server"])), JSON), st.sampled_from(SLUGS))
def test_whatever_lies_in_the_facts(spoiled: dict[str, Any], slug: str) -> None:
    facts = copy.deepcopy(good())
    facts["server"] |= spoiled
    assert BY_SLUG[slug].evaluate(facts, RUN).state in {"passes", "fails", "unknown"}
    BY_SLUG[slug].propose(facts, RUN)


@pytest.mark.django_db
def test_a_host_is_judged_by_the_checks_of_its_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host.objects.create(
        name="db-1", address="10.0.0.1:8443", runtime="lxd", ca=PAIR.cert, certificate=PAIR.cert, state="ready"
    )

    class Server:
        error: EngineError | None = None

        def facts(self) -> dict[str, Any]:
            if self.error:
                raise self.error
            return told(pool="old")

    server = Server()
    monkeypatch.setattr(gather.edge, "connect", lambda _host: server)
    assert store.read_host(host.pk)
    states = dict(CheckResult.objects.filter(host=host).values_list("check_slug", "state"))
    assert set(states) == set(SLUGS)
    assert states["pool_driver"] == "fails"
    assert HostFacts.objects.get(host=host).note == ""

    server.error = EngineError("unreachable", "gone", "db-1 does not answer.")
    HostFacts.objects.update(taken=None)
    assert store.read_host(host.pk)
    assert HostFacts.objects.get(host=host).note == "db-1 does not answer."
    assert set(CheckResult.objects.filter(host=host).values_list("check_slug", "state")) == {
        (slug, "unknown") for slug in SLUGS
    }
