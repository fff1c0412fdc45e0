/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The volumes whose footage is read as one: those of a recorder, or directories that somebody
 * names. Each is a vault by itself (docs/spec/vault.md section 1); a stream's segments may lie on
 * any of them, and its chain runs over all.
 *
 * For those who read: nothing is written, no lock is taken.
 */
#ifndef CUSTOS_VAULT_VAULT_SET_H
#define CUSTOS_VAULT_VAULT_SET_H

#include "seal/head.h"
#include "vault/volume.h"

struct vault_set {
        unsigned n;
        struct vault_set_member {
                uint32_t number; /* in the index */
                char *name;      /* for people; owned, as what follows */
                char *path;
                char *away; /* why nothing is read there (not mounted, another disk, a stale copy);
                               NULL: it is read */
        } members[VOLUME_MAX];
};

/* The volumes of a recorder, each looked at: away is set where its directory is not there or is not
 * the volume that the list means. */
void vault_set_of_list(const struct volume_list *volumes, struct vault_set *ret);
/* A directory by itself, called as its path is. ERR_NOT_FOUND when there is none, ERR_EXHAUSTED
 * behind VOLUME_MAX. */
int vault_set_add(struct vault_set *s, const char *path, struct err *e) MUST_USE;
/* Says of each volume that is away until when it has footage, as far as the index knows. */
struct index;
void vault_set_note_seen(struct vault_set *s, struct index *ix);
void vault_set_done(struct vault_set *s);
unsigned vault_set_away_n(const struct vault_set *s);

/* As vault_walk.h, over all volumes that are read: each stream once, ascending; segments volume by
 * volume (at: index into members). */
int vault_set_streams(const struct vault_set *s,
        int (*on_stream)(void *owner, const char *stream, struct err *e), void *owner,
        struct err *e) MUST_USE;
int vault_set_segments(const struct vault_set *s, const char *stream, const char *below,
        int (*on_segment)(void *owner, unsigned at, const char *object_key, struct err *e),
        void *owner, struct err *e) MUST_USE;

#endif
