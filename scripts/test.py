"""Runs all tests in three parts, one after the other, and lets the last one sum up all: `make test`.

quick     everything without engines and browsers, on SQLite, side by side
postgres  what uses the database, once more on a throw-away PostgreSQL
real      engines and browser, side by side: each process has engines and a browser of its own

All parts run whatever the earlier ones found. The exit code is 0 only if every part passed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts import postgres

NO_TESTS = 5
QUICK = "not engine and not browser"
REAL = "engine or browser"
FLEETS = "3"  # these tests wait more than they work: more of them than cores
# Seconds until a part stops after its current test; a hanging part still lets CI end within its 90 minutes.
LIMITS = {"quick": 1500, "postgres": 1500, "real": 2100}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="xq-reports-") as folder:
        quick, again = f"{folder}/quick.json", f"{folder}/postgres.json"
        codes = [part("quick", "-n", "2", "-m", QUICK, f"--reports-to={quick}")]
        codes.append(on_postgres(again))
        sums = [f"--reports-of={quick}", f"--reports-of={again}"]
        # Reruns only here, where a loaded machine may be slower than a limit; each is named in the summary.
        # One test at a time to whoever is free, as their lengths differ by two orders of magnitude.
        beside = ("-n", os.environ.get("XQ_TEST_FLEETS", FLEETS), "--dist=load", "--maxschedchunk=1")
        codes.append(part("real", "-m", REAL, *beside, "--reruns=2", "--reruns-delay=2", "-raR", *sums))
        sweep()
    return 0 if all(code in (0, NO_TESTS) for code in codes) else 1


def sweep() -> None:
    """Takes down the engines of a process that was killed; those who still live take down their own."""
    subprocess.run([sys.executable, "-m", "tests.engines.fleet", "sweep"], check=False, timeout=300)


def on_postgres(reports: str) -> int:
    try:
        with postgres.cluster() as url:
            options = ("-n", "2", "-m", QUICK, "--only-database", f"--reports-to={reports}")
            return part("postgres", *options, XQ_TEST_DATABASE=url)
    except RuntimeError as error:
        say(f"The PostgreSQL part failed: {error}")
        return 1


def part(name: str, *options: str, **surroundings: str) -> int:
    """Runs pytest with the options; returns its exit code, or 1 when it had to be ended."""
    say(f"== {name} ==")
    limit = LIMITS[name]
    command = [sys.executable, "-m", "pytest", "-p", "tests.parts", f"--part={name}", f"--session-timeout={limit}"]
    process = subprocess.Popen([*command, *options, *sys.argv[1:]], env={**os.environ, **surroundings})
    began = time.monotonic()
    for patience, stronger in ((limit + 300, signal.SIGINT), (60, signal.SIGKILL), (30, signal.SIGKILL)):
        try:
            code = process.wait(patience)
            break
        except subprocess.TimeoutExpired:
            say(f"The part «{name}» is ended after {time.monotonic() - began:.0f} s.")
            process.send_signal(stronger)
        except KeyboardInterrupt:
            process.wait()
            raise SystemExit(130) from None
    else:
        code = 1
    return code


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
