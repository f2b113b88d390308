"""Make the options of each part from the settings.

It sees more than one side, as assembly.py and app.py do. It starts nothing.

Use: `fanout(settings, limits=limits, greeter=greeter, counters=counters)`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from pathlib import Path

from bridge import folders
from bridge.admission.hosts import Hosts, host_name, own_names
from bridge.admission.layer import AdmissionLayer, Wsgi
from bridge.admission.origins import Origins
from bridge.admission.proxies import Proxies
from bridge.config import Settings, load
from bridge.counters import Counters
from bridge.decoding import DECODE
from bridge.delivery.conflation_key import ConflationKeys
from bridge.delivery.fanout import Fanout
from bridge.delivery.limits import Limits
from bridge.delivery.slow_policies import POLICIES
from bridge.delivery.snapshots import Snapshots
from bridge.engineio.io_uring import send_many
from bridge.engineio.session_quota import SessionLimits
from bridge.errors import Refused, SettingsError
from bridge.link import codec
from bridge.link.connection import LinkOptions
from bridge.link.framing.registry import Encoder, FramingSpecError, framing_in, framing_out, unescape
from bridge.link.hint import Reading
from bridge.link.outgoing.delivery_tracker import DeliveryTracker
from bridge.link.outgoing.offline_buffer import OfflineBuffer
from bridge.link.outgoing.queue import OutgoingQueue
from bridge.messages import PayloadMode
from bridge.recovery.greeting import Greeter, RecoveryOptions
from bridge.recovery.session_ages import SessionAges
from bridge.relay.acks import Acks
from bridge.relay.deduplication import Deduplication
from bridge.relay.event_message import EventMessages
from bridge.relay.handlers import Hooks
from bridge.relay.relay import Identity, RelayDependencies, RelayOptions
from bridge.relay.replies import Replies, RepliesOptions
from bridge.relay.routing import Routing, RoutingOptions
from bridge.relay.undelivered import Undelivered
from bridge.relay.users import Users
from bridge.socketio_server.server import SocketIOOptions
from bridge.state_store import StateStore
from bridge.version import VERSION
from bridge.web import PageSettings

__all__ = [
    "admission", "fanout", "greeter", "greetings", "limits", "link_options", "load_settings", "outgoing_queue", "page",
    "relay_dependencies", "relay_options", "reserved_events", "socketio_options",
]  # fmt: skip

_HOSTS = Path("/etc/hosts")
_BEAT = '{"action":"heartbeat"}'


def outgoing_queue(
    settings: Settings, encoder: Encoder, *, hello: bytes, on_overflow: Callable[[], None], counters: Counters
) -> OutgoingQueue:
    """Make the link's queue. `hello`: the first payload of each connection, if the server confirms."""
    link = settings.link
    holding = OfflineBuffer(link.hold, link.hold_size, link.hold_client) if link.when_down == "hold" else None
    confirming = DeliveryTracker(hello) if link.confirm else None
    return OutgoingQueue(
        framing=encoder, limit=link.link_queue, on_overflow=on_overflow, counters=counters,
        holding=holding, confirming=confirming,
    )  # fmt: skip


def link_options(settings: Settings, *, server: str, separate: bool, own: tuple[str, int]) -> LinkOptions:
    """Make the link's options. `separate`: one send for each message; `own`: where the bridge itself listens."""
    link = settings.link
    reading = Reading(
        framing_in=link.framing_in, framing_out=link.framing_out, payload=PayloadMode(settings.relay.payload),
        max_frame=link.max_frame,
    )  # fmt: skip
    return LinkOptions(
        server=server, separate=separate, send_gap=link.send_gap, idle_warn=link.idle_warn,
        idle_reconnect=link.idle_reconnect, reading=reading, own=own, retry_max=link.retry_max,
    )  # fmt: skip


def relay_options(settings: Settings) -> RelayOptions:
    """Make the relay's options."""
    relay, recovery = settings.relay, settings.recovery
    return RelayOptions(
        identity=Identity(relay.identity),
        user_key=relay.user_key,
        presence=(relay.connected, relay.disconnected),
        handler_limit=settings.link.link_queue,
        drop_unhandled=relay.unhandled == "drop",
        confirm=settings.link.confirm,
        grace=recovery.grace,
        window=recovery.recovery_window if recovery.recovery == "on" else 0.0,
    )


def relay_dependencies(
    settings: Settings, *, users: Users, hooks: Hooks, json: codec.JsonEncoder, counters: Counters
) -> RelayDependencies:
    """Make the relay's parts."""
    relay, once_key = settings.relay, settings.relay.once_key
    user_key = None if relay.identity == "none" else relay.user_key
    options = RoutingOptions(
        payload=PayloadMode(relay.payload), event=relay.event, event_key=relay.event_key, user_key=user_key,
        named=bool(settings.recovery.snapshot), refuse=relay.unreadable == "refuse",
    )  # fmt: skip
    undelivered = Undelivered(counters, users.some)
    return RelayDependencies(
        users=users,
        event_messages=EventMessages(
            user_key=user_key,
            action_key=relay.action_key,
            reserved=_own_keys(settings),
            counters=counters,
            shared={settings.link.reply_key} if settings.link.replies else (),
        ),
        routing=Routing(options, decode=DECODE, sids=users.sids, counters=counters, undelivered=undelivered),
        hooks=hooks,
        encode=json.encode,
        encode_many=json.encode_many,
        undelivered=undelivered,
        replies=_replies(settings, counters, undelivered) if settings.link.replies else None,
        deduplication=None if once_key is None else Deduplication(once_key, settings.recovery.recovery_window),
    )


def _replies(settings: Settings, counters: Counters, undelivered: Undelivered) -> Replies:
    link = settings.link
    options = RepliesOptions(link.reply_timeout, link.reply_key, number=link.reply_id == "number")
    return Replies(options, decode=DECODE, acks=Acks(counters), counters=counters, undelivered=undelivered)


def socketio_options(settings: Settings) -> SocketIOOptions:
    """Make the Socket.IO server's options."""
    web = settings.web
    return SocketIOOptions(
        ping_interval=web.ping_interval, ping_timeout=web.ping_timeout, connect_timeout=web.connect_timeout,
        sessions=SessionLimits(
            clients=web.max_clients, clients_per_address=web.max_clients_per_address, proxies=web.trusted_proxies
        ),
        max_attachments=web.max_attachments,
        max_event=2 * settings.link.max_frame + 65536,
    )  # fmt: skip


def admission(settings: Settings, origins: Origins, inside: Wsgi, counters: Counters) -> AdmissionLayer:
    """Make the layer around the app that turns requests away. The names of this machine are those of now."""
    web = settings.web
    try:
        hosts_file = _HOSTS.read_text("utf-8", "replace")
    except OSError:
        hosts_file = ""
    own = {*own_names(platform.node(), hosts_file), host_name(web.host)}
    return AdmissionLayer(
        inside, hosts=Hosts(web.allowed_hosts, own, counters), origins=origins,
        proxies=Proxies(web.trusted_proxies, counters), counters=counters,
    )  # fmt: skip


def limits(settings: Settings, counters: Counters) -> Limits:
    """Make the limits of outboxes, and choose the policy for slow clients."""
    return Limits(settings.clients.outbox, POLICIES[settings.clients.slow], counters)


def greeter(settings: Settings, state: StateStore, counters: Counters) -> Greeter:
    """Make the greeter of clients that come back."""
    recovery = settings.recovery
    if recovery.recovery == "off":
        return Greeter(None, counters)
    state.open()
    key = recovery.recovery_key.encode() if recovery.recovery_key else state.key()
    ages = SessionAges(recovery.session_lifetime, state)
    return Greeter(RecoveryOptions(recovery.recovery_window, recovery.recovery_size, key, ages), counters)


def fanout(settings: Settings, *, limits: Limits, greeter: Greeter, counters: Counters) -> Fanout:
    """Make the fan-out. It sends a client at most as much at once as it may be behind: with more, a client that is not
    behind could be over its limit."""
    clients, recovery = settings.clients, settings.recovery
    keys_of = ConflationKeys(clients.latest_key) if POLICIES[clients.slow].keyed else None
    snapshots = None
    if recovery.snapshot:
        keys = ConflationKeys(recovery.snapshot_key)
        snapshots = Snapshots(recovery.snapshot, keys=keys, limit=recovery.snapshot_size, counters=counters)
    return Fanout(
        greeter.clients, limits.pressure, counters,
        recording=greeter.recording, keys_of=keys_of, snapshots=snapshots, largest=limits.behind,
        send_many=send_many() if clients.io_uring == "on" else None,
    )  # fmt: skip


def page(settings: Settings) -> PageSettings:
    """Make what the page is told of the settings."""
    link, relay = settings.link, settings.relay
    server = "the embedded demo server" if link.demo else str(link.server)
    return PageSettings(
        identity=relay.identity, payload=relay.payload, event=relay.event, server=server,
        demo=link.demo, confirm=link.confirm, holds=link.when_down == "hold", handlers=bool(relay.handlers),
        version=VERSION, actionKey=relay.action_key, userKey=relay.user_key,
    )  # fmt: skip


def load_settings(argv: list[str], environ: Mapping[str, str]) -> Settings:
    """Load the settings and check everything that can be checked before anything runs.

    Raises SettingsError, and SystemExit for `--help`.
    """
    settings = load(argv, environ, checks={"framing_in": framing_in, "framing_out": framing_out})
    _check_frames(settings)
    folders.check(settings)
    return settings


def _check_frames(settings: Settings) -> None:
    """Raise SettingsError if the framing can't carry the heartbeat or a greeting."""
    link = settings.link
    texts = [("heartbeat", link.heartbeat)] if link.heartbeat is not None else []
    texts += [("greeting", text) for text in link.greeting]
    problems = []
    for name, text in texts:
        try:
            frame = text.encode() if name == "heartbeat" else unescape(text)
            problem = _frame_problem(frame, link.framing_out, link.max_frame)
        except FramingSpecError as error:
            problem = str(error)
        if problem:
            problems.append(f"{name} {text!r}: {problem}")
    if problems:
        raise SettingsError(problems)


def greetings(settings: Settings) -> list[bytes]:
    """Return the greetings, with escapes decoded."""
    return [unescape(text) for text in settings.link.greeting]


def _frame_problem(frame: bytes, framing: str, max_frame: int) -> str:
    try:
        encoder = framing_out(framing, max_frame)
        encoder.frame(frame)
        # A bare number or word would go on in the next frame.
        whole = not encoder.undivided or isinstance(codec.parse(frame), (dict, list, str))
    except Refused as error:
        return error.message
    except codec.NotJson:
        whole = False
    return "" if whole else f"with framing_out {framing} it has to be one object, array or string, such as {_BEAT}"


def reserved_events(settings: Settings) -> frozenset[str]:
    """Return the events that never reach a handler under these settings."""
    options = relay_options(settings)
    return options.reserved_events | ({"register"} if options.identity is Identity.REGISTER else set())


def _own_keys(settings: Settings) -> set[str]:
    """Return the keys of a message that no client may set."""
    keys = {settings.relay.user_key, settings.relay.action_key}
    return keys | ({"seq"} if settings.link.confirm else set())
