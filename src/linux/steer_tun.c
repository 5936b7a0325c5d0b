/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program is a few instructions, so they stand here as they are, and neither building nor running needs a
 * compiler for BPF or a library. The tables are tries of prefixes (LPM), one for each family, whose values
 * are marks (plane/home.h). Only policy's thread writes them; the kernel reads them under RCU.
 */
#include "linux/steer_tun.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "plane/home.h"

struct adit_steer {
    int v4, v6, queue_fd;
    bool is_on;
    bool has_said_full;
    const struct adit_log *log;
};

/* The key of a trie: so many bits of the address count. */
struct trie_key {
    uint32_t bits; /* host order */
    uint8_t address[16];
};

enum {
    KEY_HEAD = sizeof(uint32_t),
    V4_LEN = 4,
    V6_LEN = 16,
    V4_DST = 16, /* offsets of the destination in a packet */
    V6_DST = 24,
};

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
    return (int)syscall(__NR_bpf, cmd, attr, sizeof *attr);
}

/* ---- the program ---- */

#define INSN(c, d, s, o, i)                                                                                  \
    ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (int32_t)(i)})

#define R0 BPF_REG_0
#define R1 BPF_REG_1
#define R2 BPF_REG_2
#define R3 BPF_REG_3
#define R4 BPF_REG_4
#define R6 BPF_REG_6
#define FP BPF_REG_10

#define MOV_REG(dst, src)      INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define MOV_IMM(dst, imm)      INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, imm)
#define ADD_IMM(dst, imm)      INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, imm)
#define RSH_IMM(dst, imm)      INSN(BPF_ALU64 | BPF_RSH | BPF_K, dst, 0, 0, imm)
#define MUL32_IMM(dst, imm)    INSN(BPF_ALU | BPF_MUL | BPF_K, dst, 0, 0, imm)
#define TO_BE32(dst)           INSN(BPF_ALU | BPF_END | BPF_TO_BE, dst, 0, 0, 32)
#define LD_ABS_B(at)           INSN(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, at)
#define LDX_W(dst, src, off)   INSN(BPF_LDX | BPF_MEM | BPF_W, dst, src, off, 0)
#define ST_W(dst, off, imm)    INSN(BPF_ST | BPF_MEM | BPF_W, dst, 0, off, imm)
#define JA(off)                INSN(BPF_JMP | BPF_JA, 0, 0, off, 0)
#define JEQ_IMM(dst, imm, off) INSN(BPF_JMP | BPF_JEQ | BPF_K, dst, 0, off, imm)
#define JNE_IMM(dst, imm, off) INSN(BPF_JMP | BPF_JNE | BPF_K, dst, 0, off, imm)
#define CALL(helper)           INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define EXIT()                 INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* Two slots. */
#define LD_MAP(dst, fd)        INSN(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)

/*
 * r0 = the value in `table` for the address of `len` bytes at `at` of the packet, or NULL; 12 slots. The key
 * lies at the stack's end, so that the address's last four bytes are at fp - 4 for either family. Where the
 * packet ends too soon the helper has put zeros.
 */
#define LOOK_UP(at, len, table)                                                                              \
    ST_W(FP, -(len)-KEY_HEAD, (len)*8),                  /* key.bits */                                      \
        MOV_REG(R1, R6), MOV_IMM(R2, at),                /* skb_load_bytes(skb, at, */                       \
        MOV_REG(R3, FP), ADD_IMM(R3, -(len)),            /*     key.address, */                              \
        MOV_IMM(R4, len), CALL(BPF_FUNC_skb_load_bytes), /*     len) */                                      \
        LD_MAP(R1, table),                               /* map_lookup_elem(table, */                        \
        MOV_REG(R2, FP), ADD_IMM(R2, -(len)-KEY_HEAD),   /*     key) */                                      \
        CALL(BPF_FUNC_map_lookup_elem)

/*
 * The kernel takes the result modulo queues. Of a tun device, the packet begins with its IP header. The two
 * families have a call each, since a call with one table only is made a direct one.
 */
static int load_program(int v4, int v6)
{
    const struct bpf_insn code[] = {
        MOV_REG(R6, R1), /*          where LD_ABS looks for the skb */
        LD_ABS_B(0),     /*          no byte there: ends with 0 */
        RSH_IMM(R0, 4),  /*          the IP version */
        JNE_IMM(R0, 4, 13),
        LOOK_UP(V4_DST, V4_LEN, v4),
        JA(13),
        JNE_IMM(R0, 6, 21), /*       not v4: */
        LOOK_UP(V6_DST, V6_LEN, v6),
        JEQ_IMM(R0, 0, 3), /*        looked up: */
        LDX_W(R0, R0, 0),
        RSH_IMM(R0, ADIT_MARK_ID_BITS), /* adit_mark_home() */
        EXIT(),
        LDX_W(R0, FP, -4), /*        nobody's: neighbours apart, each always the same way */
        TO_BE32(R0),
        MUL32_IMM(R0, 0x9e3779b1),
        RSH_IMM(R0, 16),
        EXIT(),
        MOV_IMM(R0, 0), /*           not IP: */
        EXIT(),
    };
    union bpf_attr attr;

    memset(&attr, 0, sizeof attr); /* what lies behind the command's own part has to be zero, too */
    attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attr.insns = (uintptr_t)code;
    attr.insn_cnt = sizeof code / sizeof code[0];
    attr.license = (uintptr_t) "Apache-2.0"; /* no helper that is called asks for another */
    snprintf(attr.prog_name, sizeof attr.prog_name, "adit_steer");
    return bpf(BPF_PROG_LOAD, &attr);
}

/* ---- loading ---- */

static int make_table(const char *name, uint32_t address_len, uint32_t n_prefixes)
{
    union bpf_attr attr;

    memset(&attr, 0, sizeof attr);
    attr.map_type = BPF_MAP_TYPE_LPM_TRIE;
    attr.key_size = KEY_HEAD + address_len;
    attr.value_size = sizeof(uint32_t);
    attr.max_entries = n_prefixes;
    attr.map_flags = BPF_F_NO_PREALLOC;
    snprintf(attr.map_name, sizeof attr.map_name, "%s", name);
    return bpf(BPF_MAP_CREATE, &attr);
}

static void close_all(const struct adit_steer_loaded *l)
{
    if (l->program >= 0)
        close(l->program);
    if (l->v4 >= 0)
        close(l->v4);
    if (l->v6 >= 0)
        close(l->v6);
}

adit_err adit_steer_load(uint32_t n_prefixes, struct adit_steer_loaded *out, struct adit_fail *fail)
{
    struct adit_steer_loaded l = {.program = -1, .v4 = -1, .v6 = -1};
    int os_errno;

    l.v4 = make_table("adit_v4", V4_LEN, n_prefixes);
    if (l.v4 >= 0)
        l.v6 = make_table("adit_v6", V6_LEN, n_prefixes);
    if (l.v6 >= 0)
        l.program = load_program(l.v4, l.v6);
    *out = l;
    if (l.program >= 0)
        return ADIT_OK;
    os_errno = errno;
    close_all(&l);
    *out = (struct adit_steer_loaded){.program = -1, .v4 = -1, .v6 = -1};
    return adit_fail_set(fail, ADIT_E_OS, os_errno, os_errno == EPERM ? "it needs CAP_BPF" : NULL,
                         "eBPF was refused");
}

/* ---- on a device ---- */

void adit_steer_forget(int queue_fd)
{
    const int none = -1;

    (void)ioctl(queue_fd, TUNSETSTEERINGEBPF, &none);
}

struct adit_steer *adit_steer_new(const struct adit_steer_loaded *l, int queue_fd, const struct adit_log *log,
                                  struct adit_fail *fail)
{
    struct adit_steer *s = adit_alloc(sizeof *s);

    if (!s || ioctl(queue_fd, TUNSETSTEERINGEBPF, &l->program) != 0) {
        (void)adit_fail_set(fail, ADIT_E_OS, s ? errno : ENOMEM, NULL, "the device takes no eBPF");
        close_all(l);
        adit_free(s);
        return NULL;
    }
    close(l->program); /* the device holds it */
    *s = (struct adit_steer){.v4 = l->v4, .v6 = l->v6, .queue_fd = queue_fd, .is_on = true, .log = log};
    return s;
}

static void take_off(struct adit_steer *s)
{
    if (s->is_on)
        adit_steer_forget(s->queue_fd);
    s->is_on = false;
}

void adit_steer_free(struct adit_steer *s)
{
    if (!s)
        return;
    take_off(s);
    close(s->v4);
    close(s->v6);
    adit_free(s);
}

bool adit_steer_is_on(const struct adit_steer *s)
{
    return s->is_on;
}

/* ---- the tables ---- */

/* 0, or errno. */
static int change(const struct adit_steer *s, enum bpf_cmd cmd, const struct adit_prefix *p, uint32_t *mark)
{
    bool is_v4 = p->ip.family == ADIT_AF_V4;
    struct trie_key key = {.bits = p->bits};
    union bpf_attr attr;

    memcpy(key.address, p->ip.b, is_v4 ? V4_LEN : V6_LEN);
    memset(&attr, 0, sizeof attr);
    attr.map_fd = (uint32_t)(is_v4 ? s->v4 : s->v6);
    attr.key = (uintptr_t)&key;
    attr.value = (uintptr_t)mark;
    return bpf(cmd, &attr) == 0 ? 0 : errno;
}

static void bear(struct adit_steer *s, int os_errno)
{
    switch (os_errno) {
    case 0:
    case ENOENT:
        return;
    case ENOSPC:
    case ENOMEM:
        if (!s->has_said_full)
            adit_info(s->log, NULL,
                      "eBPF: no room for the routes of more clients; packets to them are spread "
                      "by address, and handed over between workers");
        s->has_said_full = true;
        return;
    default:
        take_off(s);
        adit_info(s->log, NULL,
                  "eBPF: a route was refused: %s; from now on the kernel spreads the device's "
                  "packets over its queues by flow",
                  strerrordesc_np(os_errno));
    }
}

void adit_steer_add(struct adit_steer *s, const struct adit_prefix *p, uint32_t mark)
{
    if (s->is_on)
        bear(s, change(s, BPF_MAP_UPDATE_ELEM, p, &mark));
}

/* A look-up finds the longest prefix that is no longer than this one: the prefix itself, if it is there. */
void adit_steer_del(struct adit_steer *s, const struct adit_prefix *p, uint32_t mark)
{
    uint32_t have = 0;
    int os_errno;

    if (!s->is_on)
        return;
    os_errno = change(s, BPF_MAP_LOOKUP_ELEM, p, &have);
    if (os_errno == 0 && have == mark)
        os_errno = change(s, BPF_MAP_DELETE_ELEM, p, NULL);
    bear(s, os_errno);
}
