"""Made-up fleets and demands, small enough that rules meet each other."""

from __future__ import annotations

from hypothesis import strategies as st

from containers.placement import UNKNOWN, Demand, Host, Rules, Standing, allocatable

PKS = range(1, 7)
LABELS = st.dictionaries(st.sampled_from(["ssd", "zone"]), st.sampled_from(["a", "b"]), max_size=2)
NAMES = st.frozensets(st.sampled_from(["ssd", "zone=a", "zone=b"]), max_size=1)


@st.composite
def host(draw: st.DrawFn, pk: int) -> Host:
    cpus, memory = draw(st.integers(0, 4)), draw(st.integers(0, 8))
    known = draw(st.integers(0, 9)) > 0
    return Host(
        pk,
        f"h{7 - pk}",
        cpus=allocatable(cpus, 1, 2) if known else UNKNOWN,
        memory=allocatable(memory, 0, 2) if known else UNKNOWN,
        real_cpus=allocatable(cpus, 1),
        real_memory=allocatable(memory),
        used_cpus=draw(st.sampled_from([0, 0.1, 0.3, 1.5])),
        used_memory=draw(st.integers(0, 3)),
        instances=draw(st.integers(0, 3)),
        room=pk % 3,
        closed="cordoned" if draw(st.integers(0, 5)) == 0 else "",
        labels=draw(LABELS),
        architecture=draw(st.sampled_from(["", "arm", "x86"])),
        segments=frozenset(draw(st.sampled_from([(1,), (1, 2), ()]))),
        images=frozenset(draw(st.sampled_from([(), ("i",)]))),
    )


HOSTS = st.lists(st.sampled_from(PKS), unique=True, max_size=6).flatmap(
    lambda pks: st.tuples(*(host(pk) for pk in pks))
)
RULES = st.builds(
    Rules,
    pack=st.booleans(),
    rooms=st.booleans(),
    per_host=st.sampled_from([0, 0, 1, 2]),
    per_room=st.sampled_from([0, 0, 2, 3]),
    avoid=st.frozensets(st.integers(1, 3), max_size=1),
    labels=st.one_of(st.just(frozenset()), NAMES),
    unlabels=st.one_of(st.just(frozenset()), NAMES),
)


@st.composite
def demand(draw: st.DrawFn, place: int, rules: Rules) -> Demand:
    moves = draw(st.integers(0, 3)) == 0
    leaves = draw(st.sampled_from(PKS)) if moves else None
    return Demand(
        place,
        1 if moves else draw(st.integers(0, 5)),
        draw(st.sampled_from([0.1, 0.5, 2])),
        draw(st.integers(0, 3)),
        service=1 + place % 3,
        key=draw(st.integers(0, 9)),
        priority=draw(st.integers(0, 1)),
        rules=rules,
        groups=draw(st.sampled_from([frozenset(), frozenset({0, 1}), frozenset({2})])),
        segment=draw(st.sampled_from([None, 1, 2])),
        segment_name="lan",
        new_address=not moves,
        architecture=draw(st.sampled_from(["", "", "arm"])),
        image=draw(st.sampled_from(["", "i"])),
        only=draw(st.one_of(st.none(), st.none(), st.frozensets(st.sampled_from(PKS), max_size=2))),
        not_on=frozenset({leaves} if leaves else ()),
        missing=dict.fromkeys(draw(st.frozensets(st.sampled_from(PKS), max_size=1)), "no pids"),
        leaves=leaves,
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Host], list[Demand], list[Standing], dict[int, int]]:
    hosts = list(draw(HOSTS))
    places = draw(st.lists(st.integers(1, 5), max_size=4))
    rules = {place: draw(RULES) for place in sorted(set(places))}
    found = {(one.place, one.key): one for one in [draw(demand(place, rules[place])) for place in places]}
    standing = [
        Standing(
            place,
            1 + place % 3,
            draw(st.dictionaries(st.sampled_from(PKS), st.integers(1, 2), max_size=2)),
            rules[place].avoid if place in rules else draw(st.frozensets(st.integers(1, 3), max_size=1)),
        )
        for place in draw(st.lists(st.integers(1, 5), max_size=3, unique=True))
    ]
    return hosts, list(found.values()), standing, {1: draw(st.integers(0, 6)), 2: draw(st.integers(0, 2))}
