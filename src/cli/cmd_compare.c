#include "cli/commands.h"
#include "cli/comparison_text.h"
#include "cli/data.h"
#include "cli/method.h"
#include "cli/progress.h"
#include "cli/report_files.h"
#include "cli/sessions.h"
#include "lab/comparison.h"
#include "nn/blas.h"
#include "report/report.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_option options[] = {
    {"normal", "FILE", "recording of the healthy robot; one file is one session", .required = true,
     .repeatable = true},
    {"anomalous", "FILE", "recording with labels (a column \"anomaly\" or --label-column)",
     .required = true, .repeatable = true},
    {"labelled", "FILE",
     "another recording with labels: on it channels are selected by mutual information, and the "
     "windows are cross-validated",
     .repeatable = true},
    {"report", "DIR", "write DIR/report.html and DIR/report.json"},
    {"json", NULL, "the report as one JSON object on stdout"},
    {.help = "the comparison"},
    {"rows-of", "LIST",
     "groups of rows: baselines, paper, detectors, scalers, reductions, windows, spacings, "
     "channels, "
     "adversaries, peers",
     "all"},
    {"seeds", "N", "trainings of each of the paper's rows", "5", CLI_INTEGER, 1, 100},
    {"ablation-seeds", "N", "trainings of each ablation, at most --seeds", "3", CLI_INTEGER, 1,
     100},
    {"test-share", "SHARE",
     "of the --normal recordings, kept aside to be tested on: whole files from 5 files on, else "
     "the end of each; 0: the --anomalous recordings alone are tested on",
     "0.2", CLI_NUMBER, 0, 0.5},
    {"training-windows", "N",
     "at most, evenly taken from all: neighbours share rows and teach little; 0: all", "50000",
     CLI_INTEGER, 0, 1e9},
    {"false-alarms-per-day", "N", "budget from which every row's threshold follows", "24",
     CLI_NUMBER, 0.001, 10000},
    {"events", "auto|runs|steps",
     "what is one event: a run of labels, or a program step of a session-long fault", "auto",
     CLI_CHOICE},
    {"peers", "SCRIPT",
     "run as \"python3 SCRIPT DIR\" on the same split: tests/peers/peers.py has scikit-learn's "
     "detectors"},
    {"jobs", "N", "trainings at a time (default: one for each processor)", NULL, CLI_INTEGER, 1,
     64},
    {"rate-hz", "HZ", "samples per second (default: from the recording's times, else 10)", NULL,
     CLI_NUMBER, 0.001, 10000},
    {"simulated", NULL, "say beside every figure that the data are simulated"},
    {0}};

/* The recordings of all options, one after the other: the first file sets the channels of all. */
struct work {
    struct sessions sessions;
    size_t normal, anomalous, labelled; /* how many of each */
    struct progress progress;
};

static void on_progress(double share, void *user)
{
    progress_update(&((struct work *)user)->progress, share);
}

static size_t choose_jobs(const struct cli *cli)
{
    if (cli_given(cli, "jobs"))
        return (size_t)cli_integer(cli, "jobs");
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 1 ? 1 : processors > 64 ? 64 : (size_t)processors;
}

static struct comparison_recordings recordings_of(const struct cli *cli, const struct work *work,
                                                  const char *option, size_t first, size_t count)
{
    return (struct comparison_recordings){
        .item = work->sessions.item + first, .name = cli_list(cli, option), .count = count};
}

static int choose_options(const struct cli *cli, struct comparison_options *ret_options,
                          struct diag *diag)
{
    struct study_options *study = &ret_options->study;
    int r = study_groups_parse(cli_text(cli, "rows-of"), &study->groups, diag);
    if (r < 0)
        diag_prefix(diag, "--rows-of");
    if (r == 0)
        r = method_choose(cli, ADVERSARY_STABLE, &study->stable, diag);
    if (r == 0)
        r = method_choose(cli, ADVERSARY_PAPER, &study->paper, diag);
    /* As written is as written: --scaler and --output are for the other recipe. */
    fit_use_scaler(&study->paper, SCALER_MINMAX);
    study->stable.max_training_windows = study->paper.max_training_windows =
        (size_t)cli_integer(cli, "training-windows");
    study->seeds = (size_t)cli_integer(cli, "seeds");
    study->ablation_seeds = (size_t)cli_integer(cli, "ablation-seeds");
    if (study->ablation_seeds > study->seeds)
        study->ablation_seeds = study->seeds;
    ret_options->test_share = cli_number(cli, "test-share");
    ret_options->false_alarms_per_day = cli_number(cli, "false-alarms-per-day");
    ret_options->events = (enum evaluation_events)cli_choice(cli, "events");
    ret_options->peers_script = cli_text(cli, "peers");
    ret_options->simulated = cli_given(cli, "simulated");
    ret_options->jobs = choose_jobs(cli);
    return r;
}

static int load_labelled(const struct cli *cli, const char *option, struct work *work,
                         size_t *ret_count, struct diag *diag)
{
    size_t first = work->sessions.count;
    int r = sessions_load(cli, option, NULL, &work->sessions, diag);
    *ret_count = work->sessions.count - first;
    return r < 0 || *ret_count == 0
               ? r
               : sessions_check_labels(cli, option, &work->sessions, first, diag);
}

static int load_all(const struct cli *cli, struct work *work, struct diag *diag)
{
    int r = sessions_load(cli, "normal", NULL, &work->sessions, diag);
    work->normal = work->sessions.count;
    if (r == 0)
        r = sessions_leave_out_labelled(cli, "normal", &work->sessions, diag);
    for (size_t i = 0; r == 0 && i < work->normal; i++) {
        free(work->sessions.item[i]->label);
        work->sessions.item[i]->label = NULL;
    }
    if (r == 0)
        r = load_labelled(cli, "anomalous", work, &work->anomalous, diag);
    return r < 0 ? r : load_labelled(cli, "labelled", work, &work->labelled, diag);
}

static int tell(const struct cli *cli, cJSON *report, struct diag *diag)
{
    const char *directory = cli_text(cli, "report");
    char *html;
    size_t size;
    int r = 0;
    if (directory) {
        r = report_comparison(report, &html, &size, diag);
        if (r == 0) {
            r = report_files_write(directory, report, html, size, diag);
            free(html);
        }
    }
    if (r == 0 && cli_given(cli, "json"))
        return cli_print_json(cli, report);
    if (r == 0)
        comparison_text_print(report, stdout);
    if (r == 0 && directory)
        printf("written      report.html and report.json in %s\n", directory);
    cJSON_Delete(report);
    return r;
}

/* 0, an exit code after a message, or a negative errno with its text in diag. */
static int compare(const struct cli *cli, struct work *work, struct diag *diag)
{
    struct comparison_options comparison_options = {.progress = on_progress, .user = work};
    cJSON *report = NULL;
    int r = choose_options(cli, &comparison_options, diag);
    if (r < 0)
        return cli_usage(cli, "%s", diag->text);
    if (cli_given(cli, "report"))
        r = report_files_prepare(cli_text(cli, "report"), diag);
    if (r == 0)
        r = load_all(cli, work, diag);
    if (r < 0)
        return r;
    comparison_options.period_s = sessions_choose_period(cli, &work->sessions);
    const struct comparison_input input = {
        .normal = recordings_of(cli, work, "normal", 0, work->normal),
        .anomalous = recordings_of(cli, work, "anomalous", work->normal, work->anomalous),
        .labelled =
            recordings_of(cli, work, "labelled", work->normal + work->anomalous, work->labelled)};
    blas_init();
    progress_begin(&work->progress, "comparing");
    r = comparison_run(&input, &comparison_options, &report, diag);
    progress_end(&work->progress);
    return r < 0 ? r : tell(cli, report, diag);
}

static int run(const struct cli *cli)
{
    struct work work = {0};
    struct diag diag = DIAG_INIT;
    int r = compare(cli, &work, &diag);
    sessions_free(&work.sessions);
    return r < 0 ? cli_fail(cli, r, &diag) : r;
}

const struct cli_command command_compare = {
    .name = "compare",
    .summary = "re-run the paper's whole study on your recordings, with baselines and intervals",
    .description =
        "Trains every row with several seeds on the same split of the --normal recordings and "
        "tries "
        "it on what none of them has seen. A random score and an untrained network always stand "
        "beside. Intervals are 95 %, by bootstrap over segments and seeds; differences are paired. "
        "Nothing is adjusted by knowing the labels.",
    .options = {options, method_options, data_options},
    .run = run,
};
