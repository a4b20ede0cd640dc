"""«Test the connection» says precisely what is wrong."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hosts.engine import ConnectionSpec, Diagnosis, diagnose
from tests.engines.certs import Authority
from tests.engines.fleet import Fleet
from tests.hosts.fakes import closed_port, engine_pair, serving, silent

VERSION = {"Version": "27.0", "ApiVersion": "1.46", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def tcp(authority: Authority, address: str, **changes: str) -> ConnectionSpec:
    pair = authority.client()
    values = {"ca": authority.cert, "cert": pair.cert, "key": pair.key, **changes}
    return ConnectionSpec("tcp", f"tcp://{address}", **values)


def says(found: Diagnosis, kind: str, *words: str) -> bool:
    assert not found.ok
    assert found.kind == kind, found
    for word in words:
        assert word in found.sentence
    return True


def test_it_tells_versions_of_an_engine(authority: Authority) -> None:
    with serving(VERSION, engine_pair(authority), authority.cert) as address:
        found = diagnose(tcp(authority, address))
    assert found.ok, found
    assert (found.engine_version, found.api_version, found.architecture) == ("27.0", "1.46", "amd64")


def test_it_ignores_the_environments_bundles_and_proxies(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/etc/hostname")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{closed_port()}")
    with serving(VERSION, engine_pair(authority), authority.cert) as address:
        assert diagnose(tcp(authority, address)).ok


def test_refused(authority: Authority) -> None:
    assert says(diagnose(tcp(authority, closed_port())), "refused", "refused the connection")


def test_timed_out(authority: Authority) -> None:
    with silent() as address:
        assert says(diagnose(tcp(authority, address), timeout=0.5), "timeout", "in time")


def test_wrong_ca(authority: Authority) -> None:
    with serving(VERSION, engine_pair(Authority("another"))) as address:
        assert says(diagnose(tcp(authority, address)), "tls", "wrong CA")


def test_server_certificate_of_another_address(authority: Authority) -> None:
    with serving(VERSION, authority.server("10.9.8.7")) as address:
        assert says(diagnose(tcp(authority, address)), "tls", "another name")


def test_server_certificate_expired(authority: Authority) -> None:
    with serving(VERSION, engine_pair(authority, expired=True)) as address:
        assert says(diagnose(tcp(authority, address)), "expired", "127.0.0.1", "expired")


def test_own_certificate_expired(authority: Authority) -> None:
    pair = authority.client(expired=True)
    with serving(VERSION, engine_pair(authority), authority.cert) as address:
        spec = tcp(authority, address, cert=pair.cert, key=pair.key)
        assert says(diagnose(spec), "expired", "client certificate expired on")


def test_client_certificate_not_accepted(authority: Authority) -> None:
    pair = Authority("another").client()
    with serving(VERSION, engine_pair(authority), authority.cert) as address:
        spec = tcp(authority, address, cert=pair.cert, key=pair.key)
        assert says(diagnose(spec), "tls", "client certificate")


def test_client_certificate_missing(authority: Authority) -> None:
    with serving(VERSION, engine_pair(authority), authority.cert) as address:
        assert says(diagnose(tcp(authority, address, cert="", key="")), "tls", "client certificate")


def test_key_of_another_certificate(authority: Authority) -> None:
    spec = tcp(authority, closed_port(), key=authority.client().key)
    assert says(diagnose(spec), "tls", "does not belong")


@pytest.mark.parametrize(("field", "words"), [("ca", "CA certificate"), ("cert", "PEM"), ("key", "PEM")])
def test_nonsense_for_a_certificate(authority: Authority, field: str, words: str) -> None:
    assert says(diagnose(tcp(authority, closed_port(), **{field: "nonsense"})), "tls", words)


def test_without_tls(authority: Authority) -> None:
    with serving(VERSION) as address:
        assert says(diagnose(tcp(authority, address)), "tls", "without TLS")


def test_api_too_old(authority: Authority) -> None:
    with serving({"Version": "1.5.0", "ApiVersion": "1.17"}, engine_pair(authority)) as address:
        assert says(diagnose(tcp(authority, address)), "api_too_old", "1.17", "1.24")


@pytest.mark.parametrize("answer", ["<html>hello</html>", {"hello": 1}, [1]])
def test_not_an_engine(authority: Authority, answer: object) -> None:
    with serving(answer, engine_pair(authority)) as address:
        assert says(diagnose(tcp(authority, address)), "not_docker", "not a Docker Engine")


def test_name_does_not_resolve(authority: Authority) -> None:
    assert says(diagnose(tcp(authority, "no-such-host.invalid:2376")), "name", "does not resolve")


@pytest.mark.parametrize("address", ["127.0.0.1:nonsense", "127.0.0.1:99999999"])
def test_address_is_nonsense(authority: Authority, address: str) -> None:
    assert not diagnose(tcp(authority, address)).ok


def test_no_socket(tmp_path: Path) -> None:
    spec = ConnectionSpec("local", f"unix://{tmp_path}/docker.sock")
    assert says(diagnose(spec), "refused", "does not run")


def test_nobody_listens_at_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    assert says(diagnose(ConnectionSpec("local", str(path))), "refused")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody without the right")
def test_no_right_to_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        path.chmod(0o660)
        os.seteuid(65534)
        try:
            found = diagnose(ConnectionSpec("local", str(path)))
        finally:
            os.seteuid(0)
    assert says(found, "forbidden", "right")


@pytest.mark.parametrize("url", ["ssh://host-without-user", "ssh://me@127.0.0.1:x"])
def test_ssh_address_is_nonsense(url: str) -> None:
    assert not diagnose(ConnectionSpec("ssh", url, ssh_key="x")).ok


def test_ssh_key_is_nonsense() -> None:
    spec = ConnectionSpec("ssh", f"ssh://me@{closed_port()}", ssh_key="nonsense")
    assert says(diagnose(spec), "forbidden", "SSH key")


def test_real_engines_over_tcp_and_socket(fleet: Fleet) -> None:
    host = fleet.hosts[0]
    over_tcp = diagnose(ConnectionSpec("tcp", host.tcp_url, host.ca, host.cert, host.key))
    assert over_tcp.ok, over_tcp
    assert over_tcp.os == "linux"
    assert diagnose(ConnectionSpec("local", host.socket_url)).engine_version == over_tcp.engine_version


def test_real_engine_and_a_strangers_certificate(fleet: Fleet) -> None:
    host, pair = fleet.hosts[0], Authority("another").client()
    assert says(
        diagnose(ConnectionSpec("tcp", host.tcp_url, host.ca, pair.cert, pair.key)), "tls", "client certificate"
    )
    assert says(diagnose(ConnectionSpec("tcp", host.tcp_url, host.ca)), "tls", "client certificate")


def test_real_engine_that_hangs_is_cut_off_or_dead(clean_fleet: Fleet) -> None:
    host = clean_fleet.hosts[0]
    spec = ConnectionSpec("tcp", host.tcp_url, host.ca, host.cert, host.key)
    host.freeze()
    assert says(diagnose(spec, timeout=1), "timeout")
    host.thaw()
    host.cut()
    found = diagnose(spec, timeout=1)
    assert found.kind in {"timeout", "unreachable"}
    host.heal()
    host.kill()
    assert diagnose(spec, timeout=5).kind in {"refused", "timeout", "unreachable"}
