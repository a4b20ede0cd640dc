"""What a backup consists of, and how it is sealed."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.keeping import parts, sealing
from containers.keeping.parts import BadManifest, Manifest, Part, Saved
from containers.keeping.stores import StoreError

texts = st.text(max_size=20)
numbers = st.integers(0, 1 << 40)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    def volume() -> Saved:
        sealed = draw(st.lists(st.binary(max_size=8), max_size=4))
        return Saved(draw(texts), draw(texts), draw(numbers), tuple(Part.of(n, one) for n, one in enumerate(sealed, 1)))

    volumes = tuple(volume() for _n in range(draw(st.integers(0, 3))))
    return Manifest(draw(texts), draw(texts), draw(numbers), draw(texts), draw(numbers), draw(texts), draw(texts),
                    draw(numbers), draw(texts), volumes)  # fmt: skip


@given(manifests())
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert parts.read(manifest.as_bytes()) == manifest


@given(manifests(), st.data())
def test_a_manifest_that_lacks_anything_is_none(manifest: Manifest, data: st.DataObject) -> None:
    found: dict[str, Any] = json.loads(manifest.as_bytes())
    key = data.draw(st.sampled_from(sorted(found.keys() - {"more"})))
    del found[key]
    with pytest.raises(BadManifest):
        parts.read(json.dumps(found).encode())


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b"\xff", b'{"format": 2}', b'{"format": 1, "volumes": 3}', b"9" * 5000]
)
def test_nonsense_is_no_manifest(text: bytes) -> None:
    with pytest.raises(BadManifest):
        parts.read(text)


def test_a_part_that_is_missing_is_noticed() -> None:
    whole = Manifest("kv", "prod", 1, "store@sha256:0", 3, "10.0.0.1", "2026-01-01T00:00:00+00:00", 12, "age1",
                     (Saved("data", "/data", 30, tuple(Part.of(n, b"x") for n in (1, 2, 3))),))  # fmt: skip
    found = json.loads(whole.as_bytes())
    del found["volumes"][0]["parts"][1]
    with pytest.raises(BadManifest, match="missing"):
        parts.read(json.dumps(found).encode())


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 30))
def test_pieces_are_the_same_bytes(chunks: list[bytes], size: int) -> None:
    found = list(parts.pieces(chunks, size))
    assert b"".join(found) == b"".join(chunks)
    assert found
    assert all(len(one) == size for one, _next in pairwise(found))
    assert len(found[-1]) <= size


def test_keys_sort_as_their_numbers() -> None:
    folder = parts.folder("kv", "prod", 1, 9)
    keys = [parts.part_key(folder, 0, n, f"{n:x}" * 64) for n in (1, 2, 10, 99_999)]
    assert keys == sorted(keys)
    assert keys[0] == "kv/prod/1/9/0/000001-1111111111111111.age"


def test_only_the_right_key_opens_what_was_sealed() -> None:
    key, offline, other = sealing.new_key(), sealing.new_key(), sealing.new_key()
    sealed = sealing.seal(b"rows" * 1000, [sealing.recipient(key), sealing.recipient(offline)])
    assert b"rows" not in sealed
    assert sealing.unseal(sealed, key) == sealing.unseal(sealed, offline) == b"rows" * 1000
    for text in ("", "age1", key, "age1" + "q" * 58, "ssh-ed25519 AAAA", "ä"):
        assert not sealing.is_recipient(text)
    for text, mine in (
        (sealed, other),
        (sealed[:-1], key),
        (sealed[:-5] + b"wrong", key),
        (b"", key),
        (b"nonsense", key),
    ):
        with pytest.raises(StoreError):
            sealing.unseal(text, mine)
    part = Part.of(1, sealed)
    assert part.fits(sealed)
    assert not part.fits(sealed[:-1])
