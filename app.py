"""The bridge: `.venv/bin/python app.py --server localhost:8000`, or `--demo`; `--help` lists the settings.

Patches first, then settings, logging, wiring, running, signals. No logic: what a part does is
in bridge/, and this file only says which part hears from which.
"""

import os
import signal

if __name__ == "__main__":  # before what takes time: as process 1 of a container it would else not hear a signal at all
    for early in (signal.SIGTERM, signal.SIGINT):
        signal.signal(early, lambda *_: os._exit(0))  # there is nothing yet to be put in order

import sys
import warnings

from bridge.needs import unmet

if __name__ == "__main__" and unmet():
    sys.exit(f"bridge: {unmet()}")

# eventlet says at import that it is for maintenance only; docs/decisions.md says why it is here.
warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")
import logging

import eventlet

if (
    sys.version_info >= (3, 14) and logging.lastResort
):  # has one that is out of reach, of its own, of which eventlet says
    logging.lastResort.addFilter(lambda record: not record.getMessage().startswith("1 RLock(s) were not greened"))
eventlet.monkey_patch()

import secrets
import threading
import time
from functools import partial
from pathlib import Path

from bridge import wiring
from bridge.hub.cross_thread_calls import CrossThreadCalls
from bridge.hub.system_threads import end_after, lock_logging
from bridge.hub.name_cache import forget_names
from bridge.engineio.http_server import addresses, listen, make_room
from bridge.socketio_server.engine import Engine
from bridge.hub.steady_wait import steadily
from bridge.hub.vital_threads import vital
from bridge.hub.watchdog import Watchdog
from bridge.hub.worker_pool import WorkerPool
from bridge.config import Settings, describe, load, problems_block
from bridge.demo.server import DemoServer
from bridge.errors import HandlersError, LinkError, ServeError, SettingsError
from bridge.link import codec
from bridge.link.connection import Connection, LinkState, LinkStatus
from bridge.link.dial import Dialer
from bridge.link.outgoing.message import fits
from bridge.link.first_exchange import FirstWordsRules
from bridge.link.framing.registry import framing_in, framing_out
from bridge.link.heartbeat import Heartbeat
from bridge.logs import configure
from bridge.messages import Delivery, Payload
from bridge.output import say
from bridge.relay import handlers_file
from bridge.relay.handlers import Bridge, Hooks
from bridge.relay.notice_throttle import NoticeThrottle
from bridge.relay.relay import Relay, RelayCallbacks
from bridge.relay.users import Users
from bridge.state_store import StateStore
from bridge.counters import Counters
from bridge.version import VERSION
from bridge.web import OuterLayer, StatusSources, add_folder, add_index, add_status, create_app

log = logging.getLogger("bridge")

FAREWELL = 5.0  # seconds for what waits for the link when the bridge stops
LAST = 2.0  # seconds that the end of the process takes at most, once all is done


class Process:
    """All parts of one bridge, wired, and its life from `run()` to `stop()`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counters = Counters()
        # A pipe, because a signal does not wake the hub from its poll, and a byte in a pipe does.
        self.ends, self.end = os.pipe()
        os.set_blocking(self.end, False)
        self.crossing = CrossThreadCalls()
        self.watchdog = Watchdog(self.crossing, self.counters)
        self.ending = False
        self.exit_code = 0
        self.up = False  # the link
        self.demo = DemoServer() if settings.link.demo else None
        self.server = settings.link.server
        self.state = StateStore(Path(settings.recovery.state_dir))
        self.users = Users()
        self.hooks = Hooks()
        self.app = create_app(Path(__file__).resolve().parent, wiring.page(settings), wiring.private(settings))
        run = WorkerPool(self.crossing).run
        self.bridge = Bridge(self.app, self.hooks, self.users, wiring.reserved_events(settings), run)

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
        self._wire(host, port, listener.getsockname()[:2])
        self._wire_web(host, port)
        make_room()
        signal.set_wakeup_fd(self.end)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # of a terminal that is closed; it runs on
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._signalled())
        vital("way in for other threads", self.crossing.serve, self._failed)
        self.watchdog.run()
        self.engine.serve(listener, OuterLayer(self.app.wsgi_app, self.flask_app, self.counters))
        if self.settings.link.heartbeat:
            self.heartbeat.run()
        threading.Thread(target=self._run_link, name="bridge-link", daemon=True).start()
        self._say(addresses(web.host, listener.getsockname()[1]), f"{host}:{port}")
        os.read(self.ends, 1)
        listener.close()
        self._stop()
        return self.exit_code

    def _wire(self, host: str, port: int, own: tuple[str, int]) -> None:
        link, relay = self.settings.link, self.settings.relay
        encoder = framing_out(link.framing_out, link.max_frame)
        json = codec.JsonEncoder(encoder.escapes)
        self.fits = partial(fits, encoder)
        hello = json.encode({relay.action_key: "hello", "epoch": secrets.token_hex(8)})
        self.uplink = wiring.uplink(self.settings, encoder, hello, self._presence_overflow, self.counters)
        self.heartbeat = Heartbeat((link.heartbeat or "").encode(), link.heartbeat_interval, self.uplink.tell)
        self.link = Connection(
            steadily(Dialer(host, port, forget=forget_names).dial),
            partial(framing_in, link.framing_in, link.max_frame),
            wiring.link_options(self.settings, f"{host}:{port}", encoder.separate, own),
            self.counters,
        )
        parts = wiring.relay_parts(self.settings, self.users, self.hooks, json, self.counters)
        self.undelivered = parts.undelivered
        self.relay = Relay(wiring.relay_rules(self.settings), parts, self.counters)
        self.link_news = NoticeThrottle(self.relay.link_changed, "bridge-link-news")
        opening = self.relay.opening(wiring.greetings(self.settings))
        self.opening = None if opening is None else FirstWordsRules(opening.begin, encoder)

    def _wire_web(self, host: str, port: int) -> None:
        self.flask_app = self.app.wsgi_app
        self.engine = Engine(self.app, wiring.engine_options(self.settings, self.state), self.counters)
        self.fanout = wiring.fanout(self.settings, self.engine, self.counters)
        self.engine.run(
            on_late=lambda sid: self.fanout.catch_up(sid, None),
            on_connecting=self.relay.connecting if self.relay.asks_who_connects else None,
            on_connected=self.relay.connected,
            on_events=self.relay.events,
            on_disconnected=self.relay.disconnected,
            on_failure=self._failed,
            user_of=lambda sid: client.user if (client := self.users.get(sid)) else None,
        )
        wires = RelayCallbacks(
            self.uplink.send, self.uplink.room, self.uplink.tell, self.uplink.up, self.fits,
            self.fanout.publish, self.fanout.tell, self.fanout.catch_up, self._link_json,
            self.state.remember, self.state.recall, self.engine.close, self.crossing.call,
            self.engine.visit if self.settings.relay.handlers else None,
        )  # fmt: skip
        self.relay.run(wires, self.bridge)
        add_status(
            self.app,
            StatusSources(
                f"{host}:{port}", VERSION, self._link_json,
                lambda: len(self.users.clients), lambda: len(self.users.names), self.counters.snapshot, self._now,
                self.undelivered.rows,
                self.engine.refused_origins,
                lambda: self.watchdog.status,
            ),
        )  # fmt: skip

    def _run_link(self) -> None:
        try:
            self.link.run(
                on_burst=self._burst,
                on_state=self._link_state,
                outgoing=self.uplink,
                on_change=self.link_news.changed,
                opening=self.opening,
            )
        except BaseException:
            # A bug, and a bridge without its link is none: better to be restarted than to pretend.
            log.critical("! the link's thread failed; the bridge stops", exc_info=True)
            self._failed()

    def _failed(self) -> None:
        self.exit_code = 1
        os.write(self.end, b"!")

    def _burst(self, frames: list[bytes]) -> None:
        self.relay.burst(self.uplink.confirmed(frames) if self.settings.link.confirm else frames)

    def _link_state(self, status: LinkStatus) -> None:
        was_up, self.up = self.up, status.state is LinkState.CONNECTED
        if self.up:
            self.relay.link_up()
        self.link_news.changed()
        if was_up:
            self.relay.link_down(status.reason or "")

    def _link_json(self) -> dict[str, object]:
        return self.link.status.as_json()

    def _now(self) -> dict[str, int]:
        return {"bytes_for_link": self.uplink.waiting, "bytes_held": self.uplink.held, **self.engine.now()}

    def _presence_overflow(self) -> None:
        self.counters.note("presence_overflow", "! the server leaves presence unread; the link is made anew")
        self.link.drop(LinkError("busy", "the server does not read; presence piled up"))

    def _signalled(self) -> None:
        if self.ending:
            os._exit(1)  # a second signal: at once
        self.ending = True

    def _stop(self) -> None:
        log.info("= stopping")
        ends = time.monotonic() + FAREWELL
        self.engine.refuse_newcomers()
        self.fanout.tell(Delivery("bridge:closing", Payload.of({"code": "stopping"})))
        self.heartbeat.close()
        self.uplink.close(FAREWELL)  # while there are clients to be told
        self.engine.stop()
        self.relay.stop()
        self.uplink.drained(ends - time.monotonic())
        self.link.leave(ends - time.monotonic())
        self.watchdog.close()
        self.crossing.close()
        self.state.close()
        if self.demo:
            self.demo.close()

    def _say(self, urls: list[str], server: str) -> None:
        demo = " (the embedded demo server)" if self.demo else ""
        lines = [f"bridge {VERSION}: open {urls[0]}  (server {server}{demo})"]
        lines += [f"  from other machines in this network: {url}" for url in urls[1:]]
        try:
            say("\n".join(lines))
        except ServeError as error:  # it serves all the same
            log.warning("! %s", error)


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
        wiring.check_frames(settings)
        lock_logging()
        configure(settings.log.log_level, settings.log.log_format)
        process = Process(settings)
        process.load_handlers()
        if settings.check:
            say(describe(settings))
            return 0
        code = process.run()
        end_after(LAST, code)
        return code
    except SettingsError as error:
        say(problems_block(error), sys.stderr)
        return 2
    except HandlersError as error:
        say(f"bridge: the handlers can't be loaded: {error}", sys.stderr)
        return 2
    except ServeError as error:
        say(f"bridge: {error}", sys.stderr)
        return 1


def void(_: object) -> None:
    """For a check whose value nobody wants, only its exception."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
