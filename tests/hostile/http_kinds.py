"""Hostile requests: heads that two readers could read in two ways, bodies, paths, hosts, pages of others.

Use: `HTTP_KINDS` -> the kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from urllib.parse import quote

from tests.hostile.attempts import Attempt, Kind, Outcome, Right, Sender, answered, only_its_own, refused

__all__ = ["HTTP_KINDS", "SECRETS"]

BEHIND = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PATHS = (
    "/",
    "/healthz",
    "/static/socket.io.js",
    "/bridge/",
    "/socket.io/?EIO=4&transport=polling",
    "/socket.io/socket.io.js",
)
SOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
LARGE = (413, 400, 404, 405)  # whoever is not served at all is not told that it is too much
#: What must not be served of the site that run.py lays out.
SECRETS = (
    ".bridge/key", ".bridge/sessions.sqlite3", ".env", ".git/config", "game.py", "bridge.toml", "out.txt", "out/a.txt",
    "key.pem", "id_rsa", "hard.txt", "linked.txt", "templates/a.html", "game.py~",
)  # fmt: skip


def head(random: Random, *lines: bytes, first: bytes | None = None, host: bytes = b"Host: localhost\r\n") -> bytes:
    """The head of a request on one of the ways in, a WebSocket's among them, with these lines among its own."""
    path = random.choice(PATHS).encode()
    method = random.choice([b"GET", b"GET", b"HEAD", b"POST", b"OPTIONS"])
    own = [host, *random.sample([b"Accept: */*\r\n", b"X-Y: z\r\n", b"User-Agent: u\r\n"], random.randrange(4))]
    if random.random() < 0.4:
        method, path = b"GET", b"/socket.io/?EIO=4&transport=websocket"
        own.append(SOCKET)
    own += [line + b"\r\n" for line in lines]
    random.shuffle(own)
    return (first or b"%s %s HTTP/1.1" % (method, path)) + b"\r\n" + b"".join(own) + b"\r\n"


def request(data: bytes, right: Right) -> Attempt:
    return Attempt(Sender.TCP, (data,), right)


def lines(*choices: Callable[[Random, bytes], bytes] | bytes) -> Callable[[Random, str], Attempt]:
    """A kind of heads with one line that is one of these."""

    def make(random: Random, marker: str) -> Attempt:
        choice = random.choice(choices)
        line = choice if isinstance(choice, bytes) else choice(random, marker.encode())
        return request(head(random, line) + BEHIND, refused(400))

    return make


def digits(random: Random) -> bytes:
    return str(random.randrange(1, 100)).encode()


def odd_length(random: Random, _: bytes) -> bytes:
    number = digits(random)
    odd = [
        b"+%s",
        b"-%s",
        b"0x%s",
        b"%s_0",
        b"%s 1",
        b"%s,1",
        b"%s.0",
        b"%se1",
        b"%sL",
        b"\xd9\xa1%s",
        b"%s;",
        b'"%s"',
        b"%s\x0b",
    ]
    return b"Content-Length: " + random.choice(odd) % number


def two_lengths(random: Random, _: bytes) -> bytes:
    one, other = digits(random), digits(random)
    between = random.choice(
        [b"\r\nContent-Length: ", b"\r\ncontent-length:", b"\r\nCONTENT-LENGTH:\t", b"\r\nX: y\r\nContent-Length: "]
    )
    return b"Content-Length: " + one + between + random.choice([one, other])


def odd_coding(random: Random, _: bytes) -> bytes:
    words = [
        b"xchunked",
        b"chunkedx",
        b"gzip, chunked",
        b"chunked, gzip",
        b"chunked, chunked",
        b"identity",
        b"",
        b"chunked;q=1",
    ]
    words += [
        b"\x0bchunked",
        b"chu nked",
        b'"chunked"',
        b"chunked,",
        b",chunked",
        b"chunked\r\nTransfer-Encoding: chunked",
    ]
    return b"Transfer-Encoding: " + random.choice([*words, b"chunked\r\nContent-Length: " + digits(random)])


def control(random: Random, marker: bytes) -> bytes:
    byte = random.choice([*range(9), *range(10, 32), 127])
    value = bytearray(b"value of a header " + marker)
    value.insert(random.randrange(1, len(value)), byte)
    name = random.choice([b"X-A", b"Origin", b"Cookie", b"Access-Control-Request-Headers", b"User-Agent", b"Referer"])
    return name + b": " + bytes(value)


def injected(random: Random, marker: bytes) -> bytes:
    end = random.choice([b"\n", b"\r", b"\n\n", b"\r\r", b"\x00\n"])
    return (
        b"X-A: b"
        + end
        + random.choice([b"Origin: http://evil.example", b"Host: evil.example", b"Set-Cookie: " + marker])
    )


def no_header(random: Random, marker: bytes) -> bytes:
    shapes = [
        b"%s",
        b" %s: b",
        b"%s : b",
        b"\t%s: b",
        b": %s",
        b"%s\x00: b",
        b"(%s): b",
        b"%s\xe9: b",
        b"%s;: b",
        b"%s\t: b",
        b"@%s: b",
    ]
    return random.choice(shapes) % marker


def folded(random: Random, marker: bytes) -> bytes:
    return b"X-A: b\r\n" + random.choice([b" ", b"\t", b"  ", b" \t"]) + marker


def no_host(random: Random, _: str) -> Attempt:
    odd = [
        b"a b",
        b"a,b",
        b"a/b",
        b"a@b",
        b"a:b:c",
        b"[::1",
        b"a:80x",
        b"a?b",
        b"\xe9",
        b"http://a",
        b"",
        b"a:-1",
        b"[::1]x",
    ]
    host = random.choice([b"", *(b"Host: %s\r\n" % name for name in odd)])
    return request(head(random, host=host) + BEHIND, refused(400))


def odd_first_line(random: Random, _: str) -> Attempt:
    shapes = [
        b"GET  / HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET /", b"GET / http/1.1", b"GET / HTTP/1.10", b"G(T / HTTP/1.1",
        b"GET / HTTP/1.1 ", b"GET /\x00 HTTP/1.1", b"GET /# HTTP/1.1", b"GET /\xc3\xbc HTTP/1.1",
        b"GET ftp://localhost/ HTTP/1.1",
        b" GET / HTTP/1.1",
    ]  # fmt: skip
    return request(head(random, first=random.choice(shapes)) + BEHIND, refused(400))


def loose_chunks(random: Random, marker: str) -> Attempt:
    size, word = b"%x" % len(marker), marker.encode()
    sizes = [b"+%s", b"0x%s", b"%s ", b" %s", b"-%s", b"%s\n", b"%s_0", b"%s;\x00", b"%s;a\nb", b"%s\r", b"g%s"]
    body = random.choice(sizes) % size + b"\r\n" + word + b"\r\n0\r\n\r\n"
    shape = random.randrange(4)
    if shape == 0:
        body = size + b"\r\n" + word + random.choice([b"\n0\r\n\r\n", b"x\r\n0\r\n\r\n", b"0\r\n\r\n"])
    elif shape == 1:
        body = b"0\r\n" + random.choice([b"no trailer", b"X: \x00", b" X: y", b"X : y"]) + b"\r\n\r\n"
    start = (
        b"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return request(start + body + BEHIND, refused(400))


def large_head(random: Random, _: str) -> Attempt:
    many = random.randrange(17, 40)
    return request(head(random, *(b"X-%d: %s" % (n, b"y" * 4000) for n in range(many))) + BEHIND, refused(431))


def foreign_host(random: Random, marker: str) -> Attempt:
    name = random.choice(
        [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xn--lcalhost-8fb",
            "localhost-",
            "0x7f000001x",
        ]
    )
    port = random.choice(["", ":80", ":8080", ":65535"])
    host = f"{marker}.{name}{port}".encode()
    lines = random.choice(
        [(), (b"Origin: http://" + host,), (b"X-Forwarded-Host: localhost",), (b"Forwarded: host=localhost",)]
    )
    return request(head(random, *lines, host=b"Host: " + host + b"\r\n"), answered(421))


def foreign_origin(random: Random, marker: str) -> Attempt:
    """A handshake that a foreign page's browser makes, by either transport."""
    hosts = [
        "evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "localhost%2eevil.example",
        "localhost:1",
        "127.0.0.1",
    ]
    scheme = random.choice(["http", "https", "HTTP", "file", "chrome-extension"])
    origin = random.choice([f"{scheme}://{marker}.{random.choice(hosts)}", "null", "", f"{scheme}://"])
    polling = random.random() < 0.5
    path = b"/socket.io/?EIO=4&transport=" + (b"polling" if polling else b"websocket")
    more = b"Connection: close\r\n" if polling else SOCKET
    first = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
    return request(first + more + b"Origin: " + (origin or "null").encode() + b"\r\n\r\n", answered(400, 403))


def foreign_post(random: Random, marker: str) -> Attempt:
    """What a page of somebody else has its visitor's browser send."""
    page = [
        f"Origin: http://{marker}.evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "sec-fetch-site: cross-site",
    ]
    method = random.choice(["POST", "POST", "PUT", "DELETE", "PATCH"])
    path = random.choice(
        ["/", "/join", "/static/x", "/bridge/status", "/socket.io/?EIO=4&transport=polling", f"/{marker}"]
    )
    lines = [
        random.choice(page),
        "Content-Length: 0",
        "Connection: close",
        "Content-Type: application/x-www-form-urlencoded",
    ]
    random.shuffle(lines)
    data = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""])
    return request(data.encode(), answered(403))


def large_body(random: Random, marker: str) -> Attempt:
    """More than a form may be: said in its head, or sent in chunks."""
    head = f"POST /{random.choice(['', 'join', marker])} HTTP/1.1\r\nHost: localhost\r\n"
    if random.random() < 0.5:
        size = random.choice([(1 << 20) + 1, 150_000_000, 10**18])
        return request(f"{head}Content-Length: {size}\r\n\r\n{'x' * random.randrange(5000)}".encode(), answered(*LARGE))
    chunk = b"%x\r\n" % (1 << 16) + b"x" * (1 << 16) + b"\r\n"
    pieces = (f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), *[chunk] * 20, b"0\r\n\r\n")
    return Attempt(Sender.TCP, pieces, answered(*LARGE))


def many_sessions(random: Random, _: str) -> Attempt:
    """More sessions on one connection than it may begin."""
    many = random.randrange(101, 130)
    one = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def right(outcome: Outcome) -> str:
        begun = outcome.statuses.count(200)  # the last answers may be lost when it closes with requests unread
        fits = begun <= 100 and {*outcome.statuses} <= {200, 429} and outcome.closed
        return "" if fits else f"of {many} sessions {begun} were begun"

    return request(one * many, right)


def _disguised(random: Random, path: str) -> str:
    """The same path written in another way, as a client may that hopes to be misread."""
    changed: list[Callable[[str], str]] = [
        lambda text: "".join(c if random.random() < 0.6 else f"%{ord(c):02x}" for c in text), quote,
        lambda text: text.replace("/", random.choice(["//", "/./", "%2f", "/x/../", "\\", "/%2e/"])),
        lambda text: random.choice(["static/../", "x/../", "./", "%2e/", "..%2f", "static/%2e%2e/", "../../"]) + text,
        lambda text: text + random.choice(["", "/", "%00", "%00.html", ".", "%20", ";a", "?a", "::$DATA"]),
        lambda text: text.upper() if random.random() < 0.2 else text,
    ]  # fmt: skip
    for change in random.sample(changed, random.randrange(3)):
        path = change(path)
    return path.replace(" ", "%20").replace("#", "%23")


def secret_file(random: Random, _: str) -> Attempt:
    path = _disguised(random, random.choice(SECRETS))
    within = random.choice(["/", "/", "/", "/static/", "//"])
    start = random.choice(["GET", "GET", "HEAD"])
    data = f"{start} {within}{path} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-99\r\nConnection: close\r\n\r\n"
    return request(data.encode("latin-1", "replace"), answered(404, 400, 308, 302))


def long_name(random: Random, _: str) -> Attempt:
    letter = random.choice(["n", "%6e", "%c3%bc", "n/", "%f0%9f%98%80", "%ff"])
    path = random.choice(["/", "/static/", "/bridge/", "/socket.io/"]) + letter * random.randrange(260, 1500)
    return request(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(), answered(404, 400, 414)
    )


def words_for_the_log(random: Random, marker: str) -> Attempt:
    """What a terminal would obey, wherever a log may show it."""
    odd = random.choice(
        ["%1b[2J", "%07", "%e2%80%ae", "%0d%0aWARNING", "%c2%9b31m", "%f3%a0%81%81", "\u202e", "\u009b2J", "\u2066"]
    )
    place = random.choice(
        ["", "Origin: http://", "User-Agent: ", "Referer: http://", "Cookie: a=", "X-Forwarded-For: "]
    )
    path = f"/{marker}{odd if odd.isascii() else ''}" if random.random() < 0.5 else "/socket.io/?EIO=3"
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        *([f"{place}{odd}{marker}"] if place else []),
        "Connection: close",
    ]
    return request("\r\n".join([*lines, "", ""]).encode(), answered(400, 404))


def junk(random: Random, _: str) -> Attempt:
    return request(random.randbytes(random.randrange(1, 2000)) + b"\r\n\r\n", only_its_own)


def cut_off(random: Random, _: str) -> Attempt:
    """A proper request whose sender goes in the middle of it."""
    whole = head(random, b"Content-Length: 10") + b"0123456789"
    return Attempt(Sender.TCP, (whole[: random.randrange(1, len(whole))],), only_its_own, leaves=True)


def bad_session(random: Random, marker: str) -> Attempt:
    sid = random.choice([marker, "A" * 20, "A" * 5000, "%00", "../x", "%ff" * 9, f"{marker}%0d%0a"])
    query = random.choice(
        [
            "EIO=4&transport=polling",
            "EIO=4&transport=flash",
            "transport=polling",
            "EIO=4",
            "EIO=4&EIO=3&transport=polling",
        ]
    )
    method, body = random.choice(
        [("GET", ""), ("POST", "42[" + marker), ("POST", "\x1e" * 99), ("DELETE", ""), ("PUT", "x")]
    )
    lines = f"Host: localhost\r\nContent-Length: {len(body)}\r\nConnection: close"
    data = f"{method} /socket.io/?{query}&sid={sid} HTTP/1.1\r\n{lines}\r\n\r\n{body}"
    return request(data.encode(), answered(400, 404, 405))


HTTP_KINDS = (
    Kind("a length that is none", lines(odd_length)),
    Kind("two lengths", lines(two_lengths)),
    Kind("a transfer coding but chunked", lines(odd_coding)),
    Kind("a control character in a header", lines(control)),
    Kind("a bare line feed or carriage return", lines(injected)),
    Kind("a line that is no header", lines(no_header)),
    Kind("a folded line", lines(folded)),
    Kind("two hosts", lines(b"Host: localhost", b"host: other", b"HOST:localhost")),
    Kind("no host, or one that is none", no_host),
    Kind("a first line that is none", odd_first_line),
    Kind("loose chunks", loose_chunks),
    Kind("a head of over 64 KiB", large_head),
    Kind("a host that is not this one", foreign_host),
    Kind("a page of another origin", foreign_origin),
    Kind("a page of another origin that posts", foreign_post),
    Kind("a body that is too large", large_body),
    Kind("more sessions than one connection may begin", many_sessions),
    Kind("a file that is private", secret_file),
    Kind("a long name", long_name),
    Kind("words for the log", words_for_the_log),
    Kind("bytes by chance", junk),
    Kind("a request that is cut off", cut_off),
    Kind("a session that is none", bad_session),
)
