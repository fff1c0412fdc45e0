/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/segment_inspect.h"

#include "media/box.h"

#include <inttypes.h>
#include <stdio.h>

#define BOX_HEADER 8
#define USER_TYPE 16

struct inspect {
        struct bytes file;
        struct segment s;
        struct signers *signers;
        struct signer *signer;
        struct piece *p;
        unsigned faults_told;               /* of s.faults */
        uint32_t last_number;               /* of the last fragment whose seal is good */
        bool is_signed[FMP4_FRAGMENTS_MAX]; /* of each fragment: a signature costs as much as 80 KB
                                               of footage, so each is looked at once */
};

/* The payload of the next seal box in [*at, to), found by its user type alone; *at moves behind it.
 */
static bool find_seal(struct bytes file, uint64_t *at, uint64_t to, struct bytes *ret)
{
        while (*at < to) {
                struct bytes rest = bytes_sub(file, *at, to - *at);
                const uint8_t *hit = memmem(rest.p, rest.n, seal_user_type, USER_TYPE);
                if (!hit)
                        return false;
                uint64_t pos = (uint64_t)(hit - file.p);
                *at = pos + USER_TYPE;
                if (pos < BOX_HEADER)
                        continue;
                struct unpack u = unpack_of(bytes_sub(file, pos - BOX_HEADER, BOX_HEADER));
                uint32_t size = unpack_u32(&u);
                if (size < BOX_HEADER + USER_TYPE ||
                        size - BOX_HEADER - USER_TYPE > SEAL_BYTES_MAX ||
                        size - BOX_HEADER > file.n - pos)
                        size = (uint32_t)(rest.n < SEAL_BYTES_MAX ? BOX_HEADER + USER_TYPE : 0);
                if (size == 0)
                        continue;
                *ret = bytes_sub(file, pos + USER_TYPE, size - BOX_HEADER - USER_TYPE);
                return true;
        }
        return false;
}

/* --- a file whose header is of no use --- */

/* Does the file end inside ftyp or moov? */
static bool header_is_cut(struct bytes file)
{
        uint64_t at = 0;
        struct box b;

        while (box_next(file, &at, &b, NULL) > 0)
                if (b.type == BOX_TYPE('m', 'o', 'o', 'v'))
                        return false;
        struct unpack u = unpack_of(bytes_sub(file, at, BOX_HEADER));
        uint32_t size = unpack_u32(&u), type = unpack_u32(&u);
        return u.bad ||
               ((type == BOX_TYPE('m', 'o', 'o', 'v') || type == BOX_TYPE('f', 't', 'y', 'p')) &&
                       size > file.n - at);
}

static void inspect_unreadable(struct inspect *in, const struct err *why)
{
        struct piece *p = in->p;
        int64_t from_us = INT64_MAX, to_us = SEAL_UNKNOWN_US;
        struct bytes payload;
        struct seal seal;
        bool any = false;

        for (uint64_t at = 0; find_seal(in->file, &at, in->file.n, &payload);) {
                any = true;
                piece_add_unproved(p, payload, (uint64_t)(payload.p - in->file.p));
                if (seal_parse(payload, &seal, NULL) < 0)
                        continue;
                from_us = seal.first_arrival_us < from_us ? seal.first_arrival_us : from_us;
                to_us = seal.last_arrival_us > to_us ? seal.last_arrival_us : to_us;
        }
        bool cut = !any && header_is_cut(in->file);
        struct piece_fault *f =
                piece_add_fault(p, cut ? VERDICT_TRUNCATED : VERDICT_EDITED, 0, in->file.n,
                        cut ? "the file ends inside its header, before anything sealed"
                            : "the header cannot be read: %.180s",
                        why->text);
        f->item.from_us = to_us == SEAL_UNKNOWN_US ? p->named_us : from_us;
        f->item.to_us = to_us;
        f->unread = CHAIN_MANY;
        f->on_tail = cut;
        p->ends = true;
}

/* --- form faults between and inside fragments --- */

/* A good seal of another segment stands there: not damage, but a fragment from elsewhere. */
static bool region_is_foreign(
        struct inspect *in, uint64_t from, uint64_t to, char *text, size_t room)
{
        struct bytes payload;
        struct seal seal;

        while (find_seal(in->file, &from, to, &payload)) {
                if (seal_parse(payload, &seal, NULL) < 0 ||
                        memcmp(seal.kid, in->s.header.kid, sizeof seal.kid) == 0)
                        continue;
                bool known = signers_find(in->signers, &seal, payload) != NULL;
                snprintf(text, room, "fragment %" PRIu32 " of another segment, stream %s%s",
                        seal.fragment, seal.stream, known ? "" : ", sealed by somebody else");
                return true;
        }
        return false;
}

static void tell_region(
        struct inspect *in, uint64_t from, uint64_t to, uint32_t unread, const char *why)
{
        char text[160];

        if (region_is_foreign(in, from, to, text, sizeof text))
                piece_add_fault(in->p, VERDICT_FOREIGN, from, to, "%s", text)->unread = unread;
        else
                piece_add_fault(in->p, VERDICT_EDITED, from, to, "%s", why)->unread = unread;
}

/* Faults before the end of the fragment f (of the file where f is NULL). */
static void tell_faults(struct inspect *in, const struct segment_fragment *f)
{
        uint64_t until = f ? f->end : UINT64_MAX;
        uint32_t unread = f && f->seal.fragment > in->last_number + 1
                                  ? f->seal.fragment - in->last_number - 1
                                  : 0;
        unsigned kept = in->s.faults_n < ARRAY_LEN(in->s.faults)
                                ? in->s.faults_n
                                : (unsigned)ARRAY_LEN(in->s.faults);

        for (; in->faults_told < kept && in->s.faults[in->faults_told].offset < until;
                in->faults_told++) {
                const struct segment_fault *fault = &in->s.faults[in->faults_told];
                if (f && fault->offset >= f->offset) {
                        struct piece_fault *told = piece_add_fault(in->p, VERDICT_EDITED,
                                fault->offset, fault->end, "%s", fault->text);
                        told->item.from_us = f->seal.first_arrival_us;
                        told->item.to_us = f->seal.last_arrival_us;
                        continue;
                }
                tell_region(in, fault->offset, fault->end, unread, fault->text);
                unread = 0;
        }
        if (!f && in->s.faults_n > kept)
                piece_add_fault(in->p, VERDICT_EDITED, 0, in->file.n,
                        "%u more places are not as they were sealed", in->s.faults_n - kept);
}

/* --- fragments --- */

static bool header_is_sealed(const struct inspect *in, const struct seal *seal)
{
        return memcmp(seal->header_hash, in->s.header_hash, sizeof seal->header_hash) == 0;
}

static void inspect_fragment(struct inspect *in, unsigned i, bool header_told)
{
        const struct segment_fragment *f = &in->s.fragments[i];
        struct piece_fault *fault;
        struct err why;

        if (!in->is_signed[i]) {
                uint32_t unread = f->seal.fragment == in->last_number + 1 ? 1 : CHAIN_MANY;
                fault = piece_add_fault(in->p, VERDICT_EDITED, f->offset, f->end,
                        "the seal was changed: its signature is not that of the certificate in the "
                        "header");
                fault->unread = unread;
                return;
        }
        if (strcmp(f->seal.stream, in->s.head.stream) != 0) {
                fault = piece_add_fault(in->p, VERDICT_FOREIGN, f->offset, f->end,
                        "a fragment of the stream %s", f->seal.stream);
                fault->unread = 1;
                return;
        }
        bool intact = header_is_sealed(in, &f->seal);
        if (intact && segment_check_fragment(&in->s, i, &why) < 0) {
                intact = false;
                fault = piece_add_fault(in->p, VERDICT_EDITED, f->offset, f->end, "%s", why.text);
                fault->item.from_us = f->seal.first_arrival_us;
                fault->item.to_us = f->seal.last_arrival_us;
        } else if (!intact && !header_told) {
                fault = piece_add_fault(in->p, VERDICT_EDITED, f->offset, f->end,
                        "ftyp and moov are not the header that was sealed");
        }
        piece_add_seal(in->p, &f->seal, f->seal_payload, f->offset, f->end, intact);
        in->last_number = f->seal.fragment;
}

/* One word about a header that no good seal of this file knows, instead of one for each fragment.
 */
static bool tell_header(struct inspect *in)
{
        const struct seal *first = NULL, *last = NULL;

        for (unsigned i = 0; i < in->s.fragments_n; i++) {
                const struct segment_fragment *f = &in->s.fragments[i];
                if (!in->is_signed[i])
                        continue;
                if (header_is_sealed(in, &f->seal))
                        return false;
                first = first ? first : &f->seal;
                last = &f->seal;
        }
        if (!first)
                return false;
        struct piece_fault *fault = piece_add_fault(in->p, VERDICT_EDITED, 0, in->s.index_offset,
                "ftyp and moov are not the header that was sealed");
        fault->item.from_us = first->first_arrival_us;
        fault->item.to_us = last->last_arrival_us;
        return true;
}

/* --- the end of the file --- */

/* What the index space says of a segment that was closed: how many fragments, and where the last
 * one ended. */
struct promised {
        bool filled;
        uint32_t fragments;
        uint64_t end;
};

static struct promised read_promised(const struct inspect *in)
{
        struct promised pr = { 0 };
        struct box sidx;
        struct unpack u = unpack_of(bytes_sub(in->file, in->s.index_offset, FMP4_INDEX_SPACE));

        if (box_find(u.in, BOX_TYPE('s', 'i', 'd', 'x'), &sidx, NULL) < 0)
                return pr;
        u = unpack_of(sidx.payload);
        unpack_bytes(
                &u, 4 + 4 + 4 + 8); /* version and flags, reference, timescale, earliest time */
        uint64_t at = in->s.index_offset + sidx.offset + sidx.whole.n + unpack_u64(&u);
        unpack_u16(&u);
        pr.fragments = unpack_u16(&u);
        for (uint32_t i = 0; i < pr.fragments && !u.bad; i++) {
                at += unpack_u32(&u) & 0x7fffffff;
                unpack_u64(&u);
        }
        pr.filled = !u.bad;
        pr.end = at;
        return pr;
}

/* Is what stands behind the last fragment the beginning of an mfra that was cut off? */
static bool tail_is_cut_mfra(struct bytes tail)
{
        static const uint8_t type[4] = { 'm', 'f', 'r', 'a' };
        struct unpack u = unpack_of(tail);
        uint32_t size = unpack_u32(&u);

        if (tail.n < BOX_HEADER)
                return true;
        return memcmp(tail.p + 4, type, sizeof type) == 0 && size > tail.n;
}

/* Behind a seal come its padding, or the next fragment. A write cut short leaves the beginning of
 * one, or zeros. */
static bool tail_begins_well(struct bytes tail, uint64_t from)
{
        struct unpack u = unpack_of(tail);
        uint32_t size = unpack_u32(&u), type = unpack_u32(&u);
        size_t padding = segment_padding(from);

        if (u.bad || (size == 0 && type == 0))
                return true;
        if (type == BOX_TYPE('f', 'r', 'e', 'e'))
                return padding == 0 || size == padding;
        return padding == 0 && type == BOX_TYPE('m', 'o', 'o', 'f');
}

/* Was this once a whole fragment with its seal? A fragment whose writing was cut short has none
 * yet. */
static bool tail_was_sealed(struct bytes file, uint64_t from)
{
        struct bytes tail = bytes_sub(file, from, file.n), rest;
        static const uint8_t uuid[4] = { 'u', 'u', 'i', 'd' };
        uint64_t at = 0;
        struct box b;
        bool has_media = false;

        if (!tail_begins_well(tail, from))
                return true;
        const uint8_t *seal = memmem(tail.p, tail.n, seal_user_type, USER_TYPE);
        if (seal && seal - tail.p >= BOX_HEADER) {
                struct unpack u = unpack_of(
                        bytes_sub(tail, (size_t)(seal - tail.p) - BOX_HEADER, BOX_HEADER));
                uint32_t size = unpack_u32(&u);
                return size > SEAL_BYTES_MAX + BOX_HEADER + USER_TYPE ||
                       size <= tail.n - (size_t)(seal - tail.p) + BOX_HEADER;
        }
        for (uint64_t next = 0; box_next(tail, &next, &b, NULL) > 0 && !has_media; at = next)
                has_media = b.type == BOX_TYPE('m', 'd', 'a', 't');
        if (!has_media)
                return false;
        rest = bytes_sub(tail, at, tail.n);
        bool zero = true;
        for (size_t i = 0; i < rest.n && zero; i++)
                zero = rest.p[i] == 0;
        if (zero)
                return false;
        return rest.n >= BOX_HEADER + USER_TYPE ||
               (rest.n >= BOX_HEADER && memcmp(rest.p + 4, uuid, 4) != 0);
}

/* What direct I/O leaves for a moment: the last block in full, until the file is cut to its length.
 */
static bool tail_is_block_rest(struct bytes tail, uint64_t file_n)
{
        for (size_t i = 0; i < tail.n; i++)
                if (tail.p[i])
                        return false;
        return tail.n < SEGMENT_ALIGN && file_n % SEGMENT_ALIGN == 0;
}

static void inspect_closed_end(struct inspect *in, const struct promised *pr)
{
        struct bytes tail = bytes_sub(in->file, in->s.unsealed_from, in->file.n);

        if (pr->filled && in->file.n < pr->end && in->s.mfra.n == 0)
                piece_add_fault(in->p, VERDICT_TRUNCATED, in->s.unsealed_from, in->file.n,
                        "the file ends before its index (mfra); all sealed fragments are there");
        else if (tail.n && in->s.mfra.n && tail_is_block_rest(tail, in->file.n))
                piece_add_fault(in->p, VERDICT_CANNOT_TELL, in->s.unsealed_from, in->file.n,
                        "zeros behind the end: the file was not cut to its length")
                        ->on_tail = true;
        else if (tail.n && tail_is_cut_mfra(tail))
                piece_add_fault(in->p, VERDICT_TRUNCATED, in->s.unsealed_from, in->file.n,
                        "the file ends inside its index (mfra); all sealed fragments are there");
        else if (tail.n)
                tell_region(in, in->s.unsealed_from, in->file.n, 0,
                        "bytes behind the end of a closed segment that are not sealed");
        else if (pr->filled && in->s.mfra.n == 0)
                piece_add_fault(in->p, VERDICT_TRUNCATED, in->file.n, in->file.n,
                        "the index at the end (mfra) is missing; all sealed fragments are there");
}

/* The index space is filled, so LAST was sealed once, and it is not here. */
static void inspect_lost_end(struct inspect *in, const struct promised *pr)
{
        uint32_t unread =
                pr->fragments > in->last_number ? pr->fragments - in->last_number : CHAIN_MANY;
        uint64_t from = in->s.unsealed_from, to = pr->end < in->file.n ? pr->end : in->file.n;

        if (in->file.n > pr->end && from < to) {
                tell_region(in, from, to, unread, "the last fragments cannot be read");
                return;
        }
        struct piece_fault *f = piece_add_fault(in->p, VERDICT_TRUNCATED, from, in->file.n,
                "the segment was closed with %" PRIu32
                " fragments; the end behind fragment %" PRIu32 " is missing",
                pr->fragments, in->last_number);
        f->unread = unread;
}

static void inspect_open_end(struct inspect *in)
{
        uint64_t from = in->s.unsealed_from;

        if (in->s.mfra.n) {
                piece_add_fault(in->p, VERDICT_TRUNCATED, from, from,
                        "the segment was closed (mfra), and its last seal is missing")
                        ->unread = CHAIN_MANY;
                in->p->ends = true;
        } else if (from < in->file.n && tail_was_sealed(in->file, from)) {
                tell_region(in, from, in->file.n, CHAIN_MANY,
                        "what was written there (a fragment with its seal, or padding) was "
                        "changed");
                in->p->ends = true;
        } else if (from < in->file.n) {
                piece_add_fault(in->p, VERDICT_CANNOT_TELL, from, in->file.n,
                        "bytes at the end that are not sealed (yet)")
                        ->on_tail = true;
        } else if (in->s.fragments_n == 0) {
                piece_add_fault(in->p, VERDICT_CANNOT_TELL, 0, in->file.n,
                        "a header, and nothing sealed behind it")
                        ->on_tail = true;
        }
}

static void inspect_end(struct inspect *in)
{
        const struct piece *p = in->p;
        bool last_good =
                in->s.fragments_n && p->seals_n &&
                p->seals[p->seals_n - 1].offset == in->s.fragments[in->s.fragments_n - 1].offset;
        struct promised pr = read_promised(in);
        struct err why;

        if (in->s.fragments_n && !last_good) {
                in->p->ends = true; /* its end is there, but not as sealed: told already */
                return;
        }
        if (last_good && p->seals[p->seals_n - 1].flags & SEAL_LAST) {
                inspect_closed_end(in, &pr);
                in->p->ends = true;
        } else if (pr.filled) {
                inspect_lost_end(in, &pr);
                in->p->ends = true;
        } else {
                inspect_open_end(in);
        }
        if (segment_check_index(&in->s, &why) < 0) {
                in->p->index_wrong = true;
                snprintf(in->p->index_text, sizeof in->p->index_text, "%.110s", why.text);
        }
}

void segment_inspect(struct bytes file, struct signers *signers, struct piece *p)
{
        struct inspect in = { .file = file, .signers = signers, .p = p };
        struct err why;
        bool any_intact = false;

        p->bytes = file.n;
        if (segment_read(file, &in.s, &why) < 0) {
                inspect_unreadable(&in, &why);
                return;
        }
        if (signers_of_head(signers, &in.s.head, &in.signer, &why) < 0) {
                inspect_unreadable(&in, &why);
                segment_done(&in.s);
                return;
        }
        p->signer = in.signer;
        snprintf(p->stream, sizeof p->stream, "%s", in.s.head.stream);
        snprintf(p->object_key, sizeof p->object_key, "%s", in.s.head.object_key);
        if (p->named_us == SEAL_UNKNOWN_US)
                p->named_us = piece_time_of_key(p->object_key);
        for (unsigned i = 0; i < in.s.fragments_n; i++)
                in.is_signed[i] = signers_signed(
                        in.signer, &in.s.fragments[i].seal, in.s.fragments[i].seal_payload);
        bool told = tell_header(&in);
        for (unsigned i = 0; i < in.s.fragments_n; i++) {
                tell_faults(&in, &in.s.fragments[i]);
                inspect_fragment(&in, i, told);
        }
        tell_faults(&in, NULL);
        inspect_end(&in);
        for (size_t i = 0; i < p->seals_n; i++)
                any_intact = any_intact || p->seals[i].intact;
        if (any_intact)
                piece_set_standing(p, signers, in.s.head.recorder);
        segment_done(&in.s);
}
