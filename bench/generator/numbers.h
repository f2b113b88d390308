/* Messages that number themselves, and how their numbers are found again.
 *
 * A message carries its number twice, so that one that was cut or mixed with another shows:
 *
 *   broadcast   #00000001@0123456789abcdef…!00000001        (@: when it was due, in nanoseconds)
 *   to a user   {"username":"<sid>","n":"#00000001…!00000001"}
 *   event       {"n":"#00000001…!00000001"}
 *
 * Numbers are kept as their eight digits in one word, because a comparison of words is all that
 * can be afforded at 50 million deliveries a second. Little-endian machines only.
 *
 * Must not know of sockets.
 */
#ifndef NUMBERS_H
#define NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DIGITS = 8, TIME_DIGITS = 16, MAX_MESSAGE = 1024 };

#define NUMBER_ZERO 0x3030303030303030ULL /* "00000000" */

static inline uint64_t number_load(const void *at)
{
    uint64_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

uint64_t number_carry(uint64_t number);

/* The number after this one; 99999999 is followed by 0. */
static inline uint64_t number_next(uint64_t number)
{
    number += 1ULL << 56; /* the last digit is the highest byte */
    return (number >> 56) <= '9' ? number : number_carry(number);
}

uint64_t number_make(uint64_t value);
/* False if these are not eight digits. */
bool number_read(uint64_t number, uint64_t *value);
/* How far `number` is after `expected`; negative if it is before it. */
long number_distance(uint64_t number, uint64_t expected);

/* Where a number is in a ring of `size`, a power of two. */
static inline size_t number_slot(uint64_t number, size_t size)
{
    uint64_t value = 0;
    number_read(number, &value);
    return value & (size - 1);
}

/* A message, ready but for its number and time. */
struct message {
    size_t size, number_at, again_at, time_at; /* time_at 0: it has none */
    char bytes[MAX_MESSAGE];
};

/* Each fills the message to `size` bytes; a size too small for it is raised to the least that will do. */
void message_broadcast(struct message *message, size_t size);
void message_to_user(struct message *message, size_t size, const char *user);
void message_event(struct message *message, size_t size);
void message_stamp(struct message *message, uint64_t number, uint64_t time);

/* Where the number is in a text that holds a message, however the text was escaped. */
struct found {
    size_t number_at, again_at;
    uint64_t number, time;
};
/* False if there is no number, or the two differ. */
bool message_find(const char *text, size_t length, struct found *found);

#endif
