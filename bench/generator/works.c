#include "works.h"
#include "clients.h"
#include "feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>

/* Connections under way at once: eventlet listens with a backlog of 50. */
enum { AT_ONCE = 32, WAIT_MS = 200, FEED_AT_ONCE = 131072 };

static const uint64_t LATE = 50000000;       /* after the last, to see what comes twice, ns */

uint64_t patience = 15 * SECOND;

/* What a work took, from begin() to the last delivery. */
struct course {
    uint64_t start, end, progressed, server_cpu, own_cpu;
    long left;
    bool stalled;
};

static struct course begin(struct generator *g)
{
    memset(&g->tally, 0, sizeof g->tally);
    memset(&g->shape, 0, sizeof g->shape);
    g->timed = false;
    g->deliveries_left = g->arrivals_left = g->acks_left = 0;
    struct course course = {.server_cpu = process_cpu_ns(g->pid), .own_cpu = own_cpu_ns()};
    course.start = course.end = course.progressed = now_ns();
    return course;
}

static long left(const struct generator *g)
{
    return g->deliveries_left + g->arrivals_left + g->acks_left;
}

/* True as long as something is awaited and still comes. */
static bool goes_on(struct generator *g, struct course *course)
{
    uint64_t now = now_ns();
    long before = course->left;
    course->left = left(g);
    course->end = now;
    if (course->left != before)
        course->progressed = now;
    course->stalled = now - course->progressed > patience;
    return course->left > 0 && !course->stalled && g->tally.closed == 0;
}

/* The processor time is that of `course`'s start until now. */
static void stop_clocks(struct generator *g, struct course *course)
{
    course->server_cpu = process_cpu_ns(g->pid) - course->server_cpu;
    course->own_cpu = own_cpu_ns() - course->own_cpu;
}

static void linger(struct generator *g)
{
    for (uint64_t until = now_ns() + LATE; now_ns() < until;)
        loop_turn(g, 10);
}

static void print_start(const char *work)
{
    printf("{\"work\": \"%s\"", work);
}

static void print_end(const struct generator *g, const struct course *course)
{
    const struct tally *tally = &g->tally;
    printf(", \"clients\": %zu, \"seconds\": %.6f, \"server_cpu\": %.3f, \"generator_cpu\": %.3f", g->ready,
           (double)(course->end - course->start) / SECOND, (double)course->server_cpu / SECOND,
           (double)course->own_cpu / SECOND);
    printf(", \"bytes\": %ld, \"delivered\": %ld, \"arrived\": %ld, \"acked\": %ld, \"refused\": %ld", tally->bytes,
           tally->delivered, tally->arrived, tally->acked, tally->refused);
    printf(", \"lost\": %ld, \"repeated\": %ld, \"malformed\": %ld", tally->lost + (left(g) > 0 ? left(g) : 0),
           tally->repeated, tally->malformed);
    printf(", \"closed\": %ld, \"failed\": %ld, \"stalled\": %s}\n", tally->closed, tally->failed,
           course->stalled ? "true" : "false");
    fflush(stdout);
}

static void finish(struct generator *g, const char *work, struct course *course)
{
    stop_clocks(g, course);
    linger(g);
    print_start(work);
    print_end(g, course);
    memset(&g->shape, 0, sizeof g->shape);
}

void work_link(struct generator *g)
{
    struct course course = begin(g);
    while (g->feed.fd < 0 && now_ns() - course.start < patience)
        loop_turn(g, WAIT_MS);
    if (g->feed.fd < 0)
        die("the server did not connect to the link");
    finish(g, "link", &course);
}

void work_connect(struct generator *g, size_t clients)
{
    struct course course = begin(g);
    size_t ready = g->ready;
    while (g->ready < clients && g->tally.failed == 0 && now_ns() - course.progressed < patience) {
        while (g->count < clients && g->connecting < AT_ONCE)
            client_open(g);
        loop_turn(g, WAIT_MS);
        course.end = now_ns();
        if (g->ready > ready)
            course.progressed = course.end;
        ready = g->ready;
    }
    finish(g, "connect", &course);
}

static void expect_broadcasts(struct generator *g, long total)
{
    for (size_t at = 0; at < g->count; at++)
        g->clients[at].expected = g->next;
    g->deliveries_left = total * (long)g->ready;
}

static void add_broadcast(struct generator *g, struct message *message, uint64_t time)
{
    message_stamp(message, g->next, time);
    g->next = number_next(g->next);
    feed_add(g, message);
}

void work_burst(struct generator *g, size_t size, long total)
{
    struct message message;
    struct course course = begin(g);
    message_broadcast(&message, size);
    expect_broadcasts(g, total);
    for (long sent = 0; goes_on(g, &course);) {
        if (feed_is_empty(g))
            for (; sent < total && g->feed.out_end < FEED_AT_ONCE; sent++)
                add_broadcast(g, &message, 0);
        if (g->feed.writable)
            feed_flush(g);
        loop_turn(g, g->feed.writable && sent < total ? 0 : WAIT_MS);
    }
    finish(g, "burst", &course);
}

/* Numerical Recipes' generator: who is next must not cost anything. */
static size_t anybody(size_t count)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (size_t)((uint64_t)state * count >> 32);
}

/* A message for each client, whose numbers are far from those of the others: one that went astray shows. */
static struct message *messages_to_users(struct generator *g, size_t size)
{
    struct message *messages = calloc(g->count, sizeof *messages);
    if (!messages)
        die("calloc");
    for (size_t at = 0; at < g->count; at++) {
        message_to_user(&messages[at], size, g->clients[at].sid);
        g->clients[at].expected = g->clients[at].fed = number_make(at * 1000000);
    }
    return messages;
}

void work_users(struct generator *g, size_t size, long total)
{
    struct course course = begin(g);
    struct message *messages = messages_to_users(g, size);
    g->deliveries_left = total;
    for (long sent = 0; goes_on(g, &course);) {
        if (feed_is_empty(g))
            for (; sent < total && g->feed.out_end < FEED_AT_ONCE; sent++) {
                size_t user = anybody(g->count);
                message_stamp(&messages[user], g->clients[user].fed, 0);
                g->clients[user].fed = number_next(g->clients[user].fed);
                feed_add(g, &messages[user]);
            }
        if (g->feed.writable)
            feed_flush(g);
        loop_turn(g, g->feed.writable && sent < total ? 0 : WAIT_MS);
    }
    free(messages);
    finish(g, "users", &course);
}

static void set_timer(struct generator *g, uint64_t at)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / SECOND), .tv_nsec = (long)(at % SECOND)}};
    timerfd_settime(g->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void print_latencies(const struct histogram *latencies, double fed_seconds)
{
    static const double SHARES[] = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 1};
    printf(", \"fed_seconds\": %.6f, \"latency_ms\": {", fed_seconds);
    for (size_t at = 0; at < sizeof SHARES / sizeof *SHARES; at++)
        printf("%s\"%g\": %.4f", at ? ", " : "", 100 * SHARES[at], (double)histogram_at(latencies, SHARES[at]) / 1e6);
    printf("}");
}

void work_rate(struct generator *g, size_t size, double rate, double seconds)
{
    struct message message;
    struct course course = begin(g);
    long total = (long)(rate * seconds), sent = 0;
    uint64_t fed = 0;
    message_broadcast(&message, size);
    memset(&g->latencies, 0, sizeof g->latencies);
    g->timed = true;
    expect_broadcasts(g, total);
    while (goes_on(g, &course)) {
        uint64_t due = course.start + (uint64_t)((double)(sent + 1) * SECOND / rate);
        while (sent < total && now_ns() >= due && feed_has_room(g)) {
            add_broadcast(g, &message, due); /* when it was due, so that a server that can't keep up can't hide it */
            feed_flush(g);
            due = course.start + (uint64_t)((double)(++sent + 1) * SECOND / rate);
        }
        if (!feed_is_empty(g) && g->feed.writable)
            feed_flush(g);
        if (sent < total)
            set_timer(g, due);
        else if (!fed && feed_is_empty(g)) {
            fed = now_ns();
            stop_clocks(g, &course); /* the rest is only what a server that can't keep up still has to do */
        }
        loop_turn(g, WAIT_MS);
    }
    if (!fed)
        stop_clocks(g, &course);
    linger(g);
    g->timed = false;
    print_start("rate");
    print_latencies(&g->latencies, (double)((fed ? fed : course.end) - course.start) / SECOND);
    print_end(g, &course);
}

void work_events(struct generator *g, size_t size, long total, size_t clients, bool acks)
{
    struct course course = begin(g);
    long each = total / (long)clients;
    message_event(&g->event, size);
    g->acks = acks;
    g->arrivals_left = each * (long)clients;
    g->acks_left = acks ? each * (long)clients : 0;
    for (size_t at = 0; at < clients; at++)
        client_start_events(g, &g->clients[at], each);
    while (goes_on(g, &course))
        loop_turn(g, WAIT_MS);
    finish(g, "events", &course);
}

/* The next events that are due; how many were sent in all. */
static long emit_due(struct generator *g, long sent, long total)
{
    while (sent < total && now_ns() >= g->round.start + (uint64_t)((double)(sent + 1) * g->round.gap))
        client_emit(g, &g->clients[sent++ % (long)g->ready]);
    return sent;
}

void work_round(struct generator *g, size_t size, double rate, double seconds)
{
    struct course course = begin(g);
    long total = (long)(rate * seconds) * (long)g->ready, sent = 0;
    uint64_t fed = 0;
    memset(&g->latencies, 0, sizeof g->latencies);
    message_event(&g->event, size);
    message_broadcast(&g->round.echo, size);
    g->acks = true; /* as a page emits that wants to know */
    for (size_t at = 0; at < g->count; at++) {
        g->round.first[at] = g->clients[at].event;
        client_expect_acks(&g->clients[at], total / (long)g->ready);
    }
    g->round.start = course.start;
    g->round.gap = SECOND / (rate * (double)g->ready);
    g->round.runs = g->timed = true;
    expect_broadcasts(g, total);
    g->arrivals_left = g->acks_left = total;
    while (goes_on(g, &course)) {
        sent = emit_due(g, sent, total);
        if (!feed_is_empty(g) && g->feed.writable)
            feed_flush(g);
        if (sent < total)
            set_timer(g, course.start + (uint64_t)((double)(sent + 1) * g->round.gap));
        else if (!fed) {
            fed = now_ns();
            stop_clocks(g, &course);
        }
        loop_turn(g, WAIT_MS);
    }
    if (!fed)
        stop_clocks(g, &course);
    linger(g);
    g->round.runs = g->timed = false;
    print_start("round");
    print_latencies(&g->latencies, (double)((fed ? fed : course.end) - course.start) / SECOND);
    print_end(g, &course);
}

void work_idle(struct generator *g, double seconds)
{
    struct course course = begin(g);
    while (now_ns() - course.start < (uint64_t)(seconds * SECOND))
        loop_turn(g, WAIT_MS);
    course.end = now_ns();
    finish(g, "idle", &course);
}
