"""Make all parts of one bridge from its settings, and connect them. It starts nothing.

There are two steps, because handlers files come in between: what they are loaded into, then everything else.

Use: `host = HandlerHost(settings, root, run)`; `host.load()`; `bridge = Assembly(settings, host, …)`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bridge import folders, wiring
from bridge.admission.origins import Origins
from bridge.admission.redaction import without_addresses
from bridge.client_log import ClientLog
from bridge.config import Settings
from bridge.counters import Counters
from bridge.delivery.limits import Limits
from bridge.errors import LinkError
from bridge.hub.cross_thread_calls import CrossThreadCalls
from bridge.hub.name_cache import forget_names
from bridge.hub.steady_wait import steadily
from bridge.hub.watchdog import Watchdog
from bridge.link import codec
from bridge.link.connection import Connection, LinkState, LinkStatus
from bridge.link.dial import Dialer
from bridge.link.first_exchange import FirstWordsOptions
from bridge.link.framing.registry import framing_in, framing_out
from bridge.link.heartbeat import Heartbeat
from bridge.link.outgoing.message import fits
from bridge.messages import Delivery, Payload
from bridge.recovery.greeting import Greeter
from bridge.relay import handlers_file
from bridge.relay.change_throttle import ChangeThrottle
from bridge.relay.handlers import Bridge, Hooks, MakeCall
from bridge.relay.relay import Relay, RelayPorts
from bridge.relay.undelivered import Undelivered
from bridge.relay.users import ClientRequest, Users
from bridge.socketio_server.server import SocketIOCallbacks, SocketIOServer
from bridge.state_store import StateStore
from bridge.version import VERSION
from bridge.web import OuterLayer, add_folder, add_index, add_status, create_app, limit_bodies, log_failures

__all__ = ["Assembly", "HandlerHost"]

log = logging.getLogger("bridge")


class HandlerHost:
    """What handlers files are loaded into: the Flask app, the hooks and the users.

    `root`: the folder of the bridge's own pages; `run`: makes a call in a thread of the system.
    """

    def __init__(self, settings: Settings, root: Path, run: MakeCall) -> None:
        self._settings = settings
        self.app = create_app(root, wiring.page(settings), folders.private(settings))
        limit_bodies(self.app, settings.web.max_body)
        self.users, self.hooks = Users(), Hooks()
        self.bridge = Bridge(self.app, self.hooks, self.users, reserved=wiring.reserved_events(settings), run=run)

    def load(self) -> None:
        """Run the users' own files. Raises HandlersError."""
        for path in self._settings.relay.handlers:
            add_folder(self.app, path.resolve().parent)
            handlers_file.load(path, self.bridge)
        if self.hooks.connect and self._settings.relay.identity != "sid":
            log.warning("! on_connect is called under identity sid alone; under the others there is on_register")
        for warning in folders.warnings(self._settings):
            log.warning("! %s", warning)
        add_index(self.app, self._settings.web.site)


class Assembly:
    """The parts of one bridge, each given the parts that it calls.

    If two parts call each other, the one that is made first is given a method of this class. `server`: host and port;
    `own`: where the bridge itself listens; `on_failure`: called when a bug has made it impossible to go on.
    """

    def __init__(
        self,
        settings: Settings,
        host: HandlerHost,
        *,
        server: tuple[str, int],
        own: tuple[str, int],
        crossing: CrossThreadCalls,
        watchdog: Watchdog,
        counters: Counters,
        on_failure: Callable[[], None],
    ) -> None:
        self._settings, self._host, self._counters, self._client_log = settings, host, counters, ClientLog()
        self._address, self._server, self._up = server, "{}:{}".format(*server), False
        self._encoder = framing_out(settings.link.framing_out, settings.link.max_frame)
        self.state = StateStore(Path(settings.recovery.state_dir), settings.recovery.session_lifetime)
        limits = wiring.limits(settings, counters)
        greeter = wiring.greeter(settings, self.state, counters)
        self.fanout = wiring.fanout(settings, limits=limits, greeter=greeter, counters=counters)
        json = codec.JsonEncoder(self._encoder.escapes)
        hello = json.encode({settings.relay.action_key: "hello", "epoch": secrets.token_hex(8)})
        self.outgoing = wiring.outgoing_queue(
            settings, self._encoder, hello=hello, on_overflow=self._presence_overflow, counters=counters
        )
        dependencies = wiring.relay_dependencies(
            settings, users=host.users, hooks=host.hooks, json=json, counters=counters
        )
        self.relay = Relay(wiring.relay_options(settings), dependencies, self._relay_ports(crossing), counters=counters)
        host.bridge.run(send=self.relay.send, emit=self.relay.emit)
        self._link_news = ChangeThrottle(self.relay.link_changed, "bridge-link-news")
        self.link = self._connection(server, own)
        self.heartbeat = self._heartbeat()
        pages = host.app.wsgi_app  # before the Socket.IO server is around it
        self._origins = Origins(settings.web.allowed_origins, counters)
        self.socketio = self._socketio(limits, greeter, on_failure)
        inside = OuterLayer(host.app.wsgi_app, pages, counters)
        self.wsgi_app = wiring.admission(settings, self._origins, inside, counters)
        status = partial(self._status, watchdog, dependencies.undelivered)
        log_failures(host.app, counters)
        add_status(host.app, link=self._link_status, status=status)

    def _relay_ports(self, crossing: CrossThreadCalls) -> RelayPorts:
        return RelayPorts(
            send=self.outgoing.send,
            wait_for_room=self.outgoing.room,
            tell=self.outgoing.tell,
            announce=self.outgoing.up,
            fits=partial(fits, self._encoder),
            publish=self.fanout.publish,
            publish_notice=self.fanout.tell,
            catch_up=self.fanout.catch_up,
            tell_link=self._tell_link,
            remember=self.state.remember,
            recall=self.state.recall,
            close=self._close,
            charge=self._charge,
            call_across=crossing.call,
            client_log=self._client_log,
            visit=self._visit if self._settings.relay.handlers else None,
        )

    def _socketio(self, limits: Limits, greeter: Greeter, on_failure: Callable[[], None]) -> SocketIOServer:
        relay, users = self.relay, self._host.users
        callbacks = SocketIOCallbacks(
            on_late=lambda sid: self.fanout.catch_up(sid, None),
            on_connecting=relay.connecting if relay.asks_who_connects else None,
            on_connected=relay.connected,
            on_events=relay.events,
            on_disconnected=relay.disconnected,
            on_failure=on_failure,
            client_log=self._client_log,
            user_of=lambda sid: client.user if (client := users.get(sid)) else None,
        )
        options = wiring.socketio_options(self._settings)
        return SocketIOServer(
            self._host.app, options, callbacks,
            origins=self._origins, limits=limits, greeter=greeter, counters=self._counters,
        )  # fmt: skip

    def _connection(self, server: tuple[str, int], own: tuple[str, int]) -> Connection:
        link = self._settings.link
        opening = self.relay.opening(wiring.greetings(self._settings))
        return Connection(
            steadily(Dialer(*server, forget=forget_names).dial),
            partial(framing_in, link.framing_in, link.max_frame),
            wiring.link_options(self._settings, server=self._server, separate=self._encoder.separate, own=own),
            counters=self._counters,
            outgoing=self.outgoing,
            on_burst=self._take_confirmed if link.confirm else self.relay.burst,
            on_state=self._link_state,
            on_change=self._link_news.changed,
            opening=None if opening is None else FirstWordsOptions(opening.begin, self._encoder),
        )

    def _heartbeat(self) -> Heartbeat | None:
        link = self._settings.link
        if link.heartbeat is None:
            return None
        return Heartbeat(link.heartbeat.encode(), link.heartbeat_interval, self.outgoing.tell)

    def _status(self, watchdog: Watchdog, undelivered: Undelivered) -> dict[str, object]:
        """Return what /bridge/status shows; `now`: what waits or is kept at this moment."""
        users, socketio, queue = self._host.users, self.socketio, self.outgoing
        return {
            "version": VERSION,
            "link": {"server": self._server, **self._link_status()},
            "clients": len(users.clients),
            "users": len(users.names),
            "now": {"bytes_for_link": queue.waiting, "bytes_held": queue.held, **socketio.now()},
            "hub_blocked": watchdog.status,
            "counters": self._counters.snapshot(),
            "undelivered": undelivered.rows(),
            "refused_origins": self._origins.refused(),
        }

    def _take_confirmed(self, frames: list[bytes]) -> None:
        self.relay.burst(self.outgoing.confirmed(frames))

    def _link_state(self, status: LinkStatus) -> None:
        was_up, self._up = self._up, status.state is LinkState.CONNECTED
        if self._up:
            self.relay.link_up()
        self._link_news.changed()
        if was_up:
            self.relay.link_down(status.reason or "")

    def _link_status(self) -> dict[str, object]:
        return self.link.status.as_json()

    def _tell_link(self, sid: str | None) -> None:
        """Tell a client, or all, the link's status; addresses are for those on this machine alone."""
        whole = self._link_status()
        public = without_addresses(whole, *self._address)
        if sid is not None:
            status = whole if sid in self.socketio.local else public
            self.fanout.tell(Delivery("bridge:link", Payload.own(status), (sid,)))
        elif whole == public:
            self.fanout.tell(Delivery("bridge:link", Payload.own(whole)))
        else:
            local = Delivery("bridge:link", Payload.own(whole), tuple(self.socketio.local))
            self.fanout.tell_apart(local, Payload.own(public))

    def _close(self, sid: str, code: str) -> None:
        self.socketio.close(sid, code)

    def _charge(self, sid: str) -> None:
        self.socketio.charge(sid)

    def _visit(self, sid: str) -> ClientRequest | None:
        return self.socketio.visit(sid)

    def _presence_overflow(self) -> None:
        self._counters.note("presence_overflow", "! the server leaves presence unread; the link is made anew")
        self.link.drop(LinkError("busy", "the server does not read; presence piled up"))
