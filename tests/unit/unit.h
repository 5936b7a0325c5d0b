/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka with its prerequisites, and bytes written as hex. */
#ifndef ADIT_TESTS_UNIT_H
#define ADIT_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Decodes hex digits (blanks and line ends skipped) into dst; the number of bytes. Fails the test if it
 * cannot. */
static inline size_t unhex(const char *hex, uint8_t *dst, size_t cap)
{
    size_t n = 0;
    int high = -1;

    for (; *hex; hex++) {
        int v;

        if (*hex == ' ' || *hex == '\n')
            continue;
        v = *hex >= '0' && *hex <= '9' ? *hex - '0' : *hex >= 'a' && *hex <= 'f' ? *hex - 'a' + 10 : -1;
        assert_true(v >= 0);
        if (high < 0) {
            high = v;
            continue;
        }
        assert_true(n < cap);
        dst[n++] = (uint8_t)(high << 4 | v);
        high = -1;
    }
    assert_true(high < 0);
    return n;
}

/* Consecutive byte values from `first`. */
static inline void steps(uint8_t *dst, size_t n, uint8_t first)
{
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)(first + i);
}

#define assert_hex(data, n, hex)                                                                             \
    do {                                                                                                     \
        static uint8_t want_[8192];                                                                          \
        size_t want_n_ = unhex((hex), want_, sizeof want_);                                                  \
        assert_int_equal((n), want_n_);                                                                      \
        assert_memory_equal((data), want_, want_n_);                                                         \
    } while (0)

#endif
