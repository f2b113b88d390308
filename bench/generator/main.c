/* The load generator: the TCP server that feeds a contestant, and its N WebSocket clients, in one
 * process, so that both ends of a latency are read from one clock.
 *
 *   generator [PATIENCE]                 seconds; 15 if not given
 *
 * It prints its link's port, then obeys lines on standard input, one answer of one line each:
 *
 *   server PORT PID                      the contestant; waits for its link
 *   connect CLIENTS
 *   burst SIZE TOTAL
 *   users SIZE TOTAL
 *   rate SIZE RATE SECONDS
 *   events SIZE TOTAL CLIENTS ACKS       ACKS: 0 or 1
 *   round SIZE RATE SECONDS              RATE: of each client
 *   idle SECONDS
 *
 * It ends at the end of its input, or with an error on standard error and exit code 1.
 */
#include "feed.h"
#include "works.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void obey(struct generator *g, const char *line)
{
    size_t size, clients;
    long total;
    int port, pid, acks;
    double rate, seconds;
    if (sscanf(line, "server %d %d", &port, &pid) == 2) {
        g->server.sin_family = AF_INET;
        g->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        g->server.sin_port = htons((uint16_t)port);
        g->pid = pid;
        work_link(g);
    } else if (sscanf(line, "connect %zu", &clients) == 1 && clients <= MAX_CLIENTS)
        work_connect(g, clients);
    else if (sscanf(line, "burst %zu %ld", &size, &total) == 2 && size <= MAX_MESSAGE)
        work_burst(g, size, total);
    else if (sscanf(line, "users %zu %ld", &size, &total) == 2 && size <= MAX_MESSAGE && g->count)
        work_users(g, size, total);
    else if (sscanf(line, "rate %zu %lf %lf", &size, &rate, &seconds) == 3 && size <= MAX_MESSAGE && rate > 0)
        work_rate(g, size, rate, seconds);
    else if (sscanf(line, "events %zu %ld %zu %d", &size, &total, &clients, &acks) == 4 && size <= MAX_MESSAGE &&
             clients > 0 && clients <= g->count)
        work_events(g, size, total, clients, acks != 0);
    else if (sscanf(line, "round %zu %lf %lf", &size, &rate, &seconds) == 3 && size <= MAX_MESSAGE && rate > 0 && g->ready)
        work_round(g, size, rate, seconds);
    else if (sscanf(line, "idle %lf", &seconds) == 1)
        work_idle(g, seconds);
    else
        die("not a command");
}

int main(int argc, char **argv)
{
    struct generator *g = calloc(1, sizeof *g);
    char line[256];
    if (argc > 1)
        patience = (uint64_t)(atof(argv[1]) * SECOND);
    signal(SIGPIPE, SIG_IGN);
    if (!g || !(g->clients = calloc(MAX_CLIENTS, sizeof *g->clients)))
        die("calloc");
    g->next = NUMBER_ZERO;
    loop_open(g);
    printf("{\"port\": %d}\n", feed_open(g));
    fflush(stdout);
    for (;;) {
        if (!loop_turn(g, 1000))
            continue;
        if (!fgets(line, sizeof line, stdin))
            return 0;
        obey(g, line);
    }
}
