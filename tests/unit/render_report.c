/* The page of a stored report.json, on stdout: for looking at, and for the test in a browser.
 * Usage: render_report evaluation|comparison|evidence FILE */
#include "base/file.h"
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct diag diag = DIAG_INIT;
    void *data = NULL;
    char *html = NULL;
    size_t size;
    if (argc != 3)
        return 2;
    int r = file_read(argv[2], 1 << 26, &data, &size, &diag);
    cJSON *tree = r == 0 ? json_parse(data, size, &diag) : NULL;
    bool evaluation = !strcmp(argv[1], "evaluation"), evidence = !strcmp(argv[1], "evidence");
    if (tree)
        r = evaluation ? report_evaluation(tree, &html, &size, &diag)
            : evidence ? report_evidence(tree, &html, &size, &diag)
                       : report_comparison(tree, &html, &size, &diag);
    if (tree && r == 0)
        fwrite(html, 1, size, stdout);
    else
        fprintf(stderr, "%s\n", diag.text);
    cJSON_Delete(tree);
    free(html);
    free(data);
    return tree && r == 0 ? 0 : 1;
}
