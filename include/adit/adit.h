/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libadit: the OpenVPN protocol as a library. No socket, no device, no clock, no thread, no global state: the
 * program brings datagrams, packets of its device, time and chance, and gets datagrams, packets and facts.
 *
 *   struct adit_config   the text of an OpenVPN configuration file, read and judged
 *   struct adit_engine   one end of the VPN: a client with its server, or a server with all its clients
 *
 * The loop of a program: wait for the socket, the device, or adit_engine_deadline(); call adit_engine_recv(),
 * adit_engine_send() or adit_engine_tick(); then take facts until there is none, then datagrams until there
 * is none. Options about sockets, devices, routes, processes, idle limits and reconnecting are for the
 * program: the library reads over them. It speaks UDP and `dev tun`, as a client that pulls or as a server.
 *
 * An engine and its configuration may be used by one thread at a time. Functions that return int return 1 for
 * yes and 0 for no. Pointers given in are not kept, except where it says so.
 */
#ifndef ADIT_ADIT_H
#define ADIT_ADIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ADIT_API __attribute__((visibility("default")))

#define ADIT_OVERHEAD     128  /* bytes that a datagram may be longer than the packet in it */
#define ADIT_DATAGRAM_CAP 2048 /* room that always holds a datagram of the engine's own */
#define ADIT_ALL_PEERS    UINT32_MAX
#define ADIT_NO_DEADLINE  UINT64_MAX

/* "0.1.0"; lives for ever. */
ADIT_API const char *adit_version(void);

/* ---- configuration ---- */

struct adit_config;

/*
 * Reads n bytes of configuration text. Keys and certificates stand in it (<ca>...</ca>), since the library
 * opens no file. `report` (cap bytes; NULL and 0 allowed) gets errors and warnings, one line each ended by
 * '\n', cut if there is no room, always NUL-terminated. NULL: there are errors, or no memory.
 */
ADIT_API struct adit_config *adit_config_new(const char *text, size_t n, char *report, size_t cap);

/* Wipes and frees. After all engines made of it. NULL allowed. */
ADIT_API void adit_config_free(struct adit_config *c);

/* Is it a server's (`mode server`, `server`)? */
ADIT_API int adit_config_is_server(const struct adit_config *c);

/*
 * The i-th `remote`, from 0: a name or address, and a port number or service name, lent for the life of the
 * configuration. 0: there is none.
 */
ADIT_API int adit_config_remote(const struct adit_config *c, size_t i, const char **host, const char **port);

/* ---- what goes in and out ---- */

/* Both clocks are the program's; the first never goes back, and its zero is anywhere. */
struct adit_time {
    uint64_t mono_ns; /* nanoseconds */
    int64_t wall_s;   /* seconds since 1970-01-01 UTC */
};

struct adit_endpoint {
    uint8_t family; /* 4, 6, or 0 for none */
    uint8_t ip[16]; /* network order; of IPv4 the first four bytes, the rest zero */
    uint16_t port;  /* host order */
};

/* A datagram on its way out. The program gives b and cap, the engine the rest. */
struct adit_datagram {
    uint8_t *b;
    size_t cap; /* bytes at b */
    size_t n;   /* bytes of the datagram */
    struct adit_endpoint to;
    const char *why; /* adit_engine_send(): why there is no datagram; a constant text */
};

/* What adit_engine_recv() made of a datagram. */
struct adit_received {
    uint8_t *packet; /* an IP packet, inside the datagram that was given in; NULL: none */
    size_t n;
    uint32_t peer;       /* who sent the packet */
    const char *dropped; /* NULL, or why the datagram was forgotten; a constant text */
};

struct adit_callbacks {
    /* Fills n bytes at dst with randomness fit for keys. 0: the source failed. Required. */
    int (*random)(void *ctx, uint8_t *dst, size_t n);
    /* A line of log without its end; level 0 fatal, 1 error, 2 warning, 3 information, 4 debug. Or NULL. */
    void (*log)(void *ctx, int level, const char *line);
    void *ctx;
};

/* ---- the engine ---- */

struct adit_engine;

struct adit_engine_params {
    const struct adit_config *config; /* kept: must outlive the engine */
    struct adit_callbacks callbacks;  /* copied; called only while a function of this engine runs */
    size_t remote;                    /* client: which `remote` of the configuration; 0 if it has none */
    struct adit_endpoint server;      /* client: the address of that remote */
};

/* A client begins at once. NULL: `report` says why, as with adit_config_new(). */
ADIT_API struct adit_engine *adit_engine_new(const struct adit_engine_params *params, struct adit_time now,
                                             char *report, size_t cap);

/* Without a goodbye. Wipes all keys. NULL allowed. */
ADIT_API void adit_engine_free(struct adit_engine *e);

/*
 * n bytes that came from `from` by UDP, control or data. They are decrypted where they lie, so what is at
 * `datagram` is lost. 1: out->packet is an authentic IP packet for the device (on a server one client's
 * packet for another, too: give it to adit_engine_send() to relay it).
 */
ADIT_API int adit_engine_recv(struct adit_engine *e, const struct adit_endpoint *from, uint8_t *datagram,
                              size_t n, struct adit_time now, struct adit_received *out);

/*
 * Encrypts an IP packet of n bytes from the device for the peer that it belongs to. The packet may be changed
 * (mssfix); out->b must be other memory, of at least n + ADIT_OVERHEAD bytes. 1: out is the datagram to send.
 * 0: the packet is lost, out->why says why.
 */
ADIT_API int adit_engine_send(struct adit_engine *e, uint8_t *packet, size_t n, struct adit_time now,
                              struct adit_datagram *out);

/* Takes the next datagram of the engine's own; out->cap at least ADIT_DATAGRAM_CAP. 0: there is none now. */
ADIT_API int adit_engine_next_datagram(struct adit_engine *e, struct adit_time now,
                                       struct adit_datagram *out);

/* mono_ns of the next adit_engine_tick(), or ADIT_NO_DEADLINE. Every other call may change it. */
ADIT_API uint64_t adit_engine_deadline(const struct adit_engine *e);

/* Time has passed: repeats, pings, renegotiations, ends. Harmless if it is too early. */
ADIT_API void adit_engine_tick(struct adit_engine *e, struct adit_time now);

/* New data keys for this peer, or for ADIT_ALL_PEERS, from now on in the making. */
ADIT_API void adit_engine_renegotiate(struct adit_engine *e, uint32_t peer, struct adit_time now);

/*
 * Says goodbye to this peer, or to ADIT_ALL_PEERS. The CLOSED facts follow as soon as the peer has heard it,
 * at most five seconds later, if the program goes on with its loop.
 */
ADIT_API void adit_engine_close(struct adit_engine *e, uint32_t peer, struct adit_time now);

/* ---- facts ---- */

enum adit_fact_kind {
    ADIT_FACT_UP = 1,  /* packets can be sent and will be received */
    ADIT_FACT_RENEWED, /* there are new data keys */
    ADIT_FACT_MOVED,   /* the peer has another address: `remote` */
    ADIT_FACT_CLOSED,  /* the end of this peer; `reason` says why. A client's engine can then only be freed */
};

/* An address inside the tunnel. */
struct adit_inner_address {
    uint8_t family;   /* 4, 6, or 0 for none */
    uint8_t bits;     /* prefix length of the network; all bits on a link of two ends */
    uint8_t ip[16];   /* as in adit_endpoint */
    uint8_t peer[16]; /* the other end of such a link, or an IPv6 gateway; else zero */
};

/* Everything in it is lent until the next call with this engine. */
struct adit_fact {
    enum adit_fact_kind kind;
    uint32_t peer;    /* a client's server is 0; a server's clients are numbered, again after CLOSED */
    const char *name; /* common name of the peer's certificate, printable; "" before it is known */
    struct adit_endpoint remote;
    struct adit_inner_address v4, v6; /* of the client, at either end; from UP on */
    uint32_t mtu;                     /* of the device, bytes; from UP on */
    const char *pushed; /* of a client from UP on: the pushed options, each NUL-terminated, then "" */
    const char *reason; /* CLOSED: one printable line */
};

/* Takes the next fact; 0: there is none now. */
ADIT_API int adit_engine_next_fact(struct adit_engine *e, struct adit_fact *fact);

#ifdef __cplusplus
}
#endif

#endif
