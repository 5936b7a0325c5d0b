/* SPDX-License-Identifier: Apache-2.0 */
/* Which network namespaces there are: from a folder like /proc, in which files stand for namespaces. */
#include "../unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "linux/netns_list.h"
#include "netns.h"

static char proc[] = "/tmp/adit-netns-XXXXXX";

static void run(const char *command)
{
    char all[512];

    snprintf(all, sizeof all, "cd %s && %s", proc, command);
    assert_int_equal(system(all), 0);
}

static int make_proc(void **state)
{
    (void)state;
    if (!mkdtemp(proc))
        return -1;
    run("mkdir -p 1/ns 22/ns 333/ns self/ns && touch 1/ns/net 1/ns/mnt 22/ns/net 22/ns/mnt self/ns/net "
        "uptime");
    run("echo '36 25 0:4 net:[4026532008] /run/netns/blue rw shared:9 - nsfs nsfs rw' >1/mountinfo");
    run("echo '36 25 0:4 net:[4026532009] /run/netns/red rw shared:9 - nsfs nsfs rw' >22/mountinfo");
    run("echo '25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw' >>22/mountinfo");
    return 0;
}

static int remove_proc(void **state)
{
    (void)state;
    run("rm -r 1 22 333 self uptime");
    return rmdir(proc);
}

static bool has(const struct adit_netns_list *l, uint64_t inode)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->all[i] == inode)
            return true;
    }
    return false;
}

static uint64_t inode_of(const char *name)
{
    struct stat st;
    char path[128];

    snprintf(path, sizeof path, "%s/%s", proc, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_ino;
}

static void those_of_processes_and_of_mounts_are_there(void **state)
{
    struct adit_netns_list l;

    (void)state;
    adit_netns_list_read(&l, proc);
    assert_true(l.is_whole); /* process 333 has ended */
    assert_true(has(&l, inode_of("1/ns/net")));
    assert_true(has(&l, inode_of("22/ns/net")));
    assert_true(has(&l, 4026532008));
    assert_true(has(&l, 4026532009));
    assert_false(adit_netns_is_gone(&l, 4026532009));
    assert_false(has(&l, inode_of("self/ns/net"))); /* it is one of the others */
    adit_netns_list_fini(&l);
}

static void what_is_not_seen_may_be_there(void **state)
{
    struct adit_netns_list l;

    (void)state;
    run("ln -s net 333/ns/net"); /* any error but that the process has ended */
    adit_netns_list_read(&l, proc);
    assert_false(l.is_whole);
    assert_false(adit_netns_is_gone(&l, 1));
    adit_netns_list_fini(&l);
    run("rm 333/ns/net");
    adit_netns_list_read(&l, "/nowhere");
    assert_false(adit_netns_is_gone(&l, 1));
    adit_netns_list_fini(&l);
}

static uint64_t own_inode(void)
{
    struct stat st;

    assert_int_equal(stat("/proc/self/ns/net", &st), 0);
    return st.st_ino;
}

static pid_t start_in_namespace(uint64_t *inode)
{
    int ready[2];
    ssize_t n;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWNET) != 0)
            _exit(77);
        *inode = own_inode();
        (void)!write(ready[1], inode, sizeof *inode);
        for (;;)
            pause();
    }
    close(ready[1]);
    n = read(ready[0], inode, sizeof *inode);
    close(ready[0]);
    if (n == sizeof *inode)
        return child;
    waitpid(child, NULL, 0);
    return 0;
}

static void a_namespace_ends_with_its_last_process(void **state)
{
    struct adit_netns_list l = {0};
    uint64_t inode = 0;
    pid_t child = start_in_namespace(&inode);

    (void)state;
    assert_false(adit_netns_is_gone(&l, own_inode()));
    if (child == 0 || !l.is_whole || !adit_netns_is_gone(&l, 1)) {
        if (child != 0)
            kill(child, SIGKILL);
        print_message("needs root, and all processes in sight\n");
        adit_netns_list_fini(&l);
        skip();
    }
    assert_false(adit_netns_is_gone(&l, inode));
    adit_netns_list_fini(&l);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_true(adit_netns_is_gone(&l, inode));
    adit_netns_list_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_of_processes_and_of_mounts_are_there),
        cmocka_unit_test(what_is_not_seen_may_be_there),
        cmocka_unit_test(a_namespace_ends_with_its_last_process),
    };

    return cmocka_run_group_tests(tests, make_proc, remove_proc);
}
