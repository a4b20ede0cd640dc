"""A throw-away PostgreSQL in a temporary folder: for the tests, gone afterwards."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote


def program(name: str) -> str | None:
    """The path of one of PostgreSQL's programs, the newest version first."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]), reverse=True)
    return str(found[0]) if found else shutil.which(name)


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Starts a server on a Unix socket and yields its database's URL. Raises RuntimeError when there is no PostgreSQL."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if not initdb or not pg_ctl:
        raise RuntimeError("PostgreSQL's server is not installed (package postgresql).")
    as_root = os.getuid() == 0
    owner = "postgres" if as_root else getpass.getuser()

    def run(*command: str) -> None:
        # Everything to a log file: a pipe would stay open as long as the server lives.
        with open(log, "ab") as output:
            ids = {"user": "postgres", "group": "postgres", "extra_groups": []} if as_root else {}
            subprocess.run(command, check=True, cwd=folder, stdout=output, stderr=output, timeout=120, **ids)  # type: ignore[call-overload]

    folder = tempfile.mkdtemp(prefix="xq-pg-")
    log = f"{folder}/commands.log"
    data = f"{folder}/data"
    try:
        if as_root:
            shutil.chown(folder, "postgres", "postgres")
        try:
            run(initdb, "-D", data, "-A", "trust", "-U", owner, "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
            options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c full_page_writes=off -c max_connections=200"
            run(pg_ctl, "-D", data, "-w", "-t", "60", "-l", f"{folder}/server.log", "-o", options, "start")
        except (subprocess.SubprocessError, OSError) as error:
            words = Path(log).read_text()[-500:] if Path(log).exists() else ""
            raise RuntimeError(f"PostgreSQL did not start: {error} {words}") from error
        try:
            yield f"postgres://{owner}@{quote(folder, safe='')}/postgres"
        finally:
            with contextlib.suppress(subprocess.SubprocessError):
                run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
