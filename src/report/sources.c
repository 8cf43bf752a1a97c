#include "report/sources.h"

#include "report/member.h"
#include "report/number.h"

#include <math.h>
#include <string.h>

static bool any_role(const cJSON *files)
{
    const cJSON *file;
    cJSON_ArrayForEach(file, files)
    {
        if (member_text(file, "role", NULL))
            return true;
    }
    return false;
}

static void list_files(struct page *page, const cJSON *files, const char *kind, bool roles)
{
    const cJSON *file;
    cJSON_ArrayForEach(file, files)
    {
        page_row_begin(page, member_text(file, "file", "?"), NULL, false);
        page_cell_text(page, kind);
        if (roles)
            page_cell_text(page, member_text(file, "role", NUMBER_NONE));
        page_cell(page, number_count(member_number(file, "rows")).text, NULL, false);
        page_row_end(page);
    }
}

void sources_table(struct page *page, const cJSON *root)
{
    const cJSON *data = member(root, "data");
    const cJSON *normal = member_list(data, "normal"), *anomalous = member_list(data, "anomalous");
    const cJSON *labelled = member_list(data, "labelled");
    if (!normal && !anomalous && !labelled)
        return;
    struct page_column columns[] = {
        {"File", NULL, true}, {"Kind", NULL, true}, {"Rows", NULL, false}, {"Rows", NULL, false}};
    bool roles = any_role(normal) || any_role(anomalous);
    if (roles)
        columns[2] = (struct page_column){"Used for", NULL, true};
    page_table_begin(page, &(struct page_table){"Recordings", NULL, columns, roles ? 4 : 3, false});
    list_files(page, normal, "normal", roles);
    list_files(page, anomalous, "with anomalies", roles);
    list_files(page, labelled, "labelled, to choose by", roles);
    page_table_end(page);
}

void sources_facts(struct page *page, const cJSON *root)
{
    static const struct {
        const char *key, *name;
    } counts[] = {{"channels", "Channels"},
                  {"training_rows", "Training rows"},
                  {"held_out_rows", "Held-out rows"},
                  {"training_windows", "Training windows"},
                  {"held_out_windows", "Held-out windows"},
                  {"test_windows", "Windows tested"},
                  {"events", "Events tested"}},
      hours[] = {{"calibration_hours", "Calibration"},
                 {"test_healthy_hours", "Healthy time tested"}};
    const cJSON *data = member(root, "data"), *budget = member(root, "budget");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        double count = member_number(data, counts[i].key);
        if (isfinite(count))
            page_fact(page, counts[i].name, "%s", number_count(count).text);
    }
    for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
        double time = member_number(data, hours[i].key);
        if (isfinite(time))
            page_fact(page, hours[i].name, "%s h", number_plain(time).text);
    }
    double prevalence = member_number(data, "prevalence");
    if (isfinite(prevalence))
        page_fact(page, "Anomalous windows", "%s of those tested", number_plain(prevalence).text);
    double promised = member_number(budget, "false_alarms_per_day");
    double supported = member_number(budget, "supported_per_day");
    if (isfinite(promised))
        page_fact(page, "Budget", "%s false alarms a day", number_given(promised).text);
    if (isfinite(supported))
        page_fact(page, "Supported", "%s a day at 95\u00a0%% by the calibration data%s",
                  number_plain(supported).text,
                  supported > promised ? "; the budget is an extrapolation" : "");
}
