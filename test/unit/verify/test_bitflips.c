/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * 1,000 single bits changed at random in segments and exports: each is reported, with a file and a
 * time. 100 runs over unchanged ones: none is reported. The order of the dice is fixed, so that a
 * failure can be looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "segment_builder.c"
#include "export_builder.c"
#include "tamper.c"

#define FLIPS 1000
#define FILES 4

static const char *const scripts[FILES] = { "IAPPIPPAIPP|GIPP", "IPPIPPIPP-", "IAPPIPPASIPPIPP",
        "IPPIPPEIPP" };

static uint64_t dice(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

static struct segment_builder *make(
        unsigned i, uint64_t seed, const struct segment_builder_site *site)
{
        struct segment_builder *b = segment_builder_new(&(struct segment_builder_options){
                .seed = seed, .site = site, .frame_bytes = 300 });

        segment_builder_run(b, scripts[i]);
        return b;
}

/* The first two scripts as segments, the others as exports. */
static struct buf file_of(unsigned i, const struct segment_builder *b)
{
        return i < 2 ? tamper_copy(&b->segments[0].file)
                     : export_builder_make(
                               b, &(struct export_builder_options){ .without_audio = i == 3 });
}

static int check(const struct buf *file, const uint8_t *trust, struct verdict *v)
{
        struct err e = { 0 };

        verdict_init(v);
        if (verify_bytes(buf_bytes(file), "flipped.mp4", &(struct verify_options){ .trust = trust },
                    v, &e) < 0)
                return -1;
        return verdict_overall(v);
}

static void test_flips(void **state)
{
        struct segment_builder_site *site = segment_builder_site_new("site");
        struct segment_builder *b[FILES];
        struct buf files[FILES];
        uint64_t seed = 20261122;
        struct verdict v;

        (void)state;
        for (unsigned i = 0; i < FILES; i++) {
                b[i] = make(i, i + 1, site);
                files[i] = file_of(i, b[i]);
                assert_int_equal(check(&files[i], site->fingerprint, &v), 0);
                verdict_done(&v);
        }
        for (unsigned n = 0; n < FLIPS; n++) {
                struct buf *file = &files[n % FILES];
                uint64_t bit = dice(&seed) % (file->n * 8);
                tamper_flip(file, bit);
                int overall = check(file, site->fingerprint, &v);
                bool faults = v.kinds[VERDICT_EDITED] + v.kinds[VERDICT_TRUNCATED] +
                                      v.kinds[VERDICT_FOREIGN] + v.kinds[VERDICT_REMOVED] >
                              0;
                if (overall != 1 || !faults || !tamper_is_located(&v)) {
                        print_error("flip %u: file %u, byte %llu of %zu, bit %llu: %d\n", n,
                                n % FILES, (unsigned long long)bit / 8, file->n,
                                (unsigned long long)bit % 8, overall);
                        tamper_print(&v);
                        fail();
                }
                verdict_done(&v);
                tamper_flip(file, bit);
        }
        for (unsigned i = 0; i < FILES; i++) {
                buf_done(&files[i]);
                segment_builder_free(b[i]);
        }
        segment_builder_site_free(site);
}

static void test_clean(void **state)
{
        struct segment_builder_site *site = segment_builder_site_new("site");
        struct verdict v;

        (void)state;
        for (unsigned n = 0; n < 100; n++) {
                struct segment_builder *b = make(n % FILES, 1000 + n, site);
                struct buf file = file_of(n % FILES, b);
                if (check(&file, site->fingerprint, &v) != 0) {
                        tamper_print(&v);
                        fail();
                }
                verdict_done(&v);
                buf_done(&file);
                segment_builder_free(b);
        }
        segment_builder_site_free(site);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_flips),
                cmocka_unit_test(test_clean),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
