/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/backup_file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/pack.h"
#include "crypto/hash.h"
#include "crypto/media_box.h"

#define BACKUP_FILE_PARTS_MAX 3
#define BACKUP_FILE_HEAD_BYTES (8 + 4 + 8 + HASH_BYTES) /* what the wrap is bound to */
#define BACKUP_FILE_HEADER_BYTES (BACKUP_FILE_HEAD_BYTES + MEDIA_BOX_WRAP_BYTES)
#define BACKUP_FILE_SEALED_BYTES (BACKUP_FILE_CHUNK_BYTES + MEDIA_BOX_TAG_BYTES)

static const uint8_t backup_file_magic[8] = { 'C', 'u', 's', 't', 'o', 's', 'B', 'k' };

bool backup_file_is_name(const char *name)
{
        unsigned parts = 1;
        bool begins = true;
        size_t n = strlen(name);

        for (size_t i = 0; i < n; i++) {
                bool letter = isalnum((unsigned char)name[i]) || strchr("_-", name[i]);
                if (name[i] == '/') {
                        parts++;
                        if (begins)
                                return false;
                } else if (!letter && (begins || name[i] != '.')) {
                        return false;
                }
                begins = name[i] == '/';
        }
        return !begins && n <= BACKUP_FILE_NAME_MAX && parts <= BACKUP_FILE_PARTS_MAX;
}

/* The chunk that is the last one says so, so that none can be taken from the end. */
static struct bytes backup_file_aad(bool last)
{
        static const uint8_t kinds[2] = { 0, 1 };

        return BYTES(&kinds[last], 1);
}

/* --- writing --- */

struct backup_writer {
        struct media_box *box;
        backup_file_sink sink;
        void *owner;
        struct buf plain, sealed;
        uint64_t left; /* of the entry */
        unsigned entries;
};

struct backup_writer *backup_writer_free(struct backup_writer *w)
{
        if (!w)
                return NULL;
        media_box_free(w->box);
        if (w->plain.p)
                explicit_bzero(w->plain.p, w->plain.room);
        buf_done(&w->plain);
        buf_done(&w->sealed);
        free(w);
        return NULL;
}

void backup_writer_freep(struct backup_writer **w)
{
        backup_writer_free(*w);
}

int backup_writer_open(const uint8_t recipient[static HPKE_PUBLIC_BYTES], int64_t now_us,
        backup_file_sink sink, void *owner, struct backup_writer **ret, struct err *e)
{
        CLEANUP(backup_writer_freep) struct backup_writer *w = xcalloc(1, sizeof *w);
        uint8_t id[HASH_BYTES], wrap[MEDIA_BOX_WRAP_BYTES];
        struct pack p = pack_to(&w->sealed);

        w->sink = sink;
        w->owner = owner;
        buf_init_full(&w->plain, BACKUP_FILE_CHUNK_BYTES);
        buf_init_full(&w->sealed, BACKUP_FILE_SEALED_BYTES);
        hash_once(BYTES(recipient, HPKE_PUBLIC_BYTES), id);
        pack_bytes(&p, BYTES(backup_file_magic, sizeof backup_file_magic));
        pack_u32(&p, BACKUP_FILE_VERSION);
        pack_i64(&p, now_us);
        pack_bytes(&p, BYTES(id, sizeof id));
        int r = media_box_seal_new(recipient, buf_bytes(&w->sealed), &w->box, wrap, e);
        if (r < 0)
                return r;
        pack_bytes(&p, BYTES(wrap, sizeof wrap));
        r = sink(owner, buf_bytes(&w->sealed), e);
        if (r == 0)
                *ret = TAKE(w);
        return r;
}

static int backup_writer_flush(struct backup_writer *w, bool last, struct err *e)
{
        const struct bytes plain = buf_bytes(&w->plain);

        buf_clear(&w->sealed);
        int r = media_box_seal(w->box, backup_file_aad(last), &plain, 1, &w->sealed, e);
        buf_clear(&w->plain);
        return r < 0 ? r : w->sink(w->owner, buf_bytes(&w->sealed), e);
}

/* A full chunk waits until it is known whether it is the last one. */
static int backup_writer_put(struct backup_writer *w, struct bytes data, struct err *e)
{
        while (data.n) {
                if (w->plain.n == BACKUP_FILE_CHUNK_BYTES) {
                        int r = backup_writer_flush(w, false, e);
                        if (r < 0)
                                return r;
                }
                size_t room = BACKUP_FILE_CHUNK_BYTES - w->plain.n,
                       n = data.n < room ? data.n : room;
                memcpy(w->plain.p + w->plain.n, data.p, n);
                w->plain.n += n;
                data = bytes_sub(data, n, data.n);
        }
        return 0;
}

int backup_writer_entry(struct backup_writer *w, const char *name, uint64_t n, struct err *e)
{
        uint8_t head[1 + BACKUP_FILE_NAME_MAX + 8];
        size_t length = strlen(name);

        if (w->left || w->entries == BACKUP_FILE_ENTRIES_MAX || !backup_file_is_name(name) ||
                n > BACKUP_FILE_ENTRY_MAX)
                return err_set(e, ERR_STATE, "%.64s cannot be put into a backup", name);
        head[0] = (uint8_t)length;
        memcpy(head + 1, name, length);
        for (unsigned i = 0; i < 8; i++)
                head[1 + length + i] = (uint8_t)(n >> (56 - 8 * i));
        w->left = n;
        w->entries++;
        return backup_writer_put(w, BYTES(head, 1 + length + 8), e);
}

int backup_writer_data(struct backup_writer *w, struct bytes data, struct err *e)
{
        if (data.n > w->left)
                return err_set(e, ERR_STATE, "a file of the backup grew while it was read");
        w->left -= data.n;
        return backup_writer_put(w, data, e);
}

int backup_writer_end(struct backup_writer *w, struct err *e)
{
        static const uint8_t end[1];

        if (w->left)
                return err_set(e, ERR_STATE, "a file of the backup shrank while it was read");
        int r = backup_writer_put(w, BYTES(end, 1), e);
        return r < 0 ? r : backup_writer_flush(w, true, e);
}

/* --- reading --- */

/* What was decrypted and not understood yet: an entry's head may lie across two chunks. */
struct backup_reader {
        const struct backup_file_events *events;
        void *owner;
        uint8_t head[1 + BACKUP_FILE_NAME_MAX + 8];
        size_t head_n;
        uint64_t left; /* of the entry */
        unsigned entries;
        bool ended;
};

static int backup_reader_entry(struct backup_reader *r, struct err *e)
{
        char name[BACKUP_FILE_NAME_MAX + 1] = "";
        size_t length = r->head[0];
        uint64_t n = 0;

        if (length > 0 && r->entries == BACKUP_FILE_ENTRIES_MAX)
                return err_set(e, ERR_CORRUPT, "the backup holds too many files");
        if (length > BACKUP_FILE_NAME_MAX)
                return err_set(e, ERR_CORRUPT, "a name in the backup is too long");
        if (length == 0) {
                r->ended = true;
                return 0;
        }
        if (r->head_n < 1 + length + 8)
                return 0;
        memcpy(name, r->head + 1, length);
        for (unsigned i = 0; i < 8; i++)
                n = n << 8 | r->head[1 + length + i];
        if (strlen(name) != length || !backup_file_is_name(name) || n > BACKUP_FILE_ENTRY_MAX)
                return err_set(e, ERR_CORRUPT, "a file in the backup has no name that is one");
        r->head_n = 0;
        r->left = n;
        r->entries++;
        return r->events->on_entry(r->owner, name, n, e);
}

static int backup_reader_push(struct backup_reader *r, struct bytes plain, struct err *e)
{
        int done = 0;

        while (plain.n && done == 0) {
                if (r->ended)
                        return err_set(
                                e, ERR_CORRUPT, "there is something behind the backup's end");
                if (r->left) {
                        size_t n = plain.n < r->left ? plain.n : (size_t)r->left;
                        done = r->events->on_data(r->owner, bytes_sub(plain, 0, n), e);
                        r->left -= n;
                        plain = bytes_sub(plain, n, plain.n);
                } else {
                        r->head[r->head_n++] = plain.p[0];
                        plain = bytes_sub(plain, 1, plain.n);
                        done = backup_reader_entry(r, e);
                }
        }
        return done;
}

static int backup_file_open_box(struct bytes file,
        const uint8_t private_key[static HPKE_PRIVATE_BYTES], struct media_box **ret, struct err *e)
{
        uint8_t public_key[HPKE_PUBLIC_BYTES], id[HASH_BYTES];
        struct unpack u = unpack_of(file);
        struct bytes magic = unpack_bytes(&u, sizeof backup_file_magic);

        if (u.bad || !bytes_equal(magic, BYTES(backup_file_magic, sizeof backup_file_magic)))
                return err_set(e, ERR_INVALID, "the file is not a backup of Custos");
        uint32_t version = unpack_u32(&u);
        if (!u.bad && version != BACKUP_FILE_VERSION)
                return err_set(e, ERR_STATE,
                        "the backup is of version %u, and this program reads version %d", version,
                        BACKUP_FILE_VERSION);
        (void)unpack_i64(&u);
        struct bytes recipient = unpack_bytes(&u, HASH_BYTES),
                     wrap = unpack_bytes(&u, MEDIA_BOX_WRAP_BYTES);
        if (u.bad)
                return err_set(e, ERR_CORRUPT, "the backup is cut off: it has %zu bytes", file.n);
        int r = hpke_public_of(private_key, public_key, e);
        if (r < 0)
                return r;
        hash_once(BYTES(public_key, sizeof public_key), id);
        if (!bytes_equal(recipient, BYTES(id, sizeof id)))
                return err_set(e, ERR_DENIED,
                        "this recovery kit is not the one that opens the backup: it is another "
                        "site's, or an older one");
        r = media_box_open_new(
                private_key, bytes_sub(file, 0, BACKUP_FILE_HEAD_BYTES), wrap.p, ret, e);
        return r < 0 ? err_set(e, ERR_AUTH, "the backup's header was changed: it does not open")
                     : 0;
}

/* The next chunk of what is left; opened into plain. */
static int backup_file_chunk(struct media_box *box, uint64_t number, struct bytes *left, bool last,
        struct buf *plain, struct err *e)
{
        size_t n = last ? left->n : BACKUP_FILE_SEALED_BYTES;

        buf_clear(plain);
        int r = media_box_open(
                box, number, backup_file_aad(last), bytes_sub(*left, 0, n), plain, e);
        if (r == ERR_AUTH && last)
                return err_set(
                        e, ERR_AUTH, "the backup is cut off, or bytes at its end were changed");
        if (r == ERR_AUTH)
                return err_set(e, ERR_AUTH, "bytes of the backup were changed, at %llu KiB",
                        (unsigned long long)number * (BACKUP_FILE_CHUNK_BYTES >> 10));
        *left = bytes_sub(*left, n, left->n);
        return r;
}

int backup_file_read(struct bytes file, const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        const struct backup_file_events *events, void *owner, struct err *e)
{
        CLEANUP(media_box_freep) struct media_box *box = NULL;
        struct backup_reader reader = { .events = events, .owner = owner };
        struct buf plain;

        int r = backup_file_open_box(file, private_key, &box, e);
        if (r < 0)
                return r;
        struct bytes left = bytes_sub(file, BACKUP_FILE_HEADER_BYTES, file.n);
        if (left.n <= MEDIA_BOX_TAG_BYTES)
                return err_set(e, ERR_CORRUPT, "the backup is cut off: it has %zu bytes", file.n);
        buf_init_full(&plain, BACKUP_FILE_SEALED_BYTES);
        for (uint64_t number = 0; r == 0 && left.n; number++) {
                bool last = left.n <= BACKUP_FILE_SEALED_BYTES;
                r = backup_file_chunk(box, number, &left, last, &plain, e);
                if (r == 0)
                        r = backup_reader_push(&reader, buf_bytes(&plain), e);
        }
        if (r == 0 && !reader.ended)
                r = err_set(e, ERR_CORRUPT, "the backup ends within a file");
        explicit_bzero(plain.p, plain.room);
        buf_done(&plain);
        return r;
}
