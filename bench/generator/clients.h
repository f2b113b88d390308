/* The N clients: Socket.IO 5 over Engine.IO 4 over WebSocket, written by hand to be cheap. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "generator.h"

#include <sys/epoll.h>

/* Start connecting one more. */
void client_open(struct generator *g);
void client_ready(struct generator *g, struct client *client, uint32_t events);
/* Begin to send events; goes on as the socket takes them. */
void client_start_events(struct generator *g, struct client *client, long events);
/* The client with this id, or NULL. */
struct client *client_find(struct generator *g, const char *sid, size_t length);

#endif
