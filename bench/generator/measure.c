#include "measure.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

uint64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t own_cpu_ns(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t process_cpu_ns(pid_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    unsigned long user = 0, system = 0;
    const char *name_end = strrchr(text, ')'); /* the name may hold anything */
    if (!name_end || sscanf(name_end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return 0;
    return (user + system) * (SECOND / (uint64_t)sysconf(_SC_CLK_TCK));
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    int bits = ns ? 64 - __builtin_clzll(ns) : 0; /* STEPS needs six of them */
    int power = bits <= 6 ? 0 : bits - 6 < POWERS ? bits - 6 : POWERS - 1;
    uint64_t step = ns >> power;
    histogram->counts[power][step < STEPS ? step : STEPS - 1]++;
    histogram->count++;
    if (ns > histogram->highest)
        histogram->highest = ns;
}

uint64_t histogram_at(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)((double)histogram->count * share), seen = 0;
    if (wanted >= histogram->count)
        return histogram->highest;
    for (int power = 0; power < POWERS; power++)
        for (int step = 0; step < STEPS; step++)
            if ((seen += histogram->counts[power][step]) > wanted)
                return ((uint64_t)step << power) + ((1ULL << power) >> 1);
    return histogram->highest;
}
