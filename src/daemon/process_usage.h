/*
 * process_usage: what this process uses of the machine, as the kernel counts it.
 *
 * Reads /proc/self, which blocks on nothing. Thread: any.
 */
#ifndef ARMWATCH_DAEMON_PROCESS_USAGE_H
#define ARMWATCH_DAEMON_PROCESS_USAGE_H

struct process_usage {
    double cpu_s; /* of all threads, user and system */
    double resident_bytes, virtual_bytes;
    double open_descriptors, max_descriptors;
    double threads;
};

/* NAN where it cannot be known. */
void process_usage_read(struct process_usage *ret_usage);

#endif
