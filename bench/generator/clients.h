/* The N clients: Socket.IO 5 over Engine.IO 4 over WebSocket, written by hand to be cheap. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "generator.h"

#include <sys/epoll.h>

/* Start connecting one more. */
void client_open(struct generator *g);
void client_close(struct generator *g, struct client *client);
/* It is connected: ask for the WebSocket. */
void client_upgrade(struct generator *g, struct client *client);
/* CONNECT's answer: 0{"sid":"…", perhaps with more. False if it is another. */
bool client_joined(struct generator *g, struct client *client, const char *text, size_t length);
/* Send this, now or when the socket takes it. */
void client_send(struct generator *g, struct client *client, const unsigned char *bytes, size_t length);
/* Send one frame of up to 125 bytes. */
void client_say(struct generator *g, struct client *client, int opcode, const char *text, size_t length);
/* Send what waits, and go on with the events. */
void client_flush(struct generator *g, struct client *client);
/* In reading.c: serve what epoll said of this client. */
void client_ready(struct generator *g, struct client *client, uint32_t events);
/* Begin to send events; goes on as the socket takes them. */
void client_start_events(struct generator *g, struct client *client, long events);
/* The next events, so many, are numbered from 0 and acknowledged. */
void client_expect_acks(struct client *client, long events);
/* Send one event now. */
void client_emit(struct generator *g, struct client *client);
/* The client with this id, or NULL. */
struct client *client_find(struct generator *g, const char *sid, size_t length);

#endif
