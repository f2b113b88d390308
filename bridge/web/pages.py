"""Make the Flask app: the bridge's page, static files and templates, a user's own document root.

Must not know the link or the clients; it is given what the page needs of the settings.

Use: `app = create_app(Path("."), page)`; later `add_index(app, site)`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from flask import Flask, Response, abort, make_response, redirect, render_template, request, send_file
from jinja2 import ChoiceLoader, FileSystemLoader
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wrappers import Response as BaseResponse

from bridge.admission.visitors import is_local
from bridge.web.files import Private, Served

__all__ = ["PageSettings", "add_folder", "add_index", "create_app"]

log = logging.getLogger("bridge.web")

_FOLDERS, _SERVED = "bridge_static_folders", "bridge_served"
_TOLD = 5  # pages of a site without index.html that the log names

#: For the bridge's own page: nothing from elsewhere, nothing inline.
_POLICY = (
    "default-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; "
    "frame-ancestors 'self'; form-action 'self'"
)


@dataclass(frozen=True)
class PageSettings:
    """What the page is told of the settings, as JSON under these names."""

    identity: str
    payload: str
    event: str
    server: str
    demo: bool
    confirm: bool
    holds: bool  # while the link is down
    handlers: bool  # there are some
    version: str
    actionKey: str  # noqa: N815 - a name in JavaScript
    userKey: str  # noqa: N815


def create_app(root: Path, page: PageSettings, private: Private = Private()) -> Flask:  # noqa: B008 - it is frozen
    """Make the app with `/bridge/` and `/static/`. `root`: has the folders templates/ and static/."""
    app = Flask("bridge", root_path=str(root), static_folder=None, template_folder=str(root / "templates"))
    app.extensions[_FOLDERS] = [(root / "static", "")]
    app.extensions[_SERVED] = Served(private)
    app.add_url_rule("/static/<path:filename>", "static", lambda filename: _static(app, filename))
    app.add_url_rule("/bridge/", "bridge_page", lambda: _page(asdict(page)))
    return app


def add_folder(app: Flask, folder: Path) -> None:
    """Add templates/ and static/ beside a handlers file, before the bridge's own."""
    templates = folder / "templates"
    if templates.is_dir():
        app.jinja_loader = ChoiceLoader([FileSystemLoader(templates), *_loaders(app)])
    _add_static(app, folder, alone=True)


def add_index(app: Flask, site: Path | None) -> None:
    """Serve the site, or the bridge's page, at `/`; routes that a handlers file added come first.

    A folder static/ in the site is found before the bridge's own.
    """
    if site is not None:
        _add_static(app, site, alone=False)
        app.add_url_rule("/<path:path>", "site", lambda path: _site(app, site, path))
    if any(rule.rule == "/" for rule in app.url_map.iter_rules()):
        return
    if site is not None:
        app.add_url_rule("/", "index", lambda: _site(app, site, ""))
        if not (site / "index.html").is_file():
            log.warning("! %s", _without_index(site))
    else:
        app.add_url_rule("/", "index", app.view_functions["bridge_page"])


def _add_static(app: Flask, folder: Path, *, alone: bool) -> None:
    """Serve the folder static/ of this one at `/static/`, before those of others.

    `alone`: links may not lead out of static/ itself; otherwise not out of `folder`, all of which is served.
    """
    folder = folder.resolve()
    static = (folder / "static").resolve()
    if not static.is_dir():
        return
    if not static.is_relative_to(folder):
        log.warning("! %s leads out of its folder and is not served: make it a folder of its own", folder / "static")
        return
    place = (static, "") if alone else (folder, "static/")
    if place not in app.extensions[_FOLDERS]:
        app.extensions[_FOLDERS].insert(0, place)


def _page(settings: Mapping[str, object]) -> Response:
    local = is_local(request.environ)
    server = settings["server"] if local or settings["demo"] else ""  # its address is not for strangers
    return _own(render_template("bridge.html", page={**settings, "server": server, "local": local}, local=local))


def _own(html: str, code: int = 200) -> Response:
    """Answer with a page of the bridge's own, under its content policy."""
    response = make_response(html, code)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _static(app: Flask, filename: str) -> BaseResponse:
    for folder, within in app.extensions[_FOLDERS]:
        file = app.extensions[_SERVED].open(folder, within + filename)
        if file is not None:
            return _sent(file, filename)
    return abort(404)


def _site(app: Flask, site: Path, path: str) -> BaseResponse:
    served: Served = app.extensions[_SERVED]
    file = served.open(site, path)
    if file is not None:
        return _sent(file, path)
    if not served.is_folder(site, path):
        return abort(404)
    if path and not path.endswith("/"):  # without the slash, its relative links would lead beside it
        query = request.query_string.decode("latin-1")
        return redirect(f"/{quote(path.strip('/'))}/" + (query and f"?{query}"))
    index = served.open(site, f"{path.rstrip('/')}/index.html".lstrip("/"))
    if index is not None:
        return _sent(index, "index.html")
    return _own(render_template("no_index.html", folder="/".join((site.name, *path.split("/"))).rstrip("/")), 404)


def _sent(file: BinaryIO, path: str) -> BaseResponse:
    """Answer with the file, or what of it was asked for: it may not have changed, or a part of it may be wanted."""
    found = os.fstat(file.fileno())
    answer = send_file(
        file, download_name=path.rpartition("/")[2], conditional=False, last_modified=found.st_mtime,
        etag=f"{found.st_mtime_ns:x}-{found.st_size:x}",
    )  # fmt: skip
    answer.content_length = found.st_size
    try:
        return answer.make_conditional(request.environ, accept_ranges=True, complete_length=found.st_size)
    except RequestedRangeNotSatisfiable:
        file.close()
        raise


def _without_index(site: Path) -> str:
    pages = sorted(path.name for path in site.glob("*.htm*") if not path.name.startswith("."))
    there = f"; of its pages, {', '.join(pages[:_TOLD])}, one may be it under another name" if pages else ""
    return f"the site {site} has no index.html, so / only says so: put one there{there}. /bridge/ has the bridge's page"


def _loaders(app: Flask) -> list[FileSystemLoader]:
    loader = app.jinja_loader
    return list(loader.loaders) if isinstance(loader, ChoiceLoader) else [loader]  # type: ignore[list-item,arg-type]
