#include "wire.h"

#include <stdint.h>
#include <string.h>

int wire_read(const unsigned char *at, size_t available, struct frame *frame)
{
    if (available < 2)
        return 0;
    size_t header = 2, length = at[1];
    if ((at[0] & 0xf0) != 0x80 || !(at[0] & 0x0f) || length > 127) /* FIN only; no continuation; not masked */
        return -1;
    if (length >= 126) {
        header = length == 126 ? 4 : 10;
        if (available < header)
            return 0;
        length = 0;
        for (size_t byte = 2; byte < header; byte++)
            length = length << 8 | at[byte];
    }
    if (available - header < length)
        return 0;
    frame->opcode = at[0] & 0x0f;
    frame->payload = (const char *)at + header;
    frame->length = length;
    frame->whole = header + length;
    return 1;
}

size_t wire_write(unsigned char *to, int opcode, const char *payload, size_t length)
{
    static const unsigned char key[4] = {0x5a, 0xc3, 0x17, 0x8e}; /* any key will do: nobody is in between */
    size_t header = 2;
    to[0] = (unsigned char)(0x80 | opcode);
    if (length < 126) {
        to[1] = (unsigned char)(0x80 | length);
    } else {
        to[1] = 0x80 | 126;
        to[2] = (unsigned char)(length >> 8);
        to[3] = (unsigned char)length;
        header = 4;
    }
    memcpy(to + header, key, 4);
    header += 4;
    uint64_t mask, word;
    memcpy(&mask, key, 4);
    mask |= mask << 32;
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        memcpy(&word, payload + at, 8);
        word ^= mask;
        memcpy(to + header + at, &word, 8);
    }
    for (; at < length; at++)
        to[header + at] = (unsigned char)payload[at] ^ key[at & 3];
    return header + length;
}
