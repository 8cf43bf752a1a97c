#include "base/file.h"
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

static void expect_content(const char *path, const char *text)
{
    void *data = NULL;
    size_t size = 0;
    struct diag diag = DIAG_INIT;
    assert_int_equal(file_read(path, 1000, &data, &size, &diag), 0);
    assert_int_equal(size, strlen(text));
    assert_string_equal(data, text); /* the byte behind the end is 0 */
    free(data);
}

static void expect_no_temporary(void)
{
    DIR *directory = opendir(fixture_directory);
    assert_non_null(directory);
    const struct dirent *entry;
    while ((entry = readdir(directory))) {
        if (!strncmp(entry->d_name, "out.", 4))
            fail_msg("%s was left behind", entry->d_name);
    }
    closedir(directory);
}

static void test_read_refusals(void **state)
{
    void *data = NULL;
    size_t size;
    struct diag diag = DIAG_INIT;
    assert_int_equal(file_read(fixture_path("none"), 10, &data, &size, &diag), -ENOENT);
    fixture_expect_text(diag.text, "none");
    fixture_write("eleven", "12345678901");
    assert_int_equal(file_read(fixture_path("eleven"), 10, &data, &size, &diag), -EFBIG);
    fixture_expect_text(diag.text, "11 bytes, at most 10");
    assert_int_equal(file_read(fixture_directory, 10, &data, &size, &diag), -EINVAL);
    fixture_expect_text(diag.text, "not a regular file");
    assert_int_equal(mkfifo(fixture_path("pipe"), 0600), 0);
    assert_int_equal(file_read(fixture_path("pipe"), 10, &data, &size, &diag), -EINVAL);
    assert_int_equal(file_read("/dev/null", 10, &data, &size, &diag), -EINVAL);
    assert_null(data);
}

static void test_read(void **state)
{
    fixture_write("eleven", "12345678901");
    expect_content(fixture_path("eleven"), "12345678901");
    fixture_write("empty", "");
    expect_content(fixture_path("empty"), "");
}

static void test_a_link_is_not_followed(void **state)
{
    char link[256];
    void *data = NULL;
    size_t size;
    struct diag diag = DIAG_INIT;
    snprintf(link, sizeof link, "%s", fixture_path("link"));
    assert_int_equal(symlink(fixture_write("eleven", "12345678901"), link), 0);
    assert_int_equal(file_read(link, 100, &data, &size, &diag), 0);
    free(data);
    data = NULL;
    assert_int_equal(file_read_nofollow(link, 100, &data, &size, &diag), -ELOOP);
    fixture_expect_text(diag.text, "link: a symbolic link");
    assert_null(data);
    assert_int_equal(file_read_nofollow(fixture_path("eleven"), 100, &data, &size, &diag), 0);
    assert_string_equal(data, "12345678901");
    free(data);
    assert_int_equal(file_read_nofollow(fixture_path("none"), 10, &data, &size, &diag), -ENOENT);
    assert_int_equal(file_read_nofollow(fixture_path("eleven"), 10, &data, &size, &diag), -EFBIG);
}

static void test_create_never_overwrites(void **state)
{
    char path[256], link[256];
    struct diag diag = DIAG_INIT;
    struct stat st;
    snprintf(path, sizeof path, "%s", fixture_path("out.key"));
    assert_int_equal(file_create(path, "secret", 6, 0600, &diag), 0);
    expect_content(path, "secret");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(file_create(path, "other", 5, 0600, &diag), -EEXIST);
    fixture_expect_text(diag.text, "out.key");
    expect_content(path, "secret");
    snprintf(link, sizeof link, "%s", fixture_path("dangling"));
    assert_int_equal(symlink(fixture_path("nowhere"), link), 0);
    assert_int_equal(file_create(link, "other", 5, 0600, &diag), -EEXIST);
    assert_int_equal(access(fixture_path("nowhere"), F_OK), -1);
    assert_int_equal(unlink(path), 0);
}

static void test_write_replaces_whole(void **state)
{
    char path[256];
    snprintf(path, sizeof path, "%s", fixture_path("out"));
    mode_t mask = umask(027);
    struct diag diag = DIAG_INIT;
    assert_int_equal(file_write(path, "first", 5, &diag), 0);
    expect_content(path, "first");
    assert_int_equal(file_write(path, "2", 1, &diag), 0);
    umask(mask);
    expect_content(path, "2");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    expect_no_temporary();
}

static void test_discard_leaves_the_old_file(void **state)
{
    char path[256];
    snprintf(path, sizeof path, "%s", fixture_write("out", "old"));
    struct file_writer writer;
    struct diag diag = DIAG_INIT;
    assert_int_equal(file_writer_open(&writer, path, &diag), 0);
    fputs("new", writer.stream);
    expect_content(path, "old");
    file_writer_discard(&writer);
    expect_content(path, "old");
    expect_no_temporary();
}

static void test_write_errors(void **state)
{
    struct diag diag = DIAG_INIT;
    assert_int_equal(file_write(fixture_path("no/such/place"), "x", 1, &diag), -ENOENT);
    fixture_expect_text(diag.text, "no/such/place");
    assert_int_equal(file_write(fixture_directory, "x", 1, &diag), -EISDIR);
    /* A device is written to, not replaced, and a full one is an error of the commit. */
    assert_int_equal(file_write("/dev/null", "x", 1, &diag), 0);
    struct stat st;
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(file_write("/dev/full", "x", 1, &diag), -ENOSPC);
    fixture_expect_text(diag.text, "/dev/full");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_refusals),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_a_link_is_not_followed),
        cmocka_unit_test(test_create_never_overwrites),
        cmocka_unit_test(test_write_replaces_whole),
        cmocka_unit_test(test_discard_leaves_the_old_file),
        cmocka_unit_test(test_write_errors),
    };
    return cmocka_run_group_tests(tests, fixture_setup, fixture_teardown);
}
