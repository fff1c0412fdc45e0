/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Enrolment codes. The vectors were computed by another program from the header's words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>

#include "trust/enrol_code.h"

static const struct {
        const char *role, *name, *root, *secret, *text, *hash;
} vectors[] = {
        { "recorder", "north-1", "000102030405060708090a0b0c0d0e0f",
                "101112131415161718191a1b1c1d1e1f",
                "recorder-north-1-AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYPS",
                "263b7c11794ebb05f1c14276bdff6c26fd7bbf6ca2d8860f765bc7ec803d99a5" },
        { "gateway", "g", "ffffffffffffffffffffffffffffffff", "00000000000000000000000000000000",
                "gateway-g-7777-7777-7777-7777-7777-7777-74AA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAI",
                "633c733d250f056b5d38fde4260bce2c336d07b0efc533869ab2c0a35102ed2a" },
        { "recorder", "yard", "4813494d137e1631bba301d5acab6e7b",
                "2bb80d537b1da3e38bd30361aa855686",
                "recorder-yard-JAJU-STIT-PYLD-DO5D-AHK2-ZK3O-PMV3-QDKT-PMO2-HY4L-2MBW-DKUF-K2DB",
                "2ee7b8ace17ff8e6fe267fbba0684d12f1cc201602227271de1f7341fe6f11e8" },
};

#define GROUPS "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYPS"

static void vector(unsigned i, struct enrol_code *c)
{
        *c = (struct enrol_code){ 0 };
        snprintf(c->role, sizeof c->role, "%s", vectors[i].role);
        snprintf(c->name, sizeof c->name, "%s", vectors[i].name);
        assert_int_equal(str_unhex(c->root, sizeof c->root, vectors[i].root, NULL), 0);
        assert_int_equal(str_unhex(c->secret, sizeof c->secret, vectors[i].secret, NULL), 0);
}

static void written_and_read(void **state)
{
        char text[ENROL_CODE_ROOM], hex[65], password[33];
        struct enrol_code c, back;
        uint8_t hash[32];

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(vectors); i++) {
                struct err e = { 0 };
                vector(i, &c);
                enrol_code_format(&c, text);
                assert_string_equal(text, vectors[i].text);
                memset(&back, 0, sizeof back);
                if (enrol_code_parse(text, &back, &e) < 0)
                        fail_msg("%s", e.text);
                assert_memory_equal(&back, &c, sizeof c);
                enrol_code_password(&c, password);
                assert_string_equal(password, vectors[i].secret);
                enrol_code_hash(c.secret, hash);
                assert_string_equal(str_hex(hex, BYTES(hash, 32)), vectors[i].hash);
        }
}

static void the_longest(void **state)
{
        struct enrol_code c, back = { 0 };
        char text[ENROL_CODE_ROOM];
        struct err e;

        (void)state;
        vector(0, &c);
        memset(c.name, 'n', sizeof c.name - 1);
        enrol_code_format(&c, text);
        assert_int_equal(strlen(text), 8 + 1 + 47 + 13 * 5);
        assert_int_equal(enrol_code_parse(text, &back, &e), 0);
        assert_string_equal(back.name, c.name);
}

/* Spaces, line ends, case, and digits for the letters that they look like. */
static void as_people_type_it(void **state)
{
        static const char *const typed[] = {
                ("RECORDER-NORTH-1-" GROUPS),
                "  recorder-north-1-aaaq-eaye-auda-ocaj-bifq-ydio-b4ib-ceqt-cqkr-mfyy-denb-wha5-dyps\r\n",
                "recorder - north-1 -\n AAAQ-EAYE-AUDA-OC AJ-BIFQ-YDIO-B4IB-\tCEQT-CQKR-MFYY-DENB-WHA5-D Y P S",
                "recorder-north-1-AAAQ-EAYE-AUDA-0CAJ-81FQ-YD10-84I8-CEQT-CQKR-MFYY-DEN8-WHA5-DYPS",
        };
        struct enrol_code c, back;
        struct err e;

        (void)state;
        vector(0, &c);
        for (unsigned i = 0; i < ARRAY_LEN(typed); i++) {
                memset(&back, 0, sizeof back);
                if (enrol_code_parse(typed[i], &back, &e) < 0)
                        fail_msg("%u: %s", i, e.text);
                assert_memory_equal(&back, &c, sizeof c);
        }
}

static void what_is_wrong_is_said(void **state)
{
        static const struct {
                const char *typed, *said;
        } wrong[] = {
                { "", "too short" },
                { "recorder-north-1", "group 13 of 13" },
                { GROUPS, "too short" },
                { "recorder-" GROUPS, "does not begin with a role and a name" },
                { "-north-1-" GROUPS, "does not begin with a role and a name" },
                { "camera-north-1-" GROUPS, "no such role" },
                { "recorder--" GROUPS, "does not begin with a role and a name" },
                { "recorder-north_1-" GROUPS, "a node's name is" },
                { "recorder-nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn-" GROUPS, "too long" },
                { "recorderrecorderrecorder-n-" GROUPS, "too long" },
                /* a letter too few, too many, a group too few, letters of no alphabet */
                { "recorder-north-1-AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYP",
                        "group 13 of 13 of the enrolment code has 3 letters" },
                { "recorder-north-1-AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKRA-MFYY-DENB-WHA5-DYPS",
                        "group 9 of 13 of the enrolment code has 5 letters" },
                { "recorder-north-1-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYPS",
                        "group 1 of 13 of the enrolment code has 1 letters" },
                { "recorder-north-1-AAAQEAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYPS",
                        "group 2 of 13 of the enrolment code has 8 letters" },
                { "recorder-north-1-AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDI9-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYPS",
                        "letter 4 of group 6" },
                { "recorder-north-1-AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYP=",
                        "letter 4 of group 13" },
                /* the checksum: a letter changed in it, in the root, in the secret; name, role */
                { "recorder-north-1-AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYPT",
                        "mistyped" },
                { "recorder-north-1-BAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHA5-DYPS",
                        "mistyped" },
                { "recorder-north-1-AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4IB-CEQT-CQKR-MFYY-DENB-WHB5-DYPS",
                        "mistyped" },
                { "recorder-north-2-" GROUPS, "mistyped" },
                { "gateway-north-1-" GROUPS, "mistyped" },
        };
        struct enrol_code back, untouched;
        struct err e;

        (void)state;
        memset(&untouched, 7, sizeof untouched);
        for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
                back = untouched;
                e.text[0] = '\0';
                if (enrol_code_parse(wrong[i].typed, &back, &e) != ERR_INVALID ||
                        !strstr(e.text, wrong[i].said))
                        fail_msg("%s: %s", wrong[i].typed, e.text);
                assert_memory_equal(&back, &untouched, sizeof back);
                /* never a part of it */
                for (const char *at = strchr(wrong[i].typed, '-'); at; at = strchr(at + 1, '-')) {
                        char part[6];
                        snprintf(part, sizeof part, "%.4s", at + 1);
                        if (isupper((unsigned char)part[0]) && strlen(part) == 4)
                                assert_null(strstr(e.text, part));
                }
        }
}

/* 4 bits: of all changes of one letter 15 of 16 are noticed, here counted. */
static void most_slips_are_noticed(void **state)
{
        unsigned tried = 0, noticed = 0;
        struct enrol_code back;
        char text[ENROL_CODE_ROOM];

        (void)state;
        snprintf(text, sizeof text, "%s", vectors[0].text);
        for (char *at = text + strlen(text) - 64; *at; at++) {
                char was = *at;
                for (unsigned v = 0; was != '-' && v < 32; v++) {
                        if (str_base32_letter(v) == was)
                                continue;
                        *at = str_base32_letter(v);
                        tried++;
                        noticed += enrol_code_parse(text, &back, NULL) < 0;
                }
                *at = was;
        }
        assert_int_equal(tried, 52 * 31);
        assert_true(noticed > tried * 9 / 10);
        assert_true(noticed < tried);
}

static void too_much_is_refused(void **state)
{
        struct enrol_code back;
        char text[5000];
        struct err e;

        (void)state;
        memset(text, ' ', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        assert_int_equal(enrol_code_parse(text, &back, &e), ERR_INVALID);
        memset(text, 'A', 300);
        text[300] = '\0';
        assert_int_equal(enrol_code_parse(text, &back, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "too long"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(written_and_read),
                cmocka_unit_test(the_longest),
                cmocka_unit_test(as_people_type_it),
                cmocka_unit_test(what_is_wrong_is_said),
                cmocka_unit_test(most_slips_are_noticed),
                cmocka_unit_test(too_much_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
