/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/fragment.h"

#include <stdlib.h>

#include "media/box.h"
#include "vault/segment_file.h"

#define MDAT_HEADER 8
#define FREE_HEADER 8
#define UUID_HEADER 24

uint8_t *fragment_block(size_t n)
{
        size_t room = (n + FRAGMENT_ALIGN - 1) / FRAGMENT_ALIGN * FRAGMENT_ALIGN;
        uint8_t *p = aligned_alloc(FRAGMENT_ALIGN, room);

        if (!p)
                abort(); /* as xcalloc: a few pages, of a size that is ours */
        memset(p, 0, room);
        return p;
}

uint64_t fragment_padded(uint64_t n)
{
        uint64_t padded = (n + FRAGMENT_ALIGN - 1) / FRAGMENT_ALIGN * FRAGMENT_ALIGN;

        return padded - n > 0 && padded - n < FREE_HEADER ? padded + FRAGMENT_ALIGN : padded;
}

static void put_box_header(uint8_t to[static 8], uint64_t size, uint32_t type)
{
        for (unsigned i = 0; i < 4; i++) {
                to[i] = (uint8_t)(size >> (24 - 8 * i));
                to[4 + i] = (uint8_t)(type >> (24 - 8 * i));
        }
}

static void fragment_front(struct fragment *f, struct bytes moof)
{
        size_t used = moof.n + MDAT_HEADER;

        f->front_n = (size_t)fragment_padded(used);
        f->moof_at = f->front_n - used;
        f->front = fragment_block(f->front_n);
        if (f->moof_at)
                put_box_header(f->front, f->moof_at, BOX_TYPE('f', 'r', 'e', 'e'));
        memcpy(f->front + f->moof_at, moof.p, moof.n);
        put_box_header(f->front + f->moof_at + moof.n, MDAT_HEADER + f->mdat_bytes,
                BOX_TYPE('m', 'd', 'a', 't'));
}

int fragment_new(struct bytes moof, struct chunk_list *data, struct fragment **ret, struct err *e)
{
        int r = chunk_list_reserve(
                data, UUID_HEADER + SEAL_BYTES_MAX + FRAGMENT_ALIGN + FREE_HEADER, e);

        if (r < 0)
                return r;
        struct fragment *f = xcalloc(1, sizeof *f);
        f->data = *data;
        chunk_list_init(data, data->share);
        f->mdat_bytes = f->data.bytes;
        fragment_front(f, moof);
        *ret = f;
        return 0;
}

struct fragment *fragment_free(struct fragment *f)
{
        if (!f)
                return NULL;
        segment_file_unref(f->file);
        chunk_list_done(&f->data);
        free(f->front);
        free(f);
        return NULL;
}

void fragment_freep(struct fragment **f)
{
        fragment_free(*f);
}

int fragment_seal(struct fragment *f, struct bytes payload, struct err *e)
{
        uint8_t header[UUID_HEADER];

        if (payload.n == 0 || payload.n > SEAL_BYTES_MAX)
                return err_set(e, ERR_INVALID, "a seal of %zu bytes, at most %d are possible",
                        payload.n, SEAL_BYTES_MAX);
        put_box_header(header, UUID_HEADER + payload.n, BOX_TYPE('u', 'u', 'i', 'd'));
        memcpy(header + 8, seal_user_type, 16);
        chunk_list_append(&f->data, BYTES(header, sizeof header));
        chunk_list_append(&f->data, payload);
        uint64_t pad = fragment_padded(f->data.bytes) - f->data.bytes;
        if (pad) {
                put_box_header(header, pad, BOX_TYPE('f', 'r', 'e', 'e'));
                chunk_list_append(&f->data, BYTES(header, FREE_HEADER));
                chunk_list_append_zeros(&f->data, pad - FREE_HEADER);
        }
        f->sealed = true;
        return 0;
}

uint64_t fragment_bytes(const struct fragment *f)
{
        return f->front_n + f->data.bytes;
}
