from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.collector.wire import BadAnswer, LogAnswer

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x\r\nTransfer-Encoding: chunked\r\n\r\n"


def frame(data: bytes, channel: int = 1) -> bytes:
    return bytes([channel, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def fed(data: bytes, cuts: list[int]) -> tuple[LogAnswer, list[str]]:
    answer, lines, start = LogAnswer(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        lines += answer.feed(data[start:cut])
        start = max(start, cut)
    return answer, lines


@given(st.data())
def test_lines_come_whole_however_they_are_cut(data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.text("abc 123", max_size=40), max_size=12))
    text = "".join(f"{line}\n" for line in wanted).encode()
    size = data.draw(st.integers(1, 50))
    frames = b"".join(frame(text[i : i + size]) for i in range(0, len(text), size))
    size = data.draw(st.integers(1, 80))
    body = b"".join(chunk(frames[i : i + size]) for i in range(0, len(frames), size)) + b"0\r\n\r\n"
    cuts = data.draw(st.lists(st.integers(0, len(HEAD + body)), max_size=20))
    answer, lines = fed(HEAD + body, cuts)
    assert lines == wanted
    assert answer.status == 200
    assert answer.ended


@given(st.data())
def test_an_answer_without_chunks_ends_by_closing(data: st.DataObject) -> None:
    whole = b"HTTP/1.0 200 OK\r\n\r\n" + frame(b"one\ntw") + frame(b"noise\n", 2) + frame(b"o\n")
    _answer, lines = fed(whole, data.draw(st.lists(st.integers(0, len(whole)), max_size=9)))
    assert lines == ["one", "two"]


def test_a_refusal_says_why() -> None:
    words = b'{"message":"No such container: x"}\n'
    head = f"HTTP/1.1 404 Not Found\r\nContent-Length: {len(words)}\r\n\r\n".encode()
    answer, lines = fed(head + words, [10, 60])
    assert (answer.status, lines) == (404, [])
    assert answer.message == words.decode().strip()
    assert answer.ended


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-x\r\n\r\n", b"x" * 70_000, HEAD + b"zz\r\n", HEAD + chunk(b"no frame at all")]
)
def test_what_is_no_engine_is_refused(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        LogAnswer().feed(data)
