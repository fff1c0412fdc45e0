/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/box.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static const char *box_type_text(uint32_t type, char to[static 17])
{
        uint8_t raw[4] = { (uint8_t)(type >> 24), (uint8_t)(type >> 16), (uint8_t)(type >> 8),
                (uint8_t)type };

        for (size_t i = 0, at = 0; i < sizeof raw; i++) {
                bool printable = raw[i] > ' ' && raw[i] < 0x7f && raw[i] != '"' && raw[i] != '\\';
                at += (size_t)snprintf(to + at, 17 - at, printable ? "%c" : "\\x%02x", raw[i]);
        }
        return to;
}

int box_next(struct bytes in, uint64_t *at, struct box *ret, struct err *e)
{
        if (*at == in.n)
                return 0;
        struct unpack u = unpack_of(bytes_sub(in, *at, in.n));
        uint64_t size = unpack_u32(&u);
        struct box b = { .type = unpack_u32(&u), .offset = *at };
        if (size == 1)
                size = unpack_u64(&u);
        if (b.type == BOX_TYPE('u', 'u', 'i', 'd'))
                unpack_copy(&u, b.user_type, sizeof b.user_type);
        if (u.bad || *at > in.n)
                return err_set(e, ERR_CORRUPT, "byte %" PRIu64 ": box header is cut off", *at);

        char type[17];
        if (size < u.at || size > u.in.n)
                return err_set(e, ERR_CORRUPT,
                        "byte %" PRIu64 ": box %s says %" PRIu64 " bytes, %zu are there", *at,
                        box_type_text(b.type, type), size, u.in.n);
        b.whole = bytes_sub(u.in, 0, size);
        b.payload = bytes_sub(b.whole, u.at, size);
        *at += size;
        *ret = b;
        return 1;
}

int box_find(struct bytes in, uint32_t type, struct box *ret, struct err *e)
{
        uint64_t at = 0;
        struct box b;
        int r;

        while ((r = box_next(in, &at, &b, e)) > 0) {
                if (b.type != type)
                        continue;
                *ret = b;
                return 0;
        }
        if (r < 0)
                return r;
        char text[17];
        return err_set(e, ERR_NOT_FOUND, "no box %s", box_type_text(type, text));
}

size_t box_begin(struct pack *p, uint32_t type)
{
        size_t begin = p->out->n;

        pack_u32(p, 0);
        pack_u32(p, type);
        return begin;
}

size_t box_begin_full(struct pack *p, uint32_t type, uint8_t version, uint32_t flags)
{
        size_t begin = box_begin(p, type);

        pack_u8(p, version);
        pack_u24(p, flags);
        return begin;
}

size_t box_begin_uuid(struct pack *p, const uint8_t user_type[static 16])
{
        size_t begin = box_begin(p, BOX_TYPE('u', 'u', 'i', 'd'));

        pack_bytes(p, BYTES(user_type, 16));
        return begin;
}

void box_end(struct pack *p, size_t begin)
{
        if (p->bad)
                return;
        size_t n = p->out->n - begin;
        if (n > UINT32_MAX)
                p->bad = true;
        pack_patch_u32(p, begin, (uint32_t)n);
}

void box_free_space(struct pack *p, size_t n)
{
        assert(n >= 8);
        size_t begin = box_begin(p, BOX_TYPE('f', 'r', 'e', 'e'));
        pack_zeros(p, n - 8);
        box_end(p, begin);
}
