"""Who runs a command inside: a server takes numbers only, so names are looked up in the instance's own files. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MOST_ID = 4294967294


class Unknown(LookupError):
    """There is no such user or group; its text is the name."""


@dataclass(frozen=True)
class User:
    uid: int
    gid: int
    name: str = ""
    home: str = ""


def wanted(user: str, passwd: str, group: str) -> User:
    """«name», «uid», «name:group», «uid:gid» as the other runtime reads them. Raises Unknown."""
    first, colon, second = user.partition(":")
    rows = [fields for fields in (line.split(":") for line in passwd.splitlines()) if len(fields) >= 6]
    row = next((one for one in rows if one[0] == first), None) or next((one for one in rows if one[2] == first), None)
    uid = _number(row[2]) if row is not None else _number(first)
    if uid is None:
        raise Unknown(first)
    gid = (_number(row[3]) if row is not None else None) or 0
    if colon:
        groups = [fields for fields in (line.split(":") for line in group.splitlines()) if len(fields) >= 3]
        named = next((_number(one[2]) for one in groups if one[0] == second), None)
        found = named if named is not None else _number(second)
        if found is None:
            raise Unknown(second)
        gid = found
    return User(uid, gid, row[0] if row is not None else "", row[5] if row is not None else "")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MOST_ID else None
