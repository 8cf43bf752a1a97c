/* armwatchd: the daemon's command line. */
#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "source/source_map.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_CONFIG = 78 };

static void print_help(FILE *out)
{
    fputs("Usage: armwatchd [--config FILE] [--check]\n"
          "Watches robot arms over MQTT and publishes an alert when one no longer moves as it "
          "should.\n\n"
          "  --config FILE   configuration (default /etc/armwatch/armwatchd.json)\n"
          "  --check         check the configuration, say what is wrong, and end\n"
          "  --help          this text\n"
          "  --version       the version\n\n"
          "Signals: SIGHUP reads the configuration again; SIGTERM and SIGINT stop.\n"
          "Exit codes: 0 stopped or the check passed, 1 failed, 2 usage, 78 bad configuration.\n",
          out);
}

/* libuv aborts without a word where memory is out, and so does a service manager's watchdog. */
static void on_abort(int signum)
{
    static const char text[] =
        "error: aborted: out of memory, or by the service manager's watchdog\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    raise(signum); /* by default now */
}

static void tell_of_abort(void)
{
    const struct sigaction action = {.sa_handler = on_abort, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGABRT, &action, NULL);
}

/* What a start finds wrong and no other start would find otherwise: a model, a key, a secret. */
static bool is_configuration(int error)
{
    static const int errors[] = {EINVAL, ENOENT, EKEYREJECTED, ELOOP, EACCES};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (error == -errors[i])
            return true;
    }
    return false;
}

/* What a start would read beside the configuration, without a network. Frees it. */
static int check_config(struct config *config)
{
    struct diag diag = DIAG_INIT;
    struct source_map *map = NULL;
    int r = 0;
    if (config->input.assembler_file)
        r = source_map_load(config->input.assembler_file, &map, &diag);
    if (r < 0)
        log_error("%s", diag.text);
    else
        printf("%s: good\n", config->path);
    source_map_free(map);
    config_free(config);
    return r < 0 ? EXIT_CONFIG : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, 'k'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'v'},
                                            {NULL, 0, NULL, 0}};
    const char *path = "/etc/armwatch/armwatchd.json";
    bool check = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'k':
            check = true;
            break;
        case 'h':
            print_help(stdout);
            return EXIT_SUCCESS;
        case 'v':
            puts("armwatchd " ARMWATCH_VERSION);
            return EXIT_SUCCESS;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "armwatchd: unexpected argument \"%s\"; see --help\n", argv[optind]);
        return EXIT_USAGE;
    }
    struct diag diag = DIAG_INIT;
    struct config *config;
    if (config_load(path, &config, &diag) < 0) {
        log_error("%s", diag.text);
        return EXIT_CONFIG;
    }
    if (check)
        return check_config(config);
    enum log_level level = LOG_LEVEL_INFO;
    log_level_parse(config->log.level, &level);
    log_set_level(level);
    tell_of_abort();
    int r = daemon_run(config, &diag);
    if (r == 0)
        return EXIT_SUCCESS;
    log_error("%s", diag.text);
    return is_configuration(r) ? EXIT_CONFIG : EXIT_FAILURE;
}
