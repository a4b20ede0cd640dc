"""What instances see inside: one that nobody can look into keeps nobody from looking into the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from hosts.engine_errors import EngineError
from hosts.inside_types import Asked
from hosts.lxd.engine import LxdEngine
from hosts.lxd.inside import LxdInsides, gateway

ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
DEFAULT = "eth0\t00000000\t0101D50A\t0003\t0\t0\t0\t00000000\n"


def insides(kind: str) -> LxdInsides:
    """Of a server on which the instance «ill» gives no file."""

    def read_file(container: str, path: str) -> bytes:
        if container == "ill":
            raise EngineError(kind, path, "It gives nothing.")
        return b"127.0.0.1 localhost" if path == "/etc/hosts" else b"nameserver 10.9.9.9"

    def run(container: str, words: list[str], timeout: float) -> tuple[int, str]:
        return 0, "store-1" if "hostname" in words[1] else ROUTES + DEFAULT

    card: dict[str, Any] = {
        "hwaddr": "02:42:0A:00:00:01",
        "mtu": 1500,
        "addresses": [{"family": "inet", "address": "10.213.1.9"}],
    }
    link = SimpleNamespace(ask=lambda *_a, **_o: {"network": {"eth0": card}})
    engine = SimpleNamespace(
        where="store-1", link=link, exec=run, read_file=read_file, path_of=lambda name: f"/instances/{name}",
        status_of=lambda name: "Frozen" if name == "frozen" else "Running",
    )  # fmt: skip
    return LxdInsides(cast(LxdEngine, engine))


def test_the_others_are_looked_into() -> None:
    found = insides("other").look([Asked("ill", 1), Asked("frozen", 2), Asked("well", 3)])
    assert list(found) == ["well"]
    seen = found["well"]
    assert (seen.hostname, seen.gateway, seen.mac, seen.mtu) == ("store-1", "10.213.1.1", "02:42:0a:00:00:01", 1500)
    assert (seen.addresses, seen.resolver, seen.wrote) == (("10.213.1.9",), "nameserver 10.9.9.9", False)


def test_a_server_out_of_reach_is_one_for_all() -> None:
    with pytest.raises(EngineError):
        insides("unreachable").look([Asked("ill", 1), Asked("well", 3)])


@pytest.mark.parametrize("text", ["", ROUTES, ROUTES + "eth0\t0101D50A\n", ROUTES + DEFAULT.replace("0003", "0001")])
def test_no_gateway(text: str) -> None:
    assert gateway(text) == ""
