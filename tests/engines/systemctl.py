"""`systemctl` on a host of the fleet: python -m tests.engines.systemctl FOLDER restart docker. Knows this host's engine only."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.engines import machine
from tests.engines.machine import FleetError

UNIT = "[Unit]\nDescription=Docker Application Container Engine\n\n[Service]\nExecStart=/usr/sbin/dockerd\n"


def main(arguments: list[str]) -> int:
    """The verbs as systemd has them, with its exit codes."""
    from tests.engines.fleet import Fleet

    folder = Path(arguments[0])
    words = [word for word in arguments[1:] if not word.startswith("-")]
    verb, units = (words[0] if words else "status"), [word.removesuffix(".service") for word in words[1:]]
    if verb == "daemon-reload":
        return 0
    host = next(host for host in Fleet.attach(folder.parent).hosts if host.folder == folder)
    if units != ["docker"]:
        print(f"Unit {' '.join(units) or '?'} not found.", file=sys.stderr)
        return 5
    if verb in {"is-active", "is-enabled"}:
        word = {"is-active": "active" if host.running else "inactive", "is-enabled": "enabled"}[verb]
        print(word)
        return 0 if word in {"active", "enabled"} else 3
    if verb in {"enable", "unmask", "reset-failed"}:
        return 0
    if verb == "cat":
        print(f"# /lib/systemd/system/docker.service\n{UNIT}", end="")
        return 0
    if verb == "reload":
        pid = host._pid("dockerd")
        if pid is None:
            print("docker.service is not active, cannot reload.", file=sys.stderr)
            return 1
        os.kill(pid, signal.SIGHUP)
        return 0
    if verb not in {"start", "stop", "restart"}:
        print(f"Unknown command verb {verb}.", file=sys.stderr)
        return 1
    if verb != "start":
        host.stop()
    if verb == "stop":
        return 0
    try:
        host.start(local=True)
    except FleetError as error:
        machine.end(host._pid("dockerd"))
        print(
            f"Job for docker.service failed because the control process exited with error code.\n{error}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
