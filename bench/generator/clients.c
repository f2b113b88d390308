#include "clients.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OUT_ROOM = 32768, EVENTS_AT_ONCE = 16384, PER_ADDRESS = 10000, TABLE = 1 << 15 };

/* RFC 6455's own example, so that the answer is known without a hash function. */
static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ==", ACCEPT[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

static void client_close(struct generator *g, struct client *client)
{
    if (client->state == READY) {
        g->ready--;
        g->tally.closed++;
    } else {
        g->connecting--;
        g->tally.failed++;
    }
    client->state = CLOSED;
    close(client->fd);
}

/* Sending */

static void want(struct generator *g, struct client *client, uint32_t events)
{
    loop_watch(g, client->fd, (uint32_t)(client - g->clients), events, false);
}

static void client_send(struct generator *g, struct client *client, const unsigned char *bytes, size_t length)
{
    ssize_t sent = 0;
    if (client->out_at == client->out_end)
        sent = send(client->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0)
        sent = 0; /* full, or gone: then the next read says so */
    if ((size_t)sent == length)
        return;
    if (!client->out && !(client->out = malloc(OUT_ROOM)))
        die("malloc");
    if (client->out_at == client->out_end)
        client->out_at = client->out_end = 0;
    length -= (size_t)sent;
    if (client->out_end + length > OUT_ROOM) {
        client_close(g, client); /* it has not even read that many pongs */
        return;
    }
    memcpy(client->out + client->out_end, bytes + sent, length);
    client->out_end += length;
    want(g, client, EPOLLIN | EPOLLOUT);
}

static void client_say(struct generator *g, struct client *client, int opcode, const char *text, size_t length)
{
    unsigned char bytes[WIRE_ROOM(128)];
    client_send(g, client, bytes, wire_write(bytes, opcode, text, length < 125 ? length : 125));
}

/* As many event frames as are to go in one send. */
static void send_events(struct generator *g, struct client *client)
{
    static unsigned char frames[EVENTS_AT_ONCE + WIRE_ROOM(MAX_MESSAGE + 64)];
    size_t length = 0;
    char text[MAX_MESSAGE + 64];
    while (client->events_left > 0 && length < EVENTS_AT_ONCE) {
        int head = g->acks ? sprintf(text, "42%ld[\"move\",", client->events_sent) : sprintf(text, "42[\"move\",");
        message_stamp(&g->event, client->event, 0);
        memcpy(text + head, g->event.bytes, g->event.size);
        text[(size_t)head + g->event.size] = ']';
        length += wire_write(frames + length, WIRE_TEXT, text, (size_t)head + g->event.size + 1);
        client->event = number_next(client->event);
        client->events_left--;
        client->events_sent++;
    }
    client_send(g, client, frames, length);
}

static void client_flush(struct generator *g, struct client *client)
{
    if (client->out_at < client->out_end) {
        size_t length = client->out_end - client->out_at;
        ssize_t sent = send(client->fd, client->out + client->out_at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0)
            client->out_at += (size_t)sent;
        if (client->out_at < client->out_end)
            return;
    }
    if (client->events_left > 0)
        send_events(g, client);
    else
        want(g, client, EPOLLIN);
}

void client_start_events(struct generator *g, struct client *client, long events)
{
    client->events_left = events;
    client->events_sent = 0;
    free(client->acked);
    client->acked = g->acks ? calloc((size_t)events + 1, 1) : NULL;
    if (g->acks && !client->acked)
        die("calloc");
    want(g, client, EPOLLIN | EPOLLOUT);
}

/* Connecting */

void client_open(struct generator *g)
{
    size_t index = g->count++;
    struct client *client = &g->clients[index];
    int on = 1;
    /* Ports of one address run short at 28,000: the clients come from several. */
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002 + (uint32_t)index / PER_ADDRESS)};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        die("socket");
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(client->fd, (struct sockaddr *)&from, sizeof from) < 0)
        die("bind");
    client->state = CONNECTING;
    g->connecting++;
    if (connect(client->fd, (struct sockaddr *)&g->server, sizeof g->server) < 0 && errno != EINPROGRESS)
        die("connect");
    loop_watch(g, client->fd, (uint32_t)index, EPOLLOUT, true);
}

static void ask_for_upgrade(struct generator *g, struct client *client)
{
    char request[512];
    int length = snprintf(request, sizeof request,
                          "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                          "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                          "Sec-WebSocket-Version: 13\r\n\r\n",
                          ntohs(g->server.sin_port), KEY);
    client->state = UPGRADING;
    want(g, client, EPOLLIN);
    client_send(g, client, (unsigned char *)request, (size_t)length);
}

/* The bytes of the answer to the upgrade; 0: not all there; -1: refused. */
static long answer_to_upgrade(const unsigned char *at, size_t available)
{
    const char *end = memmem(at, available, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t length = (size_t)(end - (const char *)at) + 4;
    bool right = memmem(at, length, " 101 ", 5) && memmem(at, length, ACCEPT, strlen(ACCEPT));
    return right ? (long)length : -1;
}

/* Ids of clients, hashed: the link names the client that each event is from. */
static uint16_t table[TABLE];

static size_t hash(const char *sid, size_t length)
{
    uint64_t value = 0xcbf29ce484222325ULL;
    for (size_t at = 0; at < length; at++)
        value = (value ^ (unsigned char)sid[at]) * 0x100000001b3ULL;
    return (size_t)(value ^ value >> 32) & (TABLE - 1);
}

struct client *client_find(struct generator *g, const char *sid, size_t length)
{
    for (size_t slot = hash(sid, length); table[slot]; slot = (slot + 1) & (TABLE - 1)) {
        struct client *client = &g->clients[table[slot] - 1];
        if (length < MAX_SID && !client->sid[length] && !memcmp(client->sid, sid, length))
            return client;
    }
    return NULL;
}

/* CONNECT's answer: 0{"sid":"…", perhaps with more. */
static bool joined(struct generator *g, struct client *client, const char *text, size_t length)
{
    const char *sid = memmem(text, length, "\"sid\":\"", 7);
    const char *end = sid ? memchr(sid + 7, '"', length - (size_t)(sid + 7 - text)) : NULL;
    if (!end || end - sid - 7 >= MAX_SID)
        return false;
    size_t size = (size_t)(end - sid) - 7, slot = hash(sid + 7, size);
    memcpy(client->sid, sid + 7, size);
    while (table[slot])
        slot = (slot + 1) & (TABLE - 1);
    table[slot] = (uint16_t)(client - g->clients + 1);
    client->state = READY;
    client->expected = g->next;
    client->event = client->event_expected = NUMBER_ZERO;
    g->connecting--;
    g->ready++;
    return true;
}

/* Reading */

/* The message with this number has come. */
static void take_number(struct generator *g, struct client *client, uint64_t number)
{
    long ahead = number_distance(number, client->expected);
    if (ahead < 0) {
        g->tally.repeated++;
        return;
    }
    g->tally.delivered++;
    g->tally.lost += ahead;
    g->deliveries_left -= ahead + 1;
    client->expected = number_next(number);
}

static void take_event(struct generator *g, struct client *client, const struct frame *frame)
{
    static const char NAME[] = "42[\"message\",";
    struct found found;
    if (frame->length < sizeof NAME || memcmp(frame->payload, NAME, sizeof NAME - 1))
        return; /* another event than the messages' */
    if (!message_find(frame->payload, frame->length, &found)) {
        g->tally.malformed++;
        return;
    }
    take_number(g, client, found.number);
    if (g->timed) {
        uint64_t now = now_ns();
        histogram_add(&g->latencies, now > found.time ? now - found.time : 0);
        return;
    }
    size_t header = frame->whole - frame->length;
    memcpy(&g->shape.head, frame->payload - header, sizeof g->shape.head);
    g->shape.length = frame->whole;
    g->shape.number_at = header + found.number_at;
    g->shape.again_at = header + found.again_at;
}

/* 43<id>[{"ok":true}], once for each id. */
static void take_ack(struct generator *g, struct client *client, const char *text, size_t length)
{
    long id = 0;
    size_t at = 2;
    for (; at < length && text[at] >= '0' && text[at] <= '9'; at++)
        id = id * 10 + text[at] - '0';
    if (at == 2 || id >= client->events_sent || client->acked[id]) {
        g->tally.repeated++;
        return;
    }
    client->acked[id] = 1;
    g->tally.acked++;
    g->acks_left--;
    if (!memmem(text, length, "\"ok\":true", 9) && !memmem(text, length, "\"ok\": true", 10)) {
        g->tally.refused++;
        g->arrivals_left--;
    }
}

static bool take_packet(struct generator *g, struct client *client, const struct frame *frame)
{
    const char *text = frame->payload;
    char kind = frame->length ? text[0] : 0, type = frame->length > 1 ? text[1] : 0;
    if (kind == '2')
        client_say(g, client, WIRE_TEXT, "3", 1);
    else if (kind == '0' && client->state == OPENING) {
        client->state = JOINING;
        client_say(g, client, WIRE_TEXT, "40", 2);
    } else if (kind == '4' && type == '2')
        take_event(g, client, frame);
    else if (kind == '4' && type == '3' && client->acked)
        take_ack(g, client, text, frame->length);
    else if (kind == '4' && type == '0' && client->state == JOINING)
        return joined(g, client, text, frame->length);
    else
        return kind == '6'; /* NOOP; anything else is an end or a refusal */
    return true;
}

static bool take_frame(struct generator *g, struct client *client, const struct frame *frame)
{
    if (frame->opcode == WIRE_PING)
        client_say(g, client, WIRE_PONG, frame->payload, frame->length);
    if (frame->opcode == WIRE_PING || frame->opcode == WIRE_PONG)
        return true;
    return frame->opcode == WIRE_TEXT && take_packet(g, client, frame);
}

/* The next messages, as long as each looks as the last one but for its number. This is where the time goes. */
static const unsigned char *take_alike(struct generator *g, struct client *client, const unsigned char *at,
                                       const unsigned char *end)
{
    const struct shape shape = g->shape;
    uint64_t expected = client->expected;
    long taken = 0;
    uint32_t head;
    while ((size_t)(end - at) >= shape.length) {
        memcpy(&head, at, sizeof head);
        if (head != shape.head || number_load(at + shape.number_at) != expected ||
            number_load(at + shape.again_at) != expected)
            break;
        expected = number_next(expected);
        at += shape.length;
        taken++;
    }
    client->expected = expected;
    g->tally.delivered += taken;
    g->deliveries_left -= taken;
    return at;
}

/* Take what is whole; where the rest begins. */
static const unsigned char *take_bytes(struct generator *g, struct client *client, const unsigned char *at,
                                       const unsigned char *end)
{
    struct frame frame;
    if (client->state == UPGRADING) {
        long answer = answer_to_upgrade(at, (size_t)(end - at));
        if (answer < 0)
            client_close(g, client);
        if (answer <= 0)
            return at;
        client->state = OPENING;
        at += answer;
    }
    while (client->state != CLOSED) {
        if (g->shape.length)
            at = take_alike(g, client, at, end);
        int there = wire_read(at, (size_t)(end - at), &frame);
        if (there == 0)
            break;
        if (there < 0)
            g->tally.malformed++;
        if (there < 0 || !take_frame(g, client, &frame))
            client_close(g, client);
        else
            at += frame.whole;
    }
    return at;
}

static void client_read(struct generator *g, struct client *client)
{
    static unsigned char room[KEPT + ROOM];
    unsigned char *at = room + KEPT - client->kept;
    ssize_t length = recv(client->fd, room + KEPT, ROOM, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0) {
        client_close(g, client);
        return;
    }
    memcpy(at, client->keep, client->kept);
    const unsigned char *end = room + KEPT + length, *rest = take_bytes(g, client, at, end);
    if (client->state == CLOSED)
        return;
    client->kept = (size_t)(end - rest);
    if (client->kept > KEPT) {
        g->tally.malformed++; /* longer than any contestant's frame should be */
        client_close(g, client);
        return;
    }
    memcpy(client->keep, rest, client->kept);
}

void client_ready(struct generator *g, struct client *client, uint32_t events)
{
    if (client->state == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error)
            client_close(g, client);
        else
            ask_for_upgrade(g, client);
        return;
    }
    if (events & ~(uint32_t)EPOLLOUT)
        client_read(g, client);
    if (events & EPOLLOUT && client->state != CLOSED)
        client_flush(g, client);
}
