/* The limit: the fewest system calls that the work can be done with, and next to nothing else.
 *
 * One recv of the link, one send a client, an epoll loop. It copies each message into a frame and
 * escapes quotes; it checks no UTF-8, no JSON, sends no pings, and keeps no slow client's backlog: it
 * waits for that client. It answers the load generator only (a fixed Sec-WebSocket-Accept).
 *
 *   limit --server 127.0.0.1:PORT --port 0 [--fault lose|double|swap|mix]
 *
 * A fault spoils every thousandth message and event, to see that the load generator notices.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 20000, READ = 1 << 18, KEPT = 4096, SID = 20, EVERY = 1000, EVENTS = 512 };
enum { TAG_LISTENER = CLIENTS, TAG_LINK };

struct bytes {
    char *at;
    size_t length, room;
};

struct client {
    int fd;
    bool upgraded, joined;
    size_t kept;
    char *keep;       /* the start of a frame whose rest is still to come */
    struct bytes out; /* for this client alone, of this burst */
};

static struct client *clients[CLIENTS];
static int open_clients[CLIENTS], open_count, count; /* those that joined; all that ever came */
static int loop, listener, link_fd;
static size_t link_kept;
static struct bytes burst, uplink;
static const char *fault = "";

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* Room for `more` bytes at the end; where they go. */
static char *grow(struct bytes *bytes, size_t more)
{
    if (bytes->length + more > bytes->room) {
        bytes->room = 2 * (bytes->length + more);
        bytes->at = realloc(bytes->at, bytes->room);
        if (!bytes->at)
            die("realloc");
    }
    return bytes->at + bytes->length;
}

static void add(struct bytes *bytes, const char *what, size_t length)
{
    memcpy(grow(bytes, length), what, length);
    bytes->length += length;
}

static void send_all(int fd, const char *at, size_t length)
{
    while (length) {
        ssize_t sent = send(fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return; /* gone; its read will say so */
        if (sent < 0) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
            continue;
        }
        at += sent;
        length -= (size_t)sent;
    }
}

/* Towards the clients */

static void add_head(struct bytes *to, size_t length)
{
    char head[4] = {(char)0x81, (char)length};
    if (length >= 126) {
        head[1] = 126;
        head[2] = (char)(length >> 8);
        head[3] = (char)length;
    }
    add(to, head, length < 126 ? 2 : 4);
}

static void add_packet(struct bytes *to, const char *text, size_t length)
{
    add_head(to, length);
    add(to, text, length);
}

static size_t quotes(const char *text, size_t length)
{
    size_t found = 0;
    for (size_t at = 0; at < length; at++)
        found += (text[at] == '"') | (text[at] == '\\');
    return found;
}

/* A frame with the event `message`, this text and an offset, so that it is as long as the bridge's; at most 64 KiB. */
static void add_message(struct bytes *to, const char *text, size_t length)
{
    static const char BEFORE[] = "42[\"message\",\"", AFTER[] = "\",\"limit-00000\"]";
    size_t extra = quotes(text, length);
    add_head(to, sizeof BEFORE - 1 + length + extra + sizeof AFTER - 1);
    add(to, BEFORE, sizeof BEFORE - 1);
    char *end = grow(to, length + extra);
    to->length += length + extra;
    if (extra)
        for (size_t at = 0; at < length; *end++ = text[at++]) {
            if (text[at] == '"' || text[at] == '\\')
                *end++ = '\\';
        }
    else
        memcpy(end, text, length);
    add(to, AFTER, sizeof AFTER - 1);
}

/* Spoil every thousandth message, or event: that which starts here and was added last. */
static void spoil(struct bytes *to, size_t start)
{
    static char held[KEPT];
    static size_t held_length, number;
    size_t length = to->length - start;
    if (held_length) {
        add(to, held, held_length);
        held_length = 0;
        return;
    }
    if (++number % EVERY || length > sizeof held)
        return;
    memcpy(held, to->at + start, length);
    if (*fault == 'd')
        add(to, held, length);
    else if (*fault == 'm')
        ((char *)memrchr(to->at + start, '!', length))[8] ^= 1; /* another number at its end than at its start */
    else
        to->length = start;
    if (*fault == 's')
        held_length = length; /* and goes out after the next */
}

/* {"username":"<sid>",… goes to that client, whose id is its index. */
static struct bytes *receiver(const char *text, size_t length)
{
    static const char USER[] = "{\"username\":\"";
    if (length < sizeof USER + SID || memcmp(text, USER, sizeof USER - 1))
        return &burst;
    long index = atol(text + sizeof USER - 1);
    return index < count && clients[index] ? &clients[index]->out : NULL;
}

static void flush(struct client *client)
{
    send_all(client->fd, client->out.at, client->out.length);
    client->out.length = 0;
}

static void read_link(void)
{
    static char room[KEPT + READ];
    ssize_t length = recv(link_fd, room + link_kept, READ, 0);
    if (length <= 0)
        exit(0);
    char *at = room, *end = room + link_kept + length, *mark;
    bool alone = false;
    for (; (mark = memchr(at, '~', (size_t)(end - at))); at = mark + 1) {
        struct bytes *to = receiver(at, (size_t)(mark - at));
        alone |= to != &burst;
        if (!to)
            continue;
        size_t start = to->length;
        add_message(to, at, (size_t)(mark - at));
        if (*fault)
            spoil(to, start);
    }
    link_kept = (size_t)(end - at);
    if (link_kept > KEPT)
        exit(2);
    memmove(room, at, link_kept);
    for (int i = 0; burst.length && i < open_count; i++)
        send_all(clients[open_clients[i]]->fd, burst.at, burst.length);
    for (int i = 0; alone && i < open_count; i++)
        if (clients[open_clients[i]]->out.length)
            flush(clients[open_clients[i]]);
    burst.length = 0;
}

/* From the clients */

static void join(struct client *client, int index)
{
    char text[64];
    client->joined = true;
    open_clients[open_count++] = index;
    add_packet(&client->out, text, (size_t)sprintf(text, "40{\"sid\":\"%020d\"}", index));
}

/* 42<ack>["move",{…}] becomes {"username":"<sid>","action":"move",…}~ */
static void take_event(struct client *client, int index, const char *text, size_t length)
{
    char head[64];
    const char *bracket = memchr(text, '[', length), *object = memchr(text, '{', length);
    size_t start = uplink.length;
    if (!bracket || !object || length < 2)
        return;
    add(&uplink, head, (size_t)sprintf(head, "{\"username\":\"%020d\",\"action\":\"move\",", index));
    add(&uplink, object + 1, (size_t)(text + length - 1 - object - 1));
    add(&uplink, "~", 1);
    if (*fault)
        spoil(&uplink, start);
    if (bracket > text + 2)
        add_packet(&client->out, head,
                   (size_t)sprintf(head, "43%.*s[{\"ok\":true}]", (int)(bracket - text - 2), text + 2));
}

static void take_packet(struct client *client, int index, const char *text, size_t length)
{
    if (length >= 2 && text[0] == '4' && text[1] == '0' && !client->joined)
        join(client, index);
    else if (length >= 2 && text[0] == '4' && text[1] == '2')
        take_event(client, index, text, length);
}

/* One masked frame, unmasked in place; its bytes, or 0 if it is not there whole. */
static size_t take_frame(struct client *client, int index, char *at, size_t available)
{
    if (available < 2)
        return 0;
    size_t length = at[1] & 0x7f, header = length == 126 ? 8 : 6;
    if (length == 127)
        exit(3);
    if (available < header)
        return 0;
    if (length == 126)
        length = (size_t)(unsigned char)at[2] << 8 | (unsigned char)at[3];
    if (available < header + length)
        return 0;
    uint32_t key;
    memcpy(&key, at + header - 4, 4);
    uint64_t mask = (uint64_t)key << 32 | key, word;
    size_t done = 0;
    for (; done + 8 <= length; done += 8) {
        memcpy(&word, at + header + done, 8);
        word ^= mask;
        memcpy(at + header + done, &word, 8);
    }
    for (; done < length; done++)
        at[header + done] ^= (char)(key >> 8 * (done & 3));
    take_packet(client, index, at + header, length);
    return header + length;
}

static void upgrade(struct client *client, int index)
{
    static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    char open[160];
    client->upgraded = true;
    add(&client->out, ANSWER, sizeof ANSWER - 1);
    add_packet(&client->out, open,
               (size_t)sprintf(open, "0{\"sid\":\"%020d\",\"upgrades\":[],\"pingInterval\":300000,"
                                     "\"pingTimeout\":20000,\"maxPayload\":1000000}", index));
}

static void leave(struct client *client, int index)
{
    close(client->fd);
    for (int i = 0; i < open_count; i++)
        if (open_clients[i] == index)
            open_clients[i] = open_clients[--open_count];
    clients[index] = NULL;
    free(client->out.at);
    free(client->keep);
    free(client);
}

static void read_client(int index)
{
    static char room[KEPT + READ];
    struct client *client = clients[index];
    if (!client)
        return;
    if (client->kept)
        memcpy(room, client->keep, client->kept);
    ssize_t length = recv(client->fd, room + client->kept, READ, 0);
    if (length <= 0) {
        leave(client, index);
        return;
    }
    char *at = room, *end = room + client->kept + length;
    if (!client->upgraded) {
        char *blank = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
        if (blank)
            upgrade(client, index);
        at = blank ? blank + 4 : at;
    }
    for (size_t taken; client->upgraded && (taken = take_frame(client, index, at, (size_t)(end - at))); at += taken)
        ;
    client->kept = (size_t)(end - at);
    if (client->kept > KEPT)
        exit(4);
    if (client->kept && !client->keep && !(client->keep = malloc(KEPT)))
        die("malloc");
    if (client->kept)
        memcpy(client->keep, at, client->kept);
    if (uplink.length)
        send_all(link_fd, uplink.at, uplink.length);
    uplink.length = 0;
    if (client->out.length)
        flush(client); /* after the link: an ack says that the event was handed over */
}

/* Starting */

static void watch(int fd, uint32_t tag)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.u32 = tag}) < 0)
        die("epoll_ctl");
}

static void accept_clients(void)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        if (count == CLIENTS || !(clients[count] = calloc(1, sizeof **clients)))
            die("too many clients");
        clients[count]->fd = fd;
        watch(fd, (uint32_t)count++);
    }
}

static void start(int server_port, int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1;
    loop = epoll_create1(0);
    link_fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons((uint16_t)server_port);
    if (connect(link_fd, (struct sockaddr *)&address, size) < 0)
        die("connect");
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    address.sin_port = htons((uint16_t)port);
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1024) < 0)
        die("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    watch(listener, TAG_LISTENER);
    watch(link_fd, TAG_LINK);
    printf("open http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int server_port = 0, port = 0;
    for (int at = 1; at + 1 < argc; at += 2) {
        if (!strcmp(argv[at], "--server") && strchr(argv[at + 1], ':'))
            server_port = atoi(strchr(argv[at + 1], ':') + 1);
        else if (!strcmp(argv[at], "--port"))
            port = atoi(argv[at + 1]);
        else if (!strcmp(argv[at], "--fault"))
            fault = argv[at + 1];
    }
    signal(SIGPIPE, SIG_IGN);
    start(server_port, port);
    struct epoll_event events[EVENTS];
    for (;;) {
        int ready = epoll_wait(loop, events, EVENTS, -1);
        for (int at = 0; at < ready; at++) {
            uint32_t tag = events[at].data.u32;
            if (tag == TAG_LINK)
                read_link();
            else if (tag == TAG_LISTENER)
                accept_clients();
            else
                read_client((int)tag);
        }
    }
}
