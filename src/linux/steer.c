/* SPDX-License-Identifier: Apache-2.0 */
/* Classic BPF over the datagram: the first byte's opcode, and the three bytes of a peer-id (protocol
 * text: 7.1). */
#include "linux/steer.h"

#include <linux/filter.h>
#include <sys/socket.h>

#include "wire/packet.h"

enum {
    OPCODE_SHIFT = 3,
};

adit_err adit_steer_datagrams(int fd, unsigned n_workers)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, OPCODE_SHIFT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ADIT_OP_DATA_V2, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ADIT_OP_DATA_V1, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, n_workers),
        BPF_STMT(BPF_RET | BPF_K, 0),
        /* DATA_V2: */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ADIT_PEER_ID_NONE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ADIT_PEER_ID_NONE, 2, 0),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n_workers),
        BPF_STMT(BPF_RET | BPF_A, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0 ? ADIT_OK
                                                                                               : ADIT_E_OS;
}
