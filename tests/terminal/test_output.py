"""A command's output on its way to its rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.terminal.output import Output
from xqplatform.secrets.masking import Masker


@given(st.text(max_size=300), st.lists(st.integers(1, 7), max_size=80))
def test_characters_come_whole_however_the_output_is_cut(text: str, cuts: list[int]) -> None:
    text = text.encode("utf-8", "replace").decode().replace("\0", "")
    data, output, got, at = text.encode(), Output(), "", 0
    for cut in cuts:
        output.add(data[at : at + cut])
        at += cut
        got += output.take()
    output.add(data[at:])
    assert got + output.take(last=True) == text
    assert (output.size, output.kept, output.left_out) == (len(data), len(data), 0)


@given(st.lists(st.binary(max_size=90), max_size=40))
def test_of_a_flood_the_beginning_and_the_end_are_kept_and_the_gap_is_counted(pieces: list[bytes]) -> None:
    output, whole = Output(most=100, tail=40), b"".join(pieces)
    text = ""
    for piece in pieces:
        output.add(piece)
        text += output.take()
    text += output.take(last=True)
    assert "\0" not in text, "no database takes it"
    assert output.size == len(whole)
    assert output.kept + output.left_out == len(whole)
    assert (f"{len(whole) - 140} bytes left out" in text) is (len(whole) > 140)


@given(st.integers(0, 40), st.integers(0, 60), st.lists(st.integers(1, 9), max_size=20))
def test_no_cut_leaves_a_part_of_a_secret(before: int, after: int, cuts: list[int]) -> None:
    secret = "zebra-canary-0"
    output, data, got, at = Output(Masker([secret]), most=20, tail=20), b"", "", 0
    data = b"." * before + secret.encode() + b"," * after + secret.encode() + b"." * after
    for cut in [*cuts, len(data)]:
        output.add(data[at : at + cut])
        at += cut
        got += output.take()
    got += output.take(last=True)
    assert not set("zebra-canary") & set(got.replace("bytes left out", ""))
