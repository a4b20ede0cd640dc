"""Recordings: what is in them, whole characters, floods."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from containers.terminal import cast


def events(text: str) -> list[list[object]]:
    return [
        json.loads(line) for line in text.split("\n") if line
    ]  # (other signs that end a line stand in what was said)


def said(text: str) -> str:
    return "".join(str(data) for _at, kind, data in events(text) if kind == "o")


def test_the_first_line_says_what_a_player_needs() -> None:
    head = json.loads(cast.header(97, 31, 1700000000.7, "snow-production-1", "/bin/sh"))
    assert (head["version"], head["width"], head["height"], head["timestamp"]) == (2, 97, 31, 1700000000)


@given(st.text(max_size=200), st.lists(st.integers(1, 9), max_size=60), st.floats(0, 0.2))
def test_however_output_is_cut_its_characters_come_whole(text: str, cuts: list[int], step: float) -> None:
    data, recorder, at, place = text.encode("utf-8", "surrogatepass"), cast.Recorder(), 0.0, 0
    data = data.decode("utf-8", "replace").encode()
    for cut in [*cuts, len(data)]:
        recorder.output(at, data[place : place + cut])
        place += cut
        at += step
    assert said(recorder.take(at + 1)) == data.decode()
    assert recorder.left_out == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.binary(max_size=300)), max_size=30))
def test_times_never_go_back_and_every_line_is_json(pieces: list[tuple[float, bytes]]) -> None:
    recorder, text = cast.Recorder(), ""
    for at, data in sorted(pieces, key=lambda one: one[0]):
        recorder.output(at, data)
        text += recorder.take(at)
    times = [float(str(at)) for at, _kind, _data in events(text + recorder.take(9.0))]
    assert times == sorted(times)


def test_a_flood_is_thinned_and_says_so() -> None:
    recorder = cast.Recorder()
    recorder.output(1.0, b"begun\r\n")
    for number in range(1000):
        recorder.output(1.1 + number / 10_000, b"y\r\n" * 1000)
    recorder.output(1.9, b"^C\r\nprompt> ")
    text = recorder.take(2.0)
    assert said(text).startswith("begun\r\n")
    assert said(text).endswith("^C\r\nprompt> ")
    assert len(text) < 2 * (cast.HEAD + cast.TAIL)
    marks = [data for _at, kind, data in events(text) if kind == "m"]
    assert marks == [f"{recorder.left_out} bytes of output left out"]
    assert recorder.left_out > 2_900_000
    recorder.output(2.5, b"calm")
    assert said(recorder.take(3.0)) == "calm"


@given(st.integers(0, 400_000), st.integers(0, 400_000), st.integers(1, 9))
def test_no_flood_pushes_out_what_stood_on_the_screen_for_a_tenth_of_a_second(
    before: int, after: int, tenth: int
) -> None:
    recorder, at = cast.Recorder(), tenth / cast.SLICES
    recorder.output(0.01, b"x" * before)
    recorder.output(at, b"x" * before)
    recorder.output(at + 0.01, b"\r\nthe key is 1234\r\n")
    recorder.output(at + 0.1 + 0.001, b"y" * after)
    assert "the key is 1234" in said(recorder.take(9))


def test_what_is_typed_is_kept_only_where_that_is_wanted() -> None:
    quiet, told = cast.Recorder(), cast.Recorder(with_input=True)
    for recorder in (quiet, told):
        recorder.typed(0.5, b"secret\r")
        recorder.resized(0.6, 80, 24)
    assert events(quiet.take(1)) == [[0.6, "r", "80x24"]]
    assert events(told.take(1)) == [[0.5, "i", "secret\r"], [0.6, "r", "80x24"]]
