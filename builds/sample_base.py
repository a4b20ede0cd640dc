"""The sample base image: a small machine with busybox as its init, and sshd, cron and logrotate in the background.

Made of programs of the platform's own machine (a Debian or Ubuntu with openssh-server, logrotate and busybox-static), so that
it needs no registry and no internet; its image runs on hosts of the same kind of processor.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from pathlib import Path

from django.conf import settings
from dulwich.index import commit_tree
from dulwich.objects import Blob, Commit
from dulwich.refs import Ref
from dulwich.repo import Repo

from builds.rootfs import File, programs
from hosts.busybox import static_busybox

BRANCH = "main"
PROGRAMS = {
    "/usr/sbin/sshd": "openssh-server",
    "/usr/bin/ssh-keygen": "openssh-client",
    "/usr/sbin/logrotate": "logrotate",
}
FOLDERS = "/dev /etc/logrotate.d /persist /proc /root /run /sys /tmp /usr/sbin /var/empty /var/log /var/spool"

DOCKERFILE = f"""\
# A small machine: busybox is its init; sshd, cron and logrotate run in the background (see etc/rc.local).
FROM scratch
COPY rootfs/ /
RUN ["/bin/busybox", "sh", "-c", "busybox mkdir -p {FOLDERS} && busybox --install -s /bin && busybox chmod 1777 /tmp"]
ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin
HEALTHCHECK --interval=2s --timeout=5s --start-period=2s --retries=5 CMD ["/bin/sh", "-c", "nc 127.0.0.1 22 </dev/null | grep -q SSH"]
STOPSIGNAL SIGUSR2
ENTRYPOINT ["/sbin/init"]
"""

INITTAB = """\
# The start list is run once; on SIGUSR2 init stops everything and powers the machine off.
::sysinit:/etc/rc.local
"""

START_LIST = """\
#!/bin/sh
# What runs in the background of this machine. Host keys stay where data is persisted, so that they survive a release.
keys=/run/ssh
if grep -q ' /persist ' /proc/mounts; then keys=/persist/ssh; fi
mkdir -p /run/sshd "$keys"
chmod 700 "$keys"
[ -f "$keys/host_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$keys/host_key"
/usr/sbin/sshd -h "$keys/host_key"
crond -b -L /dev/null -c /etc/crontabs
if [ -x /etc/rc.app ]; then /etc/rc.app & fi
echo "$(hostname) is up"
"""

SSHD = """\
Port 22
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile /etc/ssh/authorized_keys /persist/ssh/authorized_keys
UseDNS no
PidFile /run/sshd.pid
"""

CRONTAB = "* * * * * /usr/sbin/logrotate -s /run/logrotate.state /etc/logrotate.conf\n"

LOGROTATE = """\
/var/log/*.log /persist/logs/*.log {
    size 1M
    rotate 5
    missingok
    notifempty
    copytruncate
}
include /etc/logrotate.d
"""

README = """\
# Sample base image

A machine in a container: `/sbin/init` (busybox), with sshd, cron and logrotate started from `/etc/rc.local`. Services whose
settings say «init mode» run it. Put an executable `/etc/rc.app` on top of it to start an application.
"""
TEXTS: dict[str, tuple[str, int]] = {
    "/etc/inittab": (INITTAB, 0o644),
    "/etc/rc.local": (START_LIST, 0o755),
    "/etc/ssh/sshd_config": (SSHD, 0o644),
    "/etc/crontabs/root": (CRONTAB, 0o600),
    "/etc/logrotate.conf": (LOGROTATE, 0o644),
    "/etc/passwd": ("root:x:0:0:root:/root:/bin/sh\nsshd:x:101:65534::/run/sshd:/bin/false\n", 0o644),
    "/etc/group": ("root:x:0:\nnogroup:x:65534:\n", 0o644),
    "/etc/nsswitch.conf": ("passwd: files\ngroup: files\nhosts: files dns\n", 0o644),
}


def root_files() -> dict[str, File]:
    """The root file system. Raises Refused with what to install on this machine."""
    return {
        "/bin/busybox": File(static_busybox(), 0o755),
        "/sbin/init": File(link="../bin/busybox"),
        **programs(PROGRAMS),
        **{path: File(text.encode(), mode) for path, (text, mode) in TEXTS.items()},
    }


def base_path() -> Path:
    """Where the repository lies (or will lie)."""
    return Path(settings.DATA_DIR) / "base.git"


def make_base_repository() -> str:
    """Makes the repository if it is not there yet; returns its path. Raises Refused with what to install on this machine."""
    path = base_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / "base.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / "HEAD").exists():
            files = {f"rootfs{name}": file for name, file in root_files().items()}
            files |= {"Dockerfile": File(DOCKERFILE.encode()), "README.md": File(README.encode())}
            work = path.with_suffix(".new")
            shutil.rmtree(work, ignore_errors=True)
            with Repo.init_bare(str(work), mkdir=True) as repo:
                _commit(repo, files)
            work.rename(path)
    return str(path)


def _commit(repo: Repo, files: dict[str, File]) -> None:
    entries = []
    for name, file in sorted(files.items()):
        blob = Blob.from_string(file.link.encode() if file.link else file.data)
        repo.object_store.add_object(blob)
        # Git knows executable or not, and nothing else.
        mode = 0o120000 if file.link else 0o100755 if file.mode & 0o111 else 0o100644
        entries.append((name.encode(), blob.id, mode))
    commit = Commit()
    commit.tree = commit_tree(repo.object_store, entries)
    commit.author = commit.committer = b"Sample <sample@example.com>"
    commit.author_time = commit.commit_time = int(time.time())
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = b"The sample base image: busybox as init, sshd, cron, logrotate\n"
    repo.object_store.add_object(commit)
    ref = Ref(f"refs/heads/{BRANCH}".encode())
    repo.refs[ref] = commit.id
    repo.refs.set_symbolic_ref(Ref(b"HEAD"), ref)
