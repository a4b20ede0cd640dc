"""What becomes of an upload, before any registry: one clean layer, or a sentence that says why not."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from builds.imports import archives, layer, machines, packed
from hosts.lxd.roots import Unusable
from tests.builds.imports.making import ARM, TINY, Content, docker, elf, lxd, tar

MOST = 8 << 20
Make = Callable[..., layer.Made]


def made(data: bytes, folder: Path, most: int = MOST, ours: tuple[str, ...] = ("amd64",)) -> layer.Made:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "upload").write_bytes(data)
    source = archives.read(folder / "upload", folder, packed.Budget(most), lambda: None)
    return layer.make(source, folder, most, lambda: None, ours=ours)


def inside(folder: Path) -> dict[str, Content]:
    found: dict[str, Content] = {}
    with tarfile.open(folder / "layer.tar.gz") as one:
        for member in one:
            file = one.extractfile(member) if member.isreg() else None
            found[member.name] = file.read() if file else (member.type.decode(), member.linkname)
    return found


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress,
                                  lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:]),
                                  lambda data: lzma.compress(data[:700]) + bytes(8) + lzma.compress(data[700:])])  # fmt: skip
def test_every_packing_gives_the_same_layer(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    plain = made(tar(TINY), tmp_path / "a")
    other = made(pack(tar(TINY)), tmp_path / "b")
    assert plain == other
    assert (plain.init, plain.architecture, plain.config) == (True, "amd64", {"Entrypoint": ["/sbin/init"]})
    assert inside(tmp_path / "b")["etc/passwd"] == TINY["etc/passwd"]
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["layer.tar.gz", "upload"]


def test_every_kind_of_upload_becomes_the_same_files(tmp_path: Path) -> None:
    lower = tar({"etc/old": b"x", "etc/passwd": b"old", **{k: v for k, v in TINY.items() if k != "etc/passwd"}})
    upper = tar({"etc/passwd": TINY["etc/passwd"], "etc/.wh.old": b""})
    made(tar({f"./{name}": content for name, content in TINY.items()}), tmp_path / "root")
    made(lxd(TINY), tmp_path / "lxd")
    saved = made(docker(lower, upper, Env=["A=b"], Cmd=["/bin/sh"]), tmp_path / "docker")
    made(docker(lower, upper, oci=True), tmp_path / "oci")
    for kind in ("root", "lxd", "docker", "oci"):
        assert set(inside(tmp_path / kind)) == set(TINY), kind
    assert inside(tmp_path / "docker")["etc/passwd"] == TINY["etc/passwd"]
    assert saved.config == {"Env": ["A=b"], "Cmd": ["/bin/sh"]}


def test_devices_are_left_out_and_holes_are_written_whole(tmp_path: Path) -> None:
    """A file with holes as GNU tar stores it: its map is no part of the file."""
    made(
        tar({**TINY, "dev/null": ("char", ""), "run/pipe": ("fifo", ""), "bin/ls": ("hard", "bin/busybox")}),
        tmp_path / "a",
    )
    found = inside(tmp_path / "a")
    assert "dev/null" not in found
    assert found["run/pipe"] == (tarfile.FIFOTYPE.decode(), "")
    assert found["bin/ls"] == (tarfile.LNKTYPE.decode(), "bin/busybox")

    root = tmp_path / "root"
    for name in ("etc", "bin", "sbin"):
        (root / name).mkdir(parents=True)
    (root / "bin/busybox").write_bytes(elf())
    (root / "sbin/init").symlink_to("/bin/busybox")
    with (root / "etc/holes").open("wb") as file:
        file.write(b"a" * 512)
        file.seek(1 << 20)
        file.write(b"end")
    for form in ("gnu", "pax"):
        subprocess.run(["tar", f"--format={form}", "-S", "-C", str(root), "-cf", str(tmp_path / form), "."], check=True)
        made((tmp_path / form).read_bytes(), tmp_path / f"of-{form}")
        assert inside(tmp_path / f"of-{form}")["etc/holes"] == (root / "etc/holes").read_bytes()


BAD: list[tuple[str, bytes, str]] = [
    ("leads out", tar({**TINY, "../../etc/shadow": b"x"}), "leads out of it"),
    ("links out", tar({**TINY, "a": "/etc", "a/passwd": b"x"}), "below a link"),
    ("hard link out", tar({**TINY, "a": ("hard", "../../etc/shadow")}), "leads out of it"),
    ("hard link to nothing", tar({**TINY, "a": ("hard", "etc/shadow")}), "hard link"),
    ("other machine", tar({**TINY, "bin/busybox": elf(ARM)}), "another kind of machine: arm64, the hosts are amd64"),
    ("says another machine", lxd(TINY, "aarch64"), "says that it is for arm64, and its programs are for amd64"),
    ("no init", tar({"etc/passwd": b"", "bin/sh": elf()}), "no /sbin/init"),
    ("init leads nowhere", tar({**TINY, "sbin/init": "/lib/systemd/systemd"}), "no /sbin/init"),
    ("no root", tar({"photo.jpg": b"x"}), "no root file system"),
    ("no program", tar({"sbin/init": b"#!/bin/sh", "etc/a": b""}), "not known for which machines"),
    ("half an image", tar({"metadata.yaml": b"architecture: x86_64", "templates/a": b""}), "metadata half"),
    ("bad yaml", tar({"metadata.yaml": b"[", "rootfs/etc/a": b""}), "metadata.yaml cannot be read"),
    ("no tarball", b"hello" * 1000, "no tarball"),
    ("empty", b"", "no tarball"),
    ("cut", gzip.compress(tar(TINY))[:-20], "damaged"),
    ("squashfs", b"hsqs" + bytes(2000), "SquashFS"),
    ("zip", b"PK\x03\x04" + bytes(2000), "no tarball"),
    ("other layer", docker(tar(TINY)).replace(b"root:x:0", b"evil:x:0"), "does not match its digest"),
    ("bad manifest", tar({"manifest.json": b"[[[["}), "manifest cannot be read"),
    ("deep manifest", tar({"manifest.json": b"[" * 100_000}), "manifest cannot be read"),
    ("layer is not there", tar({"manifest.json": b'[{"Config": "c", "Layers": ["l"]}]'}), "lacks a file"),
    ("two images", tar({"manifest.json": b"[{}, {}]"}), "2 images"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "words"), [one[1:] for one in BAD], ids=[one[0] for one in BAD])
def test_what_cannot_be_an_image_is_refused_in_words(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=words):
        made(data, tmp_path)


def test_bombs_stop_where_the_budget_ends(tmp_path: Path) -> None:
    big = tar({**TINY, "zeros": bytes(40 << 20)})
    for number, pack in enumerate((gzip.compress, bz2.compress, lzma.compress, zstandard.compress)):
        assert len(pack(big)) < 100_000
        with pytest.raises(Unusable, match="unpacks to more"):
            made(pack(big), tmp_path / str(number))
        assert sum(path.stat().st_size for path in (tmp_path / str(number)).iterdir()) < MOST + 200_000
    # Of a docker save, all layers together count.
    zeros = [tar({f"zeros-{n}": bytes(3 << 20)}) for n in range(3)]
    with pytest.raises(Unusable, match="unpacks to more"):
        made(gzip.compress(docker(*zeros)), tmp_path / "layers")


def test_headers_made_to_fill_the_memory_are_refused(tmp_path: Path) -> None:
    def header(kind: bytes, size: int) -> bytes:
        one = tarfile.TarInfo("x")
        one.type, one.size = kind, size
        return one.tobuf(tarfile.GNU_FORMAT)

    for number, kind in enumerate((tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME)):
        with pytest.raises(Unusable, match="header larger"):
            made(tar(TINY)[:-10240] + header(kind, 1 << 33) + bytes(1024), tmp_path / str(number))
    chained = b"".join(header(tarfile.GNUTYPE_LONGNAME, 2) + b"a\0" + bytes(510) for _ in range(20_000))
    with pytest.raises(Unusable, match="no tarball"):
        made(chained + tar(TINY), tmp_path / "chained", 64 << 20)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    kind=st.sampled_from(["tar", "lxd", "docker", "gz"]),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=12)), max_size=6),
)
@example(kind="tar", changes=[(124, b"-0000000001\0")])  # a size below nothing
@example(kind="tar", changes=[(124, b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")])
def test_no_bytes_surprise_it(kind: str, changes: list[tuple[int, bytes]], tmp_path: Path) -> None:
    whole = {"tar": tar(TINY), "lxd": lxd(TINY), "docker": docker(tar(TINY)), "gz": gzip.compress(tar(TINY))}[kind]
    data = bytearray(whole)
    for place, piece in changes:
        at = place % len(data)
        data[at : at + len(piece)] = piece[: len(data) - at]
    with contextlib.suppress(Unusable):
        found = made(bytes(data), tmp_path)
        assert found.init or found.config


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "a/b", "b/a"]), st.sampled_from(["a", "b", "/a", "../b", "a/b", "/", ".."])
    )
)
def test_links_lead_somewhere_inside_or_nowhere(links: dict[str, str]) -> None:
    found = machines.resolved("a/b", links, {"a", "b", "a/b", "b/a"})
    assert found is None or not found.startswith(("/", ".."))
    assert found not in links


def test_a_pack_is_the_same_each_time(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(io.BytesIO(b"abc" * 100_000).getvalue())
    assert layer.pack(plain, tmp_path / "a", lambda: None) == layer.pack(plain, tmp_path / "b", lambda: None)
    assert gzip.decompress((tmp_path / "a").read_bytes()) == plain.read_bytes()
