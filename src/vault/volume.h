/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What makes a directory a volume: <path>/volume.json, its name and id, and the session that the
 * recorder drew when it last began to use it (docs/spec/vault.md section 1,
 * docs/design/storage.md). And the recorder's own list of its volumes,
 * <state>/storage/volumes.json.
 *
 * Not here: what is on a volume (vault_walk.h, index.h), who uses it (recorder/volume_role.h).
 */
#ifndef CUSTOS_VAULT_VOLUME_H
#define CUSTOS_VAULT_VOLUME_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define VOLUME_MAX 32 /* of one recorder, retired ones included */
#define VOLUME_NAME_MAX 40
#define VOLUME_PATH_MAX 1024
#define VOLUME_FILE "volume.json"

struct volume_identity {
        char name[VOLUME_NAME_MAX]; /* a-z, 0-9 and -; "main" is <state>/vault */
        char recorder[128];         /* custos://SITE/recorder/NAME */
        uint8_t id[16];             /* random, never changes */
        uint8_t session[16];        /* drawn at each start */
};

int volume_identity_parse(struct bytes text, struct volume_identity *ret, struct err *e) MUST_USE;
int volume_identity_format(
        const struct volume_identity *v, struct buf *out, struct err *e) MUST_USE;

bool volume_is_name(const char *s);
/* What an error of the operating system says about the volume that it came from; FAULT_NONE where
 * it says nothing (no memory, too many files). Of a single file ENOENT says nothing either. */
enum fault volume_fault(int os_errno);

/* Makes path a volume: a directory (mode 0700, made where only its last part is missing) that is
 * empty but for lost+found, else ERR_STATE (FAULT_VOLUME_FOREIGN where strange files lie there).
 * Durable when it returns. Never formats. */
int volume_claim(const char *path, const char *name, const char *recorder,
        struct volume_identity *ret, struct err *e) MUST_USE;
/* Reads the identity of what lies at path now. Faults: FAULT_VOLUME_MISSING (no directory, or no
 * volume.json in it), _DENIED, _IO_ERROR, _FOREIGN (not one of ours by its form). */
int volume_read(const char *path, struct volume_identity *ret, struct err *e) MUST_USE;

/* Writes volume.json of the volume at path, whole or not at all; for another session. */
int volume_identity_write(
        const char *path, const struct volume_identity *v, struct err *e) MUST_USE;

/* One entry of the recorder's list. */
struct volume_entry {
        uint32_t number; /* in the index; never given again; 0 is main */
        char name[VOLUME_NAME_MAX];
        char path[VOLUME_PATH_MAX]; /* absolute */
        uint8_t id[16];
        uint8_t session[16], coming[16]; /* what volume.json may say; coming: zeros when settled */
        unsigned weight;                 /* 1..1000, of new segments */
        bool retired;                    /* read from, and emptied by retention; no new segments */
};

struct volume_list {
        unsigned n;
        struct volume_entry entries[VOLUME_MAX];
};

/* <state>/storage/volumes.json. Reading one that is not there gives main alone: <state>/vault, id
 * zeros until it is claimed. */
int volume_list_read(const char *state, struct volume_list *ret, struct err *e) MUST_USE;
int volume_list_write(const char *state, const struct volume_list *l, struct err *e) MUST_USE;
const struct volume_entry *volume_list_find(const struct volume_list *l, uint32_t number);

/* Room set aside for a segment as it is made, of a volume of that size: 32 MiB (what is not used is
 * given back at its close), and on small ones so little that a few cameras' segments fit. */
uint64_t volume_segment_room(uint64_t total_bytes);

/* What the identity that was found says about the entry: FAULT_NONE, _FOREIGN, _SWAPPED (the id of
 * another entry), _STALE (neither session nor coming). An entry without an id takes what has its
 * name: the caller compares the recorder then. */
enum fault volume_judge(const struct volume_list *l, const struct volume_entry *entry,
        const struct volume_identity *found);

#endif
