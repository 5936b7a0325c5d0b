/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_test.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void a_client_is_read(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, "\xef\xbb\xbf" CLIENT "dev tun\nverb 4\n--nobind\n");
    assert_reads(&r);
    assert_true(r.c->want_pull && r.c->is_tls_client);
    assert_int_equal(r.c->n_conns, 1);
    assert_string_equal(r.c->conns[0].remote, "vpn.example");
    assert_string_equal(r.c->conns[0].rport, "1194");
    assert_int_equal(r.c->verb, 4);
    assert_int_equal(r.c->ping_restart_s, 120);
    assert_string_equal(r.c->ca.path, "ca.pem");
    assert_null(r.c->ca.inline_text);
    assert_int_equal(r.report.n, 0);
    done(&r);
}

static void every_error_is_told_with_its_line(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r,
              CLIENT "verb 12\nkeepalve 1 2\npush \"a\ntls-remote x\nup script\nwin-sys env\nca\nbindx\n");
    assert_int_equal(r.err, ADIT_E_CONFIG);
    assert_null(r.c);
    assert_int_equal(r.report.n_errors, 8);
    assert_diag(&r, "number", ADIT_CONF_ERROR, 7);
    assert_diag(&r, "unknown-option", ADIT_CONF_ERROR, 8);
    assert_non_null(strstr(find_diag(&r.report, "unknown-option")->text, "`keepalive`"));
    assert_diag(&r, "syntax", ADIT_CONF_ERROR, 9);
    assert_diag(&r, "removed", ADIT_CONF_ERROR, 10);
    assert_non_null(strstr(find_diag(&r.report, "removed")->text, "verify-x509-name"));
    assert_diag(&r, "not-supported", ADIT_CONF_ERROR, 11);
    assert_diag(&r, "windows-only", ADIT_CONF_ERROR, 12);
    assert_diag(&r, "words", ADIT_CONF_ERROR, 13);
    assert_string_equal(r.report.diags[0].file, "t.conf");
    done(&r);
}

static void options_without_effect_are_notes(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "fast-io\nroute-method exe\ntun-ipv6\n");
    assert_reads(&r);
    assert_int_equal(r.report.n, 3);
    assert_diag(&r, "no-effect", ADIT_CONF_NOTE, 7);
    done(&r);
}

static void blocks_stand_for_files(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "<ca>\nline 1\n line 2\n  </ca> x\n<tls-auth>\nk\n</tls-auth>\nkey-direction 1\n"
                         "\"<extra-certs>\"\nE\n</extra-certs>\n--<crl-verify>\nC\n</crl-verify>\nverb 3\n");
    assert_reads(&r);
    assert_string_equal(r.c->ca.inline_text, "line 1\n line 2\n");
    assert_null(r.c->ca.path);
    assert_string_equal(r.c->conns[0].tls_auth.inline_text, "k\n");
    assert_int_equal(r.c->conns[0].key_direction, ADIT_DIRECTION_1);
    assert_string_equal(r.c->extra_certs.inline_text, "E\n");
    assert_string_equal(r.c->crl.inline_text, "C\n");
    assert_int_equal(r.c->verb, 3);
    done(&r);
}

static void wrong_blocks_are_told(void **state)
{
    static const struct {
        const char *text, *rule;
        unsigned line;
    } rows[] = {
        {CLIENT "<ca>\nabc\n", "inline", 7},
        {CLIENT "<verb>\n4\n</verb>\n", "inline", 7},
        {CLIENT "<ca> x\n", "unknown-option", 7},
        {CLIENT "<ca\n", "unknown-option", 7},
        {CLIENT "<zz>\nx\n</zz>\n", "unknown-option", 7},
        {CLIENT "</ca>\n", "inline", 7},
        {CLIENT "<ca>x</ca>\n", "inline", 7},
        {CLIENT "<ca>\n</ca>\n", "inline", 7},
        {CLIENT "connection x\n", "inline", 7},
    };

    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct reading r = {0};

        read_text(&r, rows[i].text);
        assert_int_equal(r.err, ADIT_E_CONFIG);
        assert_diag(&r, rows[i].rule, ADIT_CONF_ERROR, rows[i].line);
        done(&r);
    }
}

static void a_zero_byte_is_an_error_on_a_line_and_in_a_block(void **state)
{
    static const char on_line[] = CLIENT "verb 3\0 4\n", in_block[] = CLIENT "<ca>\na\0b\n</ca>\n";
    struct reading r = {0};

    (void)state;
    read_text_n(&r, on_line, sizeof on_line - 1);
    assert_diag(&r, "syntax", ADIT_CONF_ERROR, 7);
    done(&r);
    read_text_n(&r, in_block, sizeof in_block - 1);
    assert_diag(&r, "syntax", ADIT_CONF_ERROR, 7);
    done(&r);
}

static void long_lines_are_refused_outside_of_blocks(void **state)
{
    char text[2000];
    struct reading r = {0};

    (void)state;
    (void)snprintf(text, sizeof text, CLIENT "auth-user-pass %0239d\n<ca>\n%0800d\n</ca>\n", 1, 1);
    read_text(&r, text);
    assert_reads(&r); /* 254 characters */
    done(&r);
    (void)snprintf(text, sizeof text, CLIENT "auth-user-pass %0240d\n#%0300d\n", 1, 1);
    read_text(&r, text);
    assert_int_equal(r.report.n_errors, 2);
    assert_diag(&r, "line-length", ADIT_CONF_ERROR, 7);
    done(&r);
}

static void connection_blocks_begin_with_what_stood_before_them(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r,
              "client\nca c\ncert c\nkey k\nremote-cert-tls server\nconnect-timeout 11\nremote 127.0.0.9 9\n"
              "<connection>\nremote a 1 tcp\n</connection>\nconnect-timeout 12\n"
              "<connection>\nremote b\nport 44\nproto tcp6\nconnect-retry 3 4\n<tls-crypt>\nT\n</tls-crypt>\n"
              "</connection>\nport 77\n");
    assert_reads(&r);
    assert_int_equal(r.c->n_conns, 2);
    assert_string_equal(r.c->conns[0].remote, "a");
    assert_string_equal(r.c->conns[0].rport, "1");
    assert_int_equal(r.c->conns[0].proto, ADIT_PROTO_TCP_CLIENT);
    assert_int_equal(r.c->conns[0].connect_timeout_s, 11);
    assert_string_equal(r.c->conns[1].remote, "b");
    assert_string_equal(r.c->conns[1].rport, "44");
    assert_int_equal(r.c->conns[1].family, ADIT_AF_V6);
    assert_int_equal(r.c->conns[1].connect_timeout_s, 12);
    assert_int_equal(r.c->conns[1].connect_retry_s, 3);
    assert_int_equal(r.c->conns[1].connect_retry_max_s, 4);
    assert_string_equal(r.c->conns[1].tls_crypt.inline_text, "T\n");
    assert_null(r.c->conns[0].tls_crypt.inline_text);
    assert_diag(&r, "connection-remote", ADIT_CONF_WARNING, 16 - 3); /* the last place of `remote` */
    done(&r);
}

static void connection_blocks_are_checked(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r,
              CLIENT "<connection>\nverb 3\nremote a\n</connection>\n<connection>\nport 3\n</connection>\n");
    assert_int_equal(r.report.n_errors, 2);
    assert_diag(&r, "place", ADIT_CONF_ERROR, 8);
    assert_diag(&r, "connection-remote", ADIT_CONF_ERROR, 11);
    done(&r);
}

static void setenv_opt_applies_what_is_known(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "setenv opt verb 5\nsetenv opt nosuch a b c\nsetenv opt --mute 3\nsetenv opt\n"
                         "setenv opt verb\nsetenv opt up script\nsetenv opt adit-workers 3\nsetenv UV_X y\n");
    assert_reads(&r);
    assert_int_equal(r.c->verb, 5);
    assert_int_equal(r.c->mute, 0);
    assert_int_equal(r.c->workers, 3);
    assert_int_equal(r.c->env.n, 1);
    assert_string_equal(r.c->env.v[0].name, "UV_X");
    assert_null(find_diag(&r.report, "unknown-option"));
    assert_diag(&r, "setenv-opt", ADIT_CONF_WARNING, 10);
    assert_diag(&r, "words", ADIT_CONF_WARNING, 11);
    assert_diag(&r, "not-supported", ADIT_CONF_WARNING, 12);
    done(&r);
}

static void unknown_options_may_be_announced(void **state)
{
    struct reading r = {0};

    (void)state;
    read_text(&r, CLIENT "ignore-unknown-option zz yy\nzz a b\n<yy>\nfoo\n</yy>\n");
    assert_reads(&r);
    assert_diag(&r, "unknown-option", ADIT_CONF_NOTE, 8);
    done(&r);
    read_text(&r, CLIENT "zz\nignore-unknown-option zz\n");
    assert_diag(&r, "unknown-option", ADIT_CONF_ERROR, 7);
    done(&r);
    read_text(&r, CLIENT "setenv FORWARD_COMPATIBLE 1\nzz\n");
    assert_reads(&r);
    assert_diag(&r, "unknown-option", ADIT_CONF_WARNING, 8);
    done(&r);
}

static void files_may_name_files(void **state)
{
    static const struct file files[] = {
        {"a.conf", CLIENT "config b.conf\nverb 4\n"}, {"b.conf", "\xef\xbb\xbfmute 7\nnosuch\n"}, {0}};
    static const char *const args[] = {"a.conf"};
    struct reading r = {.folder = {.files = files}};

    (void)state;
    read_args(&r, args, 1);
    assert_int_equal(r.report.n_errors, 1);
    assert_diag(&r, "unknown-option", ADIT_CONF_ERROR, 2);
    assert_string_equal(r.report.diags[0].file, "b.conf");
    done(&r);
}

static void a_file_that_names_itself_is_told(void **state)
{
    static const struct file files[] = {{"a.conf", CLIENT "config a.conf\n"}, {0}};
    static const char *const args[] = {"--config", "a.conf"};
    struct reading r = {.folder = {.files = files}};

    (void)state;
    read_args(&r, args, 2);
    assert_int_equal(r.err, ADIT_E_CONFIG);
    assert_diag(&r, "config-depth", ADIT_CONF_ERROR, 7);
    done(&r);
}

static void a_missing_file_is_the_one_thing_told(void **state)
{
    static const char *const args[] = {"--verb", "3", "--config", "nosuch.conf"};
    static const char *const lone[] = {"a.conf", "--client"}, *const no_name[] = {"--config"};
    static const char *const no_kind[] = {"--genkey", "nonsense", "file"};
    struct reading r = {0};

    (void)state;
    read_args(&r, args, N(args));
    assert_diag(&r, "config-file", ADIT_CONF_ERROR, 3);
    assert_string_equal(r.report.diags[0].file, "[command line]");
    assert_string_equal(r.report.diags[0].text,
                        "the configuration file `nosuch.conf` cannot be read: the reason");
    assert_int_equal(r.report.n, 1);
    done(&r);
    read_args(&r, lone, N(lone));
    assert_diag(&r, "command-line", ADIT_CONF_ERROR, 1);
    assert_int_equal(r.report.n, 1);
    done(&r);
    read_args(&r, no_name, N(no_name));
    assert_diag(&r, "words", ADIT_CONF_ERROR, 1);
    assert_int_equal(r.report.n, 1);
    done(&r);
    read_args(&r, no_kind, N(no_kind));
    assert_diag(&r, "value", ADIT_CONF_ERROR, 1);
    assert_int_equal(r.report.n, 1);
    done(&r);
}

static adit_err read_zeros(void *ctx, const char *path, char **text, size_t *n)
{
    (void)ctx;
    (void)path;
    *n = 5000;
    *text = adit_alloc(*n);
    if (*text)
        (*text)[17] = '\n';
    return *text ? ADIT_OK : ADIT_E_MEMORY;
}

static void a_file_that_is_no_text_is_told_once(void **state)
{
    static const struct file files[] = {{"a.conf", "\xff\xfe" CLIENT}, {0}};
    static const char *const args[] = {"--config", "a.conf"};
    static const struct adit_conf_source source = {.read_file = read_zeros};
    struct reading r = {.folder = {.files = files}};

    (void)state;
    read_args(&r, args, N(args));
    assert_int_equal(r.report.n, 1);
    assert_non_null(strstr(r.report.diags[0].text, "UTF-8"));
    done(&r);
    assert_int_equal(adit_conf_load(args, N(args), &source, &r.report, &r.c), ADIT_E_CONFIG);
    assert_int_equal(r.report.n, 1);
    assert_non_null(strstr(r.report.diags[0].text, "zero bytes"));
    done(&r);
}

static void cd_moves_what_is_read_after_it(void **state)
{
    static const struct file files[] = {{"etc/b.conf", "verb 9\n"}, {0}};
    static const char *const args[] = {"--config", "etc/b.conf", "--cd", "etc",  "--config", "b.conf",
                                       "--client", "--remote",   "h",    "--ca", "c",        "--cert",
                                       "c",        "--key",      "k",    "--cd", "nowhere"};
    struct reading r = {.folder = {.files = files}};

    (void)state;
    read_args(&r, args, N(args));
    assert_int_equal(r.report.n_errors, 1);
    assert_diag(&r, "cd", ADIT_CONF_ERROR, 16);
    assert_non_null(strstr(find_diag(&r.report, "cd")->text, "`nowhere`: the reason"));
    done(&r);
    r.folder.files = files;
    read_args(&r, args, N(args) - 2);
    assert_reads(&r);
    assert_string_equal(r.c->cd, "etc");
    assert_int_equal(r.c->verb, 9);
    done(&r);
}

static void the_command_line_is_read_as_options(void **state)
{
    static const char *const args[] = {"--client", "--remote", "h",        "5",     "tcp", "--ca",
                                       "<ca>",     "--cert",   "c",        "--key", "k",   "--setenv",
                                       "A B",      "",         "--setenv", "opt",   "x",   "y"};
    static const char *const wrong[] = {"verb", "3"};
    struct reading r = {0};

    (void)state;
    read_args(&r, args, N(args));
    assert_reads(&r);
    assert_string_equal(r.c->ca.path, "<ca>");
    assert_string_equal(r.c->conns[0].rport, "5");
    assert_string_equal(r.c->env.v[0].name, "A B");
    assert_null(r.c->config_name);
    done(&r);
    read_args(&r, wrong, N(wrong));
    assert_diag(&r, "command-line", ADIT_CONF_ERROR, 1);
    done(&r);
}

static void tasks_need_no_configuration(void **state)
{
    static const struct {
        const char *args[4];
        size_t n;
        enum adit_conf_task task;
    } rows[] = {
        {{"--help"}, 1, ADIT_TASK_HELP},
        {{"--version"}, 1, ADIT_TASK_VERSION},
        {{"--show-ciphers"}, 1, ADIT_TASK_SHOW_CIPHERS},
        {{"--show-digests"}, 1, ADIT_TASK_SHOW_DIGESTS},
        {{"--show-tls"}, 1, ADIT_TASK_SHOW_TLS},
        {{"--show-curves"}, 1, ADIT_TASK_SHOW_GROUPS},
        {{"--genkey", "tls-crypt-v2-server", "f"}, 3, ADIT_TASK_GENKEY},
        {{"--help", "--nosuch"}, 2, ADIT_TASK_HELP},
    };

    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        struct reading r = {0};

        read_args(&r, rows[i].args, rows[i].n);
        assert_reads(&r);
        assert_int_equal(r.c->task, rows[i].task);
        done(&r);
    }
}

struct lines {
    char text[8192];
};

static void collect(void *ctx, const char *line)
{
    struct lines *l = ctx;
    size_t n = strlen(l->text);

    (void)snprintf(l->text + n, sizeof l->text - n, "%s\n", line);
}

static void printing_shows_what_holds_but_no_secret(void **state)
{
    struct reading r = {0};
    struct lines l = {{0}};

    (void)state;
    read_text(&r, "server 10.8.0.0 255.255.255.0\n" SERVER
                  "verb 3\nverb 4\nkeepalive 10 60\npush \"route 1.2.3.0 255.255.255.0\"\n"
                  "<key>\nSECRET\n</key>\nstatus \"a b\"\n");
    assert_reads(&r);
    adit_conf_print(r.c, collect, &l);
    assert_null(strstr(l.text, "SECRET"));
    assert_null(strstr(l.text, "verb 3"));
    assert_non_null(strstr(l.text, "verb 4\n"));
    assert_non_null(strstr(l.text, "<key> (inline)\n"));
    assert_non_null(strstr(l.text, "status \"a b\"\n"));
    assert_non_null(strstr(l.text, "ifconfig 10.8.0.1 255.255.255.0\n"));
    assert_non_null(strstr(l.text, "push \"route 1.2.3.0 255.255.255.0\"\n"));
    assert_non_null(strstr(l.text, "push \"topology subnet\"\n"));
    assert_non_null(strstr(l.text, "ping-restart 120\n"));
    done(&r);
}

static size_t n_help_lines;

static void count_help(void *ctx, const char *line)
{
    n_help_lines++;
    if (strncmp(line, "--keepalive interval timeout", 28) == 0)
        *(bool *)ctx = true;
    assert_null(strstr(line, "--win-sys"));
    assert_null(strstr(line, "--management "));
}

static void help_is_made_of_what_is_built(void **state)
{
    bool has_keepalive = false;

    (void)state;
    adit_conf_help(count_help, &has_keepalive);
    assert_true(has_keepalive);
    assert_true(n_help_lines > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_read),
        cmocka_unit_test(every_error_is_told_with_its_line),
        cmocka_unit_test(options_without_effect_are_notes),
        cmocka_unit_test(blocks_stand_for_files),
        cmocka_unit_test(wrong_blocks_are_told),
        cmocka_unit_test(a_zero_byte_is_an_error_on_a_line_and_in_a_block),
        cmocka_unit_test(long_lines_are_refused_outside_of_blocks),
        cmocka_unit_test(connection_blocks_begin_with_what_stood_before_them),
        cmocka_unit_test(connection_blocks_are_checked),
        cmocka_unit_test(setenv_opt_applies_what_is_known),
        cmocka_unit_test(unknown_options_may_be_announced),
        cmocka_unit_test(files_may_name_files),
        cmocka_unit_test(a_file_that_names_itself_is_told),
        cmocka_unit_test(a_missing_file_is_the_one_thing_told),
        cmocka_unit_test(a_file_that_is_no_text_is_told_once),
        cmocka_unit_test(cd_moves_what_is_read_after_it),
        cmocka_unit_test(the_command_line_is_read_as_options),
        cmocka_unit_test(tasks_need_no_configuration),
        cmocka_unit_test(printing_shows_what_holds_but_no_secret),
        cmocka_unit_test(help_is_made_of_what_is_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
