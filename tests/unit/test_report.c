/* Pages from whole, damaged and empty JSON: they say what is there, and stay well-formed. */
#include "report/report.h"

#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef int (*make_report)(const cJSON *, char **, size_t *, struct diag *);

static cJSON *read_sample(const char *name)
{
    char path[1024];
    void *data;
    size_t size;
    struct diag diag = DIAG_INIT;
    snprintf(path, sizeof path, GOLDEN_DIR "/../unit/%s", name);
    assert_int_equal(file_read(path, 1 << 24, &data, &size, &diag), 0);
    cJSON *tree = json_parse(data, size, &diag);
    if (!tree)
        fail_msg("%s: %s", path, diag.text);
    free(data);
    return tree;
}

static void expect_part(const char *page, const char *part)
{
    if (!strstr(page, part))
        fail_msg("\"%s\" is not in the page", part);
}

static size_t count_parts(const char *page, const char *part)
{
    size_t count = 0;
    for (const char *at = page; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

/* ---- well-formed */

#define DEPTH_MAX 64

struct nesting {
    char name[DEPTH_MAX][24];
    size_t depth;
};

static const char *check_entity(const char *at)
{
    size_t length = strcspn(at, ";");
    if (length < 3 || length > 6 || at[length] != ';')
        return "a & that begins no entity";
    return NULL;
}

/* The tag from "<" to ">"; drawings hold no number that is none. */
static const char *check_tag(const char *tag, size_t length, struct nesting *nesting)
{
    bool closing = tag[1] == '/';
    const char *name = tag + 1 + closing;
    size_t size = 0, quotes = 0;
    while (isalnum((unsigned char)name[size]))
        size++;
    if (size == 0 || size >= sizeof nesting->name[0])
        return "a tag without a name";
    for (size_t i = 0; i < length; i++)
        quotes += tag[i] == '"';
    if (quotes % 2)
        return "a quote that is not closed";
    bool drawing = !strncmp(name, "path", 4) || !strncmp(name, "rect", 4);
    if (drawing && (memmem(tag, length, "nan", 3) || memmem(tag, length, "inf", 3)))
        return "a drawing with a number that is none";
    if (closing) {
        if (nesting->depth-- == 0 || strncmp(nesting->name[nesting->depth], name, size) != 0 ||
            nesting->name[nesting->depth][size])
            return "an end that fits no beginning";
    } else if (tag[length - 2] != '/') {
        if (nesting->depth == DEPTH_MAX)
            return "too deep";
        snprintf(nesting->name[nesting->depth++], sizeof nesting->name[0], "%.*s", (int)size, name);
    }
    return NULL;
}

/* NULL, or what is wrong with the page. */
static const char *find_fault(const char *page)
{
    struct nesting nesting = {.depth = 0};
    const char *fault = NULL, *at = page;
    if (strncmp(at, "<!DOCTYPE html>", 15) != 0)
        return "no document type";
    for (at += 15; *at && !fault; at++) {
        if (*at == '&')
            fault = check_entity(at);
        else if (*at == '<') {
            size_t length = strcspn(at, ">") + 1;
            fault = check_tag(at, length, &nesting);
            at += length - 1;
            if (!fault && nesting.depth > 0 && !strcmp(nesting.name[nesting.depth - 1], "style") &&
                strstr(at, "</style>"))
                at = strstr(at, "</style>") - 1;
        }
    }
    return fault ? fault : nesting.depth > 0 ? "an element without an end" : NULL;
}

static char *make(make_report report, const cJSON *tree)
{
    char *page = NULL;
    size_t size = 0;
    struct diag diag = DIAG_INIT;
    int r = report(tree, &page, &size, &diag);
    if (r < 0)
        fail_msg("%d: %s", r, diag.text);
    assert_int_equal(strlen(page), size);
    return page;
}

static char *make_checked(make_report report, const cJSON *tree)
{
    char *page = make(report, tree);
    const char *fault = find_fault(page);
    if (fault)
        fail_msg("%s", fault);
    return page;
}

/* ---- damage: every member in turn is taken away, or is something else */

static char other_name[] = "?", other_text[] = "<&'\"> \xff text";

/* What the item is instead, in its own place; its links stay. */
static void damage_item(cJSON *item, int kind)
{
    static const int types[] = {cJSON_NULL,  cJSON_NULL,   cJSON_String, cJSON_Number,
                                cJSON_Array, cJSON_Object, cJSON_True,   cJSON_Number};
    if (kind == 0 && item->string)
        item->string = other_name; /* as good as gone */
    item->type = types[kind];
    item->child = NULL;
    item->valuestring = kind == 2 ? other_text : NULL;
    item->valuedouble = kind == 3 ? -1e308 : 0;
}
#define KINDS 8

struct damage {
    make_report report;
    const cJSON *root;
    size_t pages;
};

static void damage_below(struct damage *damage, cJSON *parent)
{
    size_t left = cJSON_IsObject(parent) ? SIZE_MAX : 1; /* elements are alike */
    for (cJSON *item = parent->child; item && left > 0; item = item->next, left--) {
        for (int kind = 0; kind < KINDS; kind++) {
            const cJSON whole = *item;
            damage_item(item, kind);
            char *page = make(damage->report, damage->root);
            const char *fault = find_fault(page);
            if (fault)
                fail_msg("%s as kind %d: %s", whole.string ? whole.string : "an element", kind,
                         fault);
            free(page);
            damage->pages++;
            *item = whole;
        }
        damage_below(damage, item);
    }
}

static void damage_all(make_report report, cJSON *root)
{
    struct damage damage = {.report = report, .root = root};
    damage_below(&damage, root);
    if (damage.pages < 500)
        fail_msg("%zu pages only", damage.pages);
    cJSON_Delete(root);
}

static void a_damaged_evaluation_still_makes_a_page(void **state)
{
    damage_all(report_evaluation, read_sample("report_evaluation.json"));
}

static void a_damaged_explanation_still_makes_a_page(void **state)
{
    damage_all(report_evidence, read_sample("report_evidence.json"));
}

/* What somebody wants to know first stands there. */
static void an_alert_says_what_and_where(void **state)
{
    cJSON *tree = read_sample("report_evidence.json");
    char *page = make_checked(report_evidence, tree);
    expect_part(page, "link 2 turns otherwise than expected in step 10");
    expect_part(page, "<b>7.68</b>");
    expect_part(page, "Scored again");
    expect_part(page, "the same");
    expect_part(page, "sensor_id3_GyroZ");
    assert_int_equal(count_parts(page, "role=\"img\""), 1 + 2 * 6);
    free(page);
    cJSON_ReplaceItemInObjectCaseSensitive(tree, "kind", cJSON_CreateString("silent"));
    cJSON_ReplaceItemInObjectCaseSensitive(tree, "text", cJSON_CreateString("<script>"));
    page = make_checked(report_evidence, tree);
    expect_part(page, "last sample");
    assert_null(strstr(page, "<script>"));
    free(page);
    cJSON_Delete(tree);
}

static void keep_key(cJSON *list, const char *key)
{
    for (cJSON *next, *item = list->child; item; item = next) {
        const cJSON *named = cJSON_GetObjectItemCaseSensitive(item, "key");
        const char *name = named ? named->valuestring : item->string;
        next = item->next;
        if (strcmp(name, key) != 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(list, item));
    }
}

/* One row that has everything, and its curves, so that a page is small. */
static void a_damaged_comparison_still_makes_a_page(void **state)
{
    cJSON *root = read_sample("report_comparison.json");
    keep_key(cJSON_GetObjectItemCaseSensitive(root, "rows"), "ae2-stable");
    keep_key(cJSON_GetObjectItemCaseSensitive(root, "curves"), "ae2-stable");
    damage_all(report_comparison, root);
}

static void an_empty_object_makes_a_page_and_a_list_none(void **state)
{
    cJSON *object = cJSON_CreateObject(), *list = cJSON_CreateArray();
    make_report reports[] = {report_evaluation, report_comparison, report_evidence};
    for (size_t i = 0; i < 3; i++) {
        char *page = make_checked(reports[i], object);
        size_t size;
        struct diag diag = DIAG_INIT;
        assert_null(strstr(page, "nan"));
        free(page);
        assert_int_equal(reports[i](list, &page, &size, &diag), -EINVAL);
        expect_part(diag.text, "object");
        assert_int_equal(reports[i](NULL, &page, &size, &diag), -EINVAL);
    }
    cJSON_Delete(object);
    cJSON_Delete(list);
}

/* ---- what a page says */

static void a_page_needs_nothing_else(void **state)
{
    cJSON *tree = read_sample("report_comparison.json");
    char *page = make_checked(report_comparison, tree);
    static const char *const outside[] = {
        "http:", "https:", "<script", "src=", "@import", "<img", "file://"};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        if (strstr(page, outside[i]))
            fail_msg("\"%s\" is in the page", outside[i]);
    }
    expect_part(page, "default-src 'none'");
    expect_part(page, "<html lang=\"en\">");
    expect_part(page, "name=\"viewport\"");
    free(page);
    cJSON_Delete(tree);
}

static void simulated_data_are_called_so_everywhere(void **state)
{
    static const struct {
        make_report report;
        const char *sample;
    } cases[] = {{report_comparison, "report_comparison.json"},
                 {report_evaluation, "report_evaluation.json"},
                 {report_evidence, "report_evidence.json"}};
    for (size_t i = 0; i < 3; i++) {
        cJSON *tree = read_sample(cases[i].sample);
        char *page = make_checked(cases[i].report, tree);
        size_t tagged = count_parts(page, "<span class=\"simulated\">");
        size_t places = count_parts(page, "<h1>") + count_parts(page, "<h2>") +
                        count_parts(page, "<figcaption>") + count_parts(page, "<caption>") +
                        count_parts(page, "<dd><b>");
        assert_int_equal(tagged, places);
        assert_true(places >= 10);
        free(page);
        cJSON_ReplaceItemInObjectCaseSensitive(tree, "simulated", cJSON_CreateFalse());
        page = make_checked(cases[i].report, tree);
        assert_null(strstr(page, ">simulated<"));
        free(page);
        cJSON_Delete(tree);
    }
}

static void names_from_files_are_text(void **state)
{
    cJSON *tree = read_sample("report_comparison.json");
    char *page = make_checked(report_comparison, tree);
    expect_part(page, "labelled &lt;b&gt;&amp;.npy");
    expect_part(page, "AE1, &quot;as &lt;in&gt; the paper&quot; &amp; more");
    assert_null(strstr(page, "<in>"));
    free(page);
    cJSON_Delete(tree);
}

static void only_a_difference_that_excludes_zero_is_bold(void **state)
{
    static const char text[] =
        "{\"rows\":[{\"key\":\"ae2\",\"name\":\"AE2\",\"group\":\"paper\",\"metrics\":{}},"
        "{\"key\":\"x\",\"name\":\"X\",\"group\":\"paper\",\"twin\":\"ae2\",\"metrics\":{},"
        "\"differences\":{\"to\":\"ae2\",\"roc_auc\":{\"mean\":0.02,\"low\":0.01,\"high\":0.03},"
        "\"vus_pr\":{\"mean\":0.04,\"low\":-0.01,\"high\":0.09},"
        "\"f1\":{\"mean\":-0.05,\"low\":-0.06,\"high\":-0.04}}}]}";
    cJSON *tree = json_parse(text, strlen(text), NULL);
    char *page = make_checked(report_comparison, tree);
    expect_part(page, "<strong>+0.020</strong>");
    expect_part(page, "<strong>\u22120.050</strong>");
    expect_part(page, "<td>+0.040");
    assert_null(strstr(page, "<strong>+0.040"));
    free(page);
    cJSON_Delete(tree);
}

static void the_traps_stand_in_every_table_of_figures(void **state)
{
    cJSON *tree = read_sample("report_comparison.json");
    char *page = make_checked(report_comparison, tree);
    static const char *const captions[] = {"<b>Every row: windows</b>", "<b>Every row: alerts</b>",
                                           "<b>How long must a window be?</b>",
                                           "<b>Does adversarial training help?</b>"};
    for (size_t i = 0; i < sizeof captions / sizeof *captions; i++) {
        const char *from = strstr(page, captions[i]);
        if (!from)
            fail_msg("no table %s", captions[i]);
        const char *random = strstr(from, "random score</"), *end = strstr(from, "</table>");
        const char *untrained = strstr(from, "untrained AE2</");
        if (!random || random > end || !untrained || untrained > end)
            fail_msg("%s has no random or no untrained row", captions[i]);
    }
    expect_part(page, "Local Outlier Factor"); /* skipped, with its reason */
    expect_part(page, "no scores were given with --peer");
    free(page);
    cJSON_Delete(tree);
}

static size_t count_figures(const cJSON *tree)
{
    char *page = make_checked(report_evaluation, tree);
    size_t count = count_parts(page, "<figure");
    free(page);
    return count;
}

static void a_figure_without_data_is_left_out(void **state)
{
    cJSON *tree = read_sample("report_evaluation.json");
    cJSON *curves = cJSON_GetObjectItemCaseSensitive(tree, "curves");
    cJSON *histogram = cJSON_GetObjectItemCaseSensitive(curves, "histogram");
    size_t all = count_figures(tree);
    /* A share for each stretch between two edges, or there is no telling which is which. */
    cJSON_DeleteItemFromArray(cJSON_GetObjectItemCaseSensitive(histogram, "normal"), 0);
    assert_int_equal(count_figures(tree), all - 1);
    cJSON_DeleteItemFromObjectCaseSensitive(curves, "attribution");
    assert_int_equal(count_figures(tree), all - 2);
    cJSON_ReplaceItemInObjectCaseSensitive(tree, "events_found", cJSON_CreateNull());
    char *page = make_checked(report_evaluation, tree);
    expect_part(page, "not measured");
    free(page);
    cJSON_Delete(tree);
}

static void a_promise_that_was_broken_is_called_so(void **state)
{
    cJSON *tree = read_sample("report_evaluation.json");
    char *page = make_checked(report_evaluation, tree);
    assert_null(strstr(page, "not kept")); /* 0.425 to 39.3 a day, promised 1 */
    free(page);
    cJSON_ReplaceItemInObjectCaseSensitive(tree, "false_alarms_per_day_lower",
                                           cJSON_CreateNumber(1.5));
    page = make_checked(report_evaluation, tree);
    expect_part(page, "promised 1: not kept");
    free(page);
    cJSON_Delete(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_evaluation_still_makes_a_page),
        cmocka_unit_test(a_damaged_explanation_still_makes_a_page),
        cmocka_unit_test(an_alert_says_what_and_where),
        cmocka_unit_test(a_damaged_comparison_still_makes_a_page),
        cmocka_unit_test(an_empty_object_makes_a_page_and_a_list_none),
        cmocka_unit_test(a_page_needs_nothing_else),
        cmocka_unit_test(simulated_data_are_called_so_everywhere),
        cmocka_unit_test(names_from_files_are_text),
        cmocka_unit_test(only_a_difference_that_excludes_zero_is_bold),
        cmocka_unit_test(the_traps_stand_in_every_table_of_figures),
        cmocka_unit_test(a_figure_without_data_is_left_out),
        cmocka_unit_test(a_promise_that_was_broken_is_called_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
