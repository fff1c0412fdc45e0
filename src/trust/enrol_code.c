/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/enrol_code.h"

#include <stdio.h>

#include "crypto/hash.h"
#include "trust/site_ca.h"

#define ENROL_CODE_BYTES (ENROL_CODE_HASH_BYTES + ENROL_CODE_SECRET_BYTES)
#define ENROL_CODE_GROUPS 13
#define ENROL_CODE_GROUP 4
#define ENROL_CODE_LETTERS (ENROL_CODE_GROUPS * ENROL_CODE_GROUP)
#define ENROL_CODE_TYPED_MAX 1024 /* with the spaces that somebody put in */

_Static_assert(ENROL_CODE_LETTERS * 5 == ENROL_CODE_BYTES * 8 + 4, "the checksum has 4 bits");

static uint8_t checksum(
        const char *role, const char *name, const uint8_t b[static ENROL_CODE_BYTES])
{
        static const char tag[] = "custos-enrol-code-1";
        uint8_t text[sizeof tag + 16 + 1 + 48 + ENROL_CODE_BYTES], hash[HASH_BYTES];
        int n = snprintf((char *)text, sizeof text, "%s%s/%s", tag, role, name);

        memcpy(text + n, b, ENROL_CODE_BYTES);
        hash_once(BYTES(text, (size_t)n + ENROL_CODE_BYTES), hash);
        explicit_bzero(text, sizeof text);
        return hash[0] >> 4;
}

void enrol_code_format(const struct enrol_code *c, char to[static ENROL_CODE_ROOM])
{
        uint8_t b[ENROL_CODE_BYTES + 1];
        size_t n = (size_t)snprintf(to, ENROL_CODE_ROOM, "%s-%s", c->role, c->name);

        memcpy(b, c->root, ENROL_CODE_HASH_BYTES);
        memcpy(b + ENROL_CODE_HASH_BYTES, c->secret, ENROL_CODE_SECRET_BYTES);
        b[ENROL_CODE_BYTES] = (uint8_t)(checksum(c->role, c->name, b) << 4);
        for (unsigned i = 0; i < ENROL_CODE_LETTERS; i++) {
                unsigned bit = 5 * i, pair = (unsigned)b[bit / 8] << 8;

                if (bit / 8 < ENROL_CODE_BYTES)
                        pair |= b[bit / 8 + 1];
                if (i % ENROL_CODE_GROUP == 0)
                        to[n++] = '-';
                to[n++] = str_base32_letter(pair >> (11 - bit % 8));
        }
        to[n] = '\0';
        explicit_bzero(b, sizeof b);
}

/* Without white space, and role and name in the only case that they have. */
static int squeeze(const char *text, char *to, size_t room, struct err *e)
{
        size_t n = 0;

        if (strlen(text) > ENROL_CODE_TYPED_MAX)
                return err_set(e, ERR_INVALID,
                        "the enrolment code is too long: it has a role, a name and %d groups of %d "
                        "letters",
                        ENROL_CODE_GROUPS, ENROL_CODE_GROUP);
        for (; *text; text++) {
                if (strchr(" \t\r\n\v\f", *text))
                        continue;
                if (n + 1 == room)
                        return err_set(e, ERR_INVALID,
                                "the enrolment code is too long: it has a role, a name and %d "
                                "groups of %d letters",
                                ENROL_CODE_GROUPS, ENROL_CODE_GROUP);
                to[n++] = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        }
        to[n] = '\0';
        return 0;
}

/* Cuts the last "-GROUP" off text, and returns where the group begins; NULL where there is no '-'.
 */
static const char *cut_group(char *text)
{
        char *dash = strrchr(text, '-');

        if (!dash)
                return NULL;
        *dash = '\0';
        return dash + 1;
}

/* The groups from behind, as 5 bits a letter. */
static int take_letters(char *text, uint8_t fives[static ENROL_CODE_LETTERS], struct err *e)
{
        for (unsigned g = ENROL_CODE_GROUPS; g > 0; g--) {
                const char *group = cut_group(text);

                if (!group)
                        return err_set(e, ERR_INVALID,
                                "the enrolment code is too short: it has a role, a name and %d "
                                "groups of %d letters, with '-' between",
                                ENROL_CODE_GROUPS, ENROL_CODE_GROUP);
                if (strlen(group) != ENROL_CODE_GROUP)
                        return err_set(e, ERR_INVALID,
                                "group %u of %d of the enrolment code has %zu letters, not %d", g,
                                ENROL_CODE_GROUPS, strlen(group), ENROL_CODE_GROUP);
                for (unsigned i = 0; i < ENROL_CODE_GROUP; i++) {
                        int v = str_base32_value(group[i]);
                        if (v < 0)
                                return err_set(e, ERR_INVALID,
                                        "letter %u of group %u of %d of the enrolment code is none "
                                        "of A to Z and 2 to 7",
                                        i + 1, g, ENROL_CODE_GROUPS);
                        fives[(g - 1) * ENROL_CODE_GROUP + i] = (uint8_t)v;
                }
        }
        return 0;
}

/* "ROLE-NAME" */
static int take_node(char *text, struct enrol_code *c, struct err *e)
{
        char *dash = strchr(text, '-'), uri[SITE_CA_URI_ROOM];

        if (!dash || dash == text || !dash[1])
                return err_set(e, ERR_INVALID,
                        "the enrolment code does not begin with a role and a name: "
                        "ROLE-NAME-XXXX-...");
        *dash = '\0';
        if (strlen(text) >= sizeof c->role || strlen(dash + 1) >= sizeof c->name)
                return err_set(e, ERR_INVALID,
                        "the enrolment code names a role or a node that is too long: at most %zu "
                        "and %zu letters",
                        sizeof c->role - 1, sizeof c->name - 1);
        memcpy(c->role, text, strlen(text) + 1);
        memcpy(c->name, dash + 1, strlen(dash + 1) + 1);
        int r = site_ca_uri("site", c->role, c->name, uri, e);
        return r < 0 ? err_wrap(e, r, "the enrolment code") : 0;
}

static int take(char *text, struct enrol_code *c, struct err *e)
{
        uint8_t fives[ENROL_CODE_LETTERS], b[ENROL_CODE_BYTES + 1] = { 0 };
        int r = take_letters(text, fives, e);

        if (r == 0)
                r = take_node(text, c, e);
        for (unsigned i = 0; r == 0 && i < ENROL_CODE_LETTERS; i++) {
                unsigned bit = 5 * i, pair = (unsigned)fives[i] << (11 - bit % 8);

                b[bit / 8] |= (uint8_t)(pair >> 8);
                if (bit / 8 < ENROL_CODE_BYTES)
                        b[bit / 8 + 1] |= (uint8_t)pair;
        }
        if (r == 0 && b[ENROL_CODE_BYTES] >> 4 != checksum(c->role, c->name, b))
                r = err_set(e, ERR_INVALID,
                        "the enrolment code is mistyped: its checksum does not fit");
        memcpy(c->root, b, ENROL_CODE_HASH_BYTES);
        memcpy(c->secret, b + ENROL_CODE_HASH_BYTES, ENROL_CODE_SECRET_BYTES);
        explicit_bzero(fives, sizeof fives);
        explicit_bzero(b, sizeof b);
        return r;
}

int enrol_code_parse(const char *text, struct enrol_code *ret, struct err *e)
{
        char squeezed[ENROL_CODE_ROOM];
        struct enrol_code c = { 0 };
        int r = squeeze(text, squeezed, sizeof squeezed, e);

        if (r == 0)
                r = take(squeezed, &c, e);
        if (r == 0)
                *ret = c;
        explicit_bzero(squeezed, sizeof squeezed);
        explicit_bzero(&c, sizeof c);
        return r;
}

void enrol_code_password(const struct enrol_code *c, char to[static 33])
{
        str_hex(to, BYTES(c->secret, sizeof c->secret));
}

void enrol_code_hash(const uint8_t secret[static ENROL_CODE_SECRET_BYTES], uint8_t ret[static 32])
{
        static const char tag[] = "custos-enrol-secret-1";
        uint8_t text[sizeof tag - 1 + ENROL_CODE_SECRET_BYTES];

        memcpy(text, tag, sizeof tag - 1);
        memcpy(text + sizeof tag - 1, secret, ENROL_CODE_SECRET_BYTES);
        hash_once(BYTES(text, sizeof text), ret);
        explicit_bzero(text, sizeof text);
}
