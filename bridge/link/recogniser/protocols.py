"""Recognise servers that speak some other protocol by how they begin.

Each pattern is the beginning that the protocol's own document prescribes for its server, or the answer to what the
server can't read. Only the beginning is looked at. Must not know framings.

Use: `protocol(b"HTTP/1.1 400 Bad Request\\r\\n")` -> a Guess with the code `http`.
"""

from __future__ import annotations

import re

from bridge.link.recogniser.guess import Guess

__all__ = ["protocol"]

_LOOKED_AT = 512

_LINE = rb"[^\r\n]{0,400}"

_PATTERNS: list[tuple[str, str, bytes]] = [
    ("http", "HTTP: a web server answers there, perhaps another bridge", rb"HTTP/\d(?:\.\d)? \d{3}[ \r\n]"),
    ("http", "HTTP: it sends requests, as a web client does",
     rb"(?:GET|POST|PUT|HEAD|OPTIONS|CONNECT|DELETE|PATCH) \S{1,300} HTTP/\d"),
    ("http", "HTTP/2", rb"PRI \* HTTP/2|\0\0[\0-\x78]\x04\0\0\0\0\0(?:\0[\x01-\x09]|\Z)"),
    ("http", "HTTP: a web server answers there with an error page, perhaps another bridge",
     rb"(?i:<!DOCTYPE HTML|<html[ >])"),
    ("tls", "TLS: it refused what is no TLS", rb"\x15\x03[\0-\x04]\0\x02[\x01\x02][\0-\x7f]"),
    ("tls", "TLS", rb"\x16\x03[\0-\x04][\0-\x40].[\x01\x02]\0"),
    ("protocol", "SSH", rb"SSH-[12]\.\d+-"),
    ("protocol", "FTP", rb"220[ -]" + _LINE + rb"(?i:\bftp)"),
    ("protocol", "a mail server (SMTP)", rb"(?:220|421|554)[ -]" + _LINE + rb"(?i:e?smtp|mail|postfix|exim)"),
    ("protocol", "a server of the kind of SMTP or FTP, which greets with a number",
     rb"(?:220|421|530|554)[ -]" + _LINE + rb"\r\n\Z"),
    ("protocol", "a mail server (POP3)", rb"\+OK " + _LINE + rb"(?:\r\n\Z|(?i:pop))"),
    ("protocol", "a mail server (IMAP)", rb"\* (?:OK|PREAUTH|BYE) "),
    ("protocol", "Redis", rb"-(?:ERR|NOAUTH|DENIED|LOADING) "),
    ("protocol", "MySQL or MariaDB", rb"...\0\x0a\d{1,2}\.\d{1,2}\.[^\0]{1,60}\0|..\0\0\xff.\x04"),
    ("protocol", "PostgreSQL", rb"E\0\0..S(?:FATAL|ERROR)\0"),
    ("protocol", "AMQP, as RabbitMQ speaks it", rb"AMQP[\0-\x03][\0-\x09]"),
    ("protocol", "NATS", rb'INFO \{[^\r\n]*"server_id"'),
    ("protocol", "VNC", rb"RFB \d{3}\.\d{3}\n"),
    ("protocol", "RTSP", rb"RTSP/\d\.\d \d{3} "),
    ("protocol", "SIP", rb"SIP/\d\.\d \d{3} "),
    ("protocol", "IRC", rb":\S{1,100} (?:NOTICE|\d{3}) \S+ :|NOTICE (?:AUTH|\*) :"),
    ("protocol", "memcached", rb"(?:ERROR\r\n)+\Z"),
    ("protocol", "FIX", rb"8=FIX(?:T)?\.\d\.\d\x01"),
    ("protocol", "telnet: it negotiates options",
     rb"\xff[\xfb-\xfe][\0-\x31](?:\xff[\xfa-\xfe]|[\r\n\x1b\x20-\x7e]|\Z)"),
]  # fmt: skip
_KNOWN = [(code, looks, re.compile(pattern, re.DOTALL)) for code, looks, pattern in _PATTERNS]


def protocol(data: bytes) -> Guess | None:
    """Guess the protocol from the beginning of a stream; None if it is none of the known ones."""
    head = data[:_LOOKED_AT]
    for code, looks, pattern in _KNOWN:
        if pattern.match(head):
            return Guess(code, looks)
    return None
