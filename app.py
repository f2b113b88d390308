"""The bridge: `python app.py --server localhost:8000`, or `--demo`; `--help` lists the settings.

Patches first, then settings, logging, wiring, running, signals. No logic: what a part does is
in bridge/, and this file only says which part hears from which.
"""

import warnings

# eventlet says at import that it is for maintenance only; docs/decisions.md says why it is here.
warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")
import eventlet

eventlet.monkey_patch()

import logging
import os
import secrets
import signal
import sys
import threading
from functools import partial
from pathlib import Path

from bridge.clients.engine.serving import addresses, listen, make_room
from bridge.clients.engine.sockets import Engine, EngineOptions
from bridge.clients.fanout import Fanout
from bridge.clients.keys import KeysOf
from bridge.config import Settings, describe, load, problems_block
from bridge.demo import DemoServer
from bridge.errors import HandlersError, LinkError, Refused, ServeError, SettingsError
from bridge.link import codec
from bridge.link.confirming import Confirming
from bridge.link.connection import Link, LinkOptions, LinkState, LinkStatus
from bridge.link.dial import Dialer
from bridge.link.framing import Encoder, framing_in, framing_out
from bridge.link.heartbeat import Heartbeat
from bridge.link.holding import Holding
from bridge.link.uplink import Uplink
from bridge.logs import configure
from bridge.messages import Delivery, Payload
from bridge.relay import handlers_file
from bridge.relay.acks import Acks
from bridge.relay.handlers import Bridge, Hooks
from bridge.relay.relay import Parts, Relay, Rules, Wires
from bridge.relay.replies import KEY, Replies
from bridge.relay.routing import Decode, Inbound, Outbound, OutboundRules
from bridge.relay.users import Users
from bridge.tally import Tally
from bridge.version import VERSION
from bridge.web import Outside, PageSettings, Sources, add_folder, add_index, add_status, create_app

log = logging.getLogger("bridge")

FAREWELL = 5.0  # seconds for what waits for the link when the bridge stops


class Process:
    """All parts of one bridge, wired, and its life from `run()` to `stop()`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tally = Tally()
        # A pipe, because a signal does not wake the hub from its poll, and a byte in a pipe does.
        self.ends, self.end = os.pipe()
        os.set_blocking(self.end, False)
        self.ending = False
        self.exit_code = 0
        self.demo = DemoServer() if settings.link.demo else None
        self.server = settings.link.server
        self.users = Users()
        self.hooks = Hooks()
        self.app = create_app(Path(__file__).resolve().parent, self._page())
        self.bridge = Bridge(self.app, self.hooks, self.users, reserved_events(settings))

    def load_handlers(self) -> None:
        """Run the users' own files. Raises HandlersError."""
        for path in self.settings.relay.handlers:
            add_folder(self.app, path.resolve().parent)
            handlers_file.load(path, self.bridge)
        if self.hooks.connect and self.settings.relay.identity != "sid":
            log.warning("! on_connect is called under identity sid alone; under the others there is on_register")
        add_index(self.app, self.settings.web.site)

    def run(self) -> int:
        """Serve until a signal; returns the exit code. Raises ServeError."""
        web = self.settings.web
        listener = listen(web.host, web.port)
        host, port = self.demo.start() if self.demo else (self.server.host, self.server.port)
        self._wire(host, port)
        self._wire_web(host, port)
        make_room()
        signal.set_wakeup_fd(self.end)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._signalled())
        eventlet.spawn(self.engine.serve, listener, Outside(self.app.wsgi_app, self.flask_app, self.tally))
        if self.settings.link.heartbeat:
            self.heartbeat.run()
        threading.Thread(target=self._run_link, name="bridge-link", daemon=True).start()
        self._say(addresses(web.host, listener.getsockname()[1]), f"{host}:{port}")
        os.read(self.ends, 1)
        listener.close()
        self._stop()
        return self.exit_code

    def _wire(self, host: str, port: int) -> None:
        link, relay = self.settings.link, self.settings.relay
        encoder = framing_out(link.framing_out, link.max_frame)
        json = codec.JsonEncoder(encoder.escape)
        self._wire_uplink(encoder, json.encode({relay.action_key: "hello", "epoch": secrets.token_hex(8)}))
        self.link = Link(
            Dialer(host, port).dial,
            partial(framing_in, link.framing_in, link.max_frame),
            LinkOptions(f"{host}:{port}", encoder.separate, link.send_gap, link.idle_warn, link.idle_reconnect),
            self.tally,
        )
        user_key = None if relay.identity == "none" else relay.user_key
        decode = Decode(codec.parse_fast, codec.to_text, codec.parse, codec.parse_lenient, codec.NotJson, codec.TooDeep)
        parts = Parts(
            users=self.users,
            inbound=Inbound(user_key, relay.action_key, own_keys(self.settings), self.tally),
            outbound=Outbound(
                OutboundRules(relay.payload, relay.event, relay.event_key, user_key),
                decode, self.users.sids, self.tally,
            ),
            hooks=self.hooks,
            encode=json.encode,
            encode_many=json.encode_many,
            replies=Replies(link.reply_timeout, decode, Acks(self.tally), self.tally) if link.replies else None,
        )  # fmt: skip
        presence = (relay.connected, relay.disconnected)
        rules = Rules(relay.identity, relay.user_key, presence, relay.unhandled, link.link_queue, link.confirm)
        self.relay = Relay(rules, parts, self.tally)

    def _wire_uplink(self, encoder: Encoder, hello: bytes) -> None:
        link = self.settings.link
        self.uplink = Uplink(
            encoder, link.link_queue, self._presence_overflow, self.tally,
            holding=Holding(link.hold, link.hold_size, link.hold_client) if link.when_down == "hold" else None,
            confirming=Confirming(hello) if link.confirm else None,
        )  # fmt: skip
        self.heartbeat = Heartbeat((link.heartbeat or "").encode(), link.heartbeat_interval, self.uplink.tell)

    def _wire_web(self, host: str, port: int) -> None:
        web, clients, largest = self.settings.web, self.settings.clients, 2 * self.settings.link.max_frame + 65536
        self.flask_app = self.app.wsgi_app
        self.engine = Engine(
            self.app,
            EngineOptions(
                web.allowed_origins, web.ping_interval, web.ping_timeout, web.connect_timeout, largest,
                clients.outbox, clients.slow,
            ),
            self.tally,
        )  # fmt: skip
        keys_of = KeysOf(clients.latest_key) if clients.slow == "latest" else None
        self.fanout = Fanout(self.engine.outboxes, self.engine.pressure, self.tally, keys_of)
        self.engine.run(
            on_connected=self.relay.connected,
            on_events=self.relay.events,
            on_disconnected=self.relay.disconnected,
        )
        wires = Wires(
            self.uplink.send, self.uplink.room, self.uplink.tell, self.uplink.up, self.fanout.publish, self._link_json
        )
        self.relay.run(wires, self.bridge)
        add_status(
            self.app,
            Sources(
                f"{host}:{port}", VERSION, self._link_json,
                lambda: len(self.users.clients), lambda: len(self.users.names), self.tally.snapshot,
            ),
        )  # fmt: skip

    def _run_link(self) -> None:
        try:
            self.link.run(
                on_burst=self._burst,
                on_state=self._link_state,
                outgoing=self.uplink,
                on_silence=self.relay.link_changed,
            )
        except BaseException:
            # A bug, and a bridge without its link is none: better to be restarted than to pretend.
            log.critical("! the link's thread failed; the bridge stops", exc_info=True)
            self.exit_code = 1
            os.write(self.end, b"!")

    def _burst(self, frames: list[bytes]) -> None:
        self.relay.burst(self.uplink.confirmed(frames) if self.settings.link.confirm else frames)

    def _link_state(self, status: LinkStatus) -> None:
        if status.state is LinkState.CONNECTED:
            self.relay.link_up()
        self.relay.link_changed(status.as_json())

    def _link_json(self) -> dict[str, object]:
        return self.link.status.as_json()

    def _presence_overflow(self) -> None:
        self.tally.note("presence_overflow", "! the server leaves presence unread; the link is made anew")
        self.link.drop(LinkError("busy", "the server does not read; presence piled up"))

    def _signalled(self) -> None:
        if self.ending:
            os._exit(1)  # a second signal: at once
        self.ending = True

    def _stop(self) -> None:
        log.info("= stopping")
        self.fanout.publish([Delivery("bridge:closing", Payload.of({"code": "stopping"}))])
        self.heartbeat.close()
        self.uplink.close()  # while there are clients to be told
        self.engine.stop()
        self.uplink.drained(FAREWELL)
        self.link.close()
        if self.demo:
            self.demo.close()

    def _page(self) -> PageSettings:
        link, relay = self.settings.link, self.settings.relay
        server = "the embedded demo server" if link.demo else str(link.server)
        return PageSettings(
            identity=relay.identity, payload=relay.payload, event=relay.event, server=server,
            demo=link.demo, version=VERSION, actionKey=relay.action_key, userKey=relay.user_key,
        )  # fmt: skip

    def _say(self, urls: list[str], server: str) -> None:
        demo = " (the embedded demo server)" if self.demo else ""
        print(f"bridge {VERSION}: open {urls[0]}  (server {server}{demo})", flush=True)
        for url in urls[1:]:
            print(f"  from other machines in this network: {url}", flush=True)


def main(argv: list[str]) -> int:
    """The exit code: 0 after a signal, 1 when it can't serve, 2 for settings or handlers."""
    try:
        settings = load(
            argv,
            os.environ,
            checks={
                "framing_in": lambda text: void(framing_in(text, 1)),
                "framing_out": lambda text: void(framing_out(text, 1)),
            },
        )
        check_heartbeat(settings)
        configure(settings.log.log_level, settings.log.log_format)
        process = Process(settings)
        process.load_handlers()
        if settings.check:
            print(describe(settings))
            return 0
        return process.run()
    except SettingsError as error:
        print(problems_block(error), file=sys.stderr)
        return 2
    except HandlersError as error:
        print(f"bridge: the handlers can't be loaded: {error}", file=sys.stderr)
        return 2
    except ServeError as error:
        print(f"bridge: {error}", file=sys.stderr)
        return 1


def check_heartbeat(settings: Settings) -> None:
    """Raise SettingsError if the framing can't carry it, which only both of them together tell."""
    link = settings.link
    try:
        framing_out(link.framing_out, link.max_frame).frame((link.heartbeat or "").encode())
    except Refused as error:
        raise SettingsError([f"heartbeat {link.heartbeat!r}: {error.message}"]) from None


def reserved_events(settings: Settings) -> set[str]:
    """Events that never reach a handler under these settings."""
    relay = settings.relay
    presence = set() if relay.identity == "none" else {relay.connected, relay.disconnected}
    hello = {"hello"} if settings.link.confirm else set()
    return presence | hello | ({"register"} if relay.identity == "register" else set())


def own_keys(settings: Settings) -> set[str]:
    """Keys of a message that no client may set."""
    keys = {settings.relay.user_key, settings.relay.action_key}
    return keys | ({"seq"} if settings.link.confirm else set()) | ({KEY} if settings.link.replies else set())


def void(_: object) -> None:
    """For a check whose value nobody wants, only its exception."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
