/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/vault_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "base/table.h"
#include "os/file.h"
#include "seal/segment.h"
#include "vault/index.h"
#include "vault/key_store.h"
#include "vault/lock_record.h"
#include "vault/segment_skim.h"
#include "vault/vault_walk.h"

#define PATH_ROOM 4400
#define TRACK_BYTES_MAX (64u << 20) /* of one track in one fragment */

struct check {
        const struct vault_set *set;
        unsigned at; /* the member that is looked at */
        const struct vault_check_options *o;
        struct vault_check_result *result;
        struct index *index;
        struct table in_index; /* object key to struct index_segment */
        struct table keys;     /* "member/id" of hour keys that were looked for */
};

/* where: relative to the volume that is looked at; of several, it is named too. */
static void PRINTF(3, 4) check_fault(struct check *c, const char *where, const char *fmt, ...)
{
        CLEANUP(own_freep) char *place = NULL;
        char text[ERR_TEXT_BYTES];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        if (c->set->n > 1 && c->at < c->set->n)
                place = xasprintf("%s:%s", c->set->members[c->at].name, where);
        c->result->faults++;
        c->o->on_fault(c->o->owner, place ? place : where, text);
}

/* --- the index --- */

static int on_index_row(void *owner, const struct index_segment *s, struct err *e)
{
        struct check *c = owner;
        struct index_segment *copy = xcalloc(1, sizeof *copy);

        (void)e;
        *copy = *s;
        free(table_get(&c->in_index, s->object_key));
        table_put(&c->in_index, s->object_key, copy);
        return 0;
}

static void load_index(struct check *c)
{
        struct err why;

        if (!c->o->index)
                return;
        int r = index_open(c->o->index, &c->index, &why);
        if (r == 0)
                r = index_search(c->index, NULL, INT64_MIN, INT64_MAX, on_index_row, c, &why);
        c->result->has_index = r == 0;
        if (r < 0)
                check_fault(c, INDEX_NAME, "%s", why.text);
}

/* The index may be a second behind the file, never ahead of it. */
static void check_row(struct check *c, const struct segment *s, const char *object_key)
{
        struct index_segment *row = table_take(&c->in_index, object_key);
        const struct segment_fragment *last = &s->fragments[s->fragments_n - 1];

        if (!c->result->has_index)
                return;
        if (!row) {
                if (s->closed)
                        check_fault(c, object_key,
                                "is not in the index: custos vault rebuild mends that");
                return;
        }
        if (row->volume != c->set->members[c->at].number) {
                /* A copy, or moved by hand. */
                check_fault(c, object_key,
                        "the index says that it lies on another volume: custos vault rebuild "
                        "mends that");
        } else if (strcmp(row->stream, s->head.stream) != 0 ||
                   row->first_us != s->fragments[0].seal.first_arrival_us ||
                   row->fragments > s->fragments_n || row->bytes > s->file.n ||
                   (row->closed && row->last_us != last->seal.last_arrival_us))
                check_fault(c, object_key,
                        "the index says something else than the file: custos vault rebuild mends "
                        "that");
        free(row);
}

/* Its index into the members, VOLUME_MAX where it is none of them. */
static unsigned member_of(const struct check *c, uint32_t number)
{
        for (unsigned i = 0; i < c->set->n; i++)
                if (c->set->members[i].number == number)
                        return i;
        return VOLUME_MAX;
}

static void check_rows_left(struct check *c)
{
        struct index_segment *row;
        size_t at = 0;

        while ((row = table_next(&c->in_index, &at))) {
                c->at = member_of(c, row->volume);
                if (c->at == VOLUME_MAX || !c->set->members[c->at].away)
                        check_fault(c, row->object_key,
                                "is in the index, and the file is missing or cannot be read");
                free(row);
        }
        table_done(&c->in_index);
}

/* --- keys and content --- */

static void check_key_file(
        struct check *c, const struct segment *s, const char *object_key, int64_t wall_us)
{
        CLEANUP(buf_done) struct buf text;
        char id[33], name[48];
        struct key_store_file file;
        unsigned at = c->at;
        struct err why;

        buf_init(&text, KEY_STORE_FILE_MAX);
        str_hex(id, BYTES(s->head.hour_key_id, 16));
        snprintf(name, sizeof name, "%u/%s", c->at, id);
        if (table_get(&c->keys, name))
                return;
        int r = key_store_read(c->set, c->at, &s->head, wall_us, &text, &at, &why);
        if (r == 0)
                r = key_store_parse(buf_bytes(&text), &file, &why);
        if (r == 0 && (strcmp(file.stream, s->head.stream) != 0 ||
                              memcmp(file.key_id, s->head.hour_key_id, sizeof file.key_id) != 0))
                r = err_set(&why, ERR_CORRUPT,
                        "the key file %s is of another stream or key than its name says", id);
        if (r < 0)
                check_fault(c, object_key, "%s", why.text);
        else if (at != c->at)
                check_fault(c, object_key,
                        "its hour key %s lies on %s alone: %s cannot be read by itself", id,
                        c->set->members[at].name, c->set->members[c->at].name);
        table_put(&c->keys, name, c); /* said once for each key */
}

/* NAL units as decrypted: lengths that add up, and headers that can be ones (ISO/IEC
 * 14496-10 7.3.1, 23008-2 7.3.1.2). */
static const char *find_nal_fault(enum media_codec codec, struct bytes sample)
{
        size_t header = codec == MEDIA_H265 ? 2 : 1;

        for (size_t at = 0; at < sample.n;) {
                if (sample.n - at < 4)
                        return "bytes behind the last NAL unit";
                const uint8_t *p = sample.p + at;
                uint32_t n =
                        (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
                if (n > sample.n - at - 4)
                        return "a NAL unit that is longer than its frame";
                if (n >= header && p[4] & 0x80)
                        return "a NAL unit with its forbidden bit set";
                at += 4 + (size_t)n;
        }
        return NULL;
}

static void check_samples(struct check *c, const struct segment *s,
        const struct fmp4_fragment_track *t, struct bytes clear, const char *where)
{
        enum media_codec codec = s->header.tracks[t->id - 1].config.codec;
        size_t at = 0;

        for (unsigned i = 0; i < t->samples_n && media_has_nals(codec); i++) {
                const char *fault = find_nal_fault(codec, bytes_sub(clear, at, t->samples[i].size));
                if (fault) {
                        check_fault(
                                c, where, "track %" PRIu32 ", sample %u: %s", t->id, i + 1, fault);
                        return;
                }
                at += t->samples[i].size;
        }
}

static void decrypt_fragment(struct check *c, const struct segment *s, unsigned i,
        const uint8_t key[static 16], const char *object_key)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment layout = { 0 };
        CLEANUP(buf_done) struct buf clear;
        char where[HEAD_KEY_MAX + 32];
        struct err why;

        snprintf(where, sizeof where, "%s, fragment %u", object_key, i + 1);
        buf_init(&clear, TRACK_BYTES_MAX);
        int r = fmp4_read_moof(s->fragments[i].moof, &layout, &why);
        for (unsigned k = 0; r == 0 && k < layout.tracks_n; k++) {
                if (layout.tracks[k].id > s->header.tracks_n)
                        continue; /* verify/ tells it */
                buf_clear(&clear);
                r = segment_decrypt(s, i, layout.tracks[k].id, key, &clear, &why);
                if (r == 0)
                        check_samples(c, s, &layout.tracks[k], buf_bytes(&clear), where);
        }
        if (r < 0)
                check_fault(c, where, "%s", why.text);
        else
                c->result->decrypted++;
}

static void check_content(
        struct check *c, const struct segment *s, const char *object_key, int64_t wall_us)
{
        uint8_t key[16];
        struct err why;

        if (!c->o->private_key)
                return;
        int r = key_store_segment_key(
                c->set, c->at, &s->head, wall_us, c->o->private_key, key, &why);
        if (r < 0) {
                check_fault(c, object_key, "%s", why.text);
                return;
        }
        for (unsigned i = 0; i < s->fragments_n; i++)
                decrypt_fragment(c, s, i, key, object_key);
        explicit_bzero(key, sizeof key);
}

/* --- the segments --- */

static void check_bytes(struct check *c, struct bytes file, const char *object_key)
{
        struct segment s;
        struct err why;

        if (file.n == 0) {
                c->result->empty++;
                return;
        }
        int r = segment_read(file, &s, &why);
        if (r < 0) {
                check_fault(c, object_key, "%s", why.text);
                return;
        }
        if (s.fragments_n == 0) {
                c->result->empty++;
        } else {
                int64_t wall_us = s.fragments[0].seal.first_arrival_us;
                c->result->segments++;
                c->result->fragments += s.fragments_n;
                check_row(c, &s, object_key);
                check_key_file(c, &s, object_key, wall_us);
                check_content(c, &s, object_key, wall_us);
        }
        segment_done(&s);
}

static int on_segment(void *owner, unsigned at, const char *object_key, struct err *e)
{
        struct check *c = owner;
        char path[PATH_ROOM];
        struct segment_skim skim;
        struct file_map map;
        struct err why;

        (void)e;
        c->at = at;
        if (c->o->on_segment)
                c->o->on_segment(c->o->owner, object_key);
        snprintf(path, sizeof path, "%s/%s", c->set->members[at].path, object_key);
        /* Without a key nobody looks at the media here: verify/ has hashed them. */
        if (c->o->private_key && file_map_open(path, &map, &why) == 0) {
                check_bytes(c, map.bytes, object_key);
                file_map_done(&map);
        } else if (!c->o->private_key && segment_skim_open(path, &skim, &why) == 0) {
                check_bytes(c, skim.bytes, object_key);
                segment_skim_close(&skim);
        } else {
                check_fault(c, object_key, "%s", why.text);
        }
        return 0;
}

/* --- key files, also those that no segment names --- */

static int on_key(void *owner, const char *name, struct err *e)
{
        struct check *c = owner;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", c->set->members[c->at].path, name);
        CLEANUP(buf_done) struct buf text;
        struct key_store_file file;
        struct err why;
        char expected[HEAD_PATH_MAX + 80];

        (void)e;
        buf_init(&text, KEY_STORE_FILE_MAX);
        c->result->key_files++;
        int r = file_read(path, KEY_STORE_FILE_MAX, &text, &why);
        if (r == 0)
                r = key_store_parse(buf_bytes(&text), &file, &why);
        if (r < 0) {
                check_fault(c, name, "%s", why.text);
                return 0;
        }
        key_store_path(file.stream, file.hour, file.key_id, expected, sizeof expected);
        if (strcmp(expected, name) != 0)
                check_fault(c, name, "holds the key that belongs in %s", expected);
        return 0;
}

/* --- locks, and what makes it a volume --- */

static int on_lock(void *owner, const char *name, struct err *e)
{
        struct check *c = owner;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", c->set->members[c->at].path, name);
        CLEANUP(own_freep) char *expected = NULL;
        CLEANUP(buf_done) struct buf text;
        struct lock_record lock;
        struct err why;

        (void)e;
        buf_init(&text, LOCK_RECORD_FILE_MAX);
        c->result->locks++;
        int r = file_read(path, LOCK_RECORD_FILE_MAX, &text, &why);
        if (r == 0)
                r = lock_record_parse(buf_bytes(&text), &lock, &why);
        if (r < 0) {
                check_fault(c, name, "%s", why.text);
                return 0;
        }
        expected = xasprintf("locks/%s.json", lock.id);
        if (strcmp(expected, name) != 0)
                check_fault(c, name, "holds the lock that belongs in %s", expected);
        return 0;
}

/* A directory that somebody copied a stream into has none, and is read all the same. */
static void check_identity(struct check *c)
{
        const char *volume = c->set->members[c->at].path;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", volume, VOLUME_FILE);
        struct volume_identity identity;
        struct err why;

        if (file_exists(path) && volume_read(volume, &identity, &why) < 0)
                check_fault(c, VOLUME_FILE, "%s", why.text);
}

static int check_volume(struct check *c, unsigned at, struct err *e)
{
        const struct vault_set_member *member = &c->set->members[at];

        c->at = at;
        if (member->away) {
                check_fault(c, member->name,
                        "this volume cannot be looked at: %.300s. Nothing is said of what is on it",
                        member->away);
                return 0;
        }
        check_identity(c);
        int r = vault_walk_locks(member->path, on_lock, c, e);
        return r < 0 ? r : vault_walk_keys(member->path, on_key, c, e);
}

static int on_stream(void *owner, const char *stream, struct err *e)
{
        struct check *c = owner;

        return vault_set_segments(c->set, stream, NULL, on_segment, c, e);
}

int vault_check(const struct vault_set *set, const struct vault_check_options *o,
        struct vault_check_result *ret, struct err *e)
{
        struct vault_check_result result = { 0 };
        struct check c = { .set = set, .at = VOLUME_MAX, .o = o, .result = &result };

        if (vault_set_away_n(set) == set->n)
                return err_set(e, ERR_NOT_FOUND, "there is no vault that can be looked at%s%s",
                        set->n ? ": " : "", set->n ? set->members[0].away : "");
        load_index(&c);
        int r = vault_set_streams(set, on_stream, &c, e);
        check_rows_left(&c);
        for (unsigned i = 0; r == 0 && i < set->n; i++)
                r = check_volume(&c, i, e);
        table_done(&c.keys);
        index_free(c.index);
        if (r < 0)
                return r;
        *ret = result;
        return 0;
}
