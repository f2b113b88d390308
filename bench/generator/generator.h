/* What all parts of the load generator share: one epoll loop over N WebSocket clients and the
 * TCP link that feeds the server between them, and what is awaited and counted just now.
 */
#ifndef GENERATOR_H
#define GENERATOR_H

#include "measure.h"
#include "numbers.h"

#include <netinet/in.h>
#include <stdbool.h>

enum { MAX_CLIENTS = 12000, MAX_SID = 40, KEPT = 4096, ROOM = 1 << 18, ECHOES = 1 << 16 };

enum state { ABSENT, CONNECTING, UPGRADING, OPENING, JOINING, READY, CLOSED };

struct client {
    int fd;
    enum state state;
    char sid[MAX_SID];
    uint64_t expected; /* number of the next message */
    uint64_t fed;      /* number of the next message to this user alone */
    /* Events: sent by this client, arrived at the link, acknowledged. */
    long events_left, events_sent;
    uint64_t event, event_expected;
    unsigned char *acked;
    unsigned char *out; /* what the socket has not taken */
    size_t out_at, out_end;
    size_t kept; /* the start of a frame whose rest is still to come */
    unsigned char keep[KEPT];
};

/* The link: a listening socket, and the server's connection to it. */
struct feed {
    int listener, fd;
    bool readable, writable;
    size_t out_at, out_end, kept;
    char out[ROOM], in[ROOM];
};

/* How the frame of the next message must look, learned from the last; length 0: unknown. */
struct shape {
    size_t length, number_at, again_at;
    uint32_t head;
};

/* A work in which each event is echoed to all: when which event was due, and whose the echoes are. */
struct round {
    bool runs;
    uint64_t start;
    double gap; /* between two events of all clients together, ns */
    uint64_t first[MAX_CLIENTS]; /* number of each client's first event */
    uint16_t owner[ECHOES];      /* by the echo's number */
    struct message echo;
};

struct tally {
    long bytes, delivered, lost, repeated, malformed, closed, failed;
    long arrived, notices, acked, refused;
};

struct generator {
    int epoll, timer;
    struct sockaddr_in server;
    pid_t pid;
    struct client *clients;
    size_t count, ready, connecting, target;
    struct feed feed;
    struct shape shape;
    struct tally tally;
    struct histogram latencies;
    struct message event;
    struct round round;
    bool timed, acks;
    long deliveries_left, arrivals_left, acks_left;
    uint64_t next; /* number of the next broadcast */
};

/* What an epoll event is about: a client's index, or one of these. */
enum { TAG_LISTENER = MAX_CLIENTS, TAG_FEED, TAG_TIMER, TAG_COMMANDS };

void loop_open(struct generator *g);
void loop_watch(struct generator *g, int fd, uint32_t tag, uint32_t events, bool new);
/* Wait for up to `wait_ms`, and serve what came. True if there is a command to read. */
bool loop_turn(struct generator *g, int wait_ms);

_Noreturn void die(const char *what);

#endif
