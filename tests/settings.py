"""The settings of the tests: a production server's, whatever this machine's environment says."""

import atexit
import os
import tempfile
from pathlib import Path

# Named for this process: several run at once, and each of xdist's processes loads this, too.
_file = Path(tempfile.gettempdir()) / f"strata-tests-{os.getpid()}.sqlite3"


@atexit.register
def _remove_files() -> None:
    for path in _file.parent.glob(f"{_file.stem}*"):
        path.unlink(missing_ok=True)


os.environ |= {
    "SECRET_KEY": "a key of the tests, which protects nothing, of 50 or more characters",
    "DATABASE_URL": os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{_file}",
    # The tests' threads share connections and drop databases, which a pool would hold open.
    "DATABASE_POOL_SIZE": "0",
    "DEBUG": "off",
    "HTTPS": "off",
    "STATIC_ROOT": "",
    "LOG_LEVEL": "INFO",
    # Users of many tests have one number, and would share a minute's requests.
    "THROTTLE_PER_MINUTE": "0",
}
for _name in ("SECRET_KEY_FALLBACKS", "ALLOWED_HOSTS", "TRUSTED_PROXIES", "CSRF_TRUSTED_ORIGINS"):
    os.environ[_name] = ""
# pytest-playwright runs an event loop in the tests' thread, where Django would refuse to query.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file: in-memory databases fail with threads, and other processes could not open them.
    DATABASES["default"]["TEST"] = {"NAME": str(_file.with_stem(f"{_file.stem}-test"))}

# Looked for when asked for: each client of a test would look at all of them at its start.
WHITENOISE_AUTOREFRESH = True

# The others are slow by design.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
