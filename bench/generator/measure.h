/* Time, processor time, and latencies. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>
#include <sys/types.h>

#define SECOND 1000000000ULL

uint64_t now_ns(void);        /* monotonic */
uint64_t own_cpu_ns(void);    /* of this process */
/* Of another process with all its threads, from /proc; to 10 ms. 0 if there is none. */
uint64_t process_cpu_ns(pid_t pid);

/* Counts by latency, to 1.6 %. */
enum { STEPS = 64, POWERS = 48 };
struct histogram {
    uint64_t count, highest;
    uint64_t counts[POWERS][STEPS];
};
void histogram_add(struct histogram *histogram, uint64_t ns);
/* The latency that `share` (0 to 1) of all do not exceed, in ns. */
uint64_t histogram_at(const struct histogram *histogram, double share);

#endif
