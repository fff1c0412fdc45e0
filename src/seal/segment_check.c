/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A segment against its seals: hashes, lengths, numbers, and the index that follows from them. */
#include "seal/segment.h"

#include <inttypes.h>

#include "crypto/hash.h"

#define BOX_HEADER 8
#define INDEX_MAX                                                                                  \
        (FMP4_INDEX_SPACE + 64 + 19 * FMP4_FRAGMENTS_MAX) /* sidx and mfra of the longest segment  \
                                                           */

static int differs(const struct segment_fragment *f, struct err *e, const char *what)
{
        return err_set(e, ERR_CORRUPT, "fragment %u at byte %" PRIu64 ": %s", f->seal.fragment,
                f->offset, what);
}

static bool hash_is(struct bytes b, const uint8_t expected[static HASH_BYTES])
{
        uint8_t found[HASH_BYTES];

        hash_once(b, found);
        return memcmp(found, expected, sizeof found) == 0;
}

static int check_place(const struct segment *s, unsigned i, struct err *e)
{
        const struct segment_fragment *f = &s->fragments[i];
        const struct seal *seal = &f->seal;

        if (memcmp(seal->kid, s->header.kid, sizeof seal->kid) != 0)
                return differs(f, e, "its seal belongs to another segment");
        if (strcmp(seal->stream, s->head.stream) != 0)
                return differs(f, e, "its seal belongs to another stream");
        if (memcmp(seal->header_hash, s->header_hash, sizeof seal->header_hash) != 0)
                return differs(f, e, "ftyp or moov is not the sealed one");
        if (!(seal->flags & SEAL_FIRST) != (seal->fragment != 1))
                return differs(f, e, "its number and the mark of the first fragment disagree");
        if (seal->flags & SEAL_LAST && i + 1 < s->fragments_n)
                return differs(f, e, "sealed as the last of its segment, and another follows");
        if (seal->moof_bytes != f->moof.n || !hash_is(f->moof, seal->moof_hash))
                return differs(f, e, "moof is not the sealed one");
        return 0;
}

static int check_track(const struct segment *s, const struct segment_fragment *f, unsigned i,
        const struct fmp4_fragment_track *t, struct bytes data, struct err *e)
{
        const struct seal_track *sealed = &f->seal.tracks[i];
        uint64_t duration = 0;

        for (unsigned k = 0; k < t->samples_n; k++)
                duration += t->samples[k].duration;
        if (t->id > s->header.tracks_n)
                return differs(f, e, "a track that the header does not have");
        if (sealed->id != t->id || sealed->decode_time != t->decode_time ||
                sealed->duration != duration || sealed->samples != t->samples_n ||
                sealed->bytes != t->bytes)
                return differs(f, e, "moof and seal disagree on a track");
        enum media_codec codec = s->header.tracks[t->id - 1].config.codec;
        if (media_has_nals(codec) != (t->ranges_total > 0))
                return differs(f, e, "encrypted ranges are not those of its kind of track");
        if (data.n != t->bytes)
                return differs(f, e, "mdat is shorter than its samples");
        if (!hash_is(data, sealed->hash))
                return differs(f, e,
                        media_is_video(codec)   ? "video is not the sealed one"
                        : media_is_audio(codec) ? "audio is not the sealed one"
                                                : "metadata are not the sealed ones");
        return 0;
}

static int check_layout(const struct segment *s, const struct segment_fragment *f,
        const struct fmp4_fragment *layout, struct err *e)
{
        size_t at = 0;

        if (layout->sequence != f->seal.fragment)
                return differs(f, e, "moof and seal have different numbers");
        if (layout->tracks_n != f->seal.tracks_n)
                return differs(f, e, "moof and seal have different tracks");
        for (unsigned i = 0; i < layout->tracks_n; i++) {
                const struct fmp4_fragment_track *t = &layout->tracks[i];
                int r = check_track(s, f, i, t, bytes_sub(f->mdat, at, t->bytes), e);
                if (r < 0)
                        return r;
                at += t->bytes;
        }
        if (at != f->mdat.n)
                return differs(f, e, "mdat is longer than its samples");
        return 0;
}

int segment_check_fragment(const struct segment *s, unsigned i, struct err *e)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment layout = { 0 };
        const struct segment_fragment *f = &s->fragments[i];
        int r = check_place(s, i, e);

        if (r < 0)
                return r;
        r = fmp4_read_moof(f->moof, &layout, e);
        if (r < 0)
                return err_wrap(e, r, "fragment %u at byte %" PRIu64, f->seal.fragment, f->offset);
        return check_layout(s, f, &layout, e);
}

static int index_entry(
        const struct segment_fragment *f, struct fmp4_index_entry *ret, struct err *e)
{
        CLEANUP(fmp4_fragment_done) struct fmp4_fragment layout = { 0 };
        int r = fmp4_read_moof(f->moof, &layout, e);

        if (r < 0)
                return r;
        *ret = (struct fmp4_index_entry){ .offset = f->offset,
                .moof_offset = f->seal_offset - BOX_HEADER - f->mdat.n - f->moof.n };
        if (layout.tracks_n == 0 || layout.tracks[0].id != 1)
                return 0;
        const struct fmp4_fragment_track *t = &layout.tracks[0];
        uint64_t duration = 0;
        for (unsigned i = 0; i < t->samples_n; i++)
                duration += t->samples[i].duration;
        if (duration > UINT32_MAX)
                return differs(f, e, "lasts longer than an index can say");
        ret->decode_time = t->decode_time;
        ret->duration = (uint32_t)duration;
        ret->key = t->samples[0].key;
        return 0;
}

int segment_write_index(const struct segment *s, struct buf *out, struct err *e)
{
        struct fmp4_index_entry entries[FMP4_FRAGMENTS_MAX];
        size_t before = out->n;
        unsigned n = s->fragments_n;

        if (n == 0)
                return err_set(e, ERR_INVALID, "segment has no fragments");
        for (unsigned i = 0; i < n; i++) {
                int r = index_entry(&s->fragments[i], &entries[i], e);
                if (r < 0)
                        return r;
        }
        int r = fmp4_write_index_space(entries, n, s->header.tracks[0].timescale, s->index_offset,
                s->fragments[n - 1].end, out, e);
        if (r == 0)
                r = fmp4_write_mfra(entries, n, out, e);
        if (r < 0)
                out->n = before;
        return r;
}

static bool is_empty_index(struct bytes space)
{
        static const uint8_t header[BOX_HEADER] = { 0, 0, FMP4_INDEX_SPACE >> 8,
                FMP4_INDEX_SPACE & 0xff, 'f', 'r', 'e', 'e' };
        uint8_t any = 0;

        for (size_t i = BOX_HEADER; i < space.n; i++)
                any |= space.p[i];
        return space.n == FMP4_INDEX_SPACE && memcmp(space.p, header, sizeof header) == 0 &&
               any == 0;
}

int segment_check_index(const struct segment *s, struct err *e)
{
        CLEANUP(buf_done) struct buf index = { .max = INDEX_MAX };
        struct bytes space = bytes_sub(s->file, s->index_offset, FMP4_INDEX_SPACE);

        if (space.n < FMP4_INDEX_SPACE)
                return 0; /* all of it is unsealed tail */
        if (is_empty_index(space) && s->mfra.n == 0)
                return 0;
        if (!segment_has_last(s))
                return err_set(e, ERR_CORRUPT,
                        "an index at byte %" PRIu64
                        ", and the last seal does not close the segment",
                        s->index_offset);
        int r = segment_write_index(s, &index, e);
        if (r < 0)
                return err_wrap(e, ERR_CORRUPT, "index");
        if (!bytes_equal(space, bytes_sub(buf_bytes(&index), 0, FMP4_INDEX_SPACE)))
                return err_set(e, ERR_CORRUPT,
                        "index space at byte %" PRIu64 " is not what the fragments yield",
                        s->index_offset);
        if (!bytes_equal(s->mfra, bytes_sub(buf_bytes(&index), FMP4_INDEX_SPACE, index.n)))
                return err_set(e, ERR_CORRUPT, "mfra is not what the fragments yield");
        return 0;
}
