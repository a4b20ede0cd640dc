"""Who is in traffic, whatever happened; and the file that says so."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from containers.traffic.render import Server, name_of, render
from containers.traffic.script import read
from containers.traffic.wanted import One, wanted

STATES = ["missing", "stopped", "starting", "running", "healthy", "unhealthy"]
ones = st.lists(
    st.builds(
        One,
        pk=st.integers(1, 8),
        was=st.sampled_from(["", "in", "leaving", "out"]),
        state=st.sampled_from(STATES),
        wanted_state=st.sampled_from(["running", "stopped"]),
    ),
    unique_by=lambda one: one.pk,
)


@given(ones, st.sets(st.integers(1, 8)))
def test_a_step_alone_says_what_becomes_of_what_it_has_in_hand(instances: list[One], hand: set[int]) -> None:
    found = wanted(instances, hand)
    assert set(found) == {one.pk for one in instances}
    for one in instances:
        if one.pk in hand:
            assert found[one.pk] == (one.was == "in")
        elif one.wanted_state == "stopped":
            assert not found[one.pk]
        elif one.state in {"healthy", "running"}:
            assert found[one.pk], "nobody who is well stays out by accident"
        else:
            assert found[one.pk] == (one.was == "in"), "health takes nobody out, and puts nobody in who is not well"


@given(ones, st.sets(st.integers(1, 8)))
def test_saying_it_twice_changes_nothing(instances: list[One], hand: set[int]) -> None:
    first = wanted(instances, hand)
    again = [One(one.pk, "in" if first[one.pk] else "out", one.state, one.wanted_state) for one in instances]
    second = wanted(again, hand)
    assert second == first


@given(st.lists(st.builds(Server, st.integers(1, 99), st.just("10.0.0.1:80"), st.booleans()), max_size=8))
def test_the_file_has_each_server_once_and_is_never_without_one(servers: list[Server]) -> None:
    text = render(name_of("snow", "production"), "snow/production", 7, servers)
    lines = [line for line in text.splitlines() if line.strip().startswith("server ")]
    assert len(lines) == max(1, len(servers))
    assert sum(" down;" not in line for line in lines) == sum(one.is_in for one in servers)
    assert "# generation 7\n" in text
    assert text == render(name_of("snow", "production"), "snow/production", 7, list(reversed(servers))) or len(
        {one.number for one in servers}
    ) < len(servers)


def test_names_of_two_places_differ() -> None:
    assert name_of("snow", "pre-release") == "xq_snow__pre_release"
    assert name_of("a-b", "c") != name_of("a", "b-c")


SLUGS = st.from_regex(r"[ab]([ab-]{0,6}[ab])?", fullmatch=True)


@given(SLUGS, SLUGS, SLUGS, SLUGS)
def test_names_differ_where_no_environment_has_two_hyphens(a: str, b: str, c: str, d: str) -> None:
    assume("--" not in b + " " + d)
    assert (name_of(a, b) == name_of(c, d)) == ((a, b) == (c, d))


def test_what_the_script_says_is_read() -> None:
    assert read(0, "xq-done\n").what == "done"
    assert read(0, "xq-newer 12\n").what == "newer"
    answer = read(3, "nginx: [emerg] unknown directive\nxq-back\n")
    assert (answer.what, answer.words) == ("failed", "nginx: [emerg] unknown directive")
    assert read(1, "").what == "failed"
