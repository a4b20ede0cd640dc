"""`make sbom`: what the platform is made of, for whoever has to know it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from django import VERSION

ROOT = Path(__file__).resolve().parents[2]


def test_the_bill_of_materials_names_the_packages_that_run(tmp_path: Path) -> None:
    line = next(row for row in (ROOT / "Makefile").read_text().splitlines() if "cyclonedx-py" in row)
    command = [Path(sys.executable).with_name("cyclonedx-py"), *line.split()[1:]]
    command[command.index("sbom.json")] = str(tmp_path / "sbom.json")
    subprocess.run(command, check=True, cwd=ROOT, timeout=120)
    found = {
        row["name"].lower(): row["version"] for row in json.loads((tmp_path / "sbom.json").read_text())["components"]
    }
    assert found["django"] == ".".join(map(str, VERSION[:3]))
    assert {"celery", "docker", "redis", "django-htmx"} <= found.keys()
