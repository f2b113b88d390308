#include "feed.h"
#include "clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READS_AT_ONCE = 2 };

int feed_open(struct generator *g)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    g->feed.fd = -1;
    g->feed.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (g->feed.listener < 0 || bind(g->feed.listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(g->feed.listener, 8) < 0 || getsockname(g->feed.listener, (struct sockaddr *)&address, &size) < 0)
        die("listen");
    loop_watch(g, g->feed.listener, TAG_LISTENER, EPOLLIN, true);
    return ntohs(address.sin_port);
}

void feed_accept(struct generator *g)
{
    int on = 1, fd = accept4(g->feed.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (g->feed.fd >= 0) { /* one link at a time, and a benchmark's must not break */
        close(fd);
        return;
    }
    g->feed.fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    loop_watch(g, fd, TAG_FEED, EPOLLIN | EPOLLOUT | EPOLLET, true);
}

bool feed_has_room(const struct generator *g)
{
    return g->feed.out_end + MAX_MESSAGE + 1 <= ROOM;
}

bool feed_is_empty(const struct generator *g)
{
    return g->feed.out_at == g->feed.out_end;
}

void feed_add(struct generator *g, const struct message *message)
{
    memcpy(g->feed.out + g->feed.out_end, message->bytes, message->size);
    g->feed.out_end += message->size;
    g->feed.out[g->feed.out_end++] = '~';
}

void feed_flush(struct generator *g)
{
    struct feed *feed = &g->feed;
    if (feed->out_at < feed->out_end) {
        size_t length = feed->out_end - feed->out_at;
        ssize_t sent = send(feed->fd, feed->out + feed->out_at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0)
            feed->out_at += (size_t)sent;
        if (feed->out_at < feed->out_end)
            feed->writable = false; /* until epoll says otherwise */
    }
    if (feed->out_at == feed->out_end)
        feed->out_at = feed->out_end = 0;
}

/* The client that {"username":"…", names, or NULL. */
static struct client *named(struct generator *g, const char *text, size_t length)
{
    static const char KEY[] = "{\"username\":";
    const char *end = text + length, *at = text + sizeof KEY - 1;
    if (length < sizeof KEY || memcmp(text, KEY, sizeof KEY - 1))
        return NULL;
    while (at < end && *at == ' ')
        at++;
    const char *close_quote = at < end ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;
    return close_quote ? client_find(g, at + 1, (size_t)(close_quote - at - 1)) : NULL;
}

/* To all, with the time at which the event was due. */
static void echo(struct generator *g, struct client *client, uint64_t number)
{
    size_t index = (size_t)(client - g->clients);
    double place = (double)number_distance(number, g->round.first[index]) * (double)g->ready + (double)index + 1;
    if (!feed_has_room(g))
        die("the server does not read the echoes");
    g->round.owner[number_slot(g->next, ECHOES)] = (uint16_t)index;
    message_stamp(&g->round.echo, g->next, g->round.start + (uint64_t)(place * g->round.gap));
    g->next = number_next(g->next);
    feed_add(g, &g->round.echo);
}

static void take_frame(struct generator *g, const char *text, size_t length)
{
    struct found found;
    if (!memchr(text, '#', length)) {
        g->tally.notices++; /* that a client came or went */
        return;
    }
    struct client *client = named(g, text, length);
    if (!client || !message_find(text, length, &found)) {
        g->tally.malformed++;
        return;
    }
    long ahead = found.number == client->event_expected ? 0 : number_distance(found.number, client->event_expected);
    if (ahead < 0) {
        g->tally.repeated++;
        return;
    }
    g->tally.arrived++;
    /* Refused ones leave a gap too: what is lost is what is neither here nor refused, see the end of the work. */
    g->arrivals_left--;
    client->event_expected = number_next(found.number);
    if (g->round.runs)
        echo(g, client, found.number);
}

static size_t take_bytes(struct generator *g, const char *at, size_t length)
{
    const char *start = at, *end = at + length, *mark;
    while ((mark = memchr(at, '~', (size_t)(end - at)))) {
        take_frame(g, at, (size_t)(mark - at));
        at = mark + 1;
    }
    return (size_t)(at - start);
}

void feed_read(struct generator *g)
{
    struct feed *feed = &g->feed;
    for (int turn = 0; turn < READS_AT_ONCE && feed->readable; turn++) {
        ssize_t length = recv(feed->fd, feed->in + feed->kept, ROOM - feed->kept, 0);
        if (length < 0) {
            feed->readable = false;
            return;
        }
        if (length == 0)
            die("the server closed the link");
        size_t there = feed->kept + (size_t)length, taken = take_bytes(g, feed->in, there);
        feed->kept = there - taken;
        if (feed->kept == ROOM)
            die("the server sends frames without an end");
        memmove(feed->in, feed->in + taken, feed->kept);
        if (g->round.runs && feed->writable)
            feed_flush(g);
    }
}
