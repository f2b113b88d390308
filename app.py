"""The bridge: `.venv/bin/python app.py --server localhost:8000`, or `--demo`; `--help` lists the settings.

It patches first; then come settings, logging, assembly, running, signals. It has no logic: what a part does is in
bridge/, and which part calls which is in bridge/assembly.py.
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

if sys.version_info >= (3, 14) and logging.lastResort:  # it has a lock of its own, out of eventlet's reach
    logging.lastResort.addFilter(lambda record: not record.getMessage().startswith("1 RLock(s) were not greened"))
eventlet.monkey_patch()

import threading
import time
from pathlib import Path

from bridge import wiring
from bridge.assembly import Assembly, HandlerHost
from bridge.hub.cross_thread_calls import CrossThreadCalls
from bridge.hub.shutdown import Shutdown
from bridge.hub.system_threads import end_after, lock_logging
from bridge.engineio.http_server import addresses, is_open, listen, make_room
from bridge.hub.vital_threads import VitalThread
from bridge.hub.watchdog import Watchdog
from bridge.hub.worker_pool import WorkerPool
from bridge.config import Settings, complaint, describe
from bridge.demo.server import DemoServer
from bridge.errors import ServeError, StartError
from bridge.logs import configure
from bridge.messages import Delivery, Payload
from bridge.output import say
from bridge.counters import Counters
from bridge.version import VERSION

log = logging.getLogger("bridge")

ROOT = Path(__file__).resolve().parent
FAREWELL = 5.0  # seconds for what waits for the link when the bridge stops
LAST = 2.0  # seconds that the end of the process takes at most, once all is done


class Process:
    """The life of one bridge, from `run()` to the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.counters, self.shutdown = settings, Counters(), Shutdown()
        self.crossing = CrossThreadCalls()
        self.watchdog = Watchdog(self.crossing, self.counters)
        self.demo = DemoServer() if settings.link.demo else None
        self.host = HandlerHost(settings, ROOT, WorkerPool(self.crossing).run)

    def run(self) -> int:
        """Serve until a signal. Return the exit code. Raises ServeError."""
        web, server = self.settings.web, self.settings.link.server
        listener = listen(web.host, web.port)
        host, port = self.demo.start() if self.demo else (server.host, server.port)
        bridge = self.assembly((host, port), listener.getsockname()[:2])
        make_room(web.max_clients)
        self.shutdown.hear_signals()
        VitalThread("way in for other threads", self.crossing.serve, self.shutdown.fail)
        self.watchdog.run()
        bridge.socketio.serve(listener, bridge.wsgi_app)
        if bridge.heartbeat is not None:
            bridge.heartbeat.run()
        threading.Thread(target=self._run_link, args=(bridge,), name="bridge-link", daemon=True).start()
        self._welcome(addresses(web.host, listener.getsockname()[1]), f"{host}:{port}", is_open(listener))
        self.shutdown.wait()
        listener.close()
        self._stop(bridge)
        return self.shutdown.exit_code

    def assembly(self, server: tuple[str, int], own: tuple[str, int]) -> Assembly:
        """Make all parts, for the server at one address, listening at the other."""
        return Assembly(
            self.settings, self.host, server=server, own=own, crossing=self.crossing, watchdog=self.watchdog,
            counters=self.counters, on_failure=self.shutdown.fail,
        )  # fmt: skip

    def _run_link(self, bridge: Assembly) -> None:
        try:
            bridge.link.run()
        except BaseException:
            # A bug, and a bridge without its link is none: better to be restarted than to pretend.
            log.critical("! the link's thread failed; the bridge stops", exc_info=True)
            self.shutdown.fail()

    def _stop(self, bridge: Assembly) -> None:
        log.info("= stopping")
        ends = time.monotonic() + FAREWELL
        bridge.socketio.refuse_newcomers()
        bridge.fanout.tell(Delivery("bridge:closing", Payload.of({"code": "stopping"})))
        if bridge.heartbeat is not None:
            bridge.heartbeat.close()
        bridge.outgoing.close(FAREWELL)  # while there are clients to be told
        bridge.socketio.stop()
        bridge.relay.stop()
        bridge.outgoing.drained(ends - time.monotonic())
        bridge.link.leave(ends - time.monotonic())
        self.watchdog.close()
        self.crossing.close()
        bridge.state.close()
        if self.demo:
            self.demo.close()

    def _welcome(self, urls: list[str], server: str, open_to_all: bool) -> None:
        demo = " (the embedded demo server)" if self.demo else ""
        others = "".join(f"\n  from other machines in this network: {url}" for url in urls[1:])
        warning = "\n  whoever reaches it may act as anybody: nobody has to log in" if open_to_all else ""
        try:
            say(f"bridge {VERSION}: open {urls[0]}  (server {server}{demo}){others}{warning}")
        except ServeError as error:  # it serves all the same
            log.warning("! %s", error)


def main(argv: list[str]) -> int:
    """Run the bridge. Return the exit code: 0 after a signal, 1 when it can't serve, 2 for settings or handlers."""
    try:
        settings = wiring.load_settings(argv, os.environ)
        lock_logging()
        configure(settings.log.log_level, settings.log.log_format)
        process = Process(settings)
        process.host.load()
        if settings.check:
            say(describe(settings))
            return 0
        code = process.run()
        end_after(LAST, code)
        return code
    except StartError as error:
        say(complaint(error), sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
