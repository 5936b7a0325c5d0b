/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of index.txt: status, expiry, revocation date, serial, file, subject, separated by tabs. Dates are
 * YYMMDDHHMMSSZ up to 2049 and YYYYMMDDHHMMSSZ after. The subject is "/CN=name" in what we write; of other
 * subjects the last /CN= counts. A status E (expired, written by openssl ca -updatedb) is a V whose date is
 * past.
 */
#include "pki/book.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum {
    FIELDS = 6,
    LINE_ROOM = 160, /* of a line that we write */
    BOOK_STEP = 64,
};

void adit_book_fini(struct adit_book *b)
{
    adit_free(b->all);
    *b = (struct adit_book){0};
}

static adit_err append(struct adit_book *b, const struct adit_book_entry *e)
{
    if (b->n == b->cap) {
        size_t cap = b->cap + b->cap / 2 + BOOK_STEP;
        struct adit_book_entry *p = b->n < ADIT_BOOK_MAX ? adit_realloc(b->all, cap * sizeof *p) : NULL;

        if (!p)
            return ADIT_E_MEMORY;
        b->all = p;
        b->cap = cap;
    }
    b->all[b->n++] = *e;
    return ADIT_OK;
}

/* ---- fields ---- */

static bool read_digits(struct adit_rd *r, size_t n, int *out)
{
    adit_bytes b = adit_rd_take(r, n);

    *out = 0;
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] < '0' || b.p[i] > '9')
            return false;
        *out = *out * 10 + (b.p[i] - '0');
    }
    return b.n == n;
}

/* A date that exists, from 1950 on: of two digits, 50 and above are of the last century. */
static bool read_date(adit_bytes f, int64_t *out)
{
    struct adit_rd r = adit_rd_of(f);
    bool is_long = f.n == 15;
    struct tm tm = {0}, back;
    int year;
    time_t t;

    if (f.n != 13 && f.n != 15)
        return false;
    if (!read_digits(&r, is_long ? 4 : 2, &year) || !read_digits(&r, 2, &tm.tm_mon) ||
        !read_digits(&r, 2, &tm.tm_mday) || !read_digits(&r, 2, &tm.tm_hour) ||
        !read_digits(&r, 2, &tm.tm_min) || !read_digits(&r, 2, &tm.tm_sec) || adit_rd_u8(&r) != 'Z')
        return false;
    tm.tm_year = is_long ? year - 1900 : year < 50 ? year + 100 : year;
    tm.tm_mon--;
    back = tm;
    t = timegm(&back); /* moves 31 February to March */
    *out = (int64_t)t;
    return tm.tm_year >= 50 && back.tm_mon == tm.tm_mon && back.tm_mday == tm.tm_mday &&
           back.tm_hour == tm.tm_hour && back.tm_min == tm.tm_min && back.tm_sec == tm.tm_sec;
}

static void put_date(int64_t when_s, char *dst, size_t cap)
{
    time_t t = (time_t)when_s;
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(dst, cap, tm.tm_year < 150 ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &tm);
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

static bool read_serial(adit_bytes f, struct adit_pki_serial *out)
{
    size_t at = 2 * sizeof out->b; /* fills from the right */

    *out = (struct adit_pki_serial){0};
    if (f.n == 0 || f.n > at)
        return false;
    at -= f.n;
    for (size_t i = 0; i < f.n; i++, at++) {
        int d = hex_digit(f.p[i]);

        if (d < 0)
            return false;
        out->b[at / 2] = (uint8_t)(out->b[at / 2] | (at % 2 ? d : d << 4));
    }
    return true;
}

static bool read_name(adit_bytes f, char dst[ADIT_PKI_CN_MAX + 1])
{
    size_t at = f.n, n = 0;

    for (size_t i = 0; i + 4 <= f.n; i++)
        if (memcmp(f.p + i, "/CN=", 4) == 0)
            at = i + 4;
    while (at + n < f.n && f.p[at + n] != '/')
        n++;
    if (n > ADIT_PKI_CN_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (f.p[at + i] < 0x20 || f.p[at + i] == 0x7f)
            return false;
    memcpy(dst, f.p + at, n);
    dst[n] = '\0';
    return true;
}

/* ---- lines ---- */

static adit_bytes next_field(struct adit_rd *r, uint8_t end)
{
    const uint8_t *p = r->p;
    size_t n = 0, left = adit_rd_left(r);

    while (n < left && p[n] != end)
        n++;
    adit_rd_take(r, n);
    if (n < left)
        adit_rd_u8(r);
    return adit_bytes_of(p, n);
}

static bool read_line(adit_bytes line, struct adit_book_entry *e)
{
    struct adit_rd r = adit_rd_of(line);
    adit_bytes f[FIELDS];
    uint8_t status;

    *e = (struct adit_book_entry){0};
    for (int i = 0; i < FIELDS; i++)
        f[i] = next_field(&r, '\t');
    if (f[0].n != 1 || adit_rd_left(&r) > 0)
        return false;
    status = f[0].p[0];
    if (status != 'V' && status != 'R' && status != 'E')
        return false;
    if (status == 'R') { /* the date may be followed by ",reason" */
        struct adit_rd d = adit_rd_of(f[2]);

        if (!read_date(next_field(&d, ','), &e->revoked_s) || e->revoked_s == 0)
            return false;
    }
    return read_date(f[1], &e->not_after_s) && read_serial(f[3], &e->serial) && read_name(f[5], e->name);
}

adit_err adit_book_read(adit_bytes text, struct adit_book *b, size_t *line)
{
    struct adit_rd r = adit_rd_of(text);
    adit_err err = ADIT_OK;

    for (*line = 1; err == ADIT_OK && adit_rd_left(&r) > 0; ++*line) {
        adit_bytes one = next_field(&r, '\n');
        struct adit_book_entry e;

        if (one.n > 0 && one.p[one.n - 1] == '\r')
            one.n--;
        if (one.n == 0)
            continue;
        err = read_line(one, &e) ? append(b, &e) : ADIT_E_MALFORMED;
        if (err != ADIT_OK)
            break;
    }
    if (err != ADIT_OK)
        adit_book_fini(b);
    return err;
}

static void write_line(const struct adit_book_entry *e, struct adit_wr *w)
{
    char line[LINE_ROOM], expiry[20], revoked[20] = "", serial[ADIT_PKI_SERIAL_STR];
    int n;

    put_date(e->not_after_s, expiry, sizeof expiry);
    if (e->revoked_s)
        put_date(e->revoked_s, revoked, sizeof revoked);
    n = snprintf(line, sizeof line, "%c\t%s\t%s\t%s\tunknown\t/CN=%s\n", e->revoked_s ? 'R' : 'V', expiry,
                 revoked, adit_pki_serial_str(&e->serial, serial), e->name);
    adit_wr_bytes(w, adit_bytes_of(line, n > 0 && n < LINE_ROOM ? (size_t)n : 0));
}

void adit_book_write(const struct adit_book *b, struct adit_wr *w)
{
    for (size_t i = 0; i < b->n; i++)
        write_line(&b->all[i], w);
}

size_t adit_book_text_max(const struct adit_book *b)
{
    return (b->n + 1) * LINE_ROOM;
}

/* ---- use ---- */

adit_err adit_book_add(struct adit_book *b, const char *name, const struct adit_pki_facts *facts)
{
    struct adit_book_entry e = {.serial = facts->serial, .not_after_s = facts->not_after_s};
    size_t n = strlen(name);

    if (n == 0 || n > ADIT_PKI_CN_MAX || strpbrk(name, "/\t\n\r"))
        return ADIT_E_CONFIG;
    memcpy(e.name, name, n + 1);
    return append(b, &e);
}

struct adit_book_entry *adit_book_find(const struct adit_book *b, const char *name)
{
    for (size_t i = b->n; i-- > 0;)
        if (strcmp(b->all[i].name, name) == 0)
            return &b->all[i];
    return NULL;
}

size_t adit_book_revoked(const struct adit_book *b, struct adit_pki_revoked *list)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        if (b->all[i].revoked_s)
            list[n++] = (struct adit_pki_revoked){.serial = b->all[i].serial, .when_s = b->all[i].revoked_s};
    return n;
}
