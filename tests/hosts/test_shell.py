"""The shell on a machine: commands, files, host keys, and what each failure says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from hosts import shell, ssh
from hosts.models import Host, SshAccess
from hosts.services import ssh_access
from tests.engines.machine import wait_for
from tests.factories import make_host
from tests.hosts.ssh_server import RUN, SshServer, new_key, ssh_server
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[SshServer]:
    with ssh_server(RUN) as running:
        yield running


@pytest.fixture
def host(server: SshServer, actor_sre: Any) -> Host:
    row = make_host("run-a1")
    ssh_access.set_access(actor_sre, row, data_for(server))
    return row


def data_for(server: SshServer, **changes: Any) -> dict[str, Any]:
    return {"user": "me", "address": "127.0.0.1", "port": server.port, "key": server.user_key} | changes


def pem(key: Any, form: str = "OpenSSH", password: bytes = b"") -> str:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), lock).decode()


def test_a_command_runs_and_each_word_stays_one(host: Host) -> None:
    with shell.connect(host) as sh:
        ran = sh.run(["printf", "%s|", "a b", "$HOME", "'; rm -rf /", "ü"])
        assert (ran.code, ran.out, ran.err) == (0, "a b|$HOME|'; rm -rf /|ü|", "")
        ran = sh.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
        assert (ran.code, ran.out, ran.err) == (3, "out\n", "err\n")
        assert sh.run(["cat"], stdin="x" * 300_000).out == "x" * 300_000
        assert sh.run(["no-such-program"]).code == 127
        with pytest.raises(shell.ShellError, match="«false» failed on run-a1: nothing, exit code 1"):
            sh.must(["false"])


def test_files_are_written_whole_and_read_back(host: Host, tmp_path: Path) -> None:
    target = tmp_path / "a folder" / "daemon.json"
    with shell.connect(host) as sh:
        assert sh.read(str(target)) is None
        sh.write(str(target), '{"ü": 1}\n', mode=0o600)
        assert target.read_text() == '{"ü": 1}\n'
        assert target.stat().st_mode & 0o777 == 0o600
        link = tmp_path / "link"
        link.symlink_to(target)
        sh.write(str(link), "new\n")
        assert link.is_symlink()
        assert sh.read(str(target)) == "new\n"
        assert [path.name for path in target.parent.iterdir()] == ["daemon.json"], "nothing temporary stays"
        with pytest.raises(shell.ShellError, match="cannot be written"):
            sh.write("/proc/nowhere/file", "x")
        sh.remove(str(target))
        assert sh.read(str(target)) is None


def test_too_much_output_is_cut_and_said(host: Host) -> None:
    with shell.connect(host) as sh:
        ran = sh.run(["sh", "-c", "yes | head -c 100000; echo done >&2"], limit=1000)
    assert (len(ran.out), ran.truncated, ran.err, ran.code) == (1000, True, "done\n", 0)


def test_one_that_does_not_end_is_ended_there_as_well(host: Host, tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    with shell.connect(host) as sh:
        with pytest.raises(shell.ShellError, match="did not end within 1 s on run-a1") as caught:
            sh.run(["sh", "-c", f"echo $$ > {noted}; echo begun; exec sleep 600"], timeout=1)
        assert caught.value.kind == "timeout"
        assert caught.value.ran is not None
        assert caught.value.ran.out == "begun\n"
        wait_for("it ended", lambda: not Path(f"/proc/{noted.read_text().strip()}/cmdline").exists())
        assert sh.run(["echo", "still here"]).out == "still here\n"


def test_check_leaves_a_command_and_ends_it(host: Host, tmp_path: Path) -> None:
    noted = tmp_path / "pid"

    def check() -> None:
        if noted.exists() and noted.read_text().strip():
            raise RuntimeError("enough")

    with shell.connect(host, check=check) as sh, pytest.raises(RuntimeError, match="enough"):
        sh.run(["sh", "-c", f"echo $$ > {noted}; exec sleep 600"], timeout=500)
    wait_for("it ended", lambda: not Path(f"/proc/{noted.read_text().strip()}/cmdline").exists())


def test_a_connection_that_breaks_off_is_said_and_made_again(host: Host, server: SshServer) -> None:
    with shell.connect(host) as sh:
        with pytest.raises(shell.ShellError, match=r"broke off while «sh -c .* ran; what it did is not known"):
            sh.run(["sh", "-c", "echo go; exec sleep 60"], on_output=lambda _text: server.drop())
        assert sh.run(["echo", "again"]).out == "again\n"


def test_the_first_host_key_is_pinned_and_shown(host: Host, server: SshServer, actor_sre: Any) -> None:
    found = ssh_access.test_access(actor_sre, host)
    assert found.ok, found
    assert found.fingerprint == ssh.fingerprint(server.host_key)
    assert found.fingerprint in found.sentence
    access = SshAccess.objects.get()
    assert access.host_key == server.host_key
    assert access.pinned_at is not None
    assert (access.problem, access.checked is not None) == ("", True)
    assert Event.objects.filter(action="host.ssh.pin").count() == 1


def test_a_changed_host_key_is_refused_until_this_very_one_is_trusted(
    host: Host, server: SshServer, actor_sre: Any
) -> None:
    assert ssh_access.test_access(actor_sre, host).ok
    with pytest.raises(Refused, match="No other host key"):
        ssh_access.trust_key(actor_sre, host, "SHA256:x")
    new = server.new_host_key()
    found = ssh_access.test_access(actor_sre, host)
    assert (found.ok, found.kind) == (False, "host_key_changed")
    for key in (server.host_key, new):
        assert ssh.fingerprint(key) in found.sentence
    with pytest.raises(Refused, match="not the one you saw"):
        ssh_access.trust_key(actor_sre, host, ssh.fingerprint(server.host_key))
    assert not ssh_access.test_access(actor_sre, host).ok, "still refused"
    ssh_access.trust_key(actor_sre, host, ssh.fingerprint(new))
    assert ssh_access.test_access(actor_sre, host).ok
    event = Event.objects.get(action="host.ssh.trust")
    assert (event.before, event.after) == (
        {"fingerprint": ssh.fingerprint(server.host_key)},
        {"fingerprint": ssh.fingerprint(new)},
    )


def test_each_way_in_that_fails_says_why(host: Host, server: SshServer, actor_sre: Any) -> None:
    ssh_access.set_access(actor_sre, host, {"key": new_key()[0]})
    found = ssh_access.test_access(actor_sre, host)
    assert found.kind == "denied"
    assert "does not accept the SSH key for user me" in found.sentence
    assert SshAccess.objects.get().problem == found.sentence
    with ssh_server(RUN) as gone:
        pass
    ssh_access.set_access(actor_sre, host, {"port": gone.port})
    found = ssh_access.test_access(actor_sre, host)
    assert found.kind == "refused"
    assert f"no SSH server listens on port {gone.port}" in found.sentence
    ssh_access.remove_access(actor_sre, host)
    assert not shell.has_access(host)
    with pytest.raises(shell.ShellError) as caught, shell.connect(host):
        pass
    assert caught.value.kind == "no_key"
    with pytest.raises(Refused, match="has no SSH access"):
        ssh_access.test_access(actor_sre, host)


def test_another_address_is_another_machine_whose_key_is_pinned_anew(host: Host, actor_sre: Any) -> None:
    assert ssh_access.test_access(actor_sre, host).ok
    with ssh_server(RUN) as other:
        ssh_access.set_access(actor_sre, host, data_for(other))
        assert SshAccess.objects.get().host_key == ""
        assert ssh_access.test_access(actor_sre, host).ok
    assert SshAccess.objects.get().host_key == other.host_key


def test_the_key_is_kept_when_none_is_given_and_never_leaves(host: Host, server: SshServer, actor_sre: Any) -> None:
    ssh_access.set_access(actor_sre, host, {"user": "you", "sudo": True, "key": ""})
    access = SshAccess.objects.get()
    assert (access.user, access.sudo, access.key.strip()) == ("you", True, server.user_key.strip())
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select key from hosts_sshaccess")
        assert "PRIVATE" not in cursor.fetchone()[0]
    assert "PRIVATE" not in str(list(Event.objects.values_list("before", "after")))


KEYS = {
    "ed25519": pem(ed25519.Ed25519PrivateKey.generate()),
    "ecdsa as PKCS#8": pem(ec.generate_private_key(ec.SECP256R1()), "PKCS8"),
    "rsa, traditional": pem(rsa.generate_private_key(65537, 2048), "TraditionalOpenSSL"),
}
_LOCKED = ed25519.Ed25519PrivateKey.generate()
WRONG = {
    "passphrase, OpenSSH": (pem(_LOCKED, password=b"secret"), "has a passphrase.*ssh-keygen -p"),
    "passphrase, PKCS#8": (pem(_LOCKED, "PKCS8", b"secret"), "has a passphrase.*openssl pkey"),
    "nothing": ("", "Paste the private key"),
    "public": ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@here", "public half"),
    "putty": ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none", "PuTTY"),
    "torn": (pem(_LOCKED)[:150] + "\n-----END OPENSSH PRIVATE KEY-----\n", "cannot be read"),
    "text": ("hello", "Not a private key"),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys_of_every_usual_kind_can_be_used(kind: str) -> None:
    assert ssh.private_key(KEYS[kind]).can_sign()


@pytest.mark.parametrize("kind", WRONG)
def test_a_key_that_cannot_be_used_is_refused_with_what_to_do(kind: str, actor_sre: Any) -> None:
    text, words = WRONG[kind]
    with pytest.raises(Refused, match=words) as caught:
        ssh_access.set_access(actor_sre, make_host("run-a1"), {"user": "me", "address": "10.0.0.1", "key": text})
    assert (caught.value.field, caught.value.code) == ("key", 400)
    assert not SshAccess.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("user", "a b"), ("user", ""), ("address", "x y"), ("address", "10.0.0.1:22"), ("port", 0), ("port", "x")],
)
def test_what_is_no_login_is_refused_at_its_field(field: str, value: Any, actor_sre: Any) -> None:
    data = {"user": "me", "address": "10.0.0.1", "port": 22, "key": KEYS["ed25519"], field: value}
    with pytest.raises(Refused) as caught:
        ssh_access.set_access(actor_sre, make_host("run-a1"), data)
    assert caught.value.field == field


def test_only_sres_touch_accesses(host: Host, actor_dev: Any) -> None:
    for verb in (ssh_access.remove_access, ssh_access.test_access):
        with pytest.raises(Denied):
            verb(actor_dev, host)
    with pytest.raises(Denied):
        ssh_access.set_access(actor_dev, host, {"user": "me"})
    with pytest.raises(Denied):
        ssh_access.trust_key(actor_dev, host, "SHA256:x")


def test_sudo_that_wants_a_password_is_said(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sudo = tmp_path / "sudo"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sudo.write_text('#!/bin/sh\necho "sudo: a password is required" >&2\nexit 1\n')
    sudo.chmod(0o755)
    SshAccess.objects.update(sudo=True)
    with shell.connect(host) as sh:
        with pytest.raises(shell.ShellError, match="may not use sudo without a password on run-a1") as caught:
            sh.run(["id"])
        assert caught.value.kind == "denied"
        sudo.write_text('#!/bin/sh\n[ "$1 $2" = "-n --" ] && shift 2 && exec "$@"\n')
        assert sh.run(["echo", "as root"]).out == "as root\n"
