/* What a client reads, and what it makes of it. */
#include "clients.h"
#include "wire.h"

#include <errno.h>
#include <sys/socket.h>

/* RFC 6455's own example, as client_upgrade() asked for it. */
static const char ACCEPT[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

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
        bool own = g->round.owner[number_slot(found.number, ECHOES)] == client - g->clients;
        if (g->round.runs && !own)
            return;
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
        return client_joined(g, client, text, frame->length);
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
    g->tally.bytes += length;
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
            client_upgrade(g, client);
        return;
    }
    if (events & ~(uint32_t)EPOLLOUT)
        client_read(g, client);
    if (events & EPOLLOUT && client->state != CLOSED)
        client_flush(g, client);
}
