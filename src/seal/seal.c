/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal/seal.h"

#include <inttypes.h>

#include "base/pack.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"

#define SEAL_VERSION 2
#define SEAL_GAPS_MAX_1 8 /* of version 1 */
#define SEAL_KID_BYTES 16

/* Signed ahead of the fields, its NUL included, so that a signature made here means a seal and
 * nothing else. */
static const char seal_domain[] = "custos-seal-1";

const uint8_t seal_user_type[16] = { 0x7e, 0xf7, 0x36, 0xf2, 0x5a, 0xea, 0x45, 0xa1, 0xb2, 0xd4,
        0x4f, 0x6f, 0x46, 0x38, 0xcd, 0x4d };

const char *seal_gap_name(unsigned cause)
{
        static const char *const names[] = { "start", "camera lost", "frames dropped",
                "unclean stop", "clock step", "disk", "stopped", "overload", "not asked for" };

        return cause >= 1 && cause <= ARRAY_LEN(names) ? names[cause - 1] : "unknown";
}

static bool all_zero(const uint8_t *p, size_t n)
{
        uint8_t any = 0;

        for (size_t i = 0; i < n; i++)
                any |= p[i];
        return any == 0;
}

/* The least that has all of its gaps. */
static unsigned seal_version_of(const struct seal *s)
{
        for (unsigned i = 0; i < s->gaps_n; i++) {
                if (s->gaps[i].cause == SEAL_GAP_NOT_ASKED)
                        return 2;
        }
        return 1;
}

static int check_gaps(const struct seal *s, struct err *e)
{
        for (unsigned i = 0; i < s->gaps_n; i++)
                if (s->gaps[i].cause < SEAL_GAP_START || s->gaps[i].cause > SEAL_GAP_NOT_ASKED)
                        return err_set(e, ERR_INVALID, "gap of cause %u", s->gaps[i].cause);
        return 0;
}

static int check_tracks(const struct seal *s, struct err *e)
{
        uint32_t id = 0;

        if (s->tracks_n > SEAL_TRACKS_MAX || s->gaps_n > SEAL_GAPS_MAX)
                return err_set(e, ERR_INVALID, "%u tracks and %u gaps, at most %d and %d",
                        s->tracks_n, s->gaps_n, SEAL_TRACKS_MAX, SEAL_GAPS_MAX);
        if (s->gaps_n > SEAL_GAPS_MAX_1 && seal_version_of(s) == 1)
                return err_set(e, ERR_INVALID, "%u gaps in a seal of version 1, at most %d",
                        s->gaps_n, SEAL_GAPS_MAX_1);
        if (s->tracks_n == 0 && !(s->flags & SEAL_LAST))
                return err_set(e, ERR_INVALID, "no tracks, and not the last seal of its segment");
        for (unsigned i = 0; i < s->tracks_n; i++) {
                const struct seal_track *t = &s->tracks[i];
                if (t->id <= id || t->samples == 0)
                        return err_set(e, ERR_INVALID, "track id %u behind %u, %u samples", t->id,
                                id, t->samples);
                id = t->id;
        }
        return check_gaps(s, e);
}

static int check_seal(const struct seal *s, struct err *e)
{
        if (s->flags & ~(SEAL_FIRST | SEAL_LAST))
                return err_set(e, ERR_INVALID, "flags 0x%02x", s->flags);
        if (!head_is_stream_path(s->stream))
                return err_set(e, ERR_INVALID, "stream path is not <camera>-<stream>");
        if (s->sequence == 0 || s->fragment == 0)
                return err_set(e, ERR_INVALID,
                        "sequence %" PRIu64 ", fragment %u: both count from 1", s->sequence,
                        s->fragment);
        if (s->previous.sequence == 0 &&
                !(all_zero(s->previous.epoch, 16) && all_zero(s->previous.hash, 32)))
                return err_set(e, ERR_INVALID, "previous seal without a sequence");
        return check_tracks(s, e);
}

static void put_tracks(struct pack *p, const struct seal *s)
{
        pack_u8(p, (uint8_t)s->tracks_n);
        for (unsigned i = 0; i < s->tracks_n; i++) {
                const struct seal_track *t = &s->tracks[i];
                pack_u32(p, t->id);
                pack_u64(p, t->decode_time);
                pack_u64(p, t->duration);
                pack_u32(p, t->samples);
                pack_u64(p, t->bytes);
                pack_bytes(p, BYTES(t->hash, sizeof t->hash));
        }
        pack_u8(p, (uint8_t)s->gaps_n);
        for (unsigned i = 0; i < s->gaps_n; i++) {
                const struct seal_gap *g = &s->gaps[i];
                pack_u8(p, g->cause);
                pack_i64(p, g->from_us);
                pack_i64(p, g->to_us);
                pack_u32(p, g->frames);
        }
}

/* All fields but the signature. */
static void put_fields(struct pack *p, const struct seal *s)
{
        pack_u8(p, (uint8_t)seal_version_of(s));
        pack_u8(p, s->flags);
        pack_string(p, s->stream);
        pack_bytes(p, BYTES(s->epoch, sizeof s->epoch));
        pack_u64(p, s->sequence);
        pack_bytes(p, BYTES(s->previous.epoch, sizeof s->previous.epoch));
        pack_u64(p, s->previous.sequence);
        pack_bytes(p, BYTES(s->previous.hash, sizeof s->previous.hash));
        pack_bytes(p, BYTES(s->kid, sizeof s->kid));
        pack_bytes(p, BYTES(s->key_commitment, sizeof s->key_commitment));
        pack_bytes(p, BYTES(s->header_hash, sizeof s->header_hash));
        pack_u32(p, s->fragment);
        pack_i64(p, s->sealed_us);
        pack_i64(p, s->monotonic_us);
        pack_i64(p, s->first_arrival_us);
        pack_i64(p, s->last_arrival_us);
        pack_i64(p, s->sender_us);
        pack_u32(p, s->moof_bytes);
        pack_bytes(p, BYTES(s->moof_hash, sizeof s->moof_hash));
        put_tracks(p, s);
        pack_bytes(p, BYTES(s->signer, sizeof s->signer));
}

int seal_sign(struct seal *s, struct sign_key *key, struct buf *out, struct err *e)
{
        CLEANUP(buf_done) struct buf message = { 0 };
        struct seal signing = *s;
        int r = check_seal(s, e);

        if (r < 0)
                return err_wrap(e, r, "seal");
        sign_key_id(key, signing.signer);
        buf_init(&message, sizeof seal_domain + SEAL_BYTES_MAX);
        struct pack p = pack_to(&message);
        pack_bytes(&p, BYTES(seal_domain, sizeof seal_domain));
        put_fields(&p, &signing);
        if (p.bad)
                return err_set(e, ERR_INTERNAL, "seal: more than %d bytes", SEAL_BYTES_MAX);
        r = sign_make(key, buf_bytes(&message), signing.signature, e);
        if (r < 0)
                return err_wrap(e, r, "seal");
        size_t before = out->n;
        p = pack_to(out);
        pack_bytes(&p, bytes_sub(buf_bytes(&message), sizeof seal_domain, message.n));
        pack_bytes(&p, BYTES(signing.signature, SIGN_BYTES));
        if (p.bad) {
                out->n = before;
                return err_set(e, ERR_EXHAUSTED, "seal does not fit in %zu bytes", out->max);
        }
        *s = signing;
        return 0;
}

static void read_tracks(struct unpack *u, struct seal *s)
{
        s->tracks_n = unpack_u8(u);
        if (s->tracks_n > SEAL_TRACKS_MAX)
                u->bad = true;
        for (unsigned i = 0; i < s->tracks_n && !u->bad; i++) {
                struct seal_track *t = &s->tracks[i];
                t->id = unpack_u32(u);
                t->decode_time = unpack_u64(u);
                t->duration = unpack_u64(u);
                t->samples = unpack_u32(u);
                t->bytes = unpack_u64(u);
                unpack_copy(u, t->hash, sizeof t->hash);
        }
        s->gaps_n = unpack_u8(u);
        if (s->gaps_n > SEAL_GAPS_MAX)
                u->bad = true;
        for (unsigned i = 0; i < s->gaps_n && !u->bad; i++) {
                struct seal_gap *g = &s->gaps[i];
                g->cause = unpack_u8(u);
                g->from_us = unpack_i64(u);
                g->to_us = unpack_i64(u);
                g->frames = unpack_u32(u);
        }
}

static void read_fields(struct unpack *u, struct seal *s)
{
        s->flags = unpack_u8(u);
        unpack_string(u, s->stream, sizeof s->stream);
        unpack_copy(u, s->epoch, sizeof s->epoch);
        s->sequence = unpack_u64(u);
        unpack_copy(u, s->previous.epoch, sizeof s->previous.epoch);
        s->previous.sequence = unpack_u64(u);
        unpack_copy(u, s->previous.hash, sizeof s->previous.hash);
        unpack_copy(u, s->kid, sizeof s->kid);
        unpack_copy(u, s->key_commitment, sizeof s->key_commitment);
        unpack_copy(u, s->header_hash, sizeof s->header_hash);
        s->fragment = unpack_u32(u);
        s->sealed_us = unpack_i64(u);
        s->monotonic_us = unpack_i64(u);
        s->first_arrival_us = unpack_i64(u);
        s->last_arrival_us = unpack_i64(u);
        s->sender_us = unpack_i64(u);
        s->moof_bytes = unpack_u32(u);
        unpack_copy(u, s->moof_hash, sizeof s->moof_hash);
        read_tracks(u, s);
        unpack_copy(u, s->signer, sizeof s->signer);
        unpack_copy(u, s->signature, sizeof s->signature);
}

int seal_parse(struct bytes payload, struct seal *ret, struct err *e)
{
        struct unpack u = unpack_of(payload);
        struct seal s = { 0 };
        unsigned version = unpack_u8(&u);

        if (u.bad || version < 1 || version > SEAL_VERSION)
                return err_set(e, ERR_CORRUPT, "seal: version %u; this reader knows 1 to %d",
                        version, SEAL_VERSION);
        read_fields(&u, &s);
        if (!unpack_complete(&u))
                return err_set(e, ERR_CORRUPT, "seal: %zu bytes do not hold its fields", payload.n);
        int r = check_seal(&s, e);
        if (r < 0)
                return err_wrap(e, ERR_CORRUPT, "seal");
        if (version != seal_version_of(&s))
                return err_set(e, ERR_CORRUPT, "seal: version %u, and its gaps are of version %u",
                        version, seal_version_of(&s));
        *ret = s;
        return 0;
}

bool seal_signature_ok(struct bytes payload, struct verify_key *key)
{
        uint8_t message[sizeof seal_domain + SEAL_BYTES_MAX], id[32];

        if (payload.n < 32 + SIGN_BYTES || payload.n > SEAL_BYTES_MAX)
                return false;
        size_t signed_n = payload.n - SIGN_BYTES;
        verify_key_id(key, id);
        if (memcmp(payload.p + signed_n - sizeof id, id, sizeof id) != 0)
                return false;
        memcpy(message, seal_domain, sizeof seal_domain);
        memcpy(message + sizeof seal_domain, payload.p, signed_n);
        return sign_check(key, BYTES(message, sizeof seal_domain + signed_n), payload.p + signed_n);
}

void seal_hash(struct bytes payload, uint8_t ret[static 32])
{
        hash_once(payload, ret);
}

bool seal_link_equal(const struct seal_link *a, const struct seal_link *b)
{
        return a->sequence == b->sequence && memcmp(a->epoch, b->epoch, sizeof a->epoch) == 0 &&
               memcmp(a->hash, b->hash, sizeof a->hash) == 0;
}

struct seal_link seal_link_of(const struct seal *s, struct bytes payload)
{
        struct seal_link link = { .sequence = s->sequence };

        memcpy(link.epoch, s->epoch, sizeof link.epoch);
        seal_hash(payload, link.hash);
        return link;
}

/* "label" | bytes | text, as the specifications write them one behind the other. */
static size_t join(
        uint8_t *to, size_t room, const char *label, struct bytes middle, const char *text)
{
        struct bytes parts[] = { bytes_str(label), middle, bytes_str(text) };
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                struct bytes part = bytes_sub(parts[i], 0, room - n);
                if (part.n)
                        memcpy(to + n, part.p, part.n);
                n += part.n;
        }
        return n;
}

void seal_commit_key(const uint8_t segment_key[static 16], const uint8_t kid[static 16],
        const char *stream, uint8_t ret[static 32])
{
        uint8_t message[32 + SEAL_KID_BYTES + HEAD_PATH_MAX];
        size_t n = join(message, sizeof message, "custos-kc1", BYTES(kid, SEAL_KID_BYTES), stream);

        kdf_hmac_sha256(BYTES(segment_key, 16), BYTES(message, n), ret);
}

void seal_segment_key(
        const uint8_t hour_key[static 32], const uint8_t kid[static 16], uint8_t ret[static 16])
{
        uint8_t info[32 + SEAL_KID_BYTES];
        size_t n = join(info, sizeof info, "custos-segment-key-1", BYTES(kid, SEAL_KID_BYTES), "");

        kdf_hkdf_sha256(BYTES(hour_key, 32), BYTES(NULL, 0), BYTES(info, n), ret, 16);
}

void seal_hour_key_id(const uint8_t hour_key[static 32], const char *stream, uint8_t ret[static 16])
{
        uint8_t message[32 + HEAD_PATH_MAX], id[32];
        size_t n = join(message, sizeof message, "custos-hour-key-id-1", BYTES(NULL, 0), stream);

        kdf_hmac_sha256(BYTES(hour_key, 32), BYTES(message, n), id);
        memcpy(ret, id, 16);
}
