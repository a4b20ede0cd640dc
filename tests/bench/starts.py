"""Start to ready (the first, and a later one), and the memory of all idle processes."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from tests.bench.platform import Platform
from tests.bench.results import Results


def run(results: Results) -> None:
    folder = Path(tempfile.mkdtemp(prefix="xq-bench-"))
    one = Platform(folder)
    try:
        results.add("first start to ready", one.start(), "s")
        one.stop()
        results.add("later start to ready", one.start(), "s", 5.0)
        time.sleep(20)  # caches fill, the first rounds of the beat are over
        results.add("memory of all idle processes (shared pages once)", one.memory(), "MiB", 300)
    finally:
        one.stop()
        shutil.rmtree(folder, ignore_errors=True)
