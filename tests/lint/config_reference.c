/*
 * The table in docs/configuration.md is what config_print_reference prints.
 *
 *   config_reference FILE           compares: exit code 1 with the first line that differs
 *   config_reference --write FILE   puts the table into the page
 */
#include "base/file.h"
#include "config/config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX ((size_t)1 << 20)
#define TABLE_START "\n| key |"

static char *print_table(void)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    config_print_reference(stream);
    fclose(stream);
    return text;
}

static size_t line_length(const char *text)
{
    size_t length = strcspn(text, "\n");
    return length + (text[length] == '\n');
}

/* Where the table ends: at the first line that is no row. */
static const char *find_end(const char *table)
{
    while (*table == '|')
        table += line_length(table);
    return table;
}

static int compare(const char *path, const char *table, const char *expected)
{
    for (int line = 1; *table == '|' || *expected; line++) {
        size_t length = line_length(table), wanted = line_length(expected);
        if (*table != '|' || length != wanted || memcmp(table, expected, length) != 0) {
            printf("%s: row %d of the table is\n  %.*s\nand should be\n  %.*s\n"
                   "config_reference --write %s mends it\n",
                   path, line, *table == '|' ? (int)length : 0, table, (int)wanted, expected, path);
            return EXIT_FAILURE;
        }
        table += length;
        expected += wanted;
    }
    return EXIT_SUCCESS;
}

static int rewrite(const char *path, const char *page, const char *table, const char *expected)
{
    struct diag diag = DIAG_INIT;
    struct file_writer writer;
    int r = file_writer_open(&writer, path, &diag);
    if (r == 0) {
        fprintf(writer.stream, "%.*s%s%s", (int)(table - page), page, expected, find_end(table));
        r = file_writer_commit(&writer, &diag);
    }
    if (r < 0)
        puts(diag.text);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    bool write = argc == 3 && !strcmp(argv[1], "--write");
    if (argc != 2 && !write)
        return 2;
    const char *path = argv[argc - 1];
    struct diag diag = DIAG_INIT;
    void *page = NULL;
    size_t size;
    if (file_read(path, PAGE_MAX, &page, &size, &diag) < 0) {
        puts(diag.text);
        return EXIT_FAILURE;
    }
    int result = EXIT_FAILURE;
    const char *table = strstr(page, TABLE_START);
    char *expected = print_table();
    if (!table || !expected)
        printf("%s: no table, or no memory\n", path);
    else if (write)
        result = rewrite(path, page, table + 1, expected);
    else
        result = compare(path, table + 1, expected);
    free(expected);
    free(page);
    return result;
}
