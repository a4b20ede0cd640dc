"""`python -m tests.bench [starts releases scale builds pages]`: all of them without arguments."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.bench.results import Results

ALL = ["starts", "clicks", "builds", "releases", "swarm"]


def main(names: list[str]) -> None:
    results = Results(Path("bench.json"))
    for name in names or ALL:
        print(f"— {name}", flush=True)
        importlib.import_module(f"tests.bench.{name}").run(results)
    missed = [r.name for r in results.rows if r.met is False]
    print(f"{len(results.rows)} figures, {len(missed)} not met" + (": " + ", ".join(missed) if missed else ""))


if __name__ == "__main__":
    main(sys.argv[1:])
