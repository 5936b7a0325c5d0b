/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/paths.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linux/file.h"

/* Could a file be made here? errno if not. */
static bool can_make(const char *path)
{
    char dir[ADIT_FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (!slash)
        return access(".", W_OK | X_OK) == 0;
    snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return access(dir, W_OK | X_OK) == 0;
}

static bool is_writable(const char *path)
{
    return access(path, W_OK) == 0 || (errno == ENOENT && can_make(path));
}

/* A trailing "/." makes anything but a folder fail, and says so in errno. */
static bool is_folder(const char *path)
{
    char inside[ADIT_FILE_PATH_MAX + 2];

    snprintf(inside, sizeof inside, "%s/.", path);
    return access(inside, R_OK | X_OK) == 0;
}

bool adit_paths_check(const struct adit_conf *c, const struct adit_log *log)
{
    const struct {
        const char *option, *path;
    } folders[] = {
        {"capath", c->ca_path},
        {"crl-verify", c->is_crl_dir ? c->crl.path : NULL},
    };
    bool is_good = true;

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (!folders[i].path || is_folder(folders[i].path))
            continue;
        adit_error(log, NULL, "%s: cannot use the folder '%s': %s", folders[i].option, folders[i].path,
                   strerror(errno));
        is_good = false;
    }
    if (c->status_file && !is_writable(c->status_file)) {
        adit_error(log, NULL, "status: cannot write '%s': %s", c->status_file, strerror(errno));
        is_good = false;
    }
    /* As in openvpn, the server does without. */
    if (c->pool_persist_file && !is_writable(c->pool_persist_file))
        adit_warn(log, NULL,
                  "ifconfig-pool-persist: cannot write '%s': %s; addresses will not outlive this run",
                  c->pool_persist_file, strerror(errno));
    return is_good;
}
