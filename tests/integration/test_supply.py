"""`make sbom` and `make audit`, with their real tools: what they write, and what they say when nobody can be asked."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.process import ROOT, environment
from tools.pins import PINS
from tools.sbom import Vendored, vendored

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]  # the tools are installed once

NOWHERE = "http://127.0.0.1:9"


def made(target: str, args: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """What a target ends with."""
    command = ["make", target, f"ARGS={args}"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment(**env), check=False)


@contextmanager
def osv(known: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """A data base that knows this, by the name of the package; its address."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"vulns": known.get(asked["package"]["name"], [])}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def test_the_bill_has_every_package_and_every_vendored_file_and_is_the_same_twice() -> None:
    assert made("sbom").returncode == 0
    first = (ROOT / "build" / "sbom.json").read_text(encoding="utf-8")
    bill = json.loads(first)
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "bridge")
    found = {(each["name"].lower(), each["version"]) for each in bill["components"]}
    pins = [line.lower().split("==") for line in PINS.read_text(encoding="utf-8").splitlines() if "==" in line]
    assert found == {(name, version) for name, version in pins} | {(file.path, file.version) for file in vendored()}
    made("sbom")
    assert (ROOT / "build" / "sbom.json").read_text(encoding="utf-8") == first
    check = (
        "import sys; from cyclonedx.schema import SchemaVersion as V; from cyclonedx.validation.json import"
        " JsonStrictValidator as J; sys.exit(str(J(V.V1_6).validate_str(sys.stdin.read()) or '') or 0)"
    )
    python = [str(ROOT / "build" / "supply" / "bin" / "python"), "-c", check]
    done = subprocess.run(python, input=first, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_audit_that_can_ask_nobody_says_so_and_fails() -> None:
    done = made("audit", f"--osv-url {NOWHERE}", HTTPS_PROXY=NOWHERE, HTTP_PROXY=NOWHERE, NO_PROXY="")
    assert done.returncode != 0
    assert "nobody could be asked about all" in done.stderr
    assert "nothing is known" not in done.stdout + done.stderr


def test_an_audit_tells_what_is_known_and_that_nothing_is() -> None:
    away = {"HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1"}
    with osv({}) as url:
        done = made("audit", f"--osv-url {url}", **away)
        assert done.returncode == 0, done.stderr
        assert "nothing is known" in done.stdout
    vulnerability = {
        "id": "GHSA-test", "aliases": [], "summary": "x", "published": "2026-01-01T00:00:00Z",
        "affected": [{"package": {"name": "h11", "ecosystem": "PyPI"},
                      "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}]}],
    }  # fmt: skip
    with osv({"h11": [vulnerability]}) as url:
        done = made("audit", f"--osv-url {url}", **away)
        assert done.returncode != 0
        assert "GHSA-test, mended in 99.0" in done.stderr


@pytest.mark.parametrize("file", [file for file in vendored() if "npm" in file.purl], ids=lambda file: file.path)
def test_a_vendored_file_is_the_one_in_the_package(file: Vendored) -> None:
    subprocess.run(["tools/node-clients.sh"], check=True, cwd=ROOT)
    package = ROOT / "tests" / "node" / "node_modules" / "socket.io-client"
    assert json.loads((package / "package.json").read_text(encoding="utf-8"))["version"] == file.version
    theirs = (package / file.inside).read_text(encoding="utf-8")
    kept, _, last = theirs.rstrip("\n").rpartition("\n")
    assert last.startswith("//# sourceMappingURL=")
    assert (ROOT / file.path).read_text(encoding="utf-8").rstrip("\n") == kept
    assert (ROOT / file.licence_text).read_text(encoding="utf-8") == (package / "LICENSE").read_text(encoding="utf-8")
