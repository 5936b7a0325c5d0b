/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nanoseconds per packet of adit_tx_seal() and adit_rx_open() as a whole, by cipher, size and engine: bursts
 * of 64 packets, each with buffers of its own. Prints the best and the middle round. On a busy machine only
 * the best means something.
 *
 * bench-crypto [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/aead.h"
#include "stopwatch.h"
#include "plane/txrx.h"

enum {
    BURST = 64,
    PAYLOAD_MAX = 1400,
    PACKET_MAX = PAYLOAD_MAX + ADIT_DATA_OVERHEAD_MAX,
    ROUNDS_MAX = 100000,
};

static uint8_t payloads[BURST][PAYLOAD_MAX], packets[BURST][PACKET_MAX];
static double seal_ns[ROUNDS_MAX], open_ns[ROUNDS_MAX];

static void stop(const char *why)
{
    fprintf(stderr, "bench-crypto: %s\n", why);
    exit(1);
}

static double seal_burst(struct adit_tx *tx, struct adit_seal_op *ops, size_t len)
{
    double start;

    for (size_t i = 0; i < BURST; i++)
        ops[i] = (struct adit_seal_op){
            .payload = adit_bytes_of(payloads[i], len), .dst = packets[i], .cap = PACKET_MAX};
    start = now_ns();
    adit_tx_seal(tx, ops, BURST, (adit_now){0});
    return (now_ns() - start) / BURST;
}

static double open_burst(struct adit_rx *rx, const struct adit_seal_op *sealed)
{
    struct adit_open_op ops[BURST];
    double ns, start;

    for (size_t i = 0; i < BURST; i++)
        ops[i] = (struct adit_open_op){.packet = packets[i], .n = sealed[i].n};
    start = now_ns();
    adit_rx_open(rx, ops, BURST, (adit_now){0});
    ns = (now_ns() - start) / BURST;
    for (size_t i = 0; i < BURST; i++) {
        if (sealed[i].err || ops[i].err)
            stop("a packet was not sealed, or not opened");
    }
    return ns;
}

static void measure(const char *cipher, size_t len, int rounds)
{
    struct adit_data_keys keys = {.format = ADIT_FORMAT_AEAD, .cipher = adit_cipher_find(cipher)};
    struct adit_seal_op ops[BURST];
    struct adit_tx tx;
    struct adit_rx rx;

    if (!keys.cipher)
        stop("the library does not have this cipher");
    adit_tx_init(&tx, 5);
    adit_rx_init(&rx, 2048, 15);
    if (adit_tx_install(&tx, &keys))
        stop("no key for sending");
    keys.is_server = true;
    if (adit_rx_install(&rx, &keys))
        stop("no key for receiving");
    for (int i = 0; i < rounds; i++) {
        seal_ns[i] = seal_burst(&tx, ops, len);
        open_ns[i] = open_burst(&rx, ops);
    }
    sort_times(seal_ns, (size_t)rounds);
    sort_times(open_ns, (size_t)rounds);
    printf("  %-18s %5zu   %7.1f %7.1f   %7.1f %7.1f\n", cipher, len, seal_ns[0], seal_ns[rounds / 2],
           open_ns[0], open_ns[rounds / 2]);
    adit_tx_fini(&tx);
    adit_rx_fini(&rx);
}

int main(int argc, char **argv)
{
    static const char *const ciphers[] = {"AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"};
    static const size_t lens[] = {64, 512, 1400};
    static const enum adit_aead_engine engines[] = {ADIT_AEAD_BEST, ADIT_AEAD_EVP};
    int rounds = argc > 1 ? atoi(argv[1]) : 2000;

    if (rounds < 1 || rounds > ROUNDS_MAX)
        stop("ROUNDS is a number from 1 to 100000");
    memset(payloads, 0x5a, sizeof payloads);
    for (size_t e = 0; e < sizeof engines / sizeof *engines; e++) {
        adit_aead_prefer(engines[e]);
        printf("%s\n  %-18s %5s   %15s   %15s\n", adit_aead_engine_name(), "ns per packet", "bytes",
               "seal best, mid", "open best, mid");
        for (size_t c = 0; c < sizeof ciphers / sizeof *ciphers; c++) {
            for (size_t l = 0; l < sizeof lens / sizeof *lens; l++)
                measure(ciphers[c], lens[l], rounds);
        }
    }
    return 0;
}
