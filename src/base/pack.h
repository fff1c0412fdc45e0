/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Big-endian integers and length-prefixed fields, as in MP4 boxes, seals and the messages between
 * processes.
 *
 * Reading never runs past the end: a short read sets `bad`, yields zeros or an empty view, and
 * every later read too; the caller checks `bad` (or pack_done) once. Writing appends to a buf;
 * running out of room sets `bad` likewise.
 */
#ifndef CUSTOS_BASE_PACK_H
#define CUSTOS_BASE_PACK_H

#include "base/buf.h"

struct unpack {
        struct bytes in;
        size_t at;
        bool bad;
};

struct unpack unpack_of(struct bytes in);
uint8_t unpack_u8(struct unpack *u);
uint16_t unpack_u16(struct unpack *u);
uint32_t unpack_u24(struct unpack *u);
uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
int64_t unpack_i64(struct unpack *u);
/* Exactly n bytes, borrowed from the input. */
struct bytes unpack_bytes(struct unpack *u, size_t n);
/* Copies n bytes to `to`; zeros when short. */
void unpack_copy(struct unpack *u, void *to, size_t n);
/* A field with a u32 (u16) length before it, at most `max` bytes. */
struct bytes unpack_field32(struct unpack *u, size_t max);
struct bytes unpack_field16(struct unpack *u, size_t max);
/* As unpack_field16, copied to `to` with a NUL; an inner NUL or a text of `room` bytes or more is
 * bad. */
void unpack_string(struct unpack *u, char *to, size_t room);
struct bytes unpack_rest(struct unpack *u);
size_t unpack_left(const struct unpack *u);
/* All was read, and nothing is left over. */
bool unpack_complete(const struct unpack *u);

struct pack {
        struct buf *out; /* borrowed */
        bool bad;
};

struct pack pack_to(struct buf *out);
void pack_u8(struct pack *p, uint8_t v);
void pack_u16(struct pack *p, uint16_t v);
void pack_u24(struct pack *p, uint32_t v);
void pack_u32(struct pack *p, uint32_t v);
void pack_u64(struct pack *p, uint64_t v);
void pack_i64(struct pack *p, int64_t v);
void pack_bytes(struct pack *p, struct bytes b);
void pack_zeros(struct pack *p, size_t n);
void pack_field32(struct pack *p, struct bytes b);
void pack_field16(struct pack *p, struct bytes b);
void pack_string(struct pack *p, const char *s);
/* Writes v over the four bytes at `at`, which were written before. */
void pack_patch_u32(struct pack *p, size_t at, uint32_t v);
void pack_patch_u64(struct pack *p, size_t at, uint64_t v);

#endif
