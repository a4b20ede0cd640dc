"""Where the CPU of one tick goes: the collector's own program on a machine with containers, with parts of it left out."""

from __future__ import annotations

import re
import resource
import subprocess
import time
from pathlib import Path

from hosts.collector import image
from tests.bench.results import Results

TICKS = 20
HOST = "host_itself(); host_disks(); host_network(); host_tcp(); host_filesystems()"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "CGROUP": "/sys/fs/cgroup", "PROC": "/proc", "SYS": "/sys", "ROOT": "/nowhere",
               "INTERVAL": "1", "VERSION": "bench"}  # fmt: skip


def without(program: str, function: str, answer: str) -> str:
    """The program with a function that only answers this."""
    found = re.search(rf"^function {function}\([^)]*\) {{(.*}}$|\n(.*\n)*?^}}$)", program, re.MULTILINE)
    assert found is not None, function
    head = found[0].partition("{")[0]
    return program.replace(found[0], f"{head}{{ {answer} }}")


def milliseconds(program: str, brother: int) -> float:
    """CPU of a tick of both processes and their children; `brother`: a process of one of the engine's containers."""
    awk = Path("/tmp") / f"xq-bench-{time.monotonic_ns()}.awk"
    awk.write_text(program)
    environment = ENVIRONMENT | {"BROTHER": str(brother), "TICKS": str(TICKS), "AWK": str(awk)}
    shell = dict(image.program_files())["collect.sh"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        subprocess.run(
            ["busybox", "sh", "-s"], input=shell, env=environment, stdout=subprocess.DEVNULL, check=True, timeout=300
        )
    finally:
        awk.unlink()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / TICKS


def walk(pid: int) -> float:
    """Milliseconds of CPU that one look at a name space's sockets one by one takes: nearly all of it is the kernel's."""
    before = time.process_time()
    for _ in range(10):
        Path(f"/proc/{pid}/net/tcp").read_bytes()
    return 1000 * (time.process_time() - before) / 10


def run(results: Results, brother: int) -> None:
    program = without(dict(image.program_files())["collect.awk"].decode(), "walk", "return")
    assert HOST in program
    none = without(program, "container", "return")
    clock = milliseconds(none.replace(HOST, ""), brother)
    machine = milliseconds(none, brother)
    resting = milliseconds(without(program, "due", "return 0"), brother)
    working = milliseconds(without(program, "rests", "return 0"), brother)
    results.add("a tick's CPU: its clock, two processes that wake up", clock, "ms")
    results.add("a tick's CPU: the machine's own lines", machine - clock, "ms")
    results.add("a tick's CPU: 30 containers of which no thread has run", resting - machine, "ms")
    results.add("a tick's CPU: 30 containers that all work", working - machine, "ms")
    results.add("one look at a name space's sockets, one by one", walk(brother), "ms")
