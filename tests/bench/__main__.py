"""`python -m tests.bench [starts clicks builds releases growing traffic metrics collecting alerts charts applications terminal logs audit audit_search placement capacity whatif]`: all without arguments, each in a process of its own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

from tests.bench.results import Results

ALL = [
    "starts",
    "clicks",
    "builds",
    "releases",
    "growing",
    "traffic",
    "metrics",
    "collecting",
    "alerts",
    "charts",
    "applications",
    "terminal",
    "logs",
    "audit",
    "audit_search",
    "placement",
    "whatif",
    "capacity",
]
PART = "XQ_BENCH_PART"


def main(names: list[str]) -> int:
    path = Path("bench.json")
    if os.environ.get(PART):
        importlib.import_module(f"tests.bench.{names[0]}").run(Results(path))
        return 0
    path.unlink(missing_ok=True)
    broken = []
    for name in names or ALL:
        print(f"— {name}", flush=True)
        command = [sys.executable, "-m", "tests.bench", name]
        if subprocess.run(command, env={**os.environ, PART: "1"}, check=False).returncode:
            broken.append(name)
    results = Results(path)
    missed = [row.name for row in results.rows if row.met is False]
    print(f"{len(results.rows)} figures, {len(missed)} not met" + (": " + ", ".join(missed) if missed else ""))
    if broken:
        print(f"Broken: {', '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
