/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal/evidence.h"

#include "crypto/hash.h"
#include "media/box.h"
#include "seal/evidence_plan.h"

#include <inttypes.h>
#include <stdlib.h>

#define EVIDENCE_VERSION HEAD_VERSION /* that of its segments */
#define CHECKSUM_BOX_BYTES (8 + HASH_BYTES)

#define TYPE_UUID BOX_TYPE('u', 'u', 'i', 'd')
#define TYPE_RNGE BOX_TYPE('r', 'n', 'g', 'e')
#define TYPE_SEGM BOX_TYPE('s', 'e', 'g', 'm')
#define TYPE_SHDR BOX_TYPE('s', 'h', 'd', 'r')
#define TYPE_SKEY BOX_TYPE('s', 'k', 'e', 'y')
#define TYPE_FRAG BOX_TYPE('f', 'r', 'a', 'g')
#define TYPE_CSUM BOX_TYPE('c', 's', 'u', 'm')

const uint8_t evidence_user_type[16] = { 0x90, 0xb4, 0x39, 0x08, 0xff, 0x8c, 0x4b, 0x13, 0xaa, 0x81,
        0xce, 0xb0, 0xf9, 0x29, 0x99, 0xec };

void evidence_init(struct evidence *ev)
{
        *ev = (struct evidence){ 0 };
}

void evidence_done(struct evidence *ev)
{
        for (unsigned i = 0; i < ev->segments_n; i++) {
                struct evidence_segment *s = &ev->segments[i];
                for (unsigned j = 0; j < s->fragments_n; j++)
                        fmp4_fragment_done(&s->fragments[j].layout);
                free(s->fragments);
                explicit_bzero(s->key, sizeof s->key);
        }
        free(ev->segments);
        evidence_init(ev);
}

static int evidence_check_joins(
        const struct evidence *ev, const struct evidence_segment *s, struct err *e)
{
        const struct evidence_segment *first = ev->segments;

        if (ev->segments_n == 0)
                return 0;
        if (ev->segments_n >= EVIDENCE_SEGMENTS_MAX)
                return err_set(
                        e, ERR_STATE, "an export has at most %d segments", EVIDENCE_SEGMENTS_MAX);
        if (strcmp(s->head.stream, first->head.stream) != 0)
                return err_set(e, ERR_STATE, "segment of another stream (%s, not %s)",
                        s->head.stream, first->head.stream);
        if (s->header.tracks_n != first->header.tracks_n)
                return err_set(e, ERR_STATE, "segment with %u tracks, not %u as those before",
                        s->header.tracks_n, first->header.tracks_n);
        for (unsigned t = 0; t < s->header.tracks_n; t++) {
                const struct fmp4_track *a = &s->header.tracks[t], *b = &first->header.tracks[t];
                if (a->id != b->id || a->timescale != b->timescale ||
                        a->config.codec != b->config.codec)
                        return err_set(
                                e, ERR_STATE, "track %u has another codec or time scale", a->id);
        }
        return 0;
}

static int evidence_parse_segment(
        struct evidence_segment *s, struct bytes header_bytes, struct err *e)
{
        int r = fmp4_read_header(header_bytes, &s->header, e);

        if (r < 0)
                return r;
        r = head_parse(s->header.head, &s->head, e);
        if (r < 0)
                return r;
        if (memcmp(s->head.kid, s->header.kid, sizeof s->head.kid) != 0)
                return err_set(e, ERR_CORRUPT, "the head box and the tracks name different keys");
        if (s->head.version != head_version_of(&s->header))
                return err_set(e, ERR_CORRUPT, "the head box says another version than the tracks");
        for (unsigned t = 0; t < s->header.tracks_n; t++) {
                uint32_t ts = s->header.tracks[t].timescale;
                if (ts == 0 || ts > EVIDENCE_PLAN_TIMESCALE_MAX)
                        return err_set(e, ERR_CORRUPT, "track %u has the time scale %" PRIu32,
                                s->header.tracks[t].id, ts);
        }
        s->header_bytes = header_bytes;
        return 0;
}

int evidence_add_segment(
        struct evidence *ev, struct bytes header_bytes, const uint8_t key[static 16], struct err *e)
{
        CLEANUP(own_freep) struct evidence_segment *s = xcalloc(1, sizeof *s);
        int r = evidence_parse_segment(s, header_bytes, e);

        if (r < 0)
                return r;
        r = evidence_check_joins(ev, s, e);
        if (r < 0)
                return r;
        memcpy(s->key, key, sizeof s->key);
        /* By powers of two: a power is full. */
        if ((ev->segments_n & (ev->segments_n - 1)) == 0)
                ev->segments = xrealloc(ev->segments, ev->segments_n ? 2 * ev->segments_n : 1,
                        sizeof *ev->segments);
        ev->segments[ev->segments_n++] = *s;
        explicit_bzero(s->key, sizeof s->key);
        return 0;
}

/* The lay-out has to be what the seal says, for the seal's sizes and hashes are what is compared
 * later. */
static int evidence_check_layout(
        const struct evidence_segment *s, const struct evidence_fragment *f, struct err *e)
{
        if (f->layout.tracks_n != f->seal.tracks_n)
                return err_set(e, ERR_CORRUPT, "the seal has %u tracks, its moof %u",
                        f->seal.tracks_n, f->layout.tracks_n);
        for (unsigned t = 0; t < f->layout.tracks_n; t++) {
                const struct fmp4_fragment_track *a = &f->layout.tracks[t];
                const struct seal_track *b = &f->seal.tracks[t];
                bool known = false;

                for (unsigned i = 0; i < s->header.tracks_n; i++)
                        known = known || s->header.tracks[i].id == a->id;
                if (!known || a->id != b->id || a->bytes != b->bytes ||
                        a->samples_n != b->samples || a->decode_time != b->decode_time)
                        return err_set(e, ERR_CORRUPT,
                                "track %" PRIu32 " differs between moof and seal", a->id);
                if (a->decode_time > EVIDENCE_PLAN_TICKS_MAX)
                        return err_set(e, ERR_CORRUPT,
                                "track %" PRIu32 ": decode time %" PRIu64 " is too large", a->id,
                                a->decode_time);
        }
        return 0;
}

int evidence_add_fragment(
        struct evidence *ev, struct bytes moof, struct bytes seal_payload, struct err *e)
{
        if (ev->segments_n == 0)
                return err_set(e, ERR_STATE, "a fragment without a segment");
        struct evidence_segment *s = &ev->segments[ev->segments_n - 1];
        struct evidence_fragment f = { .moof = moof, .seal_payload = seal_payload };
        if (s->fragments_n >= FMP4_FRAGMENTS_MAX)
                return err_set(
                        e, ERR_EXHAUSTED, "a segment has at most %d fragments", FMP4_FRAGMENTS_MAX);
        int r = seal_parse(seal_payload, &f.seal, e);
        if (r < 0)
                return r;
        r = fmp4_read_moof(moof, &f.layout, e);
        if (r < 0)
                return r;
        r = evidence_check_layout(s, &f, e);
        if (r < 0) {
                fmp4_fragment_done(&f.layout);
                return r;
        }
        s->fragments = xrealloc(s->fragments, s->fragments_n + 1u, sizeof *s->fragments);
        s->fragments[s->fragments_n++] = f;
        return 0;
}

bool evidence_has_track(const struct evidence *ev, uint32_t track_id)
{
        if (ev->segments_n == 0)
                return false;
        const struct fmp4_header *h = &ev->segments[0].header;
        for (unsigned t = 0; t < h->tracks_n; t++)
                if (h->tracks[t].id == track_id)
                        return !ev->without_audio || !media_is_audio(h->tracks[t].config.codec);
        return false;
}

uint64_t evidence_fragment_bytes(const struct evidence *ev, const struct evidence_fragment *f)
{
        uint64_t n = 0;

        for (unsigned t = 0; t < f->layout.tracks_n; t++)
                if (evidence_has_track(ev, f->layout.tracks[t].id))
                        n += f->layout.tracks[t].bytes;
        return n;
}

uint64_t evidence_sample_bytes(const struct evidence *ev)
{
        uint64_t n = 0;

        for (unsigned i = 0; i < ev->segments_n; i++)
                for (unsigned j = 0; j < ev->segments[i].fragments_n; j++)
                        n += evidence_fragment_bytes(ev, &ev->segments[i].fragments[j]);
        return n;
}

static void evidence_write_segment(struct pack *p, const struct evidence_segment *s)
{
        size_t segm = box_begin(p, TYPE_SEGM);
        size_t box = box_begin(p, TYPE_SHDR);

        pack_bytes(p, s->header_bytes);
        box_end(p, box);
        box = box_begin(p, TYPE_SKEY);
        pack_bytes(p, BYTES(s->key, sizeof s->key));
        box_end(p, box);
        for (unsigned j = 0; j < s->fragments_n; j++) {
                box = box_begin(p, TYPE_FRAG);
                pack_field32(p, s->fragments[j].moof);
                pack_bytes(p, s->fragments[j].seal_payload);
                box_end(p, box);
        }
        box_end(p, segm);
}

/* Proves nothing, for anybody can compute it; shows damage to what nothing else depends on (the
 * range). */
static void evidence_write_checksum(struct pack *p, size_t from)
{
        uint8_t sum[HASH_BYTES] = { 0 };

        if (!p->bad)
                hash_once(bytes_sub(buf_bytes(p->out), from, SIZE_MAX), sum);
        size_t box = box_begin(p, TYPE_CSUM);
        pack_bytes(p, BYTES(sum, sizeof sum));
        box_end(p, box);
}

int evidence_write_back(const struct evidence *ev, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);
        size_t begin = out->n;

        pack_u32(&p, 1);
        pack_u32(&p, TYPE_UUID);
        pack_u64(&p, 0);
        pack_bytes(&p, BYTES(evidence_user_type, sizeof evidence_user_type));
        pack_u8(&p, ev->segments_n ? ev->segments[0].head.version : 1);
        size_t rnge = box_begin(&p, TYPE_RNGE);
        pack_i64(&p, ev->from_us);
        pack_i64(&p, ev->to_us);
        pack_u8(&p, ev->without_audio ? 1 : 0);
        box_end(&p, rnge);
        for (unsigned i = 0; i < ev->segments_n; i++)
                evidence_write_segment(&p, &ev->segments[i]);
        evidence_write_checksum(&p, begin + EVIDENCE_HEADER_BYTES);
        if (p.bad) {
                out->n = begin;
                return err_set(e, ERR_EXHAUSTED,
                        "evidence: more than %zu bytes; export a shorter range", out->max);
        }
        pack_patch_u64(&p, begin + 8, out->n - begin);
        return 0;
}

/* Where reading stands, for texts about faults. */
struct reader {
        int64_t from_us, to_us; /* of the fragment at hand */
};

static int evidence_expect(
        struct bytes in, uint64_t *at, uint32_t type, struct box *ret, struct err *e)
{
        int r = box_next(in, at, ret, e);

        if (r < 0)
                return r;
        if (r == 0 || ret->type != type)
                return err_set(e, ERR_CORRUPT, "byte %" PRIu64 ": box %c%c%c%c is missing", *at,
                        (char)(type >> 24), (char)(type >> 16), (char)(type >> 8), (char)type);
        return 0;
}

static int evidence_read_fragment(
        struct bytes payload, struct evidence *ev, struct reader *rd, struct err *e)
{
        struct unpack u = unpack_of(payload);
        struct bytes moof = unpack_field32(&u, payload.n);
        struct bytes seal_payload = unpack_rest(&u);
        struct seal seal;

        /* Unless its own seal says more: somewhere behind the one before. */
        rd->from_us = rd->to_us;
        rd->to_us = SEAL_UNKNOWN_US;
        if (u.bad)
                return err_set(e, ERR_CORRUPT, "a fragment is cut off");
        if (seal_parse(seal_payload, &seal, NULL) == 0) {
                rd->from_us = seal.first_arrival_us;
                rd->to_us = seal.last_arrival_us;
        }
        return evidence_add_fragment(ev, moof, seal_payload, e);
}

static int evidence_read_segment(
        struct bytes payload, struct evidence *ev, struct reader *rd, struct err *e)
{
        struct box shdr, skey, frag;
        uint64_t at = 0;
        int r = evidence_expect(payload, &at, TYPE_SHDR, &shdr, e);

        if (r < 0)
                return r;
        r = evidence_expect(payload, &at, TYPE_SKEY, &skey, e);
        if (r < 0)
                return r;
        if (skey.payload.n != 16)
                return err_set(e, ERR_CORRUPT, "key of %zu bytes", skey.payload.n);
        r = evidence_add_segment(ev, shdr.payload, skey.payload.p, e);
        if (r < 0)
                return err_wrap(e, r, "header");
        while (at < payload.n) {
                r = evidence_expect(payload, &at, TYPE_FRAG, &frag, e);
                if (r == 0)
                        r = evidence_read_fragment(frag.payload, ev, rd, e);
                if (r < 0)
                        return err_wrap(e, r, "fragment %u",
                                ev->segments[ev->segments_n - 1].fragments_n + 1);
        }
        return 0;
}

static int evidence_read_range(struct bytes payload, struct evidence *ev, struct err *e)
{
        struct unpack u = unpack_of(payload);

        ev->from_us = unpack_i64(&u);
        ev->to_us = unpack_i64(&u);
        uint8_t withheld = unpack_u8(&u);
        if (!unpack_complete(&u) || withheld > 1)
                return err_set(e, ERR_CORRUPT, "range box has another form");
        ev->without_audio = withheld == 1;
        return 0;
}

static int evidence_read_all(
        struct bytes payload, struct evidence *ev, struct reader *rd, struct err *e)
{
        struct box box;
        uint64_t at = 1;

        if (payload.n < 1 || payload.p[0] < 1 || payload.p[0] > EVIDENCE_VERSION)
                return err_set(e, ERR_CORRUPT,
                        "evidence of version %d; this program reads versions 1 to %d",
                        payload.n ? payload.p[0] : 0, EVIDENCE_VERSION);
        int r = evidence_expect(payload, &at, TYPE_RNGE, &box, e);
        if (r == 0)
                r = evidence_read_range(box.payload, ev, e);
        while (r == 0 && at + CHECKSUM_BOX_BYTES < payload.n) {
                r = evidence_expect(payload, &at, TYPE_SEGM, &box, e);
                if (r == 0)
                        r = evidence_read_segment(box.payload, ev, rd, e);
                if (r < 0)
                        return err_wrap(
                                e, ERR_CORRUPT, "segment %u of the evidence", ev->segments_n);
        }
        if (r == 0)
                r = evidence_expect(payload, &at, TYPE_CSUM, &box, e);
        if (r == 0 && (at != payload.n || box.payload.n != HASH_BYTES))
                return err_set(e, ERR_CORRUPT, "bytes behind the checksum");
        if (r == 0 && ev->segments_n == 0)
                return err_set(e, ERR_CORRUPT, "evidence without a segment");
        if (r == 0 && payload.p[0] != ev->segments[0].head.version)
                return err_set(e, ERR_CORRUPT, "evidence of version %d, its segments of version %d",
                        payload.p[0], ev->segments[0].head.version);
        return r;
}

int evidence_read_back(struct bytes payload, struct evidence *ret, int64_t *ret_from_us,
        int64_t *ret_to_us, struct err *e)
{
        struct evidence ev;
        struct reader rd = { SEAL_UNKNOWN_US, SEAL_UNKNOWN_US };

        evidence_init(&ev);
        int r = evidence_read_all(payload, &ev, &rd, e);
        if (r < 0) {
                evidence_done(&ev);
                if (ret_from_us)
                        *ret_from_us = rd.from_us;
                if (ret_to_us)
                        *ret_to_us = rd.to_us;
                return r;
        }
        *ret = ev;
        return 0;
}
