"""Stores: a folder, and a real S3 server that checks who asks."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from containers.keeping.stores import Store, StoreError
from containers.keeping.stores.folder import FolderStore
from containers.keeping.stores.s3 import S3Store
from tests.keeping.s3 import S3Server, s3_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as one:
        yield one


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return FolderStore(tmp_path / "backups")
    return S3Store(replace(request.getfixturevalue("server").place, prefix=f"{request.node.name.partition('[')[0]}/"))


def test_what_is_put_is_there(store: Store) -> None:
    big = os.urandom(3 << 20)
    store.put("kv/prod/1/7/0/000001.age", big)
    store.put("kv/prod/1/7/0/000001.age", big)
    store.put("kv/prod/1/7/manifest.json", b"")
    store.put("kv/prod/1/70/manifest.json", b"another")
    assert store.get("kv/prod/1/7/0/000001.age") == big
    assert store.get("kv/prod/1/7/manifest.json") == b""
    assert list(store.keys("kv/prod/1/7/")) == ["kv/prod/1/7/0/000001.age", "kv/prod/1/7/manifest.json"]
    store.remove([*store.keys("kv/prod/1/7/"), "kv/prod/1/7/never"])
    store.remove([])
    assert list(store.keys("")) == ["kv/prod/1/70/manifest.json"]
    with pytest.raises(StoreError) as gone:
        store.get("kv/prod/1/7/manifest.json")
    assert gone.value.missing
    assert "manifest.json" in gone.value.words


def test_more_keys_than_a_call_takes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.keeping.stores.s3.AT_ONCE", 10)
    wanted = [f"many/{n:05}" for n in range(31)]
    for key in wanted:
        store.put(key, b"x")
    assert list(store.keys("many/")) == wanted
    store.remove(wanted)
    assert list(store.keys("")) == []


@pytest.mark.parametrize("key", ["../out", "a/../../out", "/etc/passwd", "a//b", "", "a/.hidden", "a\0b", "ä"])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    store = FolderStore(tmp_path / "in")
    for call in (lambda: store.put(key, b"x"), lambda: store.get(key), lambda: store.remove([key])):
        with pytest.raises(StoreError):
            call()
    assert list(tmp_path.rglob("*")) == []


def test_a_full_disk_leaves_no_half_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="no room left"):
        store.put("a/b", b"x" * 1000)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_store_says_no_to(server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for place, words in (
        (replace(server.place, secret_key="wrong"), "refused the access key"),
        (replace(server.place, access_key="AKIAUNKNOWN"), "refused the access key"),
        (replace(server.place, bucket="another"), "no such bucket"),
        (replace(server.place, endpoint="http://127.0.0.1:9"), "cannot be reached"),
        (replace(server.place, endpoint=server.endpoint.replace("http:", "https:")), "certificate is not trusted|cannot be reached"),
    ):  # fmt: skip
        monkeypatch.setattr("containers.keeping.stores.s3.ATTEMPTS", 1)
        with pytest.raises(StoreError, match=words) as said:
            S3Store(place).put("a", b"x")
        assert place.secret_key not in said.value.words
    with pytest.raises(StoreError, match="cannot be used as a store"):
        S3Store(replace(server.place, endpoint="nonsense")).put("a", b"x")
    # What the surroundings say of AWS does not count.
    for name, value in {"AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_CONFIG_FILE": str(tmp_path / "no"),
                        "AWS_ACCESS_KEY_ID": "x", "AWS_CA_BUNDLE": "/nowhere"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    S3Store(server.place).put("a", b"mine")
    assert S3Store(server.place).get("a") == b"mine"


def test_a_network_that_the_settings_forbid_is_not_called(server: S3Server, settings: Any) -> None:
    settings.FORBIDDEN_NETWORKS = ["127.0.0.1/32"]
    with pytest.raises(StoreError, match="XQ_FORBIDDEN_NETWORKS"):
        S3Store(server.place).put("a", b"x")
