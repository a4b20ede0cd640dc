"""Who is meant by a name inside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.lxd import users
from hosts.lxd.users import User

PASSWD = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/srv/app:/bin/sh\n42:x:7:8::/n:/bin/sh\nbad\nworse:x:a:b:::\n"
GROUP = "root:x:0:\nstaff:x:50:app\n"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("root", User(0, 0, "root", "/root")), ("app", User(1000, 1001, "app", "/srv/app")), ("1000", User(1000, 1001, "app", "/srv/app")),
        ("5", User(5, 0)), ("app:staff", User(1000, 50, "app", "/srv/app")), ("5:6", User(5, 6)), ("42", User(7, 8, "42", "/n")),
    ],
)  # fmt: skip
def test_names(name: str, found: User) -> None:
    assert users.wanted(name, PASSWD, GROUP) == found


@pytest.mark.parametrize("name", ["nobody", "app:nobody", "worse", "-1", "9" * 4300, "٣", "app:", ":", "a\x00"])
def test_who_is_not_there(name: str) -> None:
    with pytest.raises(users.Unknown):
        users.wanted(name, PASSWD, GROUP)


@given(st.text(min_size=1), st.text(), st.text())
def test_whatever_lies_there(name: str, passwd: str, group: str) -> None:
    try:
        found = users.wanted(name, passwd, group)
    except users.Unknown:
        return
    assert 0 <= found.uid <= users.MOST_ID
    assert 0 <= found.gid <= users.MOST_ID
