/* SPDX-License-Identifier: Apache-2.0 */
/* Sends first packets of an OpenVPN conversation from many source addresses and ports, and counts the
 * replies.
 *
 * A raw socket makes up the sources (a /16 whose addresses must be routed to this host as local, so that
 * replies come back); a second one sees every UDP packet that arrives. Shapes are taken in turn; a "-valid"
 * shape carries a wrapping made with the given key, so that a server must think about it. Packets go out in
 * steps of a millisecond.
 *
 *   flood TARGET PORT NET COUNT RATE SHAPE[,SHAPE...] [static=FILE] [v2=FILE] [digest=SHA1] [direction=1]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OP_CONTROL = 4, OP_ACK = 5, OP_RESET_V2 = 7, OP_DATA_V2 = 9, OP_RESET_V3 = 10, OP_CONTROL_WKC = 11 };
enum { PACKET_MAX = 1400, KEY_LEN = 256, WKC_MAX = 1024, BATCH = 64, HEADERS = 28 };

struct keys {
    uint8_t shared[KEY_LEN];            /* tls-auth or tls-crypt */
    uint8_t own[KEY_LEN], wkc[WKC_MAX]; /* tls-crypt-v2 client key */
    size_t wkc_len;
    const EVP_MD *digest;
    int direction;
};

struct shape {
    const char *name;
    size_t (*make)(const struct keys *k, uint8_t *p);
};

struct flood {
    struct sockaddr_in target;
    uint32_t net;
    struct keys keys;
    const struct shape *shapes[32];
    size_t n_shapes;
};

static uint64_t chance_state[2];

/* xorshift128+: quick, and good enough to make up packets. */
static uint64_t chance(void)
{
    uint64_t a = chance_state[0], b = chance_state[1];

    chance_state[0] = b;
    a ^= a << 23;
    chance_state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return chance_state[1] + b;
}

static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(chance() >> 32);
}

static void put32(uint8_t *p, uint32_t v)
{
    v = htonl(v);
    memcpy(p, &v, 4);
}

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "flood: %s: %s\n", what, errno ? strerror(errno) : "cannot be used");
    exit(2);
}

/* What follows the wrapping: acks, message id and payload, by opcode. Returns its length. */
static size_t make_body(unsigned op, uint8_t *p)
{
    size_t n = 0;

    if (op == OP_RESET_V2 || op == OP_RESET_V3) {
        memset(p, 0, 5);
        return 5;
    }
    p[n++] = 1;
    put32(p + n, 0);
    fill(p + n + 4, 8);
    n += 12;
    if (op == OP_ACK)
        return n;
    put32(p + n, 1);
    fill(p + n + 4, 40);
    return n + 44;
}

static size_t begin(unsigned op, uint8_t *p)
{
    p[0] = (uint8_t)(op << 3);
    fill(p + 1, 8);
    return 9;
}

static size_t make_bare(unsigned op, uint8_t *p)
{
    size_t n = begin(op, p);

    return n + make_body(op, p + n);
}

/* tls-auth: header, HMAC, replay id, time, body; the HMAC is random unless there is a key. */
static size_t make_auth(const struct keys *k, bool is_valid, uint8_t *p)
{
    size_t d = (size_t)EVP_MD_get_size(k->digest), n = begin(OP_RESET_V2, p), body;
    const uint8_t *key = k->shared + (k->direction == 1 ? 192 : 64);
    uint8_t text[256];

    fill(p + n, d);
    put32(p + n + d, 1);
    put32(p + n + d + 4, (uint32_t)time(NULL));
    body = make_body(OP_RESET_V2, p + n + d + 8);
    if (is_valid) {
        memcpy(text, p + n + d, 8);
        memcpy(text + 8, p, 9);
        memcpy(text + 17, p + n + d + 8, body);
        HMAC(k->digest, key, (int)d, text, 17 + body, p + n, NULL);
    }
    return n + d + 8 + body;
}

/* tls-crypt with the client's half of a 256-byte key, or random where there is none. */
static size_t make_crypt(const uint8_t *key, unsigned op, uint32_t replay_id, uint8_t *p)
{
    size_t n = begin(op, p), body;
    uint8_t text[128], tag[32];
    int out = 0;

    put32(p + n, replay_id);
    put32(p + n + 4, (uint32_t)time(NULL));
    body = make_body(op, text + 17);
    if (!key) {
        fill(p + 17, 32 + body);
        return 49 + body;
    }
    memcpy(text, p, 17);
    HMAC(EVP_sha256(), key + 192, 32, text, 17 + body, tag, NULL);
    memcpy(p + 17, tag, 32);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (!ctx || EVP_EncryptInit_ex(ctx, EVP_aes_256_ctr(), NULL, key + 128, tag) != 1 ||
        EVP_EncryptUpdate(ctx, p + 49, &out, text + 17, (int)body) != 1)
        die("AES-256-CTR");
    EVP_CIPHER_CTX_free(ctx);
    return 49 + body;
}

/* Appends a wrapped client key that is not one: right length, random content. */
static size_t append_noise_wkc(uint8_t *p, size_t n)
{
    fill(p + n, 299);
    p[n + 297] = 299 >> 8;
    p[n + 298] = 299 & 255;
    return n + 299;
}

static size_t append_wkc(const struct keys *k, uint8_t *p, size_t n)
{
    memcpy(p + n, k->wkc, k->wkc_len);
    return n + k->wkc_len;
}

static size_t shape_reset(const struct keys *k, uint8_t *p)
{
    (void)k;
    return make_bare(OP_RESET_V2, p);
}

static size_t shape_control(const struct keys *k, uint8_t *p)
{
    (void)k;
    return make_bare(OP_CONTROL, p);
}

static size_t shape_ack(const struct keys *k, uint8_t *p)
{
    (void)k;
    return make_bare(OP_ACK, p);
}

static size_t shape_data(const struct keys *k, uint8_t *p)
{
    size_t len = 60 + chance() % 1000;

    (void)k;
    fill(p, len);
    p[0] = OP_DATA_V2 << 3;
    return len;
}

static size_t shape_random(const struct keys *k, uint8_t *p)
{
    size_t len = 1 + chance() % 300;

    (void)k;
    fill(p, len);
    return len;
}

static size_t shape_auth(const struct keys *k, uint8_t *p)
{
    return make_auth(k, false, p);
}

static size_t shape_auth_valid(const struct keys *k, uint8_t *p)
{
    return make_auth(k, true, p);
}

static size_t shape_crypt(const struct keys *k, uint8_t *p)
{
    (void)k;
    return make_crypt(NULL, OP_RESET_V2, 1, p);
}

static size_t shape_crypt_valid(const struct keys *k, uint8_t *p)
{
    return make_crypt(k->shared, OP_RESET_V2, 1, p);
}

static size_t shape_v2(const struct keys *k, uint8_t *p)
{
    (void)k;
    return append_noise_wkc(p, make_crypt(NULL, OP_RESET_V3, 0x0f000001, p));
}

static size_t shape_v2_valid(const struct keys *k, uint8_t *p)
{
    return append_wkc(k, p, make_crypt(k->own, OP_RESET_V3, 0x0f000001, p));
}

/* A third packet that is well wrapped, but whose cookie is made up. */
static size_t shape_v2_third(const struct keys *k, uint8_t *p)
{
    return append_wkc(k, p, make_crypt(k->own, OP_CONTROL_WKC, 0x0f000002, p));
}

static const struct shape all_shapes[] = {
    {"reset", shape_reset},
    {"control", shape_control},
    {"ack", shape_ack},
    {"data", shape_data},
    {"random", shape_random},
    {"auth", shape_auth},
    {"auth-valid", shape_auth_valid},
    {"crypt", shape_crypt},
    {"crypt-valid", shape_crypt_valid},
    {"v2", shape_v2},
    {"v2-valid", shape_v2_valid},
    {"v2-third", shape_v2_third},
};

static char *read_file(const char *path, char *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, cap - 1);

    if (n < 0)
        die(path);
    close(fd);
    buf[n] = 0;
    return buf;
}

/* The body of a PEM-like file: between the end of the BEGIN line and the END line. */
static char *cut_body(char *text, const char *path)
{
    char *from = strstr(text, "-----BEGIN"), *to = from ? strstr(from, "-----END") : NULL;

    errno = 0;
    if (!to || !(from = strchr(from, '\n')))
        die(path);
    *to = 0;
    return from + 1;
}

static void load_static(struct keys *k, const char *path)
{
    char text[4096], *p = cut_body(read_file(path, text, sizeof text), path);
    unsigned v;
    size_t n = 0;

    for (; n < KEY_LEN; p += 2) {
        p += strspn(p, " \r\n");
        if (sscanf(p, "%2x", &v) != 1)
            die(path);
        k->shared[n++] = (uint8_t)v;
    }
}

static void load_v2(struct keys *k, const char *path)
{
    char text[8192], packed[8192], *p = cut_body(read_file(path, text, sizeof text), path);
    uint8_t raw[8192];
    size_t n = 0;
    int len;

    for (; *p; p++)
        if (*p != '\n' && *p != '\r')
            packed[n++] = *p;
    len = EVP_DecodeBlock(raw, (uint8_t *)packed, (int)n);
    while (len > 0 && n > 0 && packed[n - 1] == '=') {
        n--;
        len--;
    }
    if (len <= KEY_LEN || len - KEY_LEN > WKC_MAX)
        die(path);
    memcpy(k->own, raw, KEY_LEN);
    k->wkc_len = (size_t)len - KEY_LEN;
    memcpy(k->wkc, raw + KEY_LEN, k->wkc_len);
}

static void add_shapes(struct flood *f, char *list)
{
    for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
        const struct shape *found = NULL;

        for (size_t i = 0; i < sizeof all_shapes / sizeof *all_shapes; i++)
            if (strcmp(all_shapes[i].name, name) == 0)
                found = &all_shapes[i];
        errno = 0;
        if (!found || f->n_shapes == sizeof f->shapes / sizeof *f->shapes)
            die(name);
        f->shapes[f->n_shapes++] = found;
    }
}

static void take_word(struct flood *f, const char *word)
{
    const char *value = strchr(word, '=');

    errno = 0;
    if (!value++)
        die(word);
    if (strncmp(word, "static=", 7) == 0)
        load_static(&f->keys, value);
    else if (strncmp(word, "v2=", 3) == 0)
        load_v2(&f->keys, value);
    else if (strncmp(word, "direction=", 10) == 0)
        f->keys.direction = atoi(value);
    else if (strncmp(word, "digest=", 7) == 0 && (f->keys.digest = EVP_get_digestbyname(value)))
        return;
    else
        die(word);
}

/* One whole IPv4 packet from a made-up source. The kernel fills in checksum and length of the IP header. */
static size_t make_packet(const struct flood *f, uint64_t number, uint8_t *p)
{
    const struct shape *shape = f->shapes[number % f->n_shapes];
    size_t len = shape->make(&f->keys, p + HEADERS);
    uint64_t r = chance();
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
    struct udphdr udp = {.dest = f->target.sin_port, .len = htons((uint16_t)(len + 8))};

    ip.saddr = htonl(f->net | (uint32_t)(1 + r % 65533));
    ip.daddr = f->target.sin_addr.s_addr;
    udp.source = htons((uint16_t)(1024 + (r >> 32) % 64000));
    memcpy(p, &ip, sizeof ip);
    memcpy(p + sizeof ip, &udp, sizeof udp);
    return HEADERS + len;
}

static void send_batch(const struct flood *f, int fd, uint64_t number, unsigned n)
{
    static uint8_t packets[BATCH][HEADERS + PACKET_MAX + WKC_MAX];
    struct mmsghdr msgs[BATCH] = {0};
    struct iovec iov[BATCH];
    unsigned done = 0;

    for (unsigned i = 0; i < n; i++) {
        iov[i] = (struct iovec){packets[i], make_packet(f, number + i, packets[i])};
        msgs[i].msg_hdr = (struct msghdr){.msg_name = (void *)&f->target,
                                          .msg_namelen = sizeof f->target,
                                          .msg_iov = &iov[i],
                                          .msg_iovlen = 1};
    }
    while (done < n) {
        int sent = sendmmsg(fd, msgs + done, n - done, 0);

        if (sent < 0 && errno != ENOBUFS && errno != EINTR)
            die("sendmmsg");
        done += sent > 0 ? (unsigned)sent : 0;
    }
}

/* Counts what has come back from the target's port. */
static uint64_t count_replies(const struct flood *f, int fd)
{
    uint8_t buf[2048];
    uint64_t n = 0;
    ssize_t len;

    while ((len = recv(fd, buf, sizeof buf, MSG_DONTWAIT)) > 0) {
        struct iphdr ip;
        struct udphdr udp;

        if ((size_t)len < HEADERS)
            continue;
        memcpy(&ip, buf, sizeof ip);
        memcpy(&udp, buf + ip.ihl * 4u, sizeof udp);
        if (ip.saddr == f->target.sin_addr.s_addr && udp.source == f->target.sin_port &&
            (ntohl(ip.daddr) & 0xffff0000u) == f->net)
            n++;
    }
    return n;
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(const struct flood *f, uint64_t count, double rate)
{
    int out = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW),
        in = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
    uint64_t sent = 0, replies = 0;
    double start = now(), seconds;

    if (out < 0 || in < 0)
        die("raw socket");
    setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &(int){4 << 20}, sizeof(int));
    while (sent < count) {
        uint64_t due = (uint64_t)((now() - start) * rate) + 1;

        due = due > count ? count : due;
        while (sent < due) {
            unsigned n = due - sent > BATCH ? BATCH : (unsigned)(due - sent);

            send_batch(f, out, sent, n);
            sent += n;
        }
        replies += count_replies(f, in);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    seconds = now() - start;
    sleep(1);
    replies += count_replies(f, in);
    printf("sent %llu seconds %.2f replies %llu\n", (unsigned long long)sent, seconds,
           (unsigned long long)replies);
}

int main(int argc, char **argv)
{
    struct flood f = {.keys = {.digest = EVP_sha1(), .direction = 1}};
    struct in_addr net;

    if (argc < 7) {
        fprintf(
            stderr,
            "usage: flood TARGET PORT NET COUNT RATE SHAPE[,SHAPE...] [static=FILE] [v2=FILE] [digest=NAME] "
            "[direction=0|1]\n");
        return 2;
    }
    f.target.sin_family = AF_INET;
    f.target.sin_port = htons((uint16_t)atoi(argv[2]));
    if (inet_pton(AF_INET, argv[1], &f.target.sin_addr) != 1 || inet_pton(AF_INET, argv[3], &net) != 1)
        die("address");
    f.net = ntohl(net.s_addr) & 0xffff0000u;
    if (getrandom(chance_state, sizeof chance_state, 0) != sizeof chance_state)
        die("getrandom");
    add_shapes(&f, argv[6]);
    for (int i = 7; i < argc; i++)
        take_word(&f, argv[i]);
    run(&f, strtoull(argv[4], NULL, 10), atof(argv[5]));
    return 0;
}
