/* SPDX-License-Identifier: Apache-2.0 */
/* What plane.c and plane_seam.c share. */
#ifndef ADIT_TESTS_SIM_PLANE_PARTS_H
#define ADIT_TESTS_SIM_PLANE_PARTS_H

#include "plane.h"

struct sim_peer *sim_plane_peer(struct sim_plane *p, adit_peer id);
struct sim_plane_stream *sim_plane_stream_of(struct sim_plane *p, int link);
void sim_plane_stream_close(struct sim_plane *p, int link);
void sim_plane_send(struct sim_plane *p, struct sim_peer *peer, adit_bytes payload, adit_now now);
void sim_plane_drop(struct sim_plane *p, struct sim_peer *peer, adit_err why);
void sim_plane_merge(struct sim_plane *p); /* from now on */
/* False: the ring is full, the note is lost. */
bool sim_plane_note(struct sim_plane *p, const struct adit_note *note);

#endif
