/* WebSocket frames (RFC 6455) as a client reads and writes them. Must not know of sockets. */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>

enum { WIRE_TEXT = 1, WIRE_CLOSE = 8, WIRE_PING = 9, WIRE_PONG = 10 };

struct frame {
    int opcode;
    const char *payload;
    size_t length, whole; /* of the payload; of the frame with its header */
};

/* 1: a frame is there whole. 0: not yet. -1: nothing that a server may send, or a fragment, which none sends. */
int wire_read(const unsigned char *at, size_t available, struct frame *frame);

/* Room for a frame with this payload. */
#define WIRE_ROOM(length) ((length) + 14)
/* Write a masked frame; its bytes. At most 64 KiB of payload. */
size_t wire_write(unsigned char *to, int opcode, const char *payload, size_t length);

#endif
