"""What a host has to fetch of an image, and which packages differ: pure."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from containers.preview import packages
from containers.preview.layers import to_pull
from hosts.images import chains

layers = st.lists(st.sampled_from([f"sha256:{n}" for n in range(6)]), max_size=8)


@given(layers, st.lists(layers, max_size=4), st.lists(st.integers(0, 1 << 40), min_size=8, max_size=8))
def test_what_is_pulled_is_what_lies_above_the_highest_common_layer(
    image: list[str], others: list[list[str]], sizes: list[int]
) -> None:
    there = {chain for other in others for chain in chains(other)}
    pull = to_pull(sizes[: len(image)], chains(image), there)
    common = max((_common(image, other) for other in others), default=0)
    assert (pull.here, pull.layers) == (common, len(image))
    assert pull.bytes == sum(sizes[common : len(image)])


def _common(one: list[str], other: list[str]) -> int:
    n = 0
    while n < min(len(one), len(other)) and one[n] == other[n]:
        n += 1
    return n


def test_chains_are_those_of_the_engines() -> None:
    both = hashlib.sha256(b"sha256:a sha256:b").hexdigest()
    assert chains(["sha256:a", "sha256:b"]) == ["a", both[:16]]
    assert chains([]) == []


names = st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=8)
some = st.dictionaries(names, names, max_size=6)


@given(some, some)
def test_a_difference_of_packages_leads_from_one_to_the_other(old: dict[str, str], new: dict[str, str]) -> None:
    found = packages.compare(old, new)
    made = {n: v for n, v in old.items() if n not in found.removed} | found.added
    assert made | {n: pair[1] for n, pair in found.changed.items()} == new
    assert all(old[n] == pair[0] != pair[1] for n, pair in found.changed.items())


@given(some)
def test_data_bases_are_read(these: dict[str, str]) -> None:
    dpkg = "\n".join(
        f"Package: {n}\nStatus: install ok installed\nDescription: x\n Package: y\nVersion: {v}\n"
        for n, v in these.items()
    )
    gone = "\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    assert packages.dpkg(dpkg + gone) == these
    assert packages.apk("\n".join(f"C:Q1x\nP:{n}\nV:{v}\nA:x\n" for n, v in these.items())) == these


@given(st.text())
def test_nonsense_is_no_package_and_no_error(text: str) -> None:
    for read in (packages.dpkg, packages.apk):
        for name, version in read(text).items():
            assert name.isprintable()
            assert version.isprintable()
