"""Says in one line what the bridge needs of a machine, where it isn't there: Linux, a newer Python, its libraries.

app.py asks it before anything else is imported. It must not use what an old Python can't read, nor may what is imported
with it, which is `bridge/__init__.py`, so that Pythons since 3.8 say so too.

Use: `unmet()` -> "" or what is missing, with what would do.
"""

import sys
from importlib.util import find_spec

__all__ = ["LIBRARIES", "OLDEST", "unmet"]

OLDEST = (3, 11)
#: The dependencies in pyproject.toml, by the names that are imported.
LIBRARIES = (
    "flask", "flask_socketio", "socketio", "engineio", "eventlet", "orjson", "msgspec", "pydantic", "websockets",
    "werkzeug", "jinja2", "itsdangerous",
)  # fmt: skip


def unmet() -> str:
    """The first need that isn't met, in one line; "" if the bridge can run here."""
    if not sys.platform.startswith("linux"):
        return "it runs on Linux alone (for epoll): use WSL on Windows, and a Linux container or machine on macOS"
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        return f"it needs Python 3.11 or newer, and this is {found}: make run PYTHON=python3.11 takes another"
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if not missing:
        return ""
    return f"this Python has no {missing[0]}: run make run first, then .venv/bin/python app.py; or pip install ."
