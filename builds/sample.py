"""The sample: a small Git repository whose image needs no registry and no internet (scratch + a static busybox)."""

from __future__ import annotations

import fcntl
import shutil
import time
from pathlib import Path

from django.conf import settings
from dulwich.objects import Blob, Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

from hosts.busybox import static_busybox

BRANCH = "main"
_REF = Ref(f"refs/heads/{BRANCH}".encode())

DOCKERFILE = """\
# An HTTP server in two megabytes: nothing but a static busybox.
FROM scratch
COPY bin/ /bin/
COPY www/ /www/
ENV PATH=/bin
EXPOSE 80
HEALTHCHECK --interval=1s --timeout=5s --start-period=2s --retries=3 CMD ["/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"]
STOPSIGNAL SIGTERM
CMD ["/bin/busybox", "sh", "/bin/start"]
"""

# busybox httpd as PID 1 would ignore SIGTERM, and a stop would wait its whole time: the script takes the signal.
START = """\
#!/bin/busybox sh
busybox mkdir -p /tmp/www
name=$(busybox hostname)
version=$(busybox cat /www/version)
busybox sed -e "s/@NAME@/$name/" -e "s/@VERSION@/$version/" /www/page.html > /tmp/www/index.html || exit 1
busybox httpd -f -p "${PORT:-80}" -h /tmp/www &
child=$!
trap 'kill -9 $child; exit 0' TERM INT
echo "$name serves version $version"
while kill -0 $child; do wait $child; done
"""

PAGE = """\
<!doctype html>
<meta charset="utf-8">
<title>@NAME@</title>
<style>body{font:16px/1.5 sans-serif;margin:15vh auto;max-width:30em;text-align:center}b{font-size:2em}</style>
<p>Hello from</p><p><b>@NAME@</b></p><p>version @VERSION@</p>
"""

README = """\
# Sample service

A web server that shows the name of its host and its version. Change `www/version`, commit, build, release.
"""


def sample_path() -> Path:
    """Where the sample repository lies (or will lie)."""
    return Path(settings.DATA_DIR) / "sample.git"


def make_sample_repository() -> str:
    """Makes the repository if it is not there yet; returns its path. Raises Refused without a static busybox."""
    path = sample_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / "sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / "HEAD").exists():
            busybox = static_busybox()
            work = path.with_suffix(".new")
            shutil.rmtree(work, ignore_errors=True)
            with Repo.init_bare(str(work), mkdir=True) as repo:
                _commit(repo, "1", busybox, "The sample: a page with the host's name", None)
            work.rename(path)
    return str(path)


def touch_sample(message: str = "") -> str:
    """Adds a commit with the next version; returns its hash. So a second release can be shown."""
    path = make_sample_repository()
    with (sample_path().parent / "sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with Repo(path) as repo:
            head = repo.refs[_REF]
            count = sum(1 for _entry in repo.get_walker(include=[head]))
            commit = repo[head]
            assert isinstance(commit, Commit)
            tree = repo[commit.tree]
            assert isinstance(tree, Tree)
            folder = repo[tree[b"bin"][1]]
            assert isinstance(folder, Tree)
            blob = repo[folder[b"busybox"][1]]
            assert isinstance(blob, Blob)
            number = str(count + 1)
            return _commit(repo, number, blob.data, message or f"Version {number}", head)


def _commit(repo: Repo, version: str, busybox: bytes, message: str, parent: ObjectID | None) -> str:
    def folder(entries: dict[str, tuple[int, ObjectID]]) -> ObjectID:
        tree = Tree()
        for name, (mode, sha) in entries.items():
            tree.add(name.encode(), mode, sha)
        repo.object_store.add_object(tree)
        return tree.id

    def blob(data: bytes) -> ObjectID:
        made = Blob.from_string(data)
        repo.object_store.add_object(made)
        return made.id

    commit = Commit()
    commit.tree = folder(
        {
            "Dockerfile": (0o100644, blob(DOCKERFILE.encode())),
            "README.md": (0o100644, blob(README.encode())),
            "bin": (
                0o40000,
                folder({"busybox": (0o100755, blob(busybox)), "start": (0o100755, blob(START.encode()))}),
            ),
            "www": (
                0o40000,
                folder(
                    {"page.html": (0o100644, blob(PAGE.encode())), "version": (0o100644, blob(f"{version}\n".encode()))}
                ),
            ),
        }
    )
    commit.parents = [parent] if parent else []
    commit.author = commit.committer = b"Sample <sample@example.com>"
    commit.author_time = commit.commit_time = int(time.time())
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = f"{message}\n".encode()
    repo.object_store.add_object(commit)
    repo.refs[_REF] = commit.id
    repo.refs.set_symbolic_ref(Ref(b"HEAD"), _REF)
    return commit.id.decode()
