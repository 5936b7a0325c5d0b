/* SPDX-License-Identifier: Apache-2.0 */
#include "plane/haul.h"

#include <inttypes.h>
#include <stdio.h>

static void add(struct adit_haul *to, const struct adit_haul *h)
{
    to->calls += h->calls;
    to->packets += h->packets;
    to->bytes += h->bytes;
}

void adit_hauls_sum(struct adit_hauls *to, const struct adit_hauls *h)
{
    add(&to->reads, &h->reads);
    add(&to->sends, &h->sends);
    add(&to->receives, &h->receives);
    add(&to->writes, &h->writes);
    to->handed += h->handed;
}

bool adit_hauls_any(const struct adit_hauls *h)
{
    return h->reads.calls + h->sends.calls + h->receives.calls + h->writes.calls + h->handed > 0;
}

static void bytes_text(uint64_t n, char *dst, size_t cap)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double v = (double)n / 1000;
    size_t i = 0;

    if (n < 1000) {
        snprintf(dst, cap, "%" PRIu64 " bytes", n);
        return;
    }
    for (; v >= 999.95 && i + 1 < sizeof units / sizeof units[0]; i++)
        v /= 1000;
    snprintf(dst, cap, "%.1f %s", v, units[i]);
}

static void per_text(const struct adit_haul *h, const char *call, char *dst, size_t cap)
{
    dst[0] = '\0';
    if (h->calls > 0)
        snprintf(dst, cap, ", %.1f per %s", (double)h->packets / (double)h->calls, call);
}

const char *adit_hauls_text(const struct adit_hauls *h, char *dst, size_t cap)
{
    char out[24], in[24], read[40], send[40], receive[40], write[40], handed[56] = "";

    bytes_text(h->sends.bytes, out, sizeof out);
    bytes_text(h->receives.bytes, in, sizeof in);
    per_text(&h->reads, "read", read, sizeof read);
    per_text(&h->sends, "send", send, sizeof send);
    per_text(&h->receives, "receive", receive, sizeof receive);
    per_text(&h->writes, "write", write, sizeof write);
    if (h->handed > 0)
        snprintf(handed, sizeof handed, "; %" PRIu64 " passed between workers", h->handed);
    snprintf(dst, cap, "sent %s in %" PRIu64 " packets%s%s; received %s in %" PRIu64 " packets%s%s%s", out,
             h->sends.packets, read, send, in, h->receives.packets, receive, write, handed);
    return dst;
}
