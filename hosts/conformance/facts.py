"""From the script's output to facts: a plain dictionary of sections. Pure functions; what is not there is left out.

Sections (times are epoch seconds, sizes bytes):
`source` ssh | engine | server, `clock` {low, high} seconds that the machine may be ahead, `sysctl` {name: text}, `modules` {loaded:
[names] or None where the kernel has no modules, built_in: [names]}, `blacklist` [names], `tcp` {counter: n}, `links` {name: {…}},
`addresses` {link: [CIDR]}, `routes` [links of default routes], `daemon` {daemon.json}, `arguments` [of dockerd], `engine` {of
its info}, `server` {of a server that tells its settings itself: hosts/lxd/settings.py}, `space` {…}, `swaps` [names], `cgroup` {…}, `machine_id`, `certificates` {name: epoch}, `files` {path: text or None}.
Added by gather.py: `host`, `fleet`, `before`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypedDict

from cryptography import x509

Json = dict[str, Any]
CGROUP2 = "63677270"  # the magic number of its file system, as stat says it
KEPT = (
    "ID", "Name", "ServerVersion", "Driver", "DriverStatus", "DockerRootDir", "LiveRestoreEnabled", "CgroupVersion",
    "CgroupDriver", "MemoryLimit", "SwapLimit", "IPv4Forwarding", "BridgeNfIptables", "LoggingDriver", "Warnings",
    "OperatingSystem", "KernelVersion", "SystemTime",
)  # fmt: skip
SECRET = re.compile(r"(?<=://)[^/@\s\"]+(?=@)")


class Facts(TypedDict, total=False):
    source: str
    taken: float
    clock: Json
    sysctl: dict[str, str]
    bridge_filter: bool
    modules: Json
    blacklist: list[str]
    tcp: dict[str, int]
    links: dict[str, Json]
    addresses: dict[str, list[str]]
    routes: list[str]
    kernel: str
    daemon: Json
    daemon_path: str
    daemon_error: str
    arguments: list[str]
    engine: Json
    space: Json
    swaps: list[str]
    cgroup: Json
    machine_id: str
    ssh_address: str
    certificates: dict[str, float]
    files: dict[str, str | None]
    host: Json
    fleet: Json
    before: Json
    server: Json


def sections(output: str) -> dict[str, str]:
    """The text of each section; one that was begun twice counts as first said."""
    found: dict[str, str] = {}
    for piece in re.split(r"^@@xq ", output.replace("\r\n", "\n"), flags=re.M)[1:]:
        name, _newline, text = piece.partition("\n")
        found.setdefault(name.strip(), text.strip("\n"))
    return found


def parse(output: str, source: str, asked: float = 0, answered: float = 0, root: str = "") -> Facts:
    """The facts of one run of the script. `asked`, `answered`: when, by our clock (0: the clocks are not compared);
    `root`: the engine's data root."""
    part = sections(output)
    facts: Facts = {"source": source}
    sysctl = dict(line.split("=", 1) for line in part.get("sysctl", "").splitlines() if "=" in line)
    if "sysctl" in part:
        facts["sysctl"] = {name.replace("/", "."): value.strip() for name, value in sysctl.items()}
        facts["bridge_filter"] = part.get("sysctl_bridge", "") == "yes"
    clock = _clock(part, asked, answered)
    if clock:
        facts["clock"] = clock
    if part.get("modules"):
        facts["modules"] = _modules(part, facts.get("sysctl", {}))
    tcp = _tcp(part.get("snmp", ""))
    if tcp:
        facts["tcp"] = tcp
    links = _links(part)
    if links:
        facts["links"] = links
    if part.get("addr"):
        facts["addresses"] = _addresses(part["addr"])
    if part.get("route"):
        facts["routes"] = [
            row[0]
            for row in map(str.split, part["route"].splitlines()[1:])
            if len(row) > 7 and row[1] == row[7] == "00000000"
        ]
    if part.get("swaps"):
        facts["swaps"] = [row.split()[0] for row in part["swaps"].splitlines()[1:] if row.split()]
    if part.get("uname"):
        facts["kernel"] = part["uname"]
    cgroup = _cgroup(part)
    if cgroup:
        facts["cgroup"] = cgroup
    space = _space(part, root)
    if space:
        facts["space"] = space
    if source == "ssh":
        _machine(part, facts)
    return facts


def _machine(part: Mapping[str, str], facts: Facts) -> None:
    """What only the machine's own files and processes tell."""
    if part.get("dockerd"):
        facts["arguments"] = part["dockerd"].splitlines()[1:]
    facts["daemon_path"] = part.get("daemonpath") or "/etc/docker/daemon.json"
    state, _newline, text = part.get("daemon", "").partition("\n")
    if state == "none":
        facts["daemon"] = {}
    elif state == "there":
        try:
            read = json.loads(text or "{}")
        except ValueError as error:
            facts["daemon_error"] = str(error)[:200]
        else:
            if isinstance(read, dict):
                facts["daemon"] = read
    if part.get("modprobe", "").startswith("read"):
        facts["blacklist"] = _blacklist(part["modprobe"])
    if part.get("machineid"):
        facts["machine_id"] = part["machineid"].strip()
    connection = part.get("ssh", "").split()
    if len(connection) == 4:
        facts["ssh_address"] = connection[2]
    ends = certificate_end(part.get("certificate", ""))
    if ends:
        facts["certificates"] = {"server": ends}
    facts["files"] = {}
    for name, text in part.items():
        if name.startswith("file "):
            state, _newline, content = text.partition("\n")
            if state != "closed":
                facts["files"][name[5:]] = (
                    content + "\n" if state == "there" and content else None if state == "none" else ""
                )
    try:
        info = json.loads(part.get("info") or "{}")
    except ValueError:
        info = {}
    if isinstance(info, dict) and info.get("ServerVersion"):
        facts["engine"] = engine_facts(info)


def engine_facts(info: Mapping[str, Any]) -> Json:
    """Of the engine's info only what checks look at."""
    return {name: info[name] for name in KEPT if name in info}


def counters(facts: Mapping[str, Any], taken: float) -> Json:
    """What the next reading needs to make rates."""
    links = facts.get("links") or {}
    return {
        "time": taken,
        "tcp": facts.get("tcp") or {},
        "links": {name: {k: v for k, v in one.items() if k in {"packets", "drops"}} for name, one in links.items()},
    }


def without_secrets(value: Any) -> Any:
    """The same with passwords in URLs blotted out: what is stored and shown."""
    if isinstance(value, str):
        return SECRET.sub("***", value)
    if isinstance(value, dict):
        return {key: without_secrets(one) for key, one in value.items()}
    return [without_secrets(one) for one in value] if isinstance(value, list) else value


def certificate_end(pem: str) -> float:
    """When the first certificate of a PEM text ends; 0 if there is none."""
    try:
        return x509.load_pem_x509_certificate(pem.strip().encode()).not_valid_after_utc.timestamp()
    except ValueError:
        return 0


def _seconds(text: str) -> float:
    """`date +%s.%N`; busybox builds without %N leave it away or print it as it stands."""
    found = re.match(r"\s*(\d{9,11})(\.\d+)?", text)
    return float(found[1] + (found[2] or "")) if found else 0


def _clock(part: Mapping[str, str], asked: float, answered: float) -> Json | None:
    """Bounds of how far the machine's clock is ahead: its first time is not before we asked, its last not after we heard."""
    first, last = _seconds(part.get("date", "")), _seconds(part.get("end", ""))
    if not (first and last and asked and answered):
        return None
    grain = 0.0 if "." in part["date"] and "." in part["end"] else 1.0  # a clock of whole seconds rounds down
    return {"low": round(last - answered, 3), "high": round(first + grain - asked, 3)}


def _modules(part: Mapping[str, str], sysctl: Mapping[str, str]) -> Json:
    state, *lines = part["modules"].splitlines()
    built_in = ["ip_tables"] if part.get("tables") else []
    if "net.netfilter.nf_conntrack_max" in sysctl:
        built_in.append("nf_conntrack")
    if state != "loaded":
        return {"loaded": None, "built_in": built_in}
    rows = [row for row in map(str.split, lines) if len(row) >= 2]
    uses = {row[0]: int(row[1]) if row[1].isdigit() else 0 for row in rows}
    users = {row[0]: [one for one in row[2].split(",") if one in uses] for row in rows if len(row) > 2}
    return {
        "loaded": sorted(uses),
        "uses": uses,
        "users": {name: names for name, names in users.items() if names},  # other modules: they have to go first
        "built_in": [one for one in built_in if one not in uses],
    }


def _blacklist(text: str) -> list[str]:
    """Modules that neither load by alias nor by name: `blacklist X` alone stops only the alias, so both are read."""
    rows = [line.split() for line in text.splitlines()[1:]]
    named = {row[1] for row in rows if len(row) > 1 and row[0] == "blacklist"}
    dead = {row[1] for row in rows if len(row) > 2 and row[0] == "install" and row[2] in {"/bin/true", "/bin/false"}}
    return sorted(name.replace("-", "_") for name in named | dead)


def _tcp(text: str) -> dict[str, int]:
    rows = [line.split()[1:] for line in text.splitlines() if line.startswith("Tcp:")]
    if len(rows) < 2:
        return {}
    known = dict(zip(rows[0], rows[1], strict=False))
    return {name: int(known[name]) for name in ("OutSegs", "RetransSegs") if known.get(name, "").isdigit()}


def _links(part: Mapping[str, str]) -> dict[str, Json]:
    """Network cards. The flag PROMISC is only what somebody set; `promiscuity`, which busybox does not tell, counts the
    kernel's own listeners as well: a bridge is one on each of its ports.
    """
    found: dict[str, Json] = {}
    for head, details in re.findall(r"^\d+: (\S+: <.*)\n((?:[ \t]+.*\n?)*)", part.get("link", "") + "\n", re.M):
        name, _colon, rest = head.partition(": ")
        name = name.partition("@")[0]
        flags = re.search(r"<([^>]*)>", rest)
        count, master = re.search(r"\bpromiscuity (\d+)", details), re.search(r"\bmaster (\S+)", rest)
        link = found.setdefault(name, {"flags": flags[1].split(",") if flags else []})
        if count:
            link["promiscuity"] = int(count[1])
        if master:
            link["master"] = master[1]
        link["port"] = bool(re.search(r"\bbridge_slave\b", details)) if count else bool(master)
        kind = re.search(r"^\s+(bridge|veth|macvlan|vlan|bond|dummy|tun|vxlan)\b(?!_)", details, re.M)
        link["kind"] = kind[1] if kind else ""
    for line in part.get("dev", "").splitlines():
        name, colon, rest = line.partition(":")
        numbers = [int(n) for n in rest.split() if n.isdigit()]
        if colon and len(numbers) >= 16:
            link = found.setdefault(name.strip(), {"flags": []})
            link["packets"] = numbers[1] + numbers[9]
            link["drops"] = numbers[3] + numbers[11]
    return found


def _addresses(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, cidr in re.findall(r"^\d+:\s+(\S+)\s+inet (\S+)", text, re.M):
        found.setdefault(name, []).append(cidr)
    return found


def _space(part: Mapping[str, str], root: str) -> Json:
    """The file system of the data root: figures by `stat -f`, type by the mount that holds it."""
    numbers = part.get("space", "").split()
    if len(numbers) != 5 or not all(n.isdigit() for n in numbers):
        return {}
    size, total, free, inodes, inodes_free = map(int, numbers)
    space: Json = {"total": size * total, "free": size * free, "inodes": inodes, "inodes_free": inodes_free}
    held = re.search(r" - (\S+) (\S+)", part.get("mount", ""))
    if held:
        space |= {"type": held[1], "device": held[2]}
    rows = [row.split() for row in part.get("mounts", "").splitlines()]
    above = [row for row in rows if len(row) > 2 and f"{root}/".startswith(row[1].rstrip("/") + "/")]
    if root and above:
        nearest = max(above, key=lambda row: len(row[1]))  # of two at one place the later one lies on top
        nearest = [row for row in above if row[1] == nearest[1]][-1]
        space |= {"device": nearest[0], "mount": nearest[1], "type": nearest[2]}
    return space


def _cgroup(part: Mapping[str, str]) -> Json:
    rows = {row[0]: row for row in map(str.split, part.get("cgroups", "").splitlines()) if len(row) == 4}
    found: Json = {}
    if "memory" in rows:
        found["memory_enabled"] = rows["memory"][3] == "1"
    magic = part.get("cgroupfs", "").split()
    if magic:
        found["version"] = "2" if magic[0] == CGROUP2 else "1"
        if found["version"] == "2":
            found["memory_enabled"] = "memory" in part.get("controllers", "").split()
        found["swap_accounting"] = bool(part.get("memsw", "").strip())
    return found
