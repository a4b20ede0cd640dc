"""What the surroundings say: every `XQ_…` variable is read here and nowhere else, so that docs can list them all."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def text(name: str, default: str = "") -> str:
    """The value of a variable; an empty one counts as not set."""
    return os.environ.get(name) or default


def number(name: str, default: int) -> int:
    """The value as a whole number. Raises ValueError with the variable's name."""
    raw = os.environ.get(name)
    if not raw:
        return default
    try:
        return int(raw)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, not «{raw}».") from None


def flag(name: str, default: bool = False) -> bool:
    """The value as yes or no: 1, true, yes, on count as yes."""
    raw = os.environ.get(name)
    if not raw:
        return default
    return raw.strip().lower() in {"1", "true", "yes", "on"}


def data_dir() -> Path:
    """The folder that holds everything that must last: database, broker, secrets, sample repository."""
    return Path(text("XQ_DATA_DIR", str(BASE_DIR / "var"))).resolve()


def kept_secret(name: str) -> str:
    """A random secret made once and kept in the data folder."""
    return kept_file(name).read_text().strip()


def kept_file(name: str) -> Path:
    """The file of a random secret made once and kept in the data folder, readable by its owner only.

    Written aside and linked into place, so that processes that start at the same moment agree on one, whole.
    """
    folder = data_dir()
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=f".{name}-", dir=folder)  # mode 0600
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        os.unlink(draft)
    return path


def broker_socket() -> Path:
    """Where the embedded broker listens (a Unix socket; its path must stay under 104 characters)."""
    path = data_dir() / "broker.sock"
    if len(str(path)) < 100:
        return path
    import hashlib

    return Path("/tmp") / f"xq-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.sock"  # noqa: S108


def redis_url() -> str:
    """`XQ_REDIS_URL`, or the embedded broker's socket in redis-py's spelling."""
    return text("XQ_REDIS_URL") or f"unix://{broker_socket()}?db=0"


def celery_url() -> str:
    """The same broker in Celery's spelling."""
    url = redis_url()
    if url.startswith("unix://"):
        path, _, query = url.removeprefix("unix://").partition("?")
        db = query.removeprefix("db=") or "0"
        return f"redis+socket://{path}?virtual_host={db}"
    return url
