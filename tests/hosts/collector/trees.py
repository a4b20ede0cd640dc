"""The kernel's files as a collector sees them, written into a folder: cgroup versions 1 and 2, as recorded on machines."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hosts.collector.image import FOLDER
from hosts.collector.protocol import Block, Parser

OWN = "0f" * 32
ONE = "1a" * 32
TWO = "2b" * 32
NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     840      10    0    0    0     0          0         0      840      10    0    0    0     0       0          0
  eth0: {rx_bytes}     {rx_packets}    1    2    0     0          0         0 {tx_bytes}    {tx_packets}    3    4    0     0       0          0
"""
HOST_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     840      10    0    0    0     0          0         0      840      10    0    0    0     0       0          0
  br0:9000000000      90    0    7    0     0          0         0 8000000000      80    0    0    0     0       0          0
  idle0:        0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
  veth12ab:     1       1    0    0    0     0          0         0        1       1    0    0    0     0       0          0
"""
SNMP = """Ip: Forwarding DefaultTTL InReceives
Ip: 1 64 1000
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs
Tcp: 1 200 120000 -1 5 6 0 0 {current} 4000 5000 60
Udp: InDatagrams NoPorts
Udp: 5 6
"""
SOCKSTAT = "sockets: used 20\nTCP: inuse {four} orphan 0 tw 9 alloc 5 mem 1\nUDP: inuse 1 mem 0\n"
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0B04D50A:0050 0104D50A:C822 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 0B04D50A:0050 0104D50A:C823 08 00000000:00000000 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
"""
DISKSTATS = """   7       0 loop0 5 0 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0
   8       0 sda 100 5 2000 30 200 6 4000 60 0 500 90 0 0 0 0
   8       1 sda1 90 5 1900 30 190 6 3900 60 0 400 90 0 0 0 0
 253       0 dm-0 10 0 100 3 20 0 400 6 0 50 9 0 0 0 0
"""
MEMINFO = """MemTotal:        8000000 kB
MemFree:         1000000 kB
MemAvailable:    5000000 kB
Buffers:          100000 kB
Cached:          3000000 kB
SwapCached:            5 kB
SwapTotal:       2000000 kB
SwapFree:        1500000 kB
SReclaimable:     200000 kB
"""


class Tree:
    """`cgroup`, `proc` and `sys` below a folder. Containers lie in `parent`; scopes are systemd's."""

    def __init__(self, folder: Path, version: int, parent: str = "/docker", scopes: bool = False) -> None:
        self.folder, self.version, self.parent, self.scopes = folder, version, parent, scopes
        self.cgroup, self.proc, self.sys = folder / "cgroup", folder / "proc", folder / "sys"
        if version == 2:
            self.write(self.cgroup / "cgroup.controllers", "cpu io memory pids\n")
        self._machine()

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _machine(self) -> None:
        at = self.proc
        name = self.name(OWN)
        own = f"0::{self.parent}/{name}\n" if self.version == 2 else (
            f"12:pids:{self.parent}/{name}\n9:memory:{self.parent}/{name}\n4:cpu,cpuacct:{self.parent}/{name}\n"
            f"1:name=systemd:{self.parent}/{name}\n0::/system.slice/containerd.service\n"
        )  # fmt: skip
        self.write(at / "self/cgroup", own)
        self.write(at / "self/status", "Name:\tsh\nPid:\t500\nPPid:\t77\n")
        self.write(at / "self/stat", "501 (awk) S 500 1 1 0 -1 0 0 0 0 0 7 5 0 0 20 0 1 0 9 1 1\n")
        self.write(at / "self/mounts", "")
        self.write(at / "sys/kernel/random/boot_id", "68f02770-1111-2222-3333-444444444444\n")
        self.write(at / "sys/net/netfilter/nf_conntrack_max", "262144\n")
        self.write(at / "uptime", "1234.56 2000.00\n")
        self.write(at / "loadavg", "0.50 0.40 0.30 2/345 6789\n")
        self.write(at / "stat", "cpu  1000 20 300 40000 50 6 7 8 900 0\ncpu0 500 10 150 20000 25 3 3 4 450 0\n"
                                "cpu1 500 10 150 20000 25 3 4 4 450 0\nintr 5\n")  # fmt: skip
        self.write(at / "meminfo", MEMINFO)
        self.write(at / "diskstats", DISKSTATS)
        for disk in ("sda", "dm-0"):
            self.write(self.sys / "block" / disk / "size", "1000\n")
        for what in ("cpu", "memory", "io"):
            self.write(at / "pressure" / what, "some avg10=1.25 avg60=0.00 avg300=0.00 total=5\n")
        self.write(at / "77/net/dev", HOST_DEV)
        self.write(at / "77/net/snmp", SNMP.format(current=3))
        self.write(at / "77/net/stat/nf_conntrack", "entries  searched\n0000001f  00000000\n0000001f  00000000\n")
        self.container(OWN, 500, cpu=4_000_000, memory=2_000_000)

    def name(self, engine_id: str) -> str:
        return f"docker-{engine_id}.scope" if self.scopes else engine_id

    def process(self, pid: int, started: int, inside: str = "1", four: int = 3, current: int = 2) -> None:
        at = self.proc / str(pid)
        words = "S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0"
        self.write(at / "stat", f"{pid} (a (b) c) {words} {started} 1 1\n")
        self.write(
            at / "status", f"Name:\tx\nNSpid:\t{pid}{' ' + inside if inside else ''}\nThreads:\t1\n".replace(" ", "\t")
        )
        self.write(at / "net/dev", NET_DEV.format(rx_bytes=5000, rx_packets=50, tx_bytes=6000, tx_packets=60))
        self.write(at / "net/snmp", SNMP.format(current=current))
        self.write(at / "net/sockstat", SOCKSTAT.format(four=four))
        self.write(at / "net/sockstat6", "TCP6: inuse 0\nUDP6: inuse 0\n")
        self.write(at / "net/tcp", TCP)

    def container(
        self, engine_id: str, pid: int, started: int = 4711, cpu: int = 7_000_000, memory: int = 50_000_000
    ) -> None:
        """`cpu` in µs."""
        self.process(pid, started)
        name = f"{self.parent}/{self.name(engine_id)}".lstrip("/")
        if self.version == 2:
            self._version_2(self.cgroup / name, pid, cpu, memory)
        else:
            self._version_1(name, pid, cpu, memory)

    def _version_2(self, at: Path, pid: int, cpu: int, memory: int) -> None:
        files: dict[str, Any] = {
            "cgroup.procs": f"{pid + 1}\n{pid}\n",
            "cpu.stat": f"usage_usec {cpu}\nuser_usec 1\nsystem_usec 2\nnr_periods 100\nnr_throttled 40\nthrottled_usec 5000\n",
            "cpu.max": "50000 100000\n",
            "memory.current": f"{memory}\n",
            "memory.max": "67108864\n",
            "memory.stat": "anon 20000000\nfile 25000000\nkernel_stack 5\ninactive_anon 1\nactive_anon 2\ninactive_file 9000000\n"
                           "active_file 3\n",
            "memory.events": "low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n",
            "pids.current": "4\n",
            "io.stat": "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n253:0 rbytes=4096 wbytes=8192 rios=1 wios=2 "
                       "dbytes=0 dios=0\n",
            "io.pressure": "some avg10=0.00\n",
        }  # fmt: skip
        for file, text in files.items():
            self.write(at / file, text)

    def _version_1(self, name: str, pid: int, cpu: int, memory: int) -> None:
        files: dict[str, Any] = {
            "memory/cgroup.procs": f"{pid}\n{pid + 1}\n",
            "cpuacct/cpuacct.usage": f"{cpu * 1000}\n",
            "cpu/cpu.stat": "nr_periods 100\nnr_throttled 40\nthrottled_time 5000000\n",
            "cpu/cpu.cfs_quota_us": "50000\n",
            "cpu/cpu.cfs_period_us": "100000\n",
            "memory/memory.usage_in_bytes": f"{memory}\n",
            "memory/memory.limit_in_bytes": "67108864\n",
            "memory/memory.failcnt": "12\n",
            "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
            "memory/memory.stat": "cache 1\nrss 2\ninactive_file 3\ntotal_cache 25000000\ntotal_rss 20000000\n"
                                  "total_inactive_file 9000000\ntotal_active_file 3\n",
            "pids/pids.current": "4\n",
            "blkio/blkio.throttle.io_service_bytes": "8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 0\n8:0 Async 12288\n8:0 Total 12288\n"
                                                     "253:0 Read 4096\n253:0 Write 8192\n253:0 Total 12288\nTotal 24576\n",
            "blkio/blkio.throttle.io_serviced": "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\n253:0 Read 1\n253:0 Write 2\nTotal 6\n",
        }  # fmt: skip
        for file, text in files.items():
            controller, _slash, rest = file.partition("/")
            self.write(self.cgroup / controller / name / rest, text)

    def run(self, ticks: int = 1, interval: int = 1) -> tuple[list[Block], Parser]:
        parser = Parser()
        return list(parser.blocks(self.lines(ticks, interval))), parser

    def lines(self, ticks: int = 1, interval: int = 1) -> list[str]:
        environment = {
            "PATH": os.environ["PATH"], "CGROUP": str(self.cgroup), "PROC": str(self.proc), "SYS": str(self.sys),
            "TICKS": str(ticks), "INTERVAL": str(interval), "VERSION": "v1", "AWK": str(FOLDER / "collect.awk"),
        }  # fmt: skip
        busybox = shutil.which("busybox") or "busybox"
        command = [busybox, "sh", str(FOLDER / "collect.sh")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        assert done.stderr == ""
        return done.stdout.splitlines()
