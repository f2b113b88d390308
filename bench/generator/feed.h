/* The TCP server that a contestant connects to: messages out, events in, `~` after each. */
#ifndef FEED_H
#define FEED_H

#include "generator.h"

/* Listen on a free port of 127.0.0.1; the port. */
int feed_open(struct generator *g);
void feed_accept(struct generator *g);
/* Room for one more message of up to MAX_MESSAGE bytes? */
bool feed_has_room(const struct generator *g);
/* True if all that was added before has been taken. */
bool feed_is_empty(const struct generator *g);
void feed_add(struct generator *g, const struct message *message);
/* Send what the socket takes. */
void feed_flush(struct generator *g);
/* Read and check what has come, a few hundred KiB at most. */
void feed_read(struct generator *g);

#endif
