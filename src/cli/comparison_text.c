#include "cli/comparison_text.h"

#include "cli/fields.h"
#include "cli/terminal.h"

#include <math.h>
#include <string.h>

#define NAME_WIDTH 42

static const cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static double number_of(const cJSON *object, const char *key)
{
    return fields_number(object, key, (double)NAN);
}

/* ".987", "-.012"; "-" where there is none. */
static void format_share(double value, char ret_text[16])
{
    if (!isfinite(value)) {
        strcpy(ret_text, "-");
        return;
    }
    char digits[14];
    snprintf(digits, sizeof digits, "%.3f", fabs(value));
    snprintf(ret_text, 16, "%s%s", value < -0.0005 ? "-" : "",
             digits[0] == '0' ? digits + 1 : digits);
}

/* ".987 (.981-.992)" */
static void print_interval(const cJSON *metrics, const char *key, FILE *out)
{
    const cJSON *metric = member(metrics, key);
    char mean[16], low[16], high[16], text[64];
    format_share(number_of(metric, "mean"), mean);
    format_share(number_of(metric, "low"), low);
    format_share(number_of(metric, "high"), high);
    if (!strcmp(low, "-"))
        snprintf(text, sizeof text, "%s", mean);
    else
        snprintf(text, sizeof text, "%s (%s-%s)", mean, low, high);
    fprintf(out, "  %-17s", text);
}

static void print_mean(const cJSON *metrics, const char *key, FILE *out)
{
    char text[16];
    format_share(number_of(member(metrics, key), "mean"), text);
    fprintf(out, " %6s", text);
}

static void print_rate(const cJSON *metrics, FILE *out)
{
    double rate = number_of(member(metrics, "false_alarms_per_day"), "mean");
    if (isfinite(rate))
        fprintf(out, " %7.3g", rate);
    else
        fprintf(out, " %7s", "-");
}

/* "healthy 3, saturated 2" */
static void print_states(const cJSON *row, FILE *out)
{
    static const char *const states[] = {"healthy", "training", "saturated", "dominating", "dead"};
    const cJSON *list = member(member(row, "adversary"), "states"), *item;
    const char *separator = "  ";
    for (size_t s = 0; s < sizeof states / sizeof states[0]; s++) {
        size_t count = 0;
        cJSON_ArrayForEach(item, list) count +=
            cJSON_IsString(item) && !strcmp(item->valuestring, states[s]);
        if (count == 0)
            continue;
        fprintf(out, "%s%s %zu", separator, states[s], count);
        separator = ", ";
    }
}

static void print_row(const cJSON *row, FILE *out)
{
    const cJSON *metrics = member(row, "metrics");
    fprintf(out, "  %-*.*s", NAME_WIDTH, NAME_WIDTH, fields_text(row, "name", "?"));
    if (!metrics) {
        fprintf(out, "  %s\n", fields_text(row, "skipped", "not run"));
        return;
    }
    print_interval(metrics, "roc_auc", out);
    print_interval(metrics, "average_precision", out);
    print_mean(metrics, "f1", out);
    print_mean(metrics, "event_recall", out);
    print_rate(metrics, out);
    print_mean(metrics, "healthy_roc_auc", out);
    print_states(row, out);
    fputc('\n', out);
}

static void print_rows(const cJSON *report, FILE *out)
{
    const char *bold = terminal_style(out, TERMINAL_BOLD),
               *plain = terminal_style(out, TERMINAL_PLAIN);
    const char *group = "";
    const cJSON *row;
    fprintf(out, "%s  %-*s  %-17s  %-17s %6s %6s %7s %6s  %s%s\n", bold, NAME_WIDTH, "",
            "ROC-AUC (95 %)", "AVERAGE PRECISION", "F1", "EVENTS", "FA/DAY", "HEALTH",
            "DISCRIMINATOR", plain);
    cJSON_ArrayForEach(row, member(report, "rows"))
    {
        const char *of = fields_text(row, "group", "");
        if (strcmp(of, group) != 0)
            fprintf(out, "%s%s%s\n", bold, of, plain);
        group = of;
        print_row(row, out);
    }
}

/* What each kind of anomaly came to, in the rows that matter most: all of them are in the JSON. */
static const char *const shown[] = {"pca",       "mahalanobis", "ae1", "ae2", "ae2-stable",
                                    "ae2-paper", "analog",      "knn", "set"};
#define SHOWN (sizeof shown / sizeof shown[0])

static const cJSON *find_row(const cJSON *report, const char *key)
{
    const cJSON *row;
    cJSON_ArrayForEach(row, member(report, "rows"))
    {
        if (!strcmp(fields_text(row, "key", ""), key))
            return row;
    }
    return NULL;
}

static void print_kind(const cJSON *report, int index, FILE *out)
{
    for (size_t i = 0; i < SHOWN; i++) {
        const cJSON *row = find_row(report, shown[i]);
        const cJSON *kind = cJSON_GetArrayItem(member(row, "classes"), index);
        char auc[16], events[16];
        if (!row)
            continue;
        format_share(number_of(kind, "roc_auc"), auc);
        format_share(number_of(kind, "event_recall"), events);
        fprintf(out, "  %6s %6s", auc, events);
    }
    fputc('\n', out);
}

static void print_kinds(const cJSON *report, FILE *out)
{
    const cJSON *first = member(find_row(report, "random"), "classes");
    int count = cJSON_GetArraySize(first);
    if (count == 0)
        return;
    fprintf(out, "%-*s", NAME_WIDTH, "by kind of anomaly: ROC-AUC, events found");
    for (size_t i = 0; i < SHOWN; i++) {
        if (find_row(report, shown[i]))
            fprintf(out, "  %13s", shown[i]);
    }
    fputc('\n', out);
    for (int i = 0; i < count; i++) {
        fprintf(out, "  %-*.*s", NAME_WIDTH - 2, NAME_WIDTH - 2,
                fields_text(cJSON_GetArrayItem(first, i), "name", "?"));
        print_kind(report, i, out);
    }
    fputc('\n', out);
}

/* A difference is a finding only where its interval leaves zero out. */
static void print_differences(const cJSON *report, FILE *out)
{
    static const char *const keys[] = {"roc_auc", "average_precision", "f1", "event_recall"};
    const cJSON *row;
    size_t findings = 0;
    fputs("differences whose 95 % interval excludes zero\n", out);
    cJSON_ArrayForEach(row, member(report, "rows"))
    {
        const cJSON *differences = member(row, "differences");
        for (size_t k = 0; differences && k < sizeof keys / sizeof keys[0]; k++) {
            const cJSON *difference = member(differences, keys[k]);
            double low = number_of(difference, "low"), high = number_of(difference, "high");
            if (!(low > 0 || high < 0))
                continue;
            fprintf(out, "  %-24s %-18s %+.4f (%+.4f to %+.4f) against %s\n",
                    fields_text(row, "key", "?"), keys[k], number_of(difference, "mean"), low, high,
                    fields_text(differences, "to", "?"));
            findings++;
        }
    }
    if (findings == 0)
        fputs("  none\n", out);
}

static void print_head(const cJSON *report, FILE *out)
{
    const cJSON *data = member(report, "data"), *budget = member(report, "budget");
    const cJSON *simulated = member(report, "simulated");
    if (cJSON_IsTrue(simulated))
        fputs("all figures are from simulated data\n", out);
    fprintf(out, "fitted       %.0f rows train, %.0f choose the epoch, %.3g h calibrate\n",
            number_of(data, "training_rows"), number_of(data, "held_out_rows"),
            number_of(data, "calibration_hours"));
    fprintf(out,
            "tested       %.0f windows, %.3f of them anomalous, %.0f events (%s), %.3g healthy h\n",
            number_of(data, "test_windows"), number_of(data, "prevalence"),
            number_of(data, "events"), fields_text(data, "events_are", "?"),
            number_of(data, "test_healthy_hours"));
    fprintf(out, "budget       %.4g false alarms a day; supported by the data: %.4g\n",
            number_of(budget, "false_alarms_per_day"), number_of(budget, "supported_per_day"));
    fprintf(out, "work         %.0f s, %.0f MB at the most\n\n", number_of(report, "seconds"),
            number_of(report, "peak_memory_mb"));
}

void comparison_text_print(const cJSON *report, FILE *out)
{
    print_head(report, out);
    print_rows(report, out);
    fputs(
        "HEALTH: ROC-AUC of unseen healthy windows against healthy ones: .5 is as it should be\n\n",
        out);
    print_kinds(report, out);
    print_differences(report, out);
}
