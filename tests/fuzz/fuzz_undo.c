/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file that a crash left: its text is the input, behind a header that is right if the first byte
 * says so. Every line that is found there is read as the thing to take back; what is read is written and read
 * again as the same.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux/priv_text.h"
#include "linux/statefile.h"

enum {
    HEAD_MAX = 128,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static char path[64], head[HEAD_MAX];
static size_t head_n;

static void remove_all(void)
{
    char *slash = strrchr(path, '/');

    unlink(path);
    *slash = '\0';
    rmdir(path);
}

/* A folder of our own, and the header of this boot and namespace, which only the state file itself knows. */
static void prepare(void)
{
    char folder[] = "/tmp/adit-fuzz-undo-XXXXXX";
    struct adit_statefile *s;
    ssize_t n;
    int fd;

    check(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/state", folder);
    atexit(remove_all);
    check(adit_statefile_open(path, &s, NULL) == ADIT_OK);
    adit_statefile_abandon(s);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = read(fd, head, sizeof head);
    close(fd);
    check(n > 0 && head[n - 1] == '\n');
    head_n = (size_t)n;
}

static void write_file(const uint8_t *data, size_t n, bool has_head)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    check(fd >= 0);
    if (has_head)
        check(write(fd, head, head_n) == (ssize_t)head_n);
    check(write(fd, data, n) == (ssize_t)n);
    close(fd);
}

static void read_line(const char *line)
{
    char text[ADIT_UNDO_LINE_MAX], again[ADIT_UNDO_LINE_MAX];
    struct adit_undo u, v;

    check(strchr(line, '\n') == NULL);
    if (adit_undo_parse(line, &u) != ADIT_OK)
        return;
    if (u.kind == ADIT_UNDO_ADDR)
        adit_priv_addr_str(&u.addr, text);
    else
        adit_priv_route_str(&u.route, text);
    adit_undo_write(&u, text);
    check(adit_undo_parse(text, &v) == ADIT_OK && v.kind == u.kind);
    adit_undo_write(&v, again);
    check(strcmp(text, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct adit_statefile *s;
    const char *line;

    if (n == 0)
        return 0;
    if (!path[0])
        prepare();
    write_file(data + 1, n - 1, data[0] & 1);
    check(adit_statefile_open(path, &s, NULL) == ADIT_OK);
    for (size_t i = 0; (line = adit_statefile_leftover(s, i)); i++)
        read_line(line);
    check(adit_statefile_clear(s) == ADIT_OK && !adit_statefile_leftover(s, 0));
    check(adit_statefile_add(s, "addr a 10.0.0.1/8 -") == ADIT_OK);
    adit_statefile_abandon(s);
    check(adit_statefile_open(path, &s, NULL) == ADIT_OK);
    line = adit_statefile_leftover(s, 0);
    check(line && strcmp(line, "addr a 10.0.0.1/8 -") == 0);
    adit_statefile_close(s);
    return 0;
}
