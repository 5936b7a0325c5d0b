/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "linux/file.h"

static char dir[] = "/tmp/adit-test-file-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *p = path[turn++ % 4];

    assert_int_equal(adit_path_join(dir, name, p, 256), ADIT_OK);
    return p;
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    adit_dir_remove(dir);
    return access(dir, F_OK) == 0 ? -1 : 0;
}

static void assert_content(const char *name, const char *want)
{
    uint8_t *b;
    size_t n;

    assert_int_equal(adit_file_read(in_dir(name), 100000, &b, &n), ADIT_OK);
    assert_int_equal(n, strlen(want));
    assert_string_equal((char *)b, want);
    adit_free_secret(b, n);
}

static void a_written_file_has_its_content_and_exactly_its_mode(void **state)
{
    static const unsigned modes[] = {0600, 0644};
    mode_t old = umask(077);

    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *text = i ? "second" : "first";
        struct stat st;

        assert_int_equal(adit_file_write(in_dir("a"), adit_bytes_str(text), modes[i]), ADIT_OK);
        assert_content("a", text);
        assert_int_equal(stat(in_dir("a"), &st), 0);
        assert_int_equal(st.st_mode & 07777, modes[i]);
    }
    umask(old);
    assert_int_equal(adit_file_remove(in_dir("a")), ADIT_OK);
    assert_int_equal(adit_file_remove(in_dir("a")), ADIT_OK); /* gone is gone */
}

static void a_failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
    char first[64];
    bool made;

    (void)state;
    assert_int_equal(adit_dir_make(in_dir("sub"), 0700, &made), ADIT_OK);
    assert_true(made);
    assert_int_equal(adit_file_write(in_dir("sub/f"), adit_bytes_str("x"), 0600), ADIT_OK);
    /* A folder cannot be replaced by a file: the last step, the rename, fails. */
    assert_int_equal(adit_file_write(in_dir("sub"), adit_bytes_str("y"), 0600), ADIT_E_FILE);
    assert_int_equal(errno, EISDIR);
    assert_content("sub/f", "x");
    assert_int_equal(adit_dir_first(dir, first, sizeof first), ADIT_OK);
    assert_string_equal(first, "sub");
    adit_dir_remove(in_dir("sub"));
    assert_int_equal(adit_dir_first(dir, first, sizeof first), ADIT_OK);
    assert_string_equal(first, "");
}

static void reading_stops_at_the_limit(void **state)
{
    static char big[20001];
    uint8_t *b = NULL;
    size_t n = 1;

    (void)state;
    memset(big, 'x', sizeof big - 1);
    assert_int_equal(adit_file_write(in_dir("b"), adit_bytes_str(big), 0600), ADIT_OK);
    assert_content("b", big);
    assert_int_equal(adit_file_read(in_dir("b"), 20000, &b, &n), ADIT_OK);
    adit_free_secret(b, n);
    assert_int_equal(adit_file_read(in_dir("b"), 19999, &b, &n), ADIT_E_TOO_BIG);
    assert_int_equal(errno, EFBIG);
    assert_null(b);
    assert_int_equal(n, 0);
    assert_int_equal(adit_file_read(in_dir("none"), 9, &b, &n), ADIT_E_FILE);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(adit_file_read(dir, 9, &b, &n), ADIT_E_FILE);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(adit_file_write(in_dir("b"), adit_bytes_str(""), 0600), ADIT_OK);
    assert_content("b", "");
    assert_int_equal(adit_file_remove(in_dir("b")), ADIT_OK);
}

static void a_move_never_replaces(void **state)
{
    (void)state;
    assert_int_equal(adit_file_write(in_dir("from"), adit_bytes_str("new"), 0600), ADIT_OK);
    assert_int_equal(adit_file_write(in_dir("to"), adit_bytes_str("old"), 0600), ADIT_OK);
    assert_int_equal(adit_file_move(in_dir("from"), in_dir("to")), ADIT_E_FILE);
    assert_int_equal(errno, EEXIST);
    assert_content("to", "old");
    assert_int_equal(adit_file_remove(in_dir("to")), ADIT_OK);
    assert_int_equal(adit_file_move(in_dir("from"), in_dir("to")), ADIT_OK);
    assert_content("to", "new");
    assert_false(adit_file_exists(in_dir("from")));
    assert_int_equal(adit_file_remove(in_dir("to")), ADIT_OK);
}

static void folders_are_made_once_and_locked_by_one(void **state)
{
    int a, b;
    bool made;

    (void)state;
    assert_int_equal(adit_dir_make(dir, 0700, &made), ADIT_OK);
    assert_false(made);
    assert_int_equal(adit_file_write(in_dir("f"), adit_bytes_str("x"), 0600), ADIT_OK);
    assert_int_equal(adit_dir_make(in_dir("f"), 0700, &made), ADIT_E_FILE);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(adit_dir_lock(dir, &a), ADIT_OK);
    assert_int_equal(adit_dir_lock(dir, &b), ADIT_E_FILE); /* after a few seconds */
    assert_int_equal(errno, EWOULDBLOCK);
    adit_dir_unlock(b);
    adit_dir_unlock(a);
    assert_int_equal(adit_dir_lock(dir, &b), ADIT_OK);
    adit_dir_unlock(b);
}

static void paths_that_do_not_fit_are_refused(void **state)
{
    char p[8];

    (void)state;
    assert_int_equal(adit_path_join("/", "b", p, sizeof p), ADIT_OK);
    assert_string_equal(p, "/b");
    assert_int_equal(adit_path_join("abc", "def", p, sizeof p), ADIT_OK);
    assert_string_equal(p, "abc/def");
    assert_int_equal(adit_path_join("abcd", "def", p, sizeof p), ADIT_E_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_file_has_its_content_and_exactly_its_mode),
        cmocka_unit_test(a_failed_write_leaves_the_old_file_and_nothing_else),
        cmocka_unit_test(reading_stops_at_the_limit),
        cmocka_unit_test(a_move_never_replaces),
        cmocka_unit_test(folders_are_made_once_and_locked_by_one),
        cmocka_unit_test(paths_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
