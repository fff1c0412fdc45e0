/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done before the parent is confined: after that it reaches no volume any more. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/random.h"
#include "os/file.h"
#include "recorder/parent_storage_parts.h"
#include "vault/rebuild.h"
#include "vault/vault_walk.h"

/* One writer of the index: custos vault rebuild keeps away while this is held. */
static int parent_storage_lock_directory(struct parent_storage *s, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/lock", s->directory);

        s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (s->lock_fd < 0)
                return err_os(e, ERR_IO, errno, "cannot open %s", path);
        if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
                return err_set(e, ERR_STATE, "another process writes to %s", s->directory);
        return 0;
}

/* A vault that was made before there were volumes has its lock, or footage, and no volume.json. */
static int parent_storage_on_stream(void *owner, const char *stream, struct err *e)
{
        (void)stream;
        (void)e;
        *(bool *)owner = true;
        return 1;
}

static bool parent_storage_is_old_vault(const char *path)
{
        CLEANUP(own_freep) char *lock = xasprintf("%s/lock", path);
        struct volume_identity found;
        bool footage = false;
        struct err e = { 0 };

        if (volume_read(path, &found, &e) == 0 || e.fault != FAULT_VOLUME_MISSING)
                return false;
        if (file_exists(lock))
                return true;
        return vault_walk_streams(path, parent_storage_on_stream, &footage, NULL) > 0 && footage;
}

/* Its index is in the state directory from now on. */
static void parent_storage_drop_old_index(const char *path)
{
        static const char *const parts[] = { "", "-wal", "-shm" };

        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                CLEANUP(own_freep) char *part = xasprintf("%s/%s%s", path, INDEX_NAME, parts[i]);
                unlink(part);
        }
}

static int parent_storage_adopt(
        struct parent_storage *s, const struct volume_entry *entry, struct err *e)
{
        struct volume_identity v = { 0 };

        snprintf(v.name, sizeof v.name, "%s", entry->name);
        snprintf(v.recorder, sizeof v.recorder, "%.127s", s->parent->recorder);
        random_bytes(v.id, sizeof v.id);
        random_bytes(v.session, sizeof v.session);
        int r = volume_identity_write(entry->path, &v, e);
        if (r < 0)
                return r;
        parent_storage_drop_old_index(entry->path);
        log_info(NULL, "volume.adopted", "volume=%s path=\"%s\"", entry->name, entry->path);
        return 0;
}

int parent_storage_open_list(struct parent_storage *s, struct err *e)
{
        static const uint8_t zeros[16];

        int r = file_make_dirs(s->directory, 0700, e);
        if (r == 0)
                r = parent_storage_lock_directory(s, e);
        if (r == 0)
                r = volume_list_read(s->parent->state, &s->list, e);
        for (unsigned i = 0; r == 0 && i < s->list.n; i++) {
                const struct volume_entry *entry = &s->list.entries[i];
                struct parent_storage_slot *k = parent_storage_slot_new(s, entry);
                k->listed = true;
                k->claim = memcmp(entry->id, zeros, sizeof zeros) == 0;
                if (k->claim && parent_storage_is_old_vault(entry->path))
                        r = parent_storage_adopt(s, entry, e);
        }
        return r;
}

int parent_storage_open_index(struct parent_storage *s, struct err *e)
{
        struct rebuild_result result;
        struct err why;

        if (index_open(s->directory, &s->parent->index, &why) == 0)
                return 0;
        if (why.code == ERR_NOT_FOUND)
                log_info(NULL, "index.make", "from=\"the files of the volumes\"");
        else
                log_warn(NULL, "index.rebuild", "err=\"%s\"", why.text);
        int r = rebuild_index(s->directory, &s->list, NULL, NULL, &result, e);
        for (unsigned i = 0; r == 0 && i < result.away_n; i++) {
                const struct parent_storage_slot *k = parent_storage_slot(s, result.away[i].number);
                if (k && k->claim)
                        continue; /* it is to be made yet */
                log_warn(NULL, "index.volume_away", "volume=%u err=\"%s\"", result.away[i].number,
                        result.away[i].text);
        }
        return r < 0 ? r : index_open(s->directory, &s->parent->index, e);
}
