"""A small image whose init is this machine's systemd, for tests: no debootstrap, no registry."""

from __future__ import annotations

import os
from pathlib import Path

from builds.rootfs import File, programs
from hosts.busybox import static_busybox

UNITS = Path("/lib/systemd/system")
PROGRAMS = [
    *(f"/lib/systemd/{name}" for name in ("systemd", "systemd-shutdown", "systemd-journald")),
    "/lib/systemd/system-generators/systemd-rc-local-generator",
    "/bin/systemctl",
]
# What a minimal machine has; the rest of the units wants programs that are not in the image.
WANTED = (
    "basic.target", "sysinit.target", "multi-user.target", "local-fs.target", "local-fs-pre.target", "swap.target",
    "sockets.target", "timers.target", "paths.target", "slices.target", "shutdown.target", "halt.target",
    "final.target", "umount.target", "exit.target", "poweroff.target", "reboot.target", "network.target",
    "systemd-halt.service", "systemd-exit.service", "systemd-poweroff.service", "systemd-journald.service",
    "systemd-journald.socket", "systemd-journald-dev-log.socket", "rc-local.service", "emergency.target",
    "rescue.target",
)  # fmt: skip
DOCKERFILE = """\
FROM scratch
COPY rootfs/ /
RUN ["/bin/busybox", "sh", "-c", "for a in sh httpd mkdir; do busybox ln -s busybox /bin/$a; done; busybox mkdir -p /dev /proc /sys /run /tmp /root /var/log"]
ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin
ENTRYPOINT ["/sbin/init"]
"""
START_LIST = "#!/bin/sh\nhttpd -p 80 -h /run\n"


def files() -> dict[str, File]:
    """The root file system; its start list starts an HTTP server on port 80."""
    units = {
        str(UNITS / name): File(link=os.readlink(UNITS / name))
        if (UNITS / name).is_symlink()
        else File((UNITS / name).read_bytes())
        for name in WANTED
        if (UNITS / name).exists()
    }
    return {
        **programs(dict.fromkeys(PROGRAMS, "systemd")),
        **units,
        "/sbin/init": File(link="/lib/systemd/systemd"),
        "/bin/busybox": File(static_busybox(), 0o755),
        "/etc/systemd/system/default.target": File(link="/lib/systemd/system/multi-user.target"),
        "/etc/rc.local": File(START_LIST.encode(), 0o755),
        "/etc/passwd": File(b"root:x:0:0:root:/root:/bin/sh\n"),
        "/etc/group": File(b"root:x:0:\n"),
        "/etc/machine-id": File(b""),
    }
