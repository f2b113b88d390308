#include "numbers.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALL_NUMBERS = 100000000 };

uint64_t number_carry(uint64_t number)
{
    uint64_t value = 0;
    for (int digit = 0; digit < DIGITS - 1; digit++)
        value = value * 10 + ((number >> (8 * digit)) & 0xff) - '0';
    return number_make((value + 1) * 10);
}

uint64_t number_make(uint64_t value)
{
    char digits[DIGITS];
    value %= ALL_NUMBERS;
    for (int digit = DIGITS - 1; digit >= 0; digit--, value /= 10)
        digits[digit] = (char)('0' + value % 10);
    return number_load(digits);
}

bool number_read(uint64_t number, uint64_t *value)
{
    *value = 0;
    for (int digit = 0; digit < DIGITS; digit++) {
        uint64_t character = (number >> (8 * digit)) & 0xff;
        if (character < '0' || character > '9')
            return false;
        *value = *value * 10 + character - '0';
    }
    return true;
}

long number_distance(uint64_t number, uint64_t expected)
{
    uint64_t one, other;
    if (!number_read(number, &one) || !number_read(expected, &other))
        return 0;
    long distance = (long)one - (long)other;
    if (distance > ALL_NUMBERS / 2)
        return distance - ALL_NUMBERS;
    return distance < -ALL_NUMBERS / 2 ? distance + ALL_NUMBERS : distance;
}

/* Put `before`, the first number, padding, the second number and `after` together. */
static void assemble(struct message *message, size_t size, const char *before, const char *after)
{
    size_t start = strlen(before), end = strlen(after);
    size_t least = start + 2 * (1 + DIGITS) + end;
    message->size = size < least ? least : size;
    message->number_at = start + 1;
    message->again_at = message->size - end - DIGITS;
    for (size_t at = start; at < message->again_at; at++)
        message->bytes[at] = (char)('a' + at % 26);
    memcpy(message->bytes, before, start);
    message->bytes[start] = '#';
    message->bytes[message->again_at - 1] = '!';
    memcpy(message->bytes + message->size - end, after, end);
    message->time_at = 0;
    message_stamp(message, NUMBER_ZERO, 0);
}

void message_broadcast(struct message *message, size_t size)
{
    const size_t least = 3 + 2 * DIGITS + TIME_DIGITS;
    assemble(message, size < least ? least : size, "", "");
    message->time_at = 2 + DIGITS;
    message->bytes[message->time_at - 1] = '@';
    message_stamp(message, NUMBER_ZERO, 0);
}

void message_to_user(struct message *message, size_t size, const char *user)
{
    char before[MAX_MESSAGE / 2];
    snprintf(before, sizeof before, "{\"username\":\"%s\",\"n\":\"", user);
    assemble(message, size, before, "\"}");
}

void message_event(struct message *message, size_t size)
{
    assemble(message, size, "{\"n\":\"", "\"}");
}

void message_stamp(struct message *message, uint64_t number, uint64_t time)
{
    memcpy(message->bytes + message->number_at, &number, DIGITS);
    memcpy(message->bytes + message->again_at, &number, DIGITS);
    if (message->time_at)
        for (int digit = 0; digit < TIME_DIGITS; digit++)
            message->bytes[message->time_at + (size_t)digit] = "0123456789abcdef"[(time >> (60 - 4 * digit)) & 15];
}

static uint64_t read_time(const char *text)
{
    char digits[TIME_DIGITS + 1];
    memcpy(digits, text, TIME_DIGITS);
    digits[TIME_DIGITS] = 0;
    return strtoull(digits, NULL, 16);
}

bool message_find(const char *text, size_t length, struct found *found)
{
    const char *mark = memchr(text, '#', length);
    /* The padding has no `!`; what follows the message, such as a further argument, may have one. */
    const char *again = mark ? memchr(mark, '!', length - (size_t)(mark - text)) : NULL;
    uint64_t value;
    if (!again || again < mark + 1 + DIGITS || again + 1 + DIGITS > text + length)
        return false;
    found->number_at = (size_t)(mark + 1 - text);
    found->again_at = (size_t)(again + 1 - text);
    found->number = number_load(mark + 1);
    found->time = 0;
    if (mark[1 + DIGITS] == '@' && again >= mark + 2 + DIGITS + TIME_DIGITS)
        found->time = read_time(mark + 2 + DIGITS);
    return number_read(found->number, &value) && found->number == number_load(again + 1);
}
