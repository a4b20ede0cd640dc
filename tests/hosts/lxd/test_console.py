"""A console is handed out once, and told again when its instance has stopped: whoever reads it, in whatever process, reads all of it once."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.engine import EngineError
from hosts.lxd import console
from hosts.lxd.kept import Away, Memory


class Server:
    """One instance's console as a real server (5.0.2) behaves: a ring that is emptied by reading, a file of what was read."""

    def __init__(self) -> None:
        self.ring, self.file, self.running, self.run = b"", b"", True, 1

    def say(self, said: bytes) -> None:
        if self.running:
            self.ring += said

    def stop(self) -> None:
        if self.running:
            self.running, self.file, self.ring = False, self.ring or self.file, b""

    def start(self) -> None:
        if not self.running:
            self.running, self.run = True, self.run + 1

    def raw(self, _method: str, _path: str, **_: Any) -> Any:
        said, self.ring = self.ring, b""
        if self.running and not said:
            raise EngineError("other", "open : no such file or directory")
        self.file += said
        name = "" if self.running else "/var/log/lxd/a/console.log"
        content = said if self.running else self.file
        return Mock(content=content, headers={"Content-Disposition": f"inline;filename={name}"})

    def find(self, _identity: str) -> Any:
        return {"name": "a", "status": "Running" if self.running else "Stopped", "last_used_at": f"run {self.run}"}


def consoles(server: Any, kept: Memory) -> console.Consoles:
    return console.Consoles(server, server.find, kept)


@given(st.lists(st.sampled_from(["say", "stop", "start", "read 0", "read 1", "new"]), max_size=40))
def test_all_readers_read_all_of_it_once(deeds: list[str]) -> None:
    """What nobody has read before the next start is lost on the server; all else comes once and in order."""
    server, kept = Server(), Memory()
    readers, said, number = [consoles(server, kept), consoles(server, kept)], b"", 0
    for deed in [*deeds, "read 0", "read 1"]:
        if deed == "say":
            number += 1
            said += b"line %d\n" % number if server.running else b""
            server.say(b"line %d\n" % number)
        elif deed == "new":  # a process that has just begun
            readers[1] = consoles(server, kept)
        elif deed.startswith("read"):
            readers[int(deed[-1])].read("a")
        elif deed == "stop":
            server.stop()
        else:
            if not server.running:
                readers[0].read("a")
            server.start()
    assert readers[0].read("a") == readers[1].read("a") == (0, said)


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=12), st.integers(1, 40))
def test_the_last_bytes_are_kept(said: list[bytes], most: int) -> None:
    with patch.object(console, "MOST", most), patch.object(console, "LATE", 3):
        server, kept = Server(), Memory()
        reader = consoles(server, kept)
        for piece in said:
            server.say(piece)
            reader.read("a")
        whole = b"".join(said)
        assert reader.read("a") == (max(0, len(whole) - most), whole[-most:])
        left = b"".join(data for _n, data in kept.pieces("a", 0))
        assert left.endswith(whole[-most:])
        assert len(left) < most + 20
        assert consoles(server, kept).read("a")[1] == whole[-most:]


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6))
def test_lines_are_followed_to_the_end(said: list[bytes]) -> None:
    # (An end that nobody has read and that is word for word the end of what was read cannot be told from it.)
    said = [b"%d " % n + piece for n, piece in enumerate(said)]
    server, left = Server(), list(said)

    def find(identity: str) -> Any:
        if left:
            server.say(left.pop(0))
        else:
            server.stop()
        return server.find(identity)

    with patch.object(console, "EVERY", 0.0):
        reader = console.Consoles(server, find, Memory())  # type: ignore[arg-type]
        lines = [one.text for one in console.ConsoleLines(reader, "a", tail=None, follow=True, past=True)]
    wanted = [line.rstrip(b"\r").decode("utf-8", "replace") for line in b"".join(said).split(b"\n")]
    assert lines == (wanted if wanted[-1] else wanted[:-1])


def test_what_could_not_be_kept_is_kept_later() -> None:
    class Broken(Memory):
        broken = True

        def add_piece(self, identity: str, said: bytes) -> None:
            if self.broken:
                raise Away("gone")
            super().add_piece(identity, said)

    server, kept = Server(), Broken()
    reader = consoles(server, kept)
    server.say(b"one\n")
    with pytest.raises(EngineError, match="could not be kept"):
        reader.read("a")
    kept.broken = False
    server.say(b"two\n")
    assert reader.read("a") == (0, b"one\ntwo\n")
