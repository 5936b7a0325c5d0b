/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several workers behind one seam. Of a server's clients each has one home; what concerns a client goes
 * there, and only its inner addresses are known to all. A stream's client lives where the stream is read, one
 * with a peer-id where steering leads its packets, others at the first worker. Of a single peer, both workers
 * know everything, and each does one direction.
 */
#include "linux/userplane_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "base/mem.h"
#include "linux/steer_tun.h"

#define home_of_node(n) ((struct adit_up_home *)((char *)(n)-offsetof(struct adit_up_home, node)))

enum {
    OUT = 0, /* members of a split plane */
    IN = 1,
};

/* ---- homes ---- */

static struct adit_up_home *find_home(const struct adit_up_map *m, uint32_t name)
{
    struct adit_up_node *n = adit_up_map_find(m, name);

    return n ? home_of_node(n) : NULL;
}

static struct adit_up_home *add_home(struct adit_up_map *m, uint32_t name, unsigned member)
{
    struct adit_up_home *home = adit_alloc(sizeof *home);

    if (!home)
        return NULL;
    home->member = member;
    adit_up_map_add(m, &home->node, name);
    return home;
}

static void remove_home(struct adit_up_map *m, struct adit_up_home *home)
{
    while (home->routes)
        adit_up_route_free(&home->routes);
    adit_up_map_del(m, &home->node);
    adit_free(home);
}

static void forget_homes(struct adit_up_map *m)
{
    struct adit_up_node *n;

    while ((n = adit_up_map_any(m)))
        remove_home(m, home_of_node(n));
    adit_up_map_fini(m);
}

static unsigned member_of_peer(const struct adit_userplane *u, adit_peer peer)
{
    const struct adit_up_home *home = find_home(&u->peers, peer);

    return home ? home->member : 0;
}

static unsigned choose_member(const struct adit_userplane *u, const struct adit_peer_spec *spec)
{
    const struct adit_up_home *stream = find_home(&u->streams, (uint32_t)spec->link);

    if (stream)
        return stream->member;
    return adit_home_of_peer(spec->wire_peer_id, u->crew.n_workers);
}

/* ---- answers of several ---- */

static struct adit_up_sum *new_sum(struct adit_userplane *u)
{
    struct adit_up_sum *sum = adit_alloc(sizeof *sum);

    for (unsigned i = 0; !sum && i < ADIT_UP_SPARE_SUMS; i++) {
        if (u->spare_sums[i].missing == 0)
            sum = &u->spare_sums[i];
    }
    return sum;
}

static void free_sum(struct adit_userplane *u, struct adit_up_sum *sum)
{
    if (sum >= u->spare_sums && sum < u->spare_sums + ADIT_UP_SPARE_SUMS)
        sum->missing = 0;
    else
        adit_free(sum);
}

static adit_err expect(struct adit_userplane *u, enum adit_note_kind kind, adit_peer peer)
{
    struct adit_up_sum *sum = new_sum(u), **end = &u->sums;

    if (!sum)
        return ADIT_E_MEMORY;
    *sum = (struct adit_up_sum){.kind = kind, .peer = peer, .missing = (1ULL << u->n) - 1};
    while (*end)
        end = &(*end)->next;
    *end = sum;
    return ADIT_OK;
}

static void add_counters(struct adit_counters *to, const struct adit_counters *c)
{
    to->rx_packets += c->rx_packets;
    to->rx_bytes += c->rx_bytes;
    to->tx_packets += c->tx_packets;
    to->tx_bytes += c->tx_bytes;
    to->link_rx_bytes += c->link_rx_bytes;
    to->link_tx_bytes += c->link_tx_bytes;
    for (int i = 0; i < ADIT_ERR_COUNT; i++)
        to->drops[i] += c->drops[i];
}

/* What the member is to answer next, of this kind; at the end of the list: nothing. */
static struct adit_up_sum **find_sum(struct adit_userplane *u, unsigned member, enum adit_note_kind kind,
                                     adit_peer peer)
{
    struct adit_up_sum **at = &u->sums;

    while (*at && ((*at)->kind != kind || (*at)->peer != peer || !((*at)->missing >> member & 1)))
        at = &(*at)->next;
    return at;
}

/* True: that was the last answer, and the note has the sum. */
static bool add_answer(struct adit_userplane *u, unsigned member, struct adit_note *note)
{
    struct adit_up_sum **at = find_sum(u, member, note->kind, note->peer), *sum = *at;

    if (!sum)
        return true;
    add_counters(&sum->counters, &note->counters);
    adit_hauls_sum(&sum->hauls, &note->hauls);
    sum->missing &= ~(1ULL << member);
    if (sum->missing != 0)
        return false;
    note->counters = sum->counters;
    note->hauls = sum->hauls;
    *at = sum->next;
    free_sum(u, sum);
    return true;
}

/* ---- the same command for several ---- */

/* The last member gets the original. */
static adit_err post_to_all(struct adit_userplane *u, struct adit_cmd *cmd)
{
    adit_err err = ADIT_OK;

    for (unsigned i = 0; i < u->n && !err; i++) {
        struct adit_cmd copy = *cmd;

        err = adit_up_member_post(&u->members[i], i + 1 < u->n ? &copy : cmd);
        adit_wipe(&copy, sizeof copy);
    }
    return err;
}

/* Member i's socket of a link: one of those given, or a copy of the first; only one of a server's may read.
 */
static adit_err take_socket(const struct adit_userplane *u, unsigned i, const struct adit_link_spec *given,
                            struct adit_link_spec *spec)
{
    *spec = *given;
    spec->n_more = 0;
    if (i == 0)
        return ADIT_OK;
    if (i <= given->n_more) {
        spec->fd = given->more[i - 1];
        return ADIT_OK;
    }
    spec->fd = fcntl(given->fd, F_DUPFD_CLOEXEC, 0);
    spec->is_send_only = !u->is_split;
    return spec->fd >= 0 ? ADIT_OK : ADIT_E_OS;
}

/*
 * From the last to the first, because the first one's worker may close the socket that the others copy. After
 * a failure the rest is closed here: a socket that nobody has any more would keep its port for ever.
 */
static adit_err share_link(struct adit_userplane *u, const struct adit_cmd *cmd)
{
    adit_err err = ADIT_OK;

    for (unsigned i = u->n; i-- > 0;) {
        struct adit_cmd own = {.kind = ADIT_CMD_LINK_ADD, .peer = cmd->peer};
        adit_err one = take_socket(u, i, &cmd->link, &own.link);

        if (!one && err)
            close(own.link.fd);
        else if (!one)
            one = adit_up_member_post(&u->members[i], &own);
        err = err ? err : one;
    }
    return err;
}

/* ---- a server's clients ---- */

static adit_err add_link(struct adit_userplane *u, struct adit_cmd *cmd)
{
    unsigned member = (unsigned)cmd->link.link % u->crew.n_workers;

    if (!cmd->link.is_stream)
        return share_link(u, cmd);
    if (!add_home(&u->streams, (uint32_t)cmd->link.link, member))
        return adit_up_member_refuse(&u->members[member], cmd);
    return adit_up_member_post(&u->members[member], cmd);
}

static adit_err delete_link(struct adit_userplane *u, struct adit_cmd *cmd)
{
    struct adit_up_home *stream = find_home(&u->streams, (uint32_t)cmd->link.link);
    unsigned member;

    if (!stream)
        return post_to_all(u, cmd);
    member = stream->member;
    remove_home(&u->streams, stream);
    return adit_up_member_post(&u->members[member], cmd);
}

static adit_err add_peer(struct adit_userplane *u, struct adit_cmd *cmd)
{
    struct adit_up_home *home = find_home(&u->peers, cmd->spec.peer);
    unsigned member = choose_member(u, &cmd->spec);

    if (home && home->member != member)
        return ADIT_E_STATE; /* policy has not deleted the one of before */
    if (!home)
        home = add_home(&u->peers, cmd->spec.peer, member);
    return home ? adit_up_member_post(&u->members[member], cmd)
                : adit_up_member_refuse(&u->members[member], cmd);
}

/* Every worker hears of a route, and whose it is: a mark, not a bare id. So does the kernel, which may send a
 * packet to the right one at once. */
static adit_err tell_route(struct adit_userplane *u, unsigned member, enum adit_cmd_kind kind, adit_peer peer,
                           const struct adit_prefix *prefix)
{
    uint32_t mark = adit_mark(member, peer);
    adit_err err = ADIT_OK;

    if (u->steer && kind == ADIT_CMD_ROUTE_ADD)
        adit_steer_add(u->steer, prefix, mark);
    else if (u->steer)
        adit_steer_del(u->steer, prefix, mark);
    for (unsigned i = 0; i < u->crew.n_workers && !err; i++) {
        struct adit_cmd cmd = {.kind = kind, .peer = mark};

        cmd.route = *prefix;
        err = adit_up_member_post(&u->members[i], &cmd);
    }
    return err;
}

static adit_err delete_peer(struct adit_userplane *u, struct adit_cmd *cmd)
{
    struct adit_up_home *home = find_home(&u->peers, cmd->peer);
    unsigned member = home ? home->member : 0;
    adit_err err = ADIT_OK;

    for (struct adit_up_route *r = home ? home->routes : NULL; r && !err; r = r->next)
        err = tell_route(u, member, ADIT_CMD_ROUTE_DEL, cmd->peer, &r->prefix);
    if (home)
        remove_home(&u->peers, home);
    return err ? err : adit_up_member_post(&u->members[member], cmd);
}

static adit_err add_route(struct adit_userplane *u, struct adit_cmd *cmd)
{
    struct adit_up_home *home = find_home(&u->peers, cmd->peer);
    struct adit_up_route *r = home ? adit_alloc(sizeof *r) : NULL;

    if (!home)
        return adit_up_member_post(&u->members[0], cmd);
    if (!r)
        return adit_up_member_refuse(&u->members[home->member], cmd);
    *r = (struct adit_up_route){.next = home->routes, .prefix = adit_prefix_masked(cmd->route)};
    home->routes = r;
    return tell_route(u, home->member, cmd->kind, cmd->peer, &cmd->route);
}

static adit_err delete_route(struct adit_userplane *u, struct adit_cmd *cmd)
{
    struct adit_up_home *home = find_home(&u->peers, cmd->peer);

    if (!home)
        return adit_up_member_post(&u->members[0], cmd);
    adit_up_routes_forget(&home->routes, &cmd->route);
    return tell_route(u, home->member, cmd->kind, cmd->peer, &cmd->route);
}

static adit_err count(struct adit_userplane *u, struct adit_cmd *cmd)
{
    adit_err err;

    if (cmd->peer != ADIT_NO_PEER)
        return adit_up_member_post(&u->members[member_of_peer(u, cmd->peer)], cmd);
    err = expect(u, ADIT_NOTE_COUNTERS, cmd->peer);
    return err ? err : post_to_all(u, cmd);
}

static adit_err post_sharded(struct adit_userplane *u, struct adit_cmd *cmd)
{
    const struct adit_up_home *stream;

    switch (cmd->kind) {
    case ADIT_CMD_LINK_ADD:
        return add_link(u, cmd);
    case ADIT_CMD_LINK_DEL:
        return delete_link(u, cmd);
    case ADIT_CMD_PEER_NEW:
        return add_peer(u, cmd);
    case ADIT_CMD_PEER_DEL:
        return delete_peer(u, cmd);
    case ADIT_CMD_ROUTE_ADD:
        return add_route(u, cmd);
    case ADIT_CMD_ROUTE_DEL:
        return delete_route(u, cmd);
    case ADIT_CMD_COUNT:
        return count(u, cmd);
    case ADIT_CMD_CTRL_TX:
        stream = find_home(&u->streams, (uint32_t)cmd->ctrl.link);
        return adit_up_member_post(&u->members[stream ? stream->member : u->n - 1], cmd);
    default:
        return adit_up_member_post(&u->members[member_of_peer(u, cmd->peer)], cmd);
    }
}

/* ---- a single peer ---- */

/* Nothing has been used of a key that is new. */
static void begin_key(struct adit_userplane *u, uint8_t key_id)
{
    if (key_id >= ADIT_KEY_IDS)
        return;
    u->is_worn[key_id] = false;
    for (unsigned i = 0; i < u->n; i++) {
        atomic_store(&u->members[i].shared.used_packets[key_id], 0);
        atomic_store(&u->members[i].shared.used_bytes[key_id], 0);
    }
}

static adit_err post_split(struct adit_userplane *u, struct adit_cmd *cmd)
{
    adit_err err = ADIT_OK;

    switch (cmd->kind) {
    case ADIT_CMD_LINK_ADD:
        return share_link(u, cmd);
    case ADIT_CMD_CTRL_TX:
    case ADIT_CMD_SAY_EXIT:
        return adit_up_member_post(&u->members[OUT], cmd);
    case ADIT_CMD_KEY_NEW:
        begin_key(u, cmd->keys.key_id);
        break;
    case ADIT_CMD_PEER_DEL:
        err = expect(u, ADIT_NOTE_PEER_GONE, cmd->peer);
        break;
    case ADIT_CMD_COUNT:
        err = expect(u, ADIT_NOTE_COUNTERS, cmd->peer);
        break;
    default:
        break;
    }
    return err ? err : post_to_all(u, cmd);
}

/* The worker that sends has not seen where the peer is now. One that is deleted already may have a successor
 * of the same name there. */
static void pass_move(struct adit_userplane *u, const struct adit_note *note)
{
    struct adit_cmd cmd = {.kind = ADIT_CMD_PEER_MOVED, .peer = note->peer};

    if (*find_sum(u, IN, ADIT_NOTE_PEER_GONE, note->peer))
        return;
    cmd.spec.link = note->moved.link;
    cmd.spec.remote = note->moved.remote;
    (void)adit_up_member_post(&u->members[OUT], &cmd);
}

static bool is_told_already(struct adit_userplane *u, uint8_t key_id)
{
    bool was = u->is_worn[key_id % ADIT_KEY_IDS];

    u->is_worn[key_id % ADIT_KEY_IDS] = true;
    return was;
}

/* ---- both ---- */

adit_err adit_up_crew_post(struct adit_userplane *u, struct adit_cmd *cmd)
{
    return u->is_split ? post_split(u, cmd) : post_sharded(u, cmd);
}

bool adit_up_crew_hear(struct adit_userplane *u, unsigned member, struct adit_note *note)
{
    switch (note->kind) {
    case ADIT_NOTE_COUNTERS:
    case ADIT_NOTE_PEER_GONE:
        return add_answer(u, member, note);
    case ADIT_NOTE_REFUSED:
        if (note->peer != ADIT_NO_PEER)
            note->peer = adit_mark_id(note->peer); /* of a route that another worker was told */
        return true;
    case ADIT_NOTE_PEER_FLOATED:
        if (u->is_split && member == IN)
            pass_move(u, note);
        return true;
    case ADIT_NOTE_KEY_WORN:
        return !u->is_split || !is_told_already(u, note->key_id);
    default:
        return true;
    }
}

void adit_up_crew_forget(struct adit_userplane *u)
{
    forget_homes(&u->streams);
    forget_homes(&u->peers);
    while (u->sums) {
        struct adit_up_sum *sum = u->sums;

        u->sums = sum->next;
        free_sum(u, sum);
    }
}
