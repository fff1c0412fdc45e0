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
#include "vault/vault_walk.h"

#define PATH_ROOM 4400
#define TRACK_BYTES_MAX (64u << 20) /* of one track in one fragment */

struct check {
        const char *vault;
        const struct vault_check_options *o;
        struct vault_check_result *result;
        struct index *index;
        struct table in_index; /* object key to struct index_segment */
        struct table keys;     /* hour key ids that were found to have a file */
};

static void PRINTF(3, 4) check_fault(struct check *c, const char *where, const char *fmt, ...)
{
        char text[ERR_TEXT_BYTES];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        c->result->faults++;
        c->o->on_fault(c->o->owner, where, text);
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
        int r = index_open(c->vault, &c->index, &why);

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
        if (strcmp(row->stream, s->head.stream) != 0 ||
                row->first_us != s->fragments[0].seal.first_arrival_us ||
                row->fragments > s->fragments_n || row->bytes > s->file.n ||
                (row->closed && row->last_us != last->seal.last_arrival_us))
                check_fault(c, object_key,
                        "the index says something else than the file: custos vault rebuild mends "
                        "that");
        free(row);
}

static void check_rows_left(struct check *c)
{
        struct index_segment *row;
        size_t at = 0;

        while ((row = table_next(&c->in_index, &at))) {
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
        char id[33];
        struct key_store_file file;
        struct err why;

        str_hex(id, BYTES(s->head.hour_key_id, 16));
        if (table_get(&c->keys, id))
                return;
        buf_init(&text, KEY_STORE_FILE_MAX);
        int r = key_store_read(c->vault, &s->head, wall_us, &text, &why);
        if (r == 0)
                r = key_store_parse(buf_bytes(&text), &file, &why);
        if (r == 0 && (strcmp(file.stream, s->head.stream) != 0 ||
                              memcmp(file.key_id, s->head.hour_key_id, sizeof file.key_id) != 0))
                r = err_set(&why, ERR_CORRUPT,
                        "the key file %s is of another stream or key than its name says", id);
        if (r < 0)
                check_fault(c, object_key, "%s", why.text);
        table_put(&c->keys, id, c); /* said once for each key */
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
        int r = key_store_segment_key(c->vault, &s->head, wall_us, c->o->private_key, key, &why);
        if (r < 0) {
                check_fault(c, object_key, "%s", why.text);
                return;
        }
        for (unsigned i = 0; i < s->fragments_n; i++)
                decrypt_fragment(c, s, i, key, object_key);
        explicit_bzero(key, sizeof key);
}

/* --- the files --- */

static void check_mapped(struct check *c, struct bytes file, const char *object_key)
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

static int on_segment(void *owner, const char *object_key, struct err *e)
{
        struct check *c = owner;
        char path[PATH_ROOM];
        struct file_map map;
        struct err why;

        (void)e;
        if (c->o->on_segment)
                c->o->on_segment(c->o->owner, object_key);
        snprintf(path, sizeof path, "%s/%s", c->vault, object_key);
        if (file_map_open(path, &map, &why) < 0) {
                check_fault(c, object_key, "%s", why.text);
                return 0;
        }
        check_mapped(c, map.bytes, object_key);
        file_map_done(&map);
        return 0;
}

static int on_stream(void *owner, const char *stream, struct err *e)
{
        struct check *c = owner;

        return vault_walk_segments(c->vault, stream, NULL, on_segment, c, e);
}

/* --- key files, also those that no segment names --- */

static int on_key(void *owner, const char *name, struct err *e)
{
        struct check *c = owner;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", c->vault, name);
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

int vault_check(const char *vault, const struct vault_check_options *o,
        struct vault_check_result *ret, struct err *e)
{
        struct vault_check_result result = { 0 };
        struct check c = { .vault = vault, .o = o, .result = &result };

        if (!file_exists(vault))
                return err_set(e, ERR_NOT_FOUND, "there is no vault at %s", vault);
        load_index(&c);
        int r = vault_walk_streams(vault, on_stream, &c, e);
        check_rows_left(&c);
        if (r == 0)
                r = vault_walk_keys(vault, on_key, &c, e);
        table_done(&c.keys);
        index_free(c.index);
        if (r < 0)
                return r;
        *ret = result;
        return 0;
}
