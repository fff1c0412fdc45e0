/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Media sealed for a session. The source is included so that a number near the end can be set, and
 * the key be seen: what is sealed is compared with AES-256-GCM as another caller of it has it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crypto/media_box.c"

struct pair {
        uint8_t private_key[HPKE_PRIVATE_BYTES], session[HPKE_PUBLIC_BYTES];
        uint8_t wrap[MEDIA_BOX_WRAP_BYTES];
        struct media_box *seal, *open;
        struct buf out, plain;
};

static const char context[] = "\0\016custos-media-1\0\010cam-main\0\003abc";
#define CONTEXT BYTES(context, sizeof context - 1)

static void pair_init(struct pair *p)
{
        *p = (struct pair){ 0 };
        hpke_generate(p->private_key, p->session);
        assert_int_equal(media_box_seal_new(p->session, CONTEXT, &p->seal, p->wrap, NULL), 0);
        assert_int_equal(media_box_open_new(p->private_key, CONTEXT, p->wrap, &p->open, NULL), 0);
        buf_init(&p->out, 4096);
        buf_init(&p->plain, 4096);
}

static void pair_done(struct pair *p)
{
        media_box_free(p->seal);
        media_box_free(p->open);
        buf_done(&p->out);
        buf_done(&p->plain);
}

/* Seals text as two parts; returns its number. */
static uint64_t seal(struct pair *p, const char *aad, const char *text)
{
        struct bytes parts[] = { BYTES(text, 1), BYTES(text + 1, strlen(text) - 1) };
        uint64_t number = media_box_next(p->seal);

        buf_clear(&p->out);
        assert_int_equal(media_box_seal(p->seal, bytes_str(aad), parts, 2, &p->out, NULL), 0);
        assert_int_equal(p->out.n, strlen(text) + MEDIA_BOX_TAG_BYTES);
        return number;
}

static int open_it(struct pair *p, uint64_t number, const char *aad)
{
        buf_clear(&p->plain);
        return media_box_open(p->open, number, bytes_str(aad), buf_bytes(&p->out), &p->plain, NULL);
}

static void there_and_back(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p);
        for (unsigned i = 0; i < 20; i++) {
                assert_int_equal(seal(&p, "head", "a frame of the picture"), i);
                assert_int_equal(open_it(&p, i, "head"), 0);
                assert_true(bytes_equal(buf_bytes(&p.plain), bytes_str("a frame of the picture")));
        }
        /* Nothing at all is sealed too. */
        uint64_t number = media_box_next(p.seal);
        buf_clear(&p.out);
        assert_int_equal(media_box_seal(p.seal, BYTES(NULL, 0), NULL, 0, &p.out, NULL), 0);
        assert_int_equal(p.out.n, MEDIA_BOX_TAG_BYTES);
        assert_int_equal(open_it(&p, number, ""), 0);
        assert_int_equal(p.plain.n, 0);
        pair_done(&p);
}

/* As docs/spec/link.md section 8 has it: any AES-256-GCM opens it. */
static void is_what_the_specification_says(void **state)
{
        uint8_t nonce[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3 }, plain[8];
        struct pair p;
        int n = 0;

        (void)state;
        pair_init(&p);
        for (unsigned i = 0; i < 3; i++)
                seal(&p, "x", "not this");
        assert_int_equal(seal(&p, "head", "the text"), 3);
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, p.seal->key, nonce), 1);
        assert_int_equal(EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)"head", 4), 1);
        assert_int_equal(EVP_DecryptUpdate(ctx, plain, &n, p.out.p, 8), 1);
        assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, p.out.p + 8), 1);
        assert_int_equal(EVP_DecryptFinal_ex(ctx, plain + 8, &n), 1);
        assert_memory_equal(plain, "the text", 8);
        EVP_CIPHER_CTX_free(ctx);
        pair_done(&p);
}

static void every_changed_bit_is_refused(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p);
        uint64_t number = seal(&p, "head", "a frame");
        for (size_t bit = 0; bit < 8 * p.out.n; bit++) {
                p.out.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_int_equal(open_it(&p, number, "head"), ERR_AUTH);
                assert_int_equal(p.plain.n, 0);
                p.out.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        char head[] = "head";
        for (size_t bit = 0; bit < 8 * 4; bit++) {
                head[bit / 8] = (char)(head[bit / 8] ^ 1 << bit % 8);
                if (!memchr(head, 0, 4))
                        assert_int_equal(open_it(&p, number, head), ERR_AUTH);
                head[bit / 8] = (char)(head[bit / 8] ^ 1 << bit % 8);
        }
        for (unsigned bit = 0; bit < 32; bit++)
                assert_int_equal(open_it(&p, number ^ (UINT64_C(1) << bit), "head"), ERR_AUTH);
        p.out.n--;
        assert_int_equal(open_it(&p, number, "head"), ERR_AUTH);
        p.out.n = MEDIA_BOX_TAG_BYTES - 1;
        assert_int_equal(open_it(&p, number, "head"), ERR_INVALID);
        /* None of them took the number's place. */
        seal(&p, "head", "the next");
        assert_int_equal(open_it(&p, number + 1, "head"), 0);
        pair_done(&p);
}

static void every_changed_bit_of_the_wrap_is_refused(void **state)
{
        struct media_box *none = NULL;
        struct pair p;

        (void)state;
        pair_init(&p);
        for (size_t bit = 0; bit < 8 * sizeof p.wrap; bit++) {
                p.wrap[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_true(media_box_open_new(p.private_key, CONTEXT, p.wrap, &none, NULL) < 0);
                assert_null(none);
                p.wrap[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        pair_done(&p);
}

static void another_session_or_context_is_refused(void **state)
{
        uint8_t other[HPKE_PRIVATE_BYTES], unused[HPKE_PUBLIC_BYTES], wrap[MEDIA_BOX_WRAP_BYTES];
        struct media_box *none = NULL;
        struct pair p;

        (void)state;
        pair_init(&p);
        hpke_generate(other, unused);
        assert_int_equal(media_box_open_new(other, CONTEXT, p.wrap, &none, NULL), ERR_AUTH);
        assert_int_equal(media_box_open_new(p.private_key, bytes_str("cam2"), p.wrap, &none, NULL),
                ERR_AUTH);
        assert_null(none);
        /* No point of the curve: no session. */
        unused[0] = 4;
        unused[64] ^= 1;
        assert_int_equal(media_box_seal_new(unused, CONTEXT, &none, wrap, NULL), ERR_INVALID);
        assert_null(none);
        pair_done(&p);
}

/* A second grant of the same session opens the same messages; each wrap is good for its grant
 * alone. */
static void the_same_key_under_another_grant(void **state)
{
        uint8_t wrap[MEDIA_BOX_WRAP_BYTES];
        struct media_box *again = NULL;
        struct pair p;

        (void)state;
        pair_init(&p);
        seal(&p, "", "before");
        assert_int_equal(media_box_wrap(p.seal, bytes_str("later"), wrap, NULL), 0);
        assert_int_equal(media_box_open_new(p.private_key, CONTEXT, wrap, &again, NULL), ERR_AUTH);
        assert_int_equal(
                media_box_open_new(p.private_key, bytes_str("later"), wrap, &again, NULL), 0);
        uint64_t number = seal(&p, "", "for both");
        assert_int_equal(number, 1);
        assert_int_equal(open_it(&p, number, ""), 0);
        media_box_free(p.open);
        p.open = again;
        assert_int_equal(open_it(&p, number, ""), 0);
        pair_done(&p);
}

static void none_comes_twice_and_some_not_at_all(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p);
        for (unsigned i = 0; i < 4; i++)
                seal(&p, "", "left out");
        uint64_t number = seal(&p, "", "fifth");
        assert_int_equal(open_it(&p, number, ""), 0);
        assert_int_equal(open_it(&p, number, ""), ERR_STATE);
        assert_int_equal(p.plain.n, 0);
        /* An older one that was never opened, too. */
        for (uint64_t i = 0; i < number; i++)
                assert_int_equal(open_it(&p, i, ""), ERR_STATE);
        assert_int_equal(open_it(&p, seal(&p, "", "sixth"), ""), 0);
        media_box_skip(p.seal);
        assert_true(seal(&p, "", "eighth") == number + 3);
        assert_int_equal(open_it(&p, number + 3, ""), 0);
        pair_done(&p);
}

/* Two messages of the same text never look the same: the number is the nonce, and it ends before it
 * could come round. */
static void a_nonce_never_repeats(void **state)
{
        uint8_t before[4 + MEDIA_BOX_TAG_BYTES];
        struct bytes part = bytes_str("text");
        struct pair p;

        (void)state;
        pair_init(&p);
        seal(&p, "", "text");
        memcpy(before, p.out.p, sizeof before);
        seal(&p, "", "text");
        assert_memory_not_equal(p.out.p, before, 4);

        /* One that did not fit has used no number: nothing of it was sealed. */
        struct buf small;
        buf_init(&small, 10);
        uint64_t next = media_box_next(p.seal);
        assert_int_equal(
                media_box_seal(p.seal, BYTES(NULL, 0), &part, 1, &small, NULL), ERR_EXHAUSTED);
        assert_int_equal(small.n, 0);
        assert_true(media_box_next(p.seal) == next);
        buf_done(&small);

        p.seal->next = MEDIA_BOX_MESSAGES_MAX - 1;
        assert_true(seal(&p, "", "the last") == MEDIA_BOX_MESSAGES_MAX - 1);
        assert_int_equal(open_it(&p, MEDIA_BOX_MESSAGES_MAX - 1, ""), 0);
        for (unsigned i = 0; i < 2; i++) {
                buf_clear(&p.out);
                assert_int_equal(media_box_seal(p.seal, BYTES(NULL, 0), &part, 1, &p.out, NULL),
                        ERR_EXHAUSTED);
                assert_int_equal(p.out.n, 0);
        }
        media_box_skip(p.seal);
        assert_true(media_box_next(p.seal) == MEDIA_BOX_MESSAGES_MAX);
        assert_int_equal(open_it(&p, MEDIA_BOX_MESSAGES_MAX, ""), ERR_INVALID);
        pair_done(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(there_and_back),
                cmocka_unit_test(is_what_the_specification_says),
                cmocka_unit_test(every_changed_bit_is_refused),
                cmocka_unit_test(every_changed_bit_of_the_wrap_is_refused),
                cmocka_unit_test(another_session_or_context_is_refused),
                cmocka_unit_test(the_same_key_under_another_grant),
                cmocka_unit_test(none_comes_twice_and_some_not_at_all),
                cmocka_unit_test(a_nonce_never_repeats),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
