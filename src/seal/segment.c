/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal/segment.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "media/box.h"

#define T BOX_TYPE
#define BOX_HEADER 8
#define NONE UINT64_MAX

size_t segment_padding(uint64_t offset)
{
        size_t n = (size_t)(-offset % SEGMENT_ALIGN);

        return n > 0 && n < BOX_HEADER ? n + SEGMENT_ALIGN : n;
}

/* --- reading --- */

static void PRINTF(4, 5)
        add_fault(struct segment *s, uint64_t offset, uint64_t end, const char *fmt, ...)
{
        if (s->faults_n < ARRAY_LEN(s->faults)) {
                struct segment_fault *f = &s->faults[s->faults_n];
                va_list args;

                f->offset = offset;
                f->end = end;
                va_start(args, fmt);
                vsnprintf(f->text, sizeof f->text, fmt, args);
                va_end(args);
        }
        s->faults_n++;
}

/* A box of that type with a plain 8-byte header at *at, which moves behind it. */
static bool take_box(struct bytes file, uint32_t type, uint64_t *at, struct box *ret)
{
        uint64_t next = *at;
        struct box b;

        if (box_next(file, &next, &b, NULL) <= 0 || b.type != type)
                return false;
        size_t header = type == T('u', 'u', 'i', 'd') ? BOX_HEADER + 16 : BOX_HEADER;
        if (b.whole.n != b.payload.n + header)
                return false;
        *at = next;
        *ret = b;
        return true;
}

/* One place of the file, judged by box headers and the seal alone, in constant time: [free] moof
 * mdat uuid [free]. */
struct segment_place {
        struct segment_fragment fragment;
        struct box front, back; /* the free boxes; whole.n 0 where there is none */
};

static int read_place(
        const struct segment *s, uint64_t offset, struct segment_place *ret, struct err *e)
{
        struct segment_place p = { .fragment = { .offset = offset } };
        struct segment_fragment *f = &p.fragment;
        uint64_t at = offset;
        struct box b;

        take_box(s->file, T('f', 'r', 'e', 'e'), &at, &p.front);
        if (!take_box(s->file, T('m', 'o', 'o', 'f'), &at, &b))
                return err_set(e, ERR_CORRUPT, "no moof at byte %" PRIu64, at);
        f->moof = b.whole;
        if (!take_box(s->file, T('m', 'd', 'a', 't'), &at, &b))
                return err_set(e, ERR_CORRUPT, "no mdat behind the moof, at byte %" PRIu64, at);
        f->mdat = b.payload;
        f->seal_offset = at;
        if (!take_box(s->file, T('u', 'u', 'i', 'd'), &at, &b) ||
                memcmp(b.user_type, seal_user_type, sizeof seal_user_type) != 0)
                return err_set(e, ERR_CORRUPT, "no seal behind the mdat, at byte %" PRIu64,
                        f->seal_offset);
        f->seal_payload = b.payload;
        int r = seal_parse(b.payload, &f->seal, e);
        if (r < 0)
                return r;
        if (memcmp(f->seal.kid, s->header.kid, sizeof f->seal.kid) != 0)
                return err_set(e, ERR_CORRUPT, "seal of another segment, at byte %" PRIu64,
                        f->seal_offset);
        if (segment_padding(at) > 0)
                take_box(s->file, T('f', 'r', 'e', 'e'), &at, &p.back);
        f->end = at;
        *ret = p;
        return 0;
}

static void check_free(struct segment *s, const struct box *b, size_t expected)
{
        uint64_t end = b->offset + b->whole.n;
        size_t i = 0;

        if (expected && b->whole.n != expected)
                add_fault(s, b->offset, end, "padding of %zu bytes where %zu belong", b->whole.n,
                        expected);
        while (i < b->payload.n && b->payload.p[i] == 0)
                i++;
        if (i < b->payload.n)
                add_fault(s, b->offset, end, "padding is not zero, at byte %" PRIu64,
                        (uint64_t)(b->payload.p + i - s->file.p));
}

static void add_fragment(struct segment *s, const struct segment_place *p)
{
        const struct segment_fragment *f = &p->fragment;

        if (f->offset % SEGMENT_ALIGN)
                add_fault(s, f->offset, f->end, "fragment does not begin on a multiple of %d",
                        SEGMENT_ALIGN);
        if (p->front.whole.n > SEGMENT_FRONT_MAX)
                add_fault(s, f->offset, p->front.offset + p->front.whole.n,
                        "padding of %zu bytes in front of a fragment", p->front.whole.n);
        if (p->front.whole.n)
                check_free(s, &p->front, 0);
        if (p->back.whole.n)
                check_free(s, &p->back, segment_padding(p->back.offset));
        if ((s->fragments_n & (s->fragments_n - 1)) == 0) /* room for the next power of two */
                s->fragments = xrealloc(s->fragments,
                        s->fragments_n ? 2 * (size_t)s->fragments_n : 1, sizeof *s->fragments);
        s->fragments[s->fragments_n++] = *f;
}

/* The first whole fragment behind `from`: on a multiple of SEGMENT_ALIGN, or behind boxes that can
 * be stepped over. NONE when there is none. *aligned: the answer of the last scan over multiples,
 * so that a file is scanned once. */
static uint64_t find_fragment(const struct segment *s, uint64_t from, uint64_t *aligned)
{
        struct segment_place p;
        struct box b;

        if (*aligned <= from) {
                uint64_t at = from - from % SEGMENT_ALIGN + SEGMENT_ALIGN;
                while (at < s->file.n && read_place(s, at, &p, NULL) < 0)
                        at += SEGMENT_ALIGN;
                *aligned = at < s->file.n ? at : NONE;
        }
        for (uint64_t at = from; at < *aligned && box_next(s->file, &at, &b, NULL) > 0;) {
                uint64_t padded = at;
                bool padding =
                        take_box(s->file, T('f', 'r', 'e', 'e'), &padded, &b) &&
                        b.whole.n ==
                                segment_padding(
                                        at); /* of what cannot be read, not a fragment's front */
                if (!padding && at < *aligned && read_place(s, at, &p, NULL) == 0)
                        return at;
        }
        return *aligned;
}

/* What stands behind the last fragment: mfra or nothing; the rest is the unsealed tail. */
static void read_end(struct segment *s, uint64_t at)
{
        struct box b;

        if (take_box(s->file, T('m', 'f', 'r', 'a'), &at, &b))
                s->mfra = b.whole;
        s->unsealed_from = at;
}

static void read_fragments(struct segment *s, uint64_t at)
{
        struct segment_place p;
        uint64_t aligned = 0;
        struct err why;

        while (at < s->file.n) {
                if (read_place(s, at, &p, &why) < 0) {
                        uint64_t next = find_fragment(s, at, &aligned);
                        if (next == NONE)
                                break;
                        add_fault(s, at, next, "%.110s", why.text);
                        at = next;
                        continue;
                }
                if (s->fragments_n == FMP4_FRAGMENTS_MAX) {
                        add_fault(s, at, s->file.n, "more than %d fragments", FMP4_FRAGMENTS_MAX);
                        at = s->file.n;
                        break;
                }
                add_fragment(s, &p);
                at = p.fragment.end;
        }
        read_end(s, at);
}

static int read_header(struct segment *s, struct err *e)
{
        uint64_t at = 0;
        struct box b;

        if (!take_box(s->file, T('f', 't', 'y', 'p'), &at, &b) ||
                !take_box(s->file, T('m', 'o', 'o', 'v'), &at, &b))
                return err_set(e, ERR_CORRUPT, "segment does not begin with ftyp and moov");
        s->header_bytes = bytes_sub(s->file, 0, at);
        s->index_offset = at;
        int r = fmp4_read_header(s->header_bytes, &s->header, e);
        if (r < 0)
                return r;
        r = head_parse(s->header.head, &s->head, e);
        if (r < 0)
                return r;
        if (memcmp(s->head.kid, s->header.kid, sizeof s->head.kid) != 0)
                return err_set(e, ERR_CORRUPT, "head names another key id than the tracks");
        if (s->head.version != head_version_of(&s->header))
                return err_set(e, ERR_CORRUPT, "head: version %u, and its tracks are of version %u",
                        s->head.version, head_version_of(&s->header));
        hash_once(s->header_bytes, s->header_hash);
        return 0;
}

bool segment_has_last(const struct segment *s)
{
        return s->fragments_n && s->fragments[s->fragments_n - 1].seal.flags & SEAL_LAST;
}

static bool has_sidx(const struct segment *s)
{
        struct bytes space = bytes_sub(s->file, s->index_offset, FMP4_INDEX_SPACE);

        return space.n == FMP4_INDEX_SPACE && memcmp(space.p + 4, "sidx", 4) == 0;
}

int segment_read(struct bytes file, struct segment *ret, struct err *e)
{
        struct segment s = { .file = file };
        int r = read_header(&s, e);

        if (r < 0)
                return r;
        uint64_t at = s.index_offset + FMP4_INDEX_SPACE;
        if (at <= file.n) {
                struct box padding;
                size_t expected = segment_padding(at);
                if (expected && take_box(file, T('f', 'r', 'e', 'e'), &at, &padding))
                        check_free(&s, &padding, expected);
                read_fragments(&s, at);
                s.closed = segment_has_last(&s) && s.mfra.n && has_sidx(&s);
        } else {
                s.unsealed_from = s.index_offset;
        }
        *ret = s;
        return 0;
}

void segment_done(struct segment *s)
{
        free(s->fragments);
        s->fragments = NULL;
        s->fragments_n = 0;
}

/* --- decrypting --- */

static void decrypt_sample(struct cipher *c, const struct fmp4_fragment_track *t,
        const struct fmp4_sample *s, const uint8_t *in, uint8_t *out)
{
        cipher_start(c, s->iv);
        if (s->ranges_n == 0)
                cipher_apply(c, in, out, s->size);
        for (unsigned i = 0; i < s->ranges_n; i++) {
                const struct cenc_range *range = &t->ranges[s->ranges_first + i];
                memcpy(out, in, range->clear);
                cipher_apply(c, in + range->clear, out + range->clear, range->protected_bytes);
                in += range->clear + range->protected_bytes;
                out += range->clear + range->protected_bytes;
        }
}

static int decrypt_track(const struct fmp4_fragment_track *t, struct bytes data,
        const uint8_t key[static 16], struct buf *out, struct err *e)
{
        uint8_t *to = buf_reserve(out, data.n);
        size_t at = 0;

        if (!to)
                return err_set(e, ERR_EXHAUSTED, "%zu decrypted bytes, room for %zu", data.n,
                        out->max - out->n);
        CLEANUP(cipher_freep) struct cipher *c = cipher_new(key);
        for (unsigned i = 0; i < t->samples_n; i++) {
                decrypt_sample(c, t, &t->samples[i], data.p + at, to + at);
                at += t->samples[i].size;
        }
        out->n += data.n;
        return 0;
}

int segment_decrypt(const struct segment *s, unsigned i, uint32_t track_id,
        const uint8_t key[static 16], struct buf *out, struct err *e)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment layout = { 0 };
        const struct segment_fragment *f = &s->fragments[i];
        uint8_t commitment[32];
        size_t at = 0;

        seal_commit_key(key, f->seal.kid, f->seal.stream, commitment);
        if (memcmp(commitment, f->seal.key_commitment, sizeof commitment) != 0)
                return err_set(e, ERR_AUTH,
                        "fragment %u: the key is not the one that its seal commits to",
                        f->seal.fragment);
        int r = fmp4_read_moof(f->moof, &layout, e);
        if (r < 0)
                return r;
        for (unsigned k = 0; k < layout.tracks_n; k++) {
                const struct fmp4_fragment_track *t = &layout.tracks[k];
                struct bytes data = bytes_sub(f->mdat, at, t->bytes);
                if (data.n != t->bytes)
                        return err_set(e, ERR_CORRUPT,
                                "fragment %u: mdat is shorter than its samples", f->seal.fragment);
                if (t->id == track_id)
                        return decrypt_track(t, data, key, out, e);
                at += t->bytes;
        }
        return err_set(e, ERR_NOT_FOUND, "fragment %u has no track %u", f->seal.fragment, track_id);
}
