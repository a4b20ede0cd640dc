"""What a policy may say."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.scaling.parsing import parse, to_json
from xqplatform.errors import Refused

WHOLE: dict[str, Any] = {
    "least": 2, "most": 20, "zone": "Asia/Shanghai",
    "loads": [{"metric": "cpu.percent", "target": 60}, {"metric": "app.requests.rate", "target": 200.5}],
    "market": [{"calendar": "sse", "anchor": "open", "minutes": -20, "instances": 12}],
    "week": [{"days": [0, 4], "at": "08:30", "instances": 5}],
    "forecast": {"metric": "cpu.percent", "weeks": 4, "minutes": 15, "margin": 10},
    "dry": True,
}  # fmt: skip


def test_it_is_read_as_it_is_written() -> None:
    policy = parse(WHOLE)
    assert parse(to_json(policy)) == policy
    assert policy.dry
    assert policy.enabled
    assert policy.window == 300


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("most", {"least": 5, "most": 4}),
        ("least", {"least": 0}),
        ("most", {"most": 10**4300}),
        ("most", {"most": True}),
        ("loads", {"loads": [{"metric": "cpu.percent", "target": 0}]}),
        ("loads", {"loads": [{"metric": "cpu.percent", "target": float("nan")}]}),
        ("loads", {"loads": [{"metric": "cpu.percent", "target": 10**400}]}),
        ("loads", {"loads": [{"metric": f"app.{n}", "target": 1} for n in range(4)], "forecast": None}),
        ("loads", {"loads": [{"metric": "no.such", "target": 1}]}),
        ("loads", {"loads": [{"metric": "app.a\x00", "target": 1}]}),
        ("loads", {"loads": [{"metric": "cpu.percent", "target": 1}] * 2, "forecast": None}),
        ("loads", {"loads": [], "market": [], "week": [], "forecast": None}),
        ("market", {"market": [{"calendar": "sse", "anchor": "open", "instances": 21}]}),
        ("market", {"market": [{"calendar": "sse", "anchor": "noon", "instances": 3}]}),
        ("week", {"week": [{"days": [7], "at": "08:30", "instances": 5}]}),
        ("week", {"week": [{"days": [1], "at": "8 Uhr", "instances": 5}]}),
        ("forecast", {"forecast": {"metric": "memory.percent"}}),
        ("zone", {"zone": "Middle/Earth"}),
        ("policy", {"surprise": 1}),
    ],
)
def test_what_cannot_be_is_refused_beside_its_field(field: str, change: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        parse(WHOLE | change)
    assert refused.value.field == field
    assert refused.value.code == 400


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*WHOLE, "metric", "target", "days", "at", "instances"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(json)
def test_nonsense_is_refused_in_words(data: Any) -> None:
    with suppress(Refused):
        assert parse(to_json(parse(data))) == parse(data)
