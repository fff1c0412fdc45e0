/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/pack.h"

#include <assert.h>

struct unpack unpack_of(struct bytes in)
{
        return (struct unpack){ .in = in };
}

size_t unpack_left(const struct unpack *u)
{
        return u->bad ? 0 : u->in.n - u->at;
}

bool unpack_complete(const struct unpack *u)
{
        return !u->bad && u->at == u->in.n;
}

struct bytes unpack_bytes(struct unpack *u, size_t n)
{
        if (unpack_left(u) < n || u->bad) {
                u->bad = true;
                return BYTES(NULL, 0);
        }
        struct bytes b = BYTES(u->in.p ? u->in.p + u->at : NULL, n);
        u->at += n;
        return b;
}

static uint64_t unpack_uint(struct unpack *u, size_t n)
{
        struct bytes b = unpack_bytes(u, n);
        uint64_t v = 0;

        for (size_t i = 0; i < b.n; i++)
                v = v << 8 | b.p[i];
        return v;
}

uint8_t unpack_u8(struct unpack *u)
{
        return (uint8_t)unpack_uint(u, 1);
}

uint16_t unpack_u16(struct unpack *u)
{
        return (uint16_t)unpack_uint(u, 2);
}

uint32_t unpack_u24(struct unpack *u)
{
        return (uint32_t)unpack_uint(u, 3);
}

uint32_t unpack_u32(struct unpack *u)
{
        return (uint32_t)unpack_uint(u, 4);
}

uint64_t unpack_u64(struct unpack *u)
{
        return unpack_uint(u, 8);
}

int64_t unpack_i64(struct unpack *u)
{
        return (int64_t)unpack_uint(u, 8);
}

void unpack_copy(struct unpack *u, void *to, size_t n)
{
        struct bytes b = unpack_bytes(u, n);

        if (b.n)
                memcpy(to, b.p, b.n);
        else if (n)
                memset(to, 0, n);
}

static struct bytes unpack_field(struct unpack *u, size_t n, size_t max)
{
        if (n > max)
                u->bad = true;
        return unpack_bytes(u, n);
}

struct bytes unpack_field32(struct unpack *u, size_t max)
{
        return unpack_field(u, unpack_u32(u), max);
}

struct bytes unpack_field16(struct unpack *u, size_t max)
{
        return unpack_field(u, unpack_u16(u), max);
}

void unpack_string(struct unpack *u, char *to, size_t room)
{
        struct bytes b = unpack_field16(u, room - 1);

        if (b.n && memchr(b.p, '\0', b.n)) {
                u->bad = true;
                b.n = 0;
        }
        if (b.n)
                memcpy(to, b.p, b.n);
        to[b.n] = '\0';
}

struct bytes unpack_rest(struct unpack *u)
{
        return unpack_bytes(u, unpack_left(u));
}

struct pack pack_to(struct buf *out)
{
        return (struct pack){ .out = out };
}

void pack_bytes(struct pack *p, struct bytes b)
{
        if (!p->bad && buf_append(p->out, b, NULL) < 0)
                p->bad = true;
}

static void pack_uint(struct pack *p, uint64_t v, size_t n)
{
        uint8_t raw[8];

        for (size_t i = 0; i < n; i++)
                raw[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
        pack_bytes(p, BYTES(raw, n));
}

void pack_u8(struct pack *p, uint8_t v)
{
        pack_uint(p, v, 1);
}

void pack_u16(struct pack *p, uint16_t v)
{
        pack_uint(p, v, 2);
}

void pack_u24(struct pack *p, uint32_t v)
{
        pack_uint(p, v, 3);
}

void pack_u32(struct pack *p, uint32_t v)
{
        pack_uint(p, v, 4);
}

void pack_u64(struct pack *p, uint64_t v)
{
        pack_uint(p, v, 8);
}

void pack_i64(struct pack *p, int64_t v)
{
        pack_uint(p, (uint64_t)v, 8);
}

void pack_zeros(struct pack *p, size_t n)
{
        uint8_t *to = p->bad ? NULL : buf_reserve(p->out, n);

        if (!to) {
                p->bad = true;
                return;
        }
        memset(to, 0, n);
        p->out->n += n;
}

void pack_field32(struct pack *p, struct bytes b)
{
        if (b.n > UINT32_MAX)
                p->bad = true;
        pack_u32(p, (uint32_t)b.n);
        pack_bytes(p, b);
}

void pack_field16(struct pack *p, struct bytes b)
{
        if (b.n > UINT16_MAX)
                p->bad = true;
        pack_u16(p, (uint16_t)b.n);
        pack_bytes(p, b);
}

void pack_string(struct pack *p, const char *s)
{
        pack_field16(p, bytes_str(s));
}

static void pack_patch(struct pack *p, size_t at, uint64_t v, size_t n)
{
        if (p->bad)
                return;
        assert(at + n <= p->out->n);
        for (size_t i = 0; i < n; i++)
                p->out->p[at + i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void pack_patch_u32(struct pack *p, size_t at, uint32_t v)
{
        pack_patch(p, at, v, 4);
}

void pack_patch_u64(struct pack *p, size_t at, uint64_t v)
{
        pack_patch(p, at, v, 8);
}
