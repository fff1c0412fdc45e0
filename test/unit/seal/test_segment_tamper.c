/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One change to a recorded segment, and whether anything notices: every single byte, and boxes
 * added, removed, swapped and rewritten. "Clean" is what a verifier asks of one segment: form,
 * hashes, signatures, index. Whether a segment or its end is missing is the chain's business
 * (test_chain).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <cmocka.h>

#include "segment_builder.c"

static struct segment_builder_site *site;

static bool sealed_by(const struct segment *s, struct verify_key *key)
{
        for (unsigned i = 0; i < s->fragments_n; i++) {
                if (segment_check_fragment(s, i, NULL) < 0 ||
                        s->fragments[i].seal.fragment != i + 1)
                        return false;
                if (!seal_signature_ok(s->fragments[i].seal_payload, key))
                        return false;
        }
        return segment_check_index(s, NULL) == 0;
}

static bool clean(struct bytes file)
{
        CLEANUP(verify_key_freep) struct verify_key *key = NULL;
        static struct segment s; /* large */

        if (segment_read(file, &s, NULL) < 0)
                return false;
        bool ok = s.faults_n == 0 && s.unsealed_from == file.n && s.fragments_n > 0 &&
                  verify_key_of_cert(s.head.seal_cert, &key, NULL) == 0 && sealed_by(&s, key);
        segment_done(&s);
        return ok;
}

static struct segment_builder *build(const char *script, size_t front_free)
{
        struct segment_builder *b = segment_builder_new(&(struct segment_builder_options){
                .seed = 11, .site = site, .frame_bytes = 200, .front_free = front_free });

        segment_builder_run(b, script);
        for (unsigned i = 0; i < b->segments_n; i++)
                assert_true(clean(buf_bytes(&b->segments[i].file)));
        return b;
}

/* Each byte (or each step-th one) is changed once, by one bit or by any other value, chosen by its
 * place. */
static void flip_bytes(const char *script, size_t front_free, size_t step)
{
        struct segment_builder *b = build(script, front_free);
        struct buf *file = &b->segments[0].file;

        for (size_t i = 0; i < file->n; i += step) {
                uint8_t change = (uint8_t)(i * 2654435761u >> 13);
                change = i % 2 || !change ? (uint8_t)(1 << i / 2 % 8) : change;
                file->p[i] ^= change;
                if (clean(buf_bytes(file)))
                        fail_msg("byte %zu of %zu changed by 0x%02x: not noticed", i, file->n,
                                change);
                file->p[i] ^= change;
        }
        assert_true(clean(buf_bytes(file)));
        segment_builder_free(b);
}

static void test_every_byte_of_a_closed_one(void **state)
{
        (void)state;
        flip_bytes("SIPAAIP|", 0, 1);
}

static void test_bytes_of_an_unclosed_one(void **state)
{
        (void)state;
        flip_bytes("SIPAAIP-", 64, 3);
}

/* Any run of bytes taken out or put in. */
static void test_lengths(void **state)
{
        struct segment_builder *b = build("SIPAIP", 0);
        const struct buf *file = &b->segments[0].file;
        struct segment_builder_state *random = b->state;

        (void)state;
        for (int i = 0; i < 1500; i++) {
                CLEANUP(buf_done) struct buf copy;
                size_t at = builder_u64(random) % file->n, n = 1 + builder_u64(random) % 5000;
                uint8_t noise[5000];
                bool put = i % 2;
                if (!put && at + n > file->n)
                        n = file->n - at;
                memset(noise, i % 4 == 1 ? 0 : 0x41, sizeof noise);
                buf_init(&copy, BUILDER_MAX);
                assert_int_equal(buf_append(&copy, BYTES(file->p, at), NULL), 0);
                if (put)
                        assert_int_equal(buf_append(&copy, BYTES(noise, n), NULL), 0);
                struct bytes rest = bytes_sub(buf_bytes(file), put ? at : at + n, file->n);
                assert_int_equal(buf_append(&copy, rest, NULL), 0);
                if (clean(buf_bytes(&copy)))
                        fail_msg("%zu bytes %s at %zu: not noticed", n,
                                put ? "put in" : "taken out", at);
        }
        segment_builder_free(b);
}

struct place {
        uint64_t at;
        size_t n;
};

/* The children of `in` in the file, and their children where they are containers. */
static void list_boxes(
        struct bytes file, uint64_t from, uint64_t to, struct place *places, size_t *n)
{
        static const char containers[] = "moov trak mdia minf stbl mvex moof traf mfra dinf";
        struct bytes in = bytes_sub(file, 0, to);
        struct box b;

        while (box_next(in, &from, &b, NULL) > 0) {
                char type[5] = { (char)(b.type >> 24), (char)(b.type >> 16), (char)(b.type >> 8),
                        (char)b.type };
                places[(*n)++] = (struct place){ b.offset, b.whole.n };
                assert_true(*n < 400);
                if (strstr(containers, type))
                        list_boxes(file, b.offset + 8, b.offset + b.whole.n, places, n);
        }
}

static void resize_parents(
        struct buf *file, const struct place *places, size_t n, uint64_t at, int32_t by)
{
        for (size_t i = 0; i < n; i++) {
                if (places[i].at >= at || places[i].at + places[i].n <= at)
                        continue;
                struct pack p = pack_to(file);
                pack_patch_u32(&p, places[i].at, (uint32_t)places[i].n + (uint32_t)by);
        }
}

/* Any box taken out, doubled, or another put before it, with the sizes of those around it set
 * right. Where the offsets of what follows move, so do they for a player: it is still another file.
 */
static void test_every_box(void **state)
{
        static struct place places[400];
        struct segment_builder *b = build("SIPAAIPA", 0);
        const struct buf *file = &b->segments[0].file;
        struct bytes added = BYTES("\0\0\0\x10"
                                   "free\0\0\0\0\0\0\0\0",
                16);
        size_t n = 0;

        (void)state;
        list_boxes(buf_bytes(file), 0, file->n, places, &n);
        assert_true(n > 60);
        for (size_t i = 0; i < n; i++) {
                for (int what = 0; what < 3; what++) {
                        CLEANUP(buf_done) struct buf copy;
                        struct bytes box = BYTES(file->p + places[i].at, places[i].n);
                        struct bytes put = what == 0 ? BYTES(NULL, 0) : what == 1 ? box : added;
                        uint64_t rest = places[i].at + (what == 0 ? box.n : 0);
                        buf_init(&copy, BUILDER_MAX);
                        assert_int_equal(buf_append(&copy, BYTES(file->p, places[i].at), NULL), 0);
                        assert_int_equal(buf_append(&copy, put, NULL), 0);
                        assert_int_equal(
                                buf_append(&copy, bytes_sub(buf_bytes(file), rest, file->n), NULL),
                                0);
                        resize_parents(&copy, places, n, places[i].at,
                                what ? (int32_t)put.n : -(int32_t)box.n);
                        if (clean(buf_bytes(&copy)))
                                fail_msg("box at %" PRIu64 " (%.4s), change %d: not noticed",
                                        places[i].at, (const char *)box.p + 4, what);
                }
        }
        segment_builder_free(b);
}

static void test_swapped_fragments(void **state)
{
        struct segment_builder *b = build("SIIIII", 0);
        struct segment_builder_segment *s = &b->segments[0];
        CLEANUP(buf_done) struct buf copy;

        (void)state;
        buf_init(&copy, BUILDER_MAX);
        for (unsigned i = 0; i < s->fragments_n; i++) {
                for (unsigned k = 0; k < s->fragments_n; k++) {
                        buf_clear(&copy);
                        assert_int_equal(buf_append(&copy, buf_bytes(&s->file), NULL), 0);
                        memcpy(copy.p + s->fragments[i].offset, s->file.p + s->fragments[k].offset,
                                SEGMENT_ALIGN);
                        assert_int_equal(clean(buf_bytes(&copy)), i == k); /* duplicated */
                        memcpy(copy.p + s->fragments[k].offset, s->file.p + s->fragments[i].offset,
                                SEGMENT_ALIGN);
                        assert_int_equal(clean(buf_bytes(&copy)), i == k); /* swapped */
                }
        }
        segment_builder_free(b);
}

/* Somebody with another key seals what he likes: the form is right, the key is not that of the
 * certificate. */
static void test_sealed_by_another(void **state)
{
        struct segment_builder *b = build("SIP-", 0);
        struct buf *file = &b->segments[0].file;
        struct sign_key *other = sign_key_generate();
        CLEANUP(buf_done) struct buf payload;
        struct segment s;

        (void)state;
        segment_builder_read(b, 0, &s);
        struct seal seal = s.fragments[0].seal;
        seal.first_arrival_us -= 3600000000;
        buf_init(&payload, SEAL_BYTES_MAX);
        assert_int_equal(seal_sign(&seal, other, &payload, NULL), 0);
        assert_int_equal(payload.n, s.fragments[0].seal_payload.n);
        memcpy(file->p + (s.fragments[0].seal_payload.p - file->p), payload.p, payload.n);
        segment_done(&s);
        assert_int_equal(segment_read(buf_bytes(file), &s, NULL), 0);
        assert_int_equal(segment_check_fragment(&s, 0, NULL), 0);
        segment_done(&s);
        assert_false(clean(buf_bytes(file)));
        sign_key_free(other);
        segment_builder_free(b);
}

/* A moof of the sealer's own whose seal says something else: even a signature does not make them
 * agree. */
static void test_seal_disagrees(void **state)
{
        struct segment_builder *b = build("SIPA-", 0);
        struct segment s;
        struct seal sound;

        (void)state;
        segment_builder_read(b, 0, &s);
        sound = s.fragments[0].seal;
        struct seal *seal = &s.fragments[0].seal;
#define DISAGREES(change)                                                                          \
        do {                                                                                       \
                change;                                                                            \
                assert_int_equal(segment_check_fragment(&s, 0, NULL), ERR_CORRUPT);                \
                *seal = sound;                                                                     \
                assert_int_equal(segment_check_fragment(&s, 0, NULL), 0);                          \
        } while (0)
        DISAGREES(seal->fragment = 2);
        DISAGREES(seal->flags = 0);
        DISAGREES(seal->kid[0] ^= 1);
        DISAGREES(strcpy(seal->stream, "lobby-sub"));
        DISAGREES(seal->header_hash[31] ^= 1);
        DISAGREES(seal->moof_bytes++);
        DISAGREES(seal->moof_hash[0] ^= 1);
        DISAGREES(seal->tracks_n = 1);
        DISAGREES(seal->tracks[0].id = 2);
        DISAGREES(seal->tracks[0].decode_time++);
        DISAGREES(seal->tracks[0].duration++);
        DISAGREES(seal->tracks[0].samples++);
        DISAGREES(seal->tracks[0].bytes++);
        DISAGREES(seal->tracks[0].hash[0] ^= 1);
        DISAGREES(seal->tracks[1].hash[0] ^= 1);
        s.fragments[0].mdat.n--;
        assert_int_equal(segment_check_fragment(&s, 0, NULL), ERR_CORRUPT);
        s.fragments[0].mdat.n += 2;
        assert_int_equal(segment_check_fragment(&s, 0, NULL), ERR_CORRUPT);
        segment_done(&s);
        segment_builder_free(b);
}

static int setup(void **state)
{
        (void)state;
        site = segment_builder_site_new("test");
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        site = segment_builder_site_free(site);
        return 0;
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_byte_of_a_closed_one),
                cmocka_unit_test(test_bytes_of_an_unclosed_one),
                cmocka_unit_test(test_lengths),
                cmocka_unit_test(test_every_box),
                cmocka_unit_test(test_swapped_fragments),
                cmocka_unit_test(test_sealed_by_another),
                cmocka_unit_test(test_seal_disagrees),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
