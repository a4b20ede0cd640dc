"""Settings of the tests: a data folder of their own; SQLite in it, or the PostgreSQL that `XQ_TEST_DATABASE` names."""

import atexit
import os
import shutil
import tempfile

_folder = tempfile.mkdtemp(prefix="xq-test-")
_owner = os.getpid()


def _remove() -> None:
    if os.getpid() == _owner:  # not in a process that a test forked
        shutil.rmtree(_folder, ignore_errors=True)


atexit.register(_remove)
for _name in [n for n in os.environ if n.startswith("XQ_") and not n.startswith(("XQ_TEST_", "XQ_FLEET"))]:
    del os.environ[_name]  # what the machine's owner has set for a platform of their own is not the tests' business
os.environ["XQ_DATA_DIR"] = _folder
os.environ["XQ_DATABASE_URL"] = os.environ.get("XQ_TEST_DATABASE", "")

from xqplatform.secrets.installation import made_of  # noqa: E402
from xqplatform.secrets.keys import file_lines  # noqa: E402
from xqplatform.settings import *  # noqa: E402, F403
from xqplatform.settings import DATA_DIR, DATABASES, ENCRYPTION_KEY_FILE, LOGGING  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: threads and servers in the tests see what each other wrote.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA busy_timeout=20000;"
    )
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
(DATA_DIR / "static").mkdir(exist_ok=True)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Engines are stood in for without a database, too; workers of their own work it out from the same key, and find the same.
INSTALLATION = made_of(file_lines(ENCRYPTION_KEY_FILE)[-1])
HEAR_OUTSIDE = False  # tests of it switch it on
LOGGING["root"]["level"] = "WARNING"
AUDIT_LINK_AFTER = None  # no thread beside a test's transactions: tests link when they want to
