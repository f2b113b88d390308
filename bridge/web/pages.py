"""The Flask app: the bridge's page, static files and templates, a user's own folder.

Must not know the link or the clients; what the page needs to know of the settings is given.

Use: `app = create_app(Path("."), page)`; later `add_index(app, site)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Response, abort, make_response, redirect, render_template, request, send_from_directory
from jinja2 import ChoiceLoader, FileSystemLoader
from werkzeug.security import safe_join
from werkzeug.wrappers import Response as BaseResponse

__all__ = ["PageSettings", "add_folder", "add_index", "create_app"]

_FOLDERS = "bridge_static_folders"

#: For the bridge's own page: nothing from elsewhere, nothing inline.
_POLICY = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; base-uri 'none'; object-src 'none'"


@dataclass(frozen=True)
class PageSettings:
    """What the page is told of the settings; its names are the page's (JSON)."""

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


def create_app(root: Path, page: PageSettings) -> Flask:
    """The app with `/bridge/` and `/static/`. `root` has the folders templates/ and static/."""
    app = Flask("bridge", root_path=str(root), static_folder=None, template_folder=str(root / "templates"))
    app.extensions[_FOLDERS] = [root / "static"]
    app.add_url_rule("/static/<path:filename>", "static", lambda filename: _static(app, filename))
    app.add_url_rule("/bridge/", "bridge_page", lambda: _page(asdict(page)))
    return app


def add_folder(app: Flask, folder: Path) -> None:
    """Find templates/ and static/ beside a handlers file, before the bridge's own."""
    templates, static = folder / "templates", folder / "static"
    if templates.is_dir():
        app.jinja_loader = ChoiceLoader([FileSystemLoader(templates), *_loaders(app)])
    _add_static(app, static)


def add_index(app: Flask, site: Path | None) -> None:
    """Give `/` to the site, or to the bridge's page; routes that a handlers file added come first.

    A folder static/ in the site is found before the bridge's own.
    """
    if site is not None:
        _add_static(app, site / "static")
        app.add_url_rule("/<path:path>", "site", lambda path: _site(site, path))
    if any(rule.rule == "/" for rule in app.url_map.iter_rules()):
        return
    if site is not None:
        app.add_url_rule("/", "index", lambda: _site(site, ""))
    else:
        app.add_url_rule("/", "index", app.view_functions["bridge_page"])


def _add_static(app: Flask, folder: Path) -> None:
    folder = folder.resolve()
    if folder.is_dir() and folder not in app.extensions[_FOLDERS]:
        app.extensions[_FOLDERS].insert(0, folder)


def _page(settings: Mapping[str, object]) -> Response:
    response = make_response(render_template("bridge.html", page=settings))
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _static(app: Flask, filename: str) -> Response:
    for folder in app.extensions[_FOLDERS]:
        found = safe_join(str(folder), filename)
        if found is not None and Path(found).is_file():
            return send_from_directory(folder, filename)
    return abort(404)


def _site(site: Path, path: str) -> Response | BaseResponse:
    found = safe_join(str(site), path) if path else str(site)
    if found is not None and Path(found).is_dir():
        if path and not path.endswith("/"):  # else what its index.html refers to would be sought beside it
            query = request.query_string.decode("latin-1")
            return redirect(f"/{quote(path.strip('/'))}/" + (query and f"?{query}"))
        path = f"{path.rstrip('/')}/index.html".lstrip("/")
    return send_from_directory(site.resolve(), path)


def _loaders(app: Flask) -> list[FileSystemLoader]:
    loader = app.jinja_loader
    return list(loader.loaders) if isinstance(loader, ChoiceLoader) else [loader]  # type: ignore[list-item,arg-type]
