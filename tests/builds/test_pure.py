"""Dockerfiles, masks and histories: pure functions."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from builds import dockerfile, masking
from builds.registry import check_address
from builds.services.blueprints import difference

STAGES = """\
ARG VERSION=1
# a comment
FROM --platform=linux/amd64 golang:${VERSION} AS build
RUN go build \\
    # inside
    ./...
FROM java8V16 AS base
FROM base
COPY --from=build /a /a
"""


def test_the_parent_is_found_through_stages() -> None:
    assert dockerfile.parent(STAGES) == "java8V16"
    assert [s.image for s in dockerfile.stages(STAGES, {"VERSION": "2"})] == ["golang:2", "java8V16", "base"]
    assert dockerfile.parent("") == ""


def test_a_parent_of_the_tree_is_put_in_and_nothing_else_changes() -> None:
    known = {"java8V16": "r:5000/base/java8v16@sha256:1"}
    text = dockerfile.replace_parents(STAGES, known.get)
    assert text == STAGES.replace("FROM java8V16 AS", "FROM r:5000/base/java8v16@sha256:1 AS")


def test_a_blueprint_becomes_a_dockerfile() -> None:
    files = (dockerfile.File("/etc/motd", "hi", "0600"),)
    made = dockerfile.render(dockerfile.Recipe("java8V16", "base", files, "make", "export A=1", depth=2), ["TOKEN"])
    assert made.dockerfile.splitlines()[1:] == [
        "FROM base",
        "COPY .xq/files/ /",
        "COPY .xq/static.sh /.xq/static.sh",
        "ARG TOKEN",
        'RUN ["/bin/sh", "-e", "/.xq/static.sh"]',
        "COPY .xq/runtime.sh /.xq/runtime.d/02-java8V16.sh",
        "COPY .xq/start.sh /.xq/start.sh",
        'ENTRYPOINT ["/bin/sh", "/.xq/start.sh"]',
    ]
    assert made.files[".xq/files/etc/motd"] == (b"hi", 0o600)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FROM debian:latest", "latest"),
        ("RUN true", "no FROM"),
        ("FROM a:1\nADD x /x", "COPY does the same"),
        ("FROM a:1\nRUN apt-get install curl", "add -y"),
        ("FROM a:1\nRUN curl http://x | sh", "runs unseen"),
        ("FROM a:1\nENV PASSWORD=x", "looks like a secret"),
        ("FROM a:1\nCMD run it", "PID 1"),
        ("FROM a:1\nCMD ['x']", "no JSON"),
        ('FROM a:1\nCMD ["a"]\nCMD ["b"]', "Only the last CMD"),
        ("FROM a:1\nRUN cd /x", "WORKDIR"),
    ],
)
def test_mistakes_are_seen(text: str, words: str) -> None:
    assert any(words in w.text for w in dockerfile.lint(text))


def test_a_good_one_has_no_warning() -> None:
    assert dockerfile.lint('FROM debian:12\nCOPY a /a\nHEALTHCHECK CMD ["/a"]\nCMD ["/a"]\n') == []


def test_values_are_masked_as_shells_and_json_write_them() -> None:
    mask = masking.Masker(["somebody"], ['ge"heim', "line one\nline two"])
    assert mask('x somebody ge"heim ge\\"heim line two') == "x ••• ••• ••• •••"
    assert masking.Masker(["abc"], [])("abc") == "abc", "too short to hide"


def test_a_history_is_cleaned_and_what_runs_stays() -> None:
    config = {
        "config": {"Env": ["A=somebody"]},
        "rootfs": {"diff_ids": ["sha256:1"]},
        "container_config": {"Cmd": ["|1 WHO=x"]},
        "history": [{"created_by": "|2 TOKEN=geheim WHO=ab /bin/sh -c make geheim", "empty_layer": True}, {}],
    }
    mask = masking.Masker([], ["geheim"])
    clean = masking.scrub_config(config, {"TOKEN", "WHO"}, mask)
    assert clean["history"][0]["created_by"] == "|2 TOKEN=••• WHO=••• /bin/sh -c make •••"
    assert clean["config"] == config["config"]
    assert "container_config" not in clean


def test_an_archive_is_written_anew() -> None:
    source, target = io.BytesIO(), io.BytesIO()
    config = json.dumps({"history": [{"created_by": "|1 T=geheim /bin/sh -c x"}]}).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": ["1/layer.tar", "2/layer.tar"]}]).encode()
    with tarfile.open(fileobj=source, mode="w") as tar:
        for name, data in (("c.json", config), ("1/layer.tar", b"layer"), ("manifest.json", manifest)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("2/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../1/layer.tar"
        tar.addfile(link)
    source.seek(0)
    image = masking.scrub_archive(source, target, "snow:1", {"T"}, masking.Masker([], ["geheim"]))
    assert b"geheim" not in target.getvalue()
    target.seek(0)
    with tarfile.open(fileobj=target) as tar:
        entry = json.load(tar.extractfile("manifest.json"))[0]
        assert entry["RepoTags"] == ["snow:1"]
        assert f"sha256:{entry['Config'].removesuffix('.json')}" == image
        assert tar.extractfile("2/layer.tar").read() == b"layer"


def test_an_archive_whose_parts_are_bombs_is_not_read() -> None:
    source = io.BytesIO()
    with tarfile.open(fileobj=source, mode="w") as tar:
        info = tarfile.TarInfo("manifest.json")
        info.size = masking.LARGEST_PART + 1
        tar.addfile(info, io.BytesIO(bytes(info.size)))
    source.seek(0)
    with pytest.raises(ValueError, match="not known"):
        masking.scrub_archive(source, io.BytesIO(), "snow:1", {"T"}, masking.Masker([], ["geheim"]))


@pytest.mark.parametrize("address", ["r.example.com", "127.0.0.1:5000", "r.example.com:5000/team/a", "[::1]:5000"])
def test_addresses_of_registries(address: str) -> None:
    assert check_address(address) is None


@pytest.mark.parametrize("address", ["", "https://x", "registry", "r.example.com:0", "r.example.com/Team", "a b.c"])
def test_what_is_no_address(address: str) -> None:
    assert check_address(address)


def test_the_difference_of_two_versions() -> None:
    text = difference({"static_script": "a\nb"}, {"static_script": "a\nc"})
    assert "-b\n" in text
    assert "+c\n" in text
