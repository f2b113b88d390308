/* The works that are measured. Each prints one line of JSON when it is over. */
#ifndef WORKS_H
#define WORKS_H

#include "generator.h"

/* Nothing came for so many nanoseconds: the work is over, and has failed. */
extern uint64_t patience;

/* Wait for the server's link. */
void work_link(struct generator *g);
/* Connect clients until there are `clients`. */
void work_connect(struct generator *g, size_t clients);
/* `total` messages of `size` bytes to all clients, as fast as the server takes them. */
void work_burst(struct generator *g, size_t size, long total);
/* The same, each to one client that is chosen at random. */
void work_users(struct generator *g, size_t size, long total);
/* `rate` messages a second to all clients, for `seconds`. */
void work_rate(struct generator *g, size_t size, double rate, double seconds);
/* `total` events from the first `clients` clients, as fast as the server takes them. */
void work_events(struct generator *g, size_t size, long total, size_t clients, bool acks);
/* Each client sends `rate` events a second for `seconds`, each is echoed to all, and its own client times it. */
void work_round(struct generator *g, size_t size, double rate, double seconds);
/* Nothing but pings. */
void work_idle(struct generator *g, double seconds);

#endif
