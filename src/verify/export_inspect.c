/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/export_inspect.h"

#include "base/str.h"
#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "media/box.h"
#include "seal/evidence.h"
#include "verify/line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TIME_MAX_US INT64_C(253402300799999999) /* the year 9999 ends */
#define SECONDS_1904_TO_1970 INT64_C(2082844800)

/* ftyp as docs/spec/evidence.md writes it. */
static const uint8_t export_ftyp[] = { 0, 0, 0, 28, 'f', 't', 'y', 'p', 'i', 's', 'o', 'm', 0, 0, 0,
        1, 'i', 's', 'o', 'm', 'i', 's', 'o', '2', 'm', 'p', '4', '1' };

struct inspect {
        struct bytes file;
        const char *name;
        struct signers *signers;
        const struct export_inspect_options *o;
        struct verdict *v;
        uint64_t evidence_at; /* the evidence box */
        struct bytes payload; /* of it, as far as it is there */
        bool cut;             /* the box says that it is longer than the file */
        struct evidence ev;
        int64_t from_us, to_us; /* what the export shows, as far as is known */
        struct cipher *cipher;
        struct hash *hash;
        struct buf scratch;
};

static void PRINTF(5, 6) tell(struct inspect *in, enum verdict_kind kind, uint64_t offset,
        uint64_t end, const char *fmt, ...)
{
        struct verdict_item item = { .kind = kind,
                .from_us = in->from_us,
                .to_us = in->to_us,
                .offset = offset,
                .end = end };
        va_list args;

        str_escape(item.where, sizeof item.where, bytes_str(in->name));
        if (in->ev.segments_n)
                snprintf(item.stream, sizeof item.stream, "%s", in->ev.segments[0].head.stream);
        va_start(args, fmt);
        vsnprintf(item.text, sizeof item.text, fmt, args);
        va_end(args);
        verdict_add(in->v, &item);
}

/* --- finding the evidence --- */

/* By the user type alone, from the end: for files whose boxes are damaged. */
static bool search_evidence(struct bytes file, uint64_t *ret_at)
{
        for (size_t end = file.n; end >= EVIDENCE_HEADER_BYTES;) {
                const uint8_t *last = memrchr(file.p, evidence_user_type[0], end - 15);
                if (!last)
                        return false;
                size_t pos = (size_t)(last - file.p);
                if (pos >= 16 && memcmp(last, evidence_user_type, 16) == 0) {
                        *ret_at = pos - 16;
                        return true;
                }
                end = pos + 15;
        }
        return false;
}

/* By the boxes; false where they are not those of an export. */
static bool walk_evidence(struct bytes file, uint64_t *ret_at)
{
        static const uint32_t types[] = { BOX_TYPE('f', 't', 'y', 'p'),
                BOX_TYPE('m', 'o', 'o', 'v'), BOX_TYPE('m', 'd', 'a', 't'),
                BOX_TYPE('u', 'u', 'i', 'd') };
        uint64_t at = 0;
        struct box b = { 0 };

        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                if (box_next(file, &at, &b, NULL) <= 0 || b.type != types[i])
                        return false;
        *ret_at = b.offset;
        return at == file.n && b.whole.n - b.payload.n == EVIDENCE_HEADER_BYTES &&
               memcmp(b.user_type, evidence_user_type, sizeof b.user_type) == 0;
}

static bool find_evidence(struct bytes file, uint64_t *ret_at)
{
        return walk_evidence(file, ret_at) || search_evidence(file, ret_at);
}

bool export_inspect_is(struct bytes file)
{
        uint64_t at;

        return (file.n >= sizeof export_ftyp &&
                       memcmp(file.p, export_ftyp, sizeof export_ftyp) == 0) ||
               find_evidence(file, &at);
}

/* --- time, where the evidence cannot be read --- */

static void range_from_front(struct inspect *in)
{
        struct box moov, mvhd;
        struct bytes rest = in->file;

        in->from_us = in->to_us = SEAL_UNKNOWN_US;
        if (box_find(rest, BOX_TYPE('m', 'o', 'o', 'v'), &moov, NULL) < 0 ||
                box_find(moov.payload, BOX_TYPE('m', 'v', 'h', 'd'), &mvhd, NULL) < 0)
                return;
        struct unpack u = unpack_of(mvhd.payload);
        unpack_u32(&u);
        uint64_t created_s = unpack_u64(&u);
        unpack_u64(&u);
        uint32_t timescale = unpack_u32(&u);
        uint64_t duration = unpack_u64(&u);
        if (u.bad || timescale == 0 || created_s > UINT64_C(1) << 40 ||
                duration > UINT64_C(1) << 40)
                return;
        in->from_us = ((int64_t)created_s - SECONDS_1904_TO_1970) * 1000000;
        in->to_us = in->from_us + (int64_t)(duration / timescale) * 1000000 + 1000000;
}

static void range_from_evidence(struct inspect *in)
{
        in->from_us = in->to_us = SEAL_UNKNOWN_US;
        for (unsigned i = 0; i < in->ev.segments_n; i++)
                for (unsigned j = 0; j < in->ev.segments[i].fragments_n; j++) {
                        const struct seal *s = &in->ev.segments[i].fragments[j].seal;
                        if (in->from_us == SEAL_UNKNOWN_US || s->first_arrival_us < in->from_us)
                                in->from_us = s->first_arrival_us;
                        if (s->last_arrival_us > in->to_us)
                                in->to_us = s->last_arrival_us;
                }
}

/* --- the file around the samples --- */

static bool is_container(uint32_t type)
{
        return type == BOX_TYPE('m', 'o', 'o', 'v') || type == BOX_TYPE('t', 'r', 'a', 'k') ||
               type == BOX_TYPE('e', 'd', 't', 's') || type == BOX_TYPE('m', 'd', 'i', 'a') ||
               type == BOX_TYPE('m', 'i', 'n', 'f') || type == BOX_TYPE('s', 't', 'b', 'l');
}

/* "moov/trak/edts/elst": the box of the rebuilt front that holds this byte. */
static void name_box(struct bytes front, uint64_t offset, char *to, size_t room)
{
        struct bytes in = front;
        uint64_t at = 0;
        struct box b;
        size_t n = 0;

        to[0] = '\0';
        while (box_next(in, &at, &b, NULL) > 0) {
                if (offset >= at)
                        continue;
                int wrote =
                        snprintf(to + n, room - n, "%s%c%c%c%c", n ? "/" : "", (char)(b.type >> 24),
                                (char)(b.type >> 16), (char)(b.type >> 8), (char)b.type);
                n += wrote > 0 && (size_t)wrote < room - n ? (size_t)wrote : 0;
                size_t header = b.whole.n - b.payload.n;
                if (!is_container(b.type) || offset < b.offset + header)
                        return;
                offset -= b.offset + header;
                in = b.payload;
                at = 0;
        }
        if (n == 0)
                snprintf(to, room, "mdat");
}

static uint64_t first_difference(struct bytes a, struct bytes b)
{
        size_t i = 0;

        while (i < a.n && i < b.n && a.p[i] == b.p[i])
                i++;
        return i;
}

static int inspect_front(struct inspect *in, uint64_t samples_at, struct err *e)
{
        CLEANUP(buf_done) struct buf front;
        struct bytes found = bytes_sub(in->file, 0, samples_at);
        char box[64];

        buf_init(&front, EVIDENCE_BYTES_MAX);
        int r = evidence_write_front(&in->ev, &front, e);
        if (r < 0)
                return r;
        struct bytes made = buf_bytes(&front);
        if (bytes_equal(found, made))
                return 0;
        uint64_t at = first_difference(found, made);
        name_box(made, at, box, sizeof box);
        tell(in, VERDICT_EDITED, at, at + 1, "the file's %s is not what the evidence yields", box);
        return 0;
}

static int inspect_back(struct inspect *in, struct err *e)
{
        CLEANUP(buf_done) struct buf back;
        struct bytes found = bytes_sub(in->file, in->evidence_at, SIZE_MAX);

        buf_init(&back, EVIDENCE_BYTES_MAX);
        int r = evidence_write_back(&in->ev, &back, e);
        if (r < 0)
                return r;
        if (bytes_equal(found, buf_bytes(&back)))
                return 0;
        uint64_t at = in->evidence_at + first_difference(found, buf_bytes(&back));
        tell(in, VERDICT_EDITED, at, in->file.n, "the evidence box is not as it was written");
        return 0;
}

/* --- fragments --- */

static void encrypt_track(struct inspect *in, const struct fmp4_fragment_track *t,
        struct bytes clear, uint8_t ret[static HASH_BYTES])
{
        size_t at = 0;

        hash_start(in->hash);
        for (unsigned i = 0; i < t->samples_n; i++) {
                const struct fmp4_sample *s = &t->samples[i];
                struct bytes sample = bytes_sub(clear, at, s->size);
                buf_clear(&in->scratch);
                uint8_t *to = buf_reserve(&in->scratch, sample.n);
                if (!to || sample.n != s->size)
                        break;
                memcpy(to, sample.p, sample.n);
                cipher_start(in->cipher, s->iv);
                if (s->ranges_n == 0)
                        cipher_apply(in->cipher, to, to, sample.n);
                size_t pos = 0;
                for (unsigned k = 0; k < s->ranges_n; k++) {
                        const struct cenc_range *range = &t->ranges[s->ranges_first + k];
                        pos += range->clear;
                        if (pos > sample.n || range->protected_bytes > sample.n - pos)
                                break;
                        cipher_apply(in->cipher, to + pos, to + pos, range->protected_bytes);
                        pos += range->protected_bytes;
                }
                hash_update(in->hash, BYTES(to, sample.n));
                at += s->size;
        }
        hash_finish(in->hash, ret);
}

static bool hash_is(struct bytes b, const uint8_t expected[static HASH_BYTES])
{
        uint8_t found[HASH_BYTES];

        hash_once(b, found);
        return memcmp(found, expected, sizeof found) == 0;
}

/* What of the stored fragment is in the evidence, against its seal; NULL when all is as sealed. */
static const char *check_stored(const struct evidence_segment *s, const struct evidence_fragment *f,
        const uint8_t header_hash[static HASH_BYTES])
{
        uint8_t commitment[32];

        if (memcmp(f->seal.header_hash, header_hash, HASH_BYTES) != 0)
                return "the segment's header in the evidence is not the sealed one";
        if (f->seal.moof_bytes != f->moof.n || !hash_is(f->moof, f->seal.moof_hash))
                return "the fragment's moof in the evidence is not the sealed one";
        if (f->layout.sequence != f->seal.fragment)
                return "moof and seal have different numbers";
        seal_commit_key(s->key, f->seal.kid, f->seal.stream, commitment);
        if (memcmp(commitment, f->seal.key_commitment, sizeof commitment) != 0)
                return "the key in the evidence is not the one that was sealed";
        return NULL;
}

static void tell_fragment(struct piece *p, const struct evidence_fragment *f,
        enum verdict_kind kind, uint64_t offset, uint64_t end, uint32_t unread, const char *text)
{
        struct piece_fault *fault = piece_add_fault(p, kind, offset, end, "%s", text);

        fault->item.from_us = f->seal.first_arrival_us;
        fault->item.to_us = f->seal.last_arrival_us;
        fault->unread = unread;
}

/* True when all exported samples of the fragment are what was sealed. */
static bool inspect_samples(struct inspect *in, struct piece *p, const struct evidence_segment *s,
        const struct evidence_fragment *f, uint64_t at)
{
        uint8_t hash[HASH_BYTES];
        bool good = true;

        for (unsigned t = 0; t < f->layout.tracks_n; t++) {
                const struct fmp4_fragment_track *ft = &f->layout.tracks[t];
                if (!evidence_has_track(&in->ev, ft->id))
                        continue;
                encrypt_track(in, ft, bytes_sub(in->file, at, ft->bytes), hash);
                if (memcmp(hash, f->seal.tracks[t].hash, sizeof hash) != 0) {
                        enum media_codec codec = MEDIA_NONE;
                        for (unsigned h = 0; h < s->header.tracks_n; h++)
                                if (s->header.tracks[h].id == ft->id)
                                        codec = s->header.tracks[h].config.codec;
                        tell_fragment(p, f, VERDICT_EDITED, at, at + ft->bytes, 0,
                                media_is_video(codec) ? "the picture is not the one that was sealed"
                                : media_is_audio(codec)
                                        ? "the sound is not the one that was sealed"
                                        : "the metadata are not those that were sealed");
                        good = false;
                }
                at += ft->bytes;
        }
        return good;
}

static void inspect_fragment(struct inspect *in, struct piece *p, const struct evidence_segment *s,
        const struct evidence_fragment *f, uint64_t at,
        const uint8_t header_hash[static HASH_BYTES])
{
        uint64_t moof_at = (uint64_t)(f->moof.p - in->file.p);
        uint64_t seal_at = (uint64_t)(f->seal_payload.p - in->file.p);
        uint64_t end = at + evidence_fragment_bytes(&in->ev, f);

        if (!p->signer || !signers_signed(p->signer, &f->seal, f->seal_payload)) {
                /* The fragment's own times are not proved: those around it are used. */
                piece_add_fault(p, VERDICT_EDITED, seal_at, seal_at + f->seal_payload.n, "%s",
                        p->signer ? "a seal was changed: its signature is not that of the "
                                    "certificate in the header"
                                  : "the certificates in the header cannot be read")
                        ->unread = 1;
                return;
        }
        if (strcmp(f->seal.stream, s->head.stream) != 0 ||
                memcmp(f->seal.kid, s->head.kid, sizeof f->seal.kid) != 0) {
                tell_fragment(p, f, VERDICT_FOREIGN, at, end, 1,
                        "a fragment of another segment or stream");
                return;
        }
        const char *wrong = check_stored(s, f, header_hash);
        if (wrong)
                tell_fragment(p, f, VERDICT_EDITED, moof_at, moof_at + f->moof.n, 0, wrong);
        bool intact = !wrong && inspect_samples(in, p, s, f, at);
        piece_add_seal(p, &f->seal, f->seal_payload, at, end, intact);
}

static int inspect_segment(struct inspect *in, const struct evidence_segment *s, struct piece *p,
        uint64_t *at, struct err *e)
{
        uint8_t header_hash[HASH_BYTES];
        bool any_intact = false;

        piece_init(p, in->name);
        snprintf(p->stream, sizeof p->stream, "%s", s->head.stream);
        if (signers_of_head(in->signers, &s->head, &p->signer, NULL) < 0)
                p->signer = NULL;
        if (s->fragments_n)
                p->named_us = s->fragments[0].seal.first_arrival_us;
        hash_once(s->header_bytes, header_hash);
        in->cipher = cipher_new(s->key);
        for (unsigned j = 0; j < s->fragments_n; j++) {
                const struct evidence_fragment *f = &s->fragments[j];
                uint64_t n = evidence_fragment_bytes(&in->ev, f);
                int r = in->o && in->o->on_read ? in->o->on_read(in->o->owner, *at, n, e) : 0;
                if (r < 0) {
                        in->cipher = cipher_free(in->cipher);
                        return r;
                }
                inspect_fragment(in, p, s, f, *at, header_hash);
                *at += n;
        }
        in->cipher = cipher_free(in->cipher);
        for (size_t i = 0; i < p->seals_n; i++)
                any_intact = any_intact || p->seals[i].intact;
        if (any_intact)
                piece_set_standing(p, in->signers, s->head.recorder);
        return 0;
}

static int inspect_segments(struct inspect *in, uint64_t samples_at, struct err *e)
{
        struct piece *pieces = xcalloc(in->ev.segments_n, sizeof *pieces);
        unsigned n = 0;
        int r = 0;

        in->hash = hash_new();
        buf_init(&in->scratch, ACCESS_UNIT_MAX);
        while (r == 0 && n < in->ev.segments_n) {
                r = inspect_segment(in, &in->ev.segments[n], &pieces[n], &samples_at, e);
                n++;
        }
        if (r == 0)
                line_judge(
                        LINE_EXPORT, in->ev.segments[0].head.stream, pieces, n, in->signers, in->v);
        for (unsigned i = 0; i < n; i++)
                piece_done(&pieces[i]);
        free(pieces);
        in->hash = hash_free(in->hash);
        buf_done(&in->scratch);
        return r;
}

/* --- the whole --- */

/* There is no evidence box where one belongs. */
static void tell_no_evidence(struct inspect *in)
{
        uint64_t at = 0;
        struct box b;
        int r;

        range_from_front(in);
        while ((r = box_next(in->file, &at, &b, NULL)) > 0)
                if (b.type == BOX_TYPE('u', 'u', 'i', 'd') ||
                        b.type == BOX_TYPE('f', 'r', 'e', 'e'))
                        break;
        if (r > 0)
                tell(in, VERDICT_EDITED, b.offset, in->file.n,
                        "the evidence behind the samples cannot be recognised");
        else
                tell(in, VERDICT_TRUNCATED, in->file.n, in->file.n,
                        "the end of the export is missing, and with it the evidence");
}

static void tell_bad_evidence(
        struct inspect *in, int64_t from_us, int64_t to_us, const struct err *why)
{
        range_from_front(in);
        in->from_us = from_us != SEAL_UNKNOWN_US ? from_us : in->from_us;
        in->to_us = to_us != SEAL_UNKNOWN_US ? to_us : in->to_us;
        if (in->to_us < in->from_us)
                in->to_us = in->from_us;
        if (in->cut)
                tell(in, VERDICT_TRUNCATED, in->evidence_at, in->file.n,
                        "the end of the export is missing: its evidence is cut off");
        else
                tell(in, VERDICT_EDITED, in->evidence_at, in->file.n,
                        "the evidence was changed, nothing can be proved by it: %.150s", why->text);
}

static bool read_evidence_box(struct inspect *in)
{
        if (!find_evidence(in->file, &in->evidence_at))
                return false;
        struct unpack u = unpack_of(bytes_sub(in->file, in->evidence_at, SIZE_MAX));
        unpack_u64(&u);
        uint64_t size = unpack_u64(&u);
        uint64_t left = in->file.n - in->evidence_at;
        in->cut = size > left;
        if (size < EVIDENCE_HEADER_BYTES || size > left)
                size = left;
        in->payload = bytes_sub(
                in->file, in->evidence_at + EVIDENCE_HEADER_BYTES, size - EVIDENCE_HEADER_BYTES);
        return true;
}

static void tell_range(struct inspect *in)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];

        /* Stated by the exporter and not sealed. */
        tell(in, VERDICT_NOTE, 0, 0, "exported for %s to %s%s",
                in->ev.from_us < 0 ? "the beginning" : str_time(from, in->ev.from_us),
                in->ev.to_us > TIME_MAX_US ? "the end" : str_time(to, in->ev.to_us),
                in->ev.without_audio ? ", without sound (its hashes are sealed)" : "");
}

static int inspect_all(struct inspect *in, struct err *e)
{
        int64_t from_us = SEAL_UNKNOWN_US, to_us = SEAL_UNKNOWN_US;
        struct err why;

        if (!read_evidence_box(in)) {
                tell_no_evidence(in);
                return 0;
        }
        int r = in->o && in->o->on_read ? in->o->on_read(in->o->owner, in->evidence_at,
                                                  in->file.n - in->evidence_at, e)
                                        : 0;
        if (r < 0)
                return r;
        r = evidence_read_back(in->payload, &in->ev, &from_us, &to_us, &why);
        if (r < 0) {
                tell_bad_evidence(in, from_us, to_us, &why);
                return 0;
        }
        range_from_evidence(in);
        uint64_t bytes = evidence_sample_bytes(&in->ev);
        if (bytes > in->evidence_at) {
                tell(in, VERDICT_EDITED, 0, in->evidence_at,
                        "samples are missing: %" PRIu64 " bytes are stated", bytes);
                return 0;
        }
        if (inspect_front(in, in->evidence_at - bytes, &why) < 0)
                tell(in, VERDICT_EDITED, in->evidence_at, in->file.n,
                        "the evidence yields no film: %.180s", why.text);
        tell_range(in);
        r = inspect_segments(in, in->evidence_at - bytes, e);
        if (r < 0)
                return r;
        /* Last, for what it says is said better by what it is made of. */
        return verdict_overall(in->v) == 1 ? 0 : inspect_back(in, e);
}

int export_inspect(struct bytes file, const char *name, struct signers *signers,
        const struct export_inspect_options *o, struct verdict *v, struct err *e)
{
        struct inspect in = { .file = file, .name = name, .signers = signers, .o = o, .v = v };

        v->bytes += file.n;
        v->streams++;
        int r = inspect_all(&in, e);
        evidence_done(&in.ev);
        return r;
}
