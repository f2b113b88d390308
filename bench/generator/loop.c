/* One epoll over everything. */
#include "clients.h"
#include "feed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS = 512 };

void die(const char *what)
{
    fprintf(stderr, "generator: %s (errno %d)\n", what, errno);
    exit(1);
}

void loop_open(struct generator *g)
{
    g->epoll = epoll_create1(EPOLL_CLOEXEC);
    g->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (g->epoll < 0 || g->timer < 0)
        die("epoll_create1");
    loop_watch(g, g->timer, TAG_TIMER, EPOLLIN, true);
    loop_watch(g, STDIN_FILENO, TAG_COMMANDS, EPOLLIN, true);
}

void loop_watch(struct generator *g, int fd, uint32_t tag, uint32_t events, bool new)
{
    struct epoll_event event = {.events = events, .data.u32 = tag};
    if (epoll_ctl(g->epoll, new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) < 0)
        die("epoll_ctl");
}

static void feed_ready(struct generator *g, uint32_t events)
{
    if (events & EPOLLOUT)
        g->feed.writable = true;
    if (events & ~(uint32_t)EPOLLOUT)
        g->feed.readable = true;
}

bool loop_turn(struct generator *g, int wait_ms)
{
    struct epoll_event events[EVENTS];
    uint64_t expirations;
    bool command = false;
    int count = epoll_wait(g->epoll, events, EVENTS, g->feed.readable ? 0 : wait_ms);
    for (int at = 0; at < count; at++) {
        uint32_t tag = events[at].data.u32;
        if (tag < MAX_CLIENTS)
            client_ready(g, &g->clients[tag], events[at].events);
        else if (tag == TAG_FEED)
            feed_ready(g, events[at].events);
        else if (tag == TAG_LISTENER)
            feed_accept(g);
        else if (tag == TAG_COMMANDS)
            command = true;
        else if (read(g->timer, &expirations, sizeof expirations) < 0)
            continue; /* a timer that was set anew meanwhile */
    }
    if (g->feed.readable)
        feed_read(g);
    return command;
}
