/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expected values: FIPS 180-4 examples (NIST CSRC), cross-checked with sha256sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"

static void expect(const uint8_t digest[HASH_BYTES], const char *hex)
{
        char got[2 * HASH_BYTES + 1];

        assert_string_equal(str_hex(got, BYTES(digest, HASH_BYTES)), hex);
}

static void known_digests(void **state)
{
        uint8_t d[HASH_BYTES];

        (void)state;
        hash_once(bytes_str("abc"), d);
        expect(d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        hash_once(BYTES(NULL, 0), d);
        expect(d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        hash_once(bytes_str("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), d);
        expect(d, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* One context, restarted; a million 'a' in uneven pieces. */
static void streamed(void **state)
{
        struct hash *h = hash_new();
        uint8_t d[HASH_BYTES], a[1000];

        (void)state;
        memset(a, 'a', sizeof a);
        for (unsigned round = 0; round < 2; round++) {
                size_t left = 1000000;
                hash_start(h);
                for (size_t n = 1; left > 0; n = n % 997 + 1) {
                        size_t part = n < left ? n : left;
                        hash_update(h, BYTES(a, part));
                        left -= part;
                }
                hash_finish(h, d);
                expect(d, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
        }
        hash_start(h);
        hash_update(h, bytes_str("left over"));
        hash_start(h);
        hash_update(h, bytes_str("abc"));
        hash_finish(h, d);
        expect(d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        hash_freep(&h);
}

static void random_differs(void **state)
{
        uint8_t a[300] = { 0 }, b[300] = { 0 };
        unsigned zeros = 0;

        (void)state;
        random_bytes(a, sizeof a);
        random_bytes(b, sizeof b);
        assert_memory_not_equal(a, b, sizeof a);
        for (size_t i = 0; i < sizeof a; i++)
                zeros += a[i] == 0;
        assert_in_range(zeros, 0, 30); /* also: filled to the end */
        assert_int_not_equal(random_u64(), random_u64());
        random_bytes(a, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_digests),
                cmocka_unit_test(streamed),
                cmocka_unit_test(random_differs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
