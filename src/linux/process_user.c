/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up rights. Whoever could regain them is asked to, and the process ends if it can. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cap-ng.h>

#include "linux/process.h"

static bool parse_id(const char *s, unsigned *out)
{
    char *end;
    unsigned long v;

    if (*s < '0' || *s > '9')
        return false;
    v = strtoul(s, &end, 10);
    *out = (unsigned)v;
    return *end == '\0' && v < UINT32_MAX;
}

static adit_err find_uid(const char *user, struct adit_user *out, struct adit_fail *fail)
{
    struct passwd buf, *found = NULL;
    char text[4096];
    unsigned id;

    if (getpwnam_r(user, &buf, text, sizeof text, &found) == 0 && found)
        out->uid = found->pw_uid;
    else if (parse_id(user, &id))
        out->uid = id;
    else
        return adit_fail_set(fail, ADIT_E_CONFIG, 0, NULL, "failed to find UID for user %s", user);
    out->has_uid = true;
    return ADIT_OK;
}

static adit_err find_gid(const char *group, struct adit_user *out, struct adit_fail *fail)
{
    struct group buf, *found = NULL;
    char text[16384]; /* groups may have many members */
    unsigned id;

    if (getgrnam_r(group, &buf, text, sizeof text, &found) == 0 && found)
        out->gid = found->gr_gid;
    else if (parse_id(group, &id))
        out->gid = id;
    else
        return adit_fail_set(fail, ADIT_E_CONFIG, 0, NULL, "failed to find GID for group %s", group);
    out->has_gid = true;
    return ADIT_OK;
}

adit_err adit_user_find(const char *user, const char *group, struct adit_user *out, struct adit_fail *fail)
{
    adit_err e = ADIT_OK;

    *out = (struct adit_user){0};
    if (user)
        e = find_uid(user, out, fail);
    if (e == ADIT_OK && group)
        e = find_gid(group, out, fail);
    return e;
}

static const char *hint(int os_errno)
{
    return os_errno == EPERM ? "only root can become another user: start as root, or leave user and group out"
                             : NULL;
}

static adit_err change_group(gid_t gid, struct adit_fail *fail)
{
    if (setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_OS, errno, hint(errno), "setgid %u failed", (unsigned)gid);
}

/* A plain setuid() from root drops every right; this one carries a single right across. */
static adit_err change_user_keeping(uid_t uid, struct adit_fail *fail)
{
    int result;

    capng_clear(CAPNG_SELECT_BOTH);
    (void)capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
    errno = 0;
    result = capng_change_id((int)uid, -1, CAPNG_NO_FLAG);
    if (result == 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_OS, errno, hint(errno),
                         "setuid %u failed, keeping CAP_NET_ADMIN (step %d)", (unsigned)uid, -result);
}

/* A container's root may lack the right; then there is none to keep. */
static bool has_net_admin(void)
{
    return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN);
}

static adit_err change_user(uid_t uid, struct adit_fail *fail)
{
    if (setresuid(uid, uid, uid) == 0)
        return ADIT_OK;
    return adit_fail_set(fail, ADIT_E_OS, errno, hint(errno), "setuid %u failed", (unsigned)uid);
}

adit_err adit_process_drop(const struct adit_user *user, bool keep_net_admin, struct adit_fail *fail)
{
    adit_err e = ADIT_OK;

    if (user->has_gid)
        e = change_group(user->gid, fail);
    if (e != ADIT_OK || !user->has_uid)
        return e;
    if (keep_net_admin && user->uid != 0 && has_net_admin())
        e = change_user_keeping(user->uid, fail);
    else
        e = change_user(user->uid, fail);
    if (e == ADIT_OK && user->uid != 0 && setuid(0) == 0)
        return adit_fail_set(fail, ADIT_E_OS, 0, NULL, "rights were not given up for good");
    return e;
}

adit_err adit_user_give(const struct adit_user *user, const char *path, struct adit_fail *fail)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    uid_t uid = user->has_uid ? user->uid : (uid_t)-1;
    gid_t gid = user->has_gid ? user->gid : (gid_t)-1;
    struct stat st;
    int result = 0;

    if (fd < 0)
        return adit_fail_set(fail, ADIT_E_FILE, errno, NULL, "open '%s'", path);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid())
        result = fchown(fd, uid, gid);
    if (result != 0)
        adit_fail_set(fail, ADIT_E_FILE, errno, NULL, "give '%s' to user %u", path, (unsigned)uid);
    close(fd);
    return result == 0 ? ADIT_OK : ADIT_E_FILE;
}
