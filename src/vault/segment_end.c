/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/segment_end.h"

#include "base/pack.h"
#include "crypto/sign.h"
#include "media/box.h"

#define SECTOR 512 /* no disk writes less in one piece */
#define BOX_HEADER 8
#define SEAL_BOX_HEADER 24

/* A sector of zeros between two places, both widened to whole sectors. */
static bool has_zero_sector(struct bytes file, uint64_t from, uint64_t to)
{
        static const uint8_t zeros[SECTOR];

        for (uint64_t at = from - from % SECTOR; at < to; at += SECTOR) {
                struct bytes sector = bytes_sub(file, at, SECTOR);
                if (sector.n && memcmp(sector.p, zeros, sector.n) == 0)
                        return true;
        }
        return false;
}

static uint64_t offset_of(const struct segment *s, struct bytes part)
{
        return (uint64_t)(part.p - s->file.p);
}

static uint64_t end_before(const struct segment *s, unsigned i)
{
        return i ? s->fragments[i - 1].end : 0;
}

static bool fault_between(const struct segment *s, uint64_t from, uint64_t to)
{
        unsigned n = s->faults_n < ARRAY_LEN(s->faults) ? s->faults_n : ARRAY_LEN(s->faults);

        for (unsigned i = 0; i < n; i++) {
                if (s->faults[i].offset >= from && s->faults[i].offset < to)
                        return true;
        }
        return s->faults_n > n;
}

static bool is_whole(const struct segment *s, unsigned i, struct verify_key *key)
{
        const struct segment_fragment *f = &s->fragments[i];

        return segment_check_fragment(s, i, NULL) == 0 && key &&
               seal_signature_ok(f->seal_payload, key);
}

/* Fragment i, and what stands between it and the one before. */
static bool is_torn(const struct segment *s, unsigned i, struct verify_key *key)
{
        const struct segment_fragment *f = &s->fragments[i];
        uint64_t before = end_before(s, i);

        /* Bytes between two fragments that are none. */
        if (f->offset > before && fault_between(s, before, f->offset) &&
                has_zero_sector(s->file, before, i ? f->offset : s->index_offset))
                return true;
        if (is_whole(s, i, key))
                return i == 0 && fault_between(s, 0, f->offset);
        /* The padding in front is zero in any case. */
        if (has_zero_sector(s->file, offset_of(s, f->moof), f->seal_offset) ||
                has_zero_sector(s->file, f->seal_offset,
                        f->seal_offset + SEAL_BOX_HEADER + f->seal_payload.n))
                return true;
        return has_zero_sector(s->file, 0, s->index_offset); /* its header */
}

void segment_end_judge(const struct segment *s, struct segment_end *ret)
{
        CLEANUP(verify_key_freep) struct verify_key *key = NULL;
        struct segment_end end = { .keep = s->fragments_n };

        if (verify_key_of_cert(s->head.seal_cert, &key, NULL) < 0)
                key = NULL; /* then nothing is whole */
        for (unsigned i = end.keep; i-- > 0 && !end.settled;) {
                if (is_torn(s, i, key)) {
                        end.keep = i;
                        end.torn = true;
                        continue;
                }
                end.settled = s->fragments[end.keep - 1].seal.monotonic_us -
                                      s->fragments[i].seal.monotonic_us >=
                              SEGMENT_END_UNSURE_US;
        }
        *ret = end;
}

/* The next whole seal from *at on, which moves behind it. */
static bool next_seal(struct bytes file, size_t *at, struct seal *ret, struct bytes *ret_payload)
{
        const size_t n = sizeof seal_user_type;

        for (;;) {
                struct bytes rest = bytes_sub(file, *at, file.n);
                const uint8_t *found = rest.n ? memmem(rest.p, rest.n, seal_user_type, n) : NULL;
                if (!found)
                        return false;
                size_t from = (size_t)(found - file.p);
                *at = from + n;
                if (from < BOX_HEADER)
                        continue;
                /* The box's size stands in front of type and user type. */
                struct unpack u = unpack_of(bytes_sub(file, from - BOX_HEADER, 4));
                uint32_t size = unpack_u32(&u);
                struct bytes box = bytes_sub(file, from - BOX_HEADER, size);
                struct bytes payload = bytes_sub(box, SEAL_BOX_HEADER, box.n);
                if (box.n == size && payload.n && seal_parse(payload, ret, NULL) == 0) {
                        *ret_payload = payload;
                        return true;
                }
        }
}

unsigned segment_end_find_seals(
        struct bytes file, struct seal *ret_first, struct seal *ret_last, struct bytes *ret_payload)
{
        unsigned n = 0;
        size_t at = 0;

        while (next_seal(file, &at, ret_last, ret_payload)) {
                if (n++ == 0)
                        *ret_first = *ret_last;
        }
        return n;
}

/* Written for longer than a crash reaches back, its header would have been synced. */
static bool is_old(struct bytes file)
{
        struct seal first, last;
        struct bytes payload;

        return segment_end_find_seals(file, &first, &last, &payload) &&
               last.monotonic_us - first.monotonic_us >= 2 * SEGMENT_END_UNSURE_US;
}

bool segment_end_never_synced(struct bytes file)
{
        uint64_t at = 0, header = SECTOR;
        struct box b;

        /* To where the boxes end: with the file, or where one was not written. */
        while (box_next(file, &at, &b, NULL) > 0) {
                if (b.type == BOX_TYPE('m', 'o', 'o', 'v'))
                        header = at;
        }
        return (has_zero_sector(file, 0, header) || has_zero_sector(file, at, at + BOX_HEADER)) &&
               !is_old(file);
}
