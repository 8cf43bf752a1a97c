#include "daemon/process_usage.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static double count_entries(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return (double)NAN;
    int count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2; /* "." and ".." */
}

static void read_memory(struct process_usage *usage)
{
    long pages[2];
    FILE *file = fopen("/proc/self/statm", "re");
    int got = file ? fscanf(file, "%ld %ld", &pages[0], &pages[1]) : 0;
    if (file)
        fclose(file);
    double page = (double)sysconf(_SC_PAGESIZE);
    usage->virtual_bytes = got == 2 ? (double)pages[0] * page : (double)NAN;
    usage->resident_bytes = got == 2 ? (double)pages[1] * page : (double)NAN;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void process_usage_read(struct process_usage *ret_usage)
{
    struct rusage used;
    struct rlimit limit;
    *ret_usage = (struct process_usage){.cpu_s = (double)NAN, .max_descriptors = (double)NAN};
    if (getrusage(RUSAGE_SELF, &used) == 0)
        ret_usage->cpu_s = seconds(used.ru_utime) + seconds(used.ru_stime);
    read_memory(ret_usage);
    ret_usage->open_descriptors = count_entries("/proc/self/fd") - 1; /* the directory itself */
    ret_usage->threads = count_entries("/proc/self/task");
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        ret_usage->max_descriptors = (double)limit.rlim_cur;
}
