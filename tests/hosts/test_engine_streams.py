"""Framing of endless answers, however they are cut into pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from hosts.engine_streams import frames, json_objects, log_lines

CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=30)
STAMP = "2026-01-02T03:04:05.123456789Z"


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        for size in sizes:
            if data[at : at + size]:
                yield data[at : at + size]
            at += size


def frame(channel: int, data: bytes) -> bytes:
    return bytes([channel, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3), max_size=6), CUTS)
def test_json_objects_come_out_whole(objects: list[dict[str, str]], sizes: list[int]) -> None:
    data = b"".join(json.dumps(one).encode() + b"\r\n" for one in objects)
    assert list(json_objects(cut(data, sizes))) == objects


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(min_size=1, max_size=60)), max_size=8), CUTS)
def test_frames_come_out_in_order(parts: list[tuple[int, bytes]], sizes: list[int]) -> None:
    data = b"".join(frame(channel, text) for channel, text in parts)
    names = {1: "stdout", 2: "stderr"}
    assert list(frames(cut(data, sizes))) == [(names[channel], text) for channel, text in parts]


@given(CUTS)
def test_lines_of_both_streams_are_told_apart(sizes: list[int]) -> None:
    data = frame(1, f"{STAMP} one\n".encode()) + frame(2, f"{STAMP} two\n{STAMP} ü".encode()) + frame(1, b"no stamp\n")
    assert [line[:3] for line in log_lines(cut(data, sizes))] == [
        ("stdout", STAMP, "one"),
        ("stderr", STAMP, "two"),
        ("stdout", "", "no stamp"),
        ("stderr", STAMP, "ü"),
    ]


@given(CUTS)
def test_a_terminal_has_no_frames(sizes: list[int]) -> None:
    data = f"{STAMP} one\r\n{STAMP} two\r\n".encode()
    assert [line.text for line in log_lines(cut(data, sizes))] == ["one", "two"]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert [line.text for line in log_lines(iter([frame(1, b"\xff\xfe\n")]))] == ["��"]


@given(CUTS, st.integers(1, 5))
def test_a_long_line_in_pieces_has_its_time_once(sizes: list[int], pieces: int) -> None:
    data = b"".join(frame(1, f"{STAMP} ".encode() + b"x" * 50) for _n in range(pieces)) + frame(
        1, f"{STAMP} end\n".encode()
    )
    assert list(log_lines(cut(data, sizes))) == [("stdout", STAMP, "x" * 50 * pieces + "end", False)]
