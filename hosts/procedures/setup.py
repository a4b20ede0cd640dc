"""A machine with nothing but SSH becomes a host: engine, certificates, settings, bridge, networks, conformance."""

from __future__ import annotations

import json
import time
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hosts import bridging, daemon, networks, observe, restarts, shell
from hosts.conformance import store
from hosts.conformance.checks.netfilter_modules import BARRED
from hosts.conformance.profiles import profile_of
from hosts.conformance.script import MODPROBE_FILE, SYSCTL_FILE
from hosts.engine import connect, spec_of
from hosts.models import CheckResult, Host, IssuedCertificate, Segment
from hosts.operations import Failed, Run, operation
from hosts.procedures import tls
from hosts.procedures.engine import APT, INSTALL_SECONDS, apt
from hosts.services import certificates
from hosts.shell import Shell, ShellError
from xqplatform.accounts.actor import Actor

FACTS = r"""
. /etc/os-release 2>/dev/null; echo "system ${PRETTY_NAME:-unknown}"
for p in apt-get dockerd systemctl ip; do command -v $p >/dev/null && echo "has $p"; done
systemctl is-active --quiet systemd-networkd 2>/dev/null && echo "has networkd"
[ -f /etc/network/interfaces ] && command -v ifup >/dev/null && echo "has ifupdown"
[ "$(id -u)" = 0 ] && echo "has root"
exit 0
"""


@operation("host.setup", title=gettext_lazy("Set up the machine"), upkeep=True)
def set_up(run: Run) -> None:
    """Params: `address` (of the machine), `bridge` (empty: leave the network alone), `segments` (slugs), `confirm`."""
    with shell.connect(run.host, check=run.check) as sh:
        has = run.remember("has", lambda: _look(run, sh))
        _install(run, sh, has)
        _kernel(run, sh)
        bridge = str(run.params.get("bridge") or "")
        if bridge:
            _bridge(run, sh, bridge, has)
        _engine(run, sh)
    _join(run)


def _look(run: Run, sh: Shell) -> list[str]:
    with run.step("look", _("See what the machine has")):
        lines = sh.must(["sh", "-c", FACTS]).out.splitlines()
        run.say("\n".join(lines))
        has = [line.removeprefix("has ") for line in lines if line.startswith("has ")]
        if "root" not in has:
            raise Failed(_("The SSH access is not root there: use root, or a user with sudo and tick «through sudo»."))
        missing = [name for name in ("systemctl", "ip") if name not in has]
        if missing:
            words = _("This machine has no %(what)s: set it up by hand, then connect it as a host.")
            raise Failed(words % {"what": ", ".join(missing)})
        run.note(next((line.removeprefix("system ") for line in lines if line.startswith("system ")), ""))
    return has


def _install(run: Run, sh: Shell, has: list[str]) -> None:
    if not run.todo("install"):
        return
    with run.step("install", _("Install the engine")):
        if "dockerd" in has:
            run.note(_("It is installed already."))
            return
        if "apt-get" not in has:
            raise Failed(
                _(
                    "No Docker Engine, and no apt-get to install it. Install it with the system's own tools, then start this again."
                )
            )
        ran = sh.run([*APT, "update"], timeout=INSTALL_SECONDS, on_output=run.say)
        if not ran.ok:
            run.say(_("The list of packages could not be renewed: %(why)s") % {"why": ran.said})
        apt(sh, run, "install", "docker.io")


def kernel_files(host: Host) -> dict[str, str]:
    """What goes into the kernel's settings: path → text. Pure."""
    build = not host.role_run and host.role_build
    files = {
        SYSCTL_FILE: "# Kept by the platform.\n"
        f"net.ipv4.ip_forward = {int(build)}\nnet.ipv6.conf.all.forwarding = {int(build)}\n"
    }
    if not build:
        lines = ["# Kept by the platform: no packet filter on this host."]
        for name in sorted(BARRED):
            lines += [f"blacklist {name}", f"install {name} /bin/true"]
        files[MODPROBE_FILE] = "\n".join(lines) + "\n"
    return files


def _kernel(run: Run, sh: Shell) -> None:
    files = kernel_files(run.host)
    names = [line.split(" = ")[0] for line in files[SYSCTL_FILE].splitlines() if " = " in line]
    old = run.remember(
        "kernel",
        lambda: {
            "files": {path: sh.read(path) for path in files},
            "values": {name: sh.run(["sysctl", "-n", name]).out.strip() for name in names},
        },
    )

    def back() -> None:
        for path, text in old["files"].items():
            restarts.put_back(sh, path, text)
        for name, value in old["values"].items():
            if value:
                sh.run(["sysctl", "-w", f"{name}={value}"])

    run.on_failure(back, _("Put the kernel's settings back"))
    if run.todo("kernel"):
        with run.step("kernel", _("Set forwarding, and keep the packet filter out")):
            for path, text in files.items():
                sh.write(path, text)
            ran = sh.run(["sysctl", "-e", "-p", SYSCTL_FILE])
            if not ran.ok:
                raise Failed(_("sysctl failed: %(why)s") % {"why": ran.said})


def _bridge(run: Run, sh: Shell, bridge: str, has: list[str]) -> None:
    """The address moves to the bridge; the machine itself moves it back when we do not come again within a minute."""
    if not bridging.NAME.fullmatch(bridge):
        raise Failed(_("«%(name)s» is no name of an interface.") % {"name": bridge[:30]})
    address = str(run.params["address"])
    seen: dict[str, Any] = run.remember("nic", lambda: _nic(sh, address))
    nic = bridging.Nic(seen["name"], seen["mac"], tuple(seen["addresses"]), tuple(seen["routes"]))
    kept: dict[str, Any] = run.remember("network-files", lambda: _persistent(sh, nic, bridge, has))
    if nic.name != bridge:
        run.on_failure(lambda: _put_network_back(run, sh, kept), _("Put the network's files back"))
    if not run.todo("bridge"):
        return
    with run.step("bridge", _("Move the address to %(bridge)s") % {"bridge": bridge}):
        if _nic(sh, address)["name"] == bridge:
            run.note(_("It is there already."))
            return
        if sh.run(["ip", "link", "show", bridge]).ok:
            words = _("There is a %(bridge)s that does not hold %(address)s: remove it, or choose another name.")
            raise Failed(words % {"bridge": bridge, "address": address})
        for path, text in kept["new"].items():
            sh.write(path, text)
        _move(run, sh, nic, bridge)
        run.note(kept["words"])


def _nic(sh: Shell, address: str) -> dict[str, Any]:
    links = json.loads(sh.must(["ip", "-j", "-4", "address", "show"]).out or "[]")
    routes: dict[str, list[str]] = {}
    for link in links:
        name = link.get("ifname")
        if name:
            lines = sh.must(["ip", "-4", "route", "show", "dev", name]).out.splitlines()
            routes[name] = [line.strip() for line in lines if line.strip()]
    macs = {
        one.get("ifname"): one.get("address", "")
        for one in json.loads(sh.must(["ip", "-j", "link", "show"]).out or "[]")
    }
    nic = bridging.nic_of(address, links, routes)
    if nic is None:
        words = _("No interface of the machine has %(address)s: give the address that the machine itself knows.")
        raise Failed(words % {"address": address})
    return {"name": nic.name, "mac": macs.get(nic.name, ""), "addresses": nic.addresses, "routes": nic.routes}


def _persistent(sh: Shell, nic: bridging.Nic, bridge: str, has: list[str]) -> dict[str, Any]:
    """The files that keep the bridge over a boot, their old texts, and words for what there is none for."""
    if nic.name == bridge:
        return {"new": {}, "old": {}, "words": ""}
    if "networkd" in has:
        new = bridging.networkd(nic, bridge)
        words = _("Kept by systemd-networkd.")
    elif "ifupdown" in has:
        path = "/etc/network/interfaces"
        try:
            new = {path: bridging.ifupdown(sh.read(path) or "", nic, bridge)}
            words = _("Kept by ifupdown.")
        except ValueError as error:
            new, words = {}, _("Not kept over a boot: %(why)s") % {"why": error}
    else:
        new = {}
        words = _(
            "Not kept over a boot: neither systemd-networkd nor ifupdown runs here. Tell the machine's own tool of the bridge."
        )
    return {"new": new, "old": {path: sh.read(path) for path in new}, "words": words}


def _put_network_back(run: Run, sh: Shell, kept: dict[str, Any]) -> None:
    if any(step["name"] == "bridge" and step["state"] == "done" for step in run.row.steps):
        return  # the address is on the bridge, which is as good a place: what failed came later
    for path, text in kept["old"].items():
        restarts.put_back(sh, path, text)


def _move(run: Run, sh: Shell, nic: bridging.Nic, bridge: str) -> None:
    folder = sh.must(["mktemp", "-d", "/run/xqplatform-bridge.XXXXXX"]).out.strip()
    sh.write(f"{folder}/move.sh", bridging.live_script(nic, bridge, folder))
    started = ["sh", "-c", f"nohup setsid sh {folder}/move.sh >/dev/null 2>&1 & exit 0"]
    try:
        sh.must(started)
    except ShellError as error:
        run.say(_("The connection broke off while the address moved: %(why)s") % {"why": error.words})
    end = time.monotonic() + bridging.WAIT * 0.7
    state = ""
    while time.monotonic() < end:
        sh.close()  # a new connection is the proof, not the one that was there
        try:
            state = (sh.read(f"{folder}/state") or "").strip()
            if state == "moved":
                sh.must(["touch", f"{folder}/ok"])
                run.say(_("Reached again over %(bridge)s.") % {"bridge": bridge})
                return
            if state:
                break
        except ShellError as error:
            run.say(error.words)
        time.sleep(1)
    _await_return(run, sh, folder, state)


def _await_return(run: Run, sh: Shell, folder: str, state: str) -> None:
    """The machine puts its network back by itself; says how that went."""
    log, end = "", time.monotonic() + bridging.WAIT * 2
    while time.monotonic() < end:
        try:
            sh.close()
            state = (sh.read(f"{folder}/state") or "").strip()
            log = sh.read(f"{folder}/log") or ""
            if state in {"undone", "failed"}:
                break
        except ShellError as error:
            run.note(error.words)
        time.sleep(2)
    run.say(log[-3000:])
    if state in {"undone", "failed"}:
        raise Failed(_("The machine could not be reached over the bridge, and put its network back by itself."))
    raise Failed(_("The machine is not reachable since its address was to move. Look at its console."))


def _engine(run: Run, sh: Shell) -> None:
    """Certificates, settings, start."""
    host, address = run.host, str(run.params["address"])
    server = _server(run, address)
    old = run.remember("old", lambda: restarts.settings_of(sh))
    was = daemon.parse(old)
    listens = [h for h in was.get("hosts", [tls.SOCKET]) if not str(h).startswith(("tcp://", "fd://"))] or [tls.SOCKET]
    wanted = daemon.render(
        {**profile_of(host).daemon, **tls.settings_for(server), "hosts": [*listens, f"tcp://{host.address}"]}, was
    )
    unit = run.remember("unit", lambda: {"file": sh.read(restarts.DROP_IN), "argv": restarts.command_line(sh)})
    argv = daemon.without_flags(unit["argv"], wanted)

    def back() -> None:
        restarts.put_back(sh, restarts.FILE, old)
        restarts.put_back(sh, restarts.DROP_IN, unit["file"])
        if argv is not None:
            sh.run(["systemctl", "daemon-reload"])
        sh.run(["systemctl", "stop", "docker"], timeout=restarts.SLOW)

    if run.todo("strangers"):
        with run.step("strangers", _("See that nothing runs there yet")):
            ran = sh.run(["docker", "ps", "--format", "{{.Names}}"])
            names = ran.out.split() if ran.ok else []
            if names and not run.params.get("confirm"):
                words = _("%(n)s containers run there already (%(names)s): connect the machine as a host instead.")
                raise Failed(words % {"n": len(names), "names": ", ".join(names[:5])})
    run.on_failure(back, _("Put the engine's settings back and stop it"))
    if run.todo("settings"):
        with run.step("settings", _("Write daemon.json and the certificates")):
            wrong = daemon.mistakes(wanted)
            if wrong:
                raise Failed(" ".join(wrong))
            tls.write_files(sh, server, certificates.trusted())
            text = daemon.dump(wanted, old)
            restarts.validate(sh, text)
            sh.write(restarts.FILE, text)
            if argv is not None:
                sh.write(restarts.DROP_IN, restarts.drop_in(argv))
                sh.must(["systemctl", "daemon-reload"])
    if run.todo("start"):
        with run.step("start", _("Start the engine")):
            sh.run(["systemctl", "enable", "docker"])
            restarts.restart(sh)
    if run.todo("answers"):
        with run.step("answers", _("Connect over TLS")):
            restarts.until_answers(run, spec_of(Host.objects.get(pk=host.pk)))
            certificates.installed(list(IssuedCertificate.objects.filter(host=host, installed=None)))


def _server(run: Run, address: str) -> IssuedCertificate:
    def made() -> int:
        names = tls.names_for(Host(name=run.host.name, connection="local"), address)
        return certificates.issue(Actor.system("operations"), run.host, "server", names).pk

    row = IssuedCertificate.objects.filter(pk=run.remember("server", made)).first()
    if row is None:
        raise Failed(_("The certificates of this operation are gone: start it again."))
    run.hide(*(line for line in row.key.splitlines() if len(line) > 30))
    return row


def _join(run: Run) -> None:
    """The host is read, gets its segments' networks, and its conformance is judged."""
    host = Host.objects.get(pk=run.host.pk)
    if run.todo("read"):
        with run.step("read", _("Read the engine")):
            observe.refresh_host(host.pk)
            host.refresh_from_db()
            if host.state not in Host.ANSWERING:
                raise Failed(host.state_reason or _("The engine could not be read."))
    if run.todo("segments"):
        with run.step("segments", _("Make the networks of its segments")):
            wrong = []
            for segment in Segment.objects.filter(slug__in=run.params.get("segments", [])):
                segment.hosts.add(host)
                wrong += networks.ensure_network(connect(host), segment)
            run.note("; ".join(wrong) or _("%(n)s segments.") % {"n": host.segments.count()})
    if run.todo("conformance"):
        with run.step("conformance", _("Judge its conformance")):
            run.note(_judge(host))
    certificates.look(host)
    run.row.words = _("%(host)s is a host of the fleet: engine %(version)s.") % {
        "host": host,
        "version": host.engine_version,
    }


def _judge(host: Host) -> str:
    """Reads the whole machine and judges it; what still fails is said, each with its fix on the conformance page."""
    store.read_host(host.pk)
    results = CheckResult.objects.filter(host=host)
    passing = results.filter(state=CheckResult.State.PASSES).count()
    failing = results.filter(state=CheckResult.State.FAILS).values_list("check_slug", flat=True)
    words = _("%(n)s of %(all)s checks pass.") % {"n": passing, "all": results.count()}
    if failing:
        words += " " + _("These do not: %(names)s.") % {"names": ", ".join(sorted(failing))}
    return words
