"""Serve pages and status: the Flask app, and the WSGI layer around it.

`bodies.py`   how much of a request's body is read
`failures.py` what is logged of a route that fails
`files.py`    which files of a folder are served, and which never are
`pages.py`    create_app(): the pages, static files, templates, a user's own site
`status.py`   /healthz, /readyz, /bridge/status
`outside.py`  requests that have to be answered before Flask-SocketIO sees them
"""

from bridge.web.bodies import limit_bodies
from bridge.web.failures import log_failures
from bridge.web.files import Private
from bridge.web.outside import OuterLayer
from bridge.web.pages import PageSettings, add_folder, add_index, create_app
from bridge.web.status import add_status

__all__ = [
    "OuterLayer", "PageSettings", "Private", "add_folder", "add_index", "add_status", "create_app", "limit_bodies",
    "log_failures",
]  # fmt: skip
