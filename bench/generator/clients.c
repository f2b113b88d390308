/* A client from its connection to its end, and what it sends; what it reads is in reading.c. */
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
static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ==";

void client_close(struct generator *g, struct client *client)
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

void client_send(struct generator *g, struct client *client, const unsigned char *bytes, size_t length)
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

void client_say(struct generator *g, struct client *client, int opcode, const char *text, size_t length)
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

void client_flush(struct generator *g, struct client *client)
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

void client_expect_acks(struct client *client, long events)
{
    client->events_sent = 0;
    free(client->acked);
    client->acked = calloc((size_t)events + 1, 1);
    if (!client->acked)
        die("calloc");
}

void client_start_events(struct generator *g, struct client *client, long events)
{
    client->events_left = events;
    client_expect_acks(client, g->acks ? events : 0);
    want(g, client, EPOLLIN | EPOLLOUT);
}

void client_emit(struct generator *g, struct client *client)
{
    client->events_left++;
    client_flush(g, client);
}

/* Connecting */

void client_open(struct generator *g)
{
    size_t index = g->count++;
    struct client *client = &g->clients[index];
    int on = 1;
    /* Ports of one address run short at 28,000: the clients come from several. */
    uint32_t address = INADDR_LOOPBACK + 1 + (uint32_t)index / PER_ADDRESS;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
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

void client_upgrade(struct generator *g, struct client *client)
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

bool client_joined(struct generator *g, struct client *client, const char *text, size_t length)
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
