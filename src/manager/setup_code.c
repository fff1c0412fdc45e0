/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/setup_code.h"

#include "base/secret.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"

#define SETUP_CODE_LETTERS 10

/* Of the letters alone, as they are formatted. */
static void setup_code_hash(const char letters[static SETUP_CODE_LETTERS], uint8_t ret[static 32])
{
        static const char tag[] = "custos-setup-code-1";
        uint8_t text[sizeof tag - 1 + SETUP_CODE_LETTERS];

        memcpy(text, tag, sizeof tag - 1);
        memcpy(text + sizeof tag - 1, letters, SETUP_CODE_LETTERS);
        hash_once(BYTES(text, sizeof text), ret);
        explicit_bzero(text, sizeof text);
}

static bool setup_code_read(const char *typed, char to[static SETUP_CODE_LETTERS])
{
        unsigned n = 0;

        for (; *typed; typed++) {
                if (*typed == '-' || *typed == ' ')
                        continue;
                int value = str_base32_value(*typed);
                if (value < 0 || n == SETUP_CODE_LETTERS)
                        return false;
                to[n++] = str_base32_letter((unsigned)value);
        }
        return n == SETUP_CODE_LETTERS;
}

int setup_code_make(struct db *d, bool remote, int64_t now_us, char to[static SETUP_CODE_ROOM],
        int64_t *ret_until_us, struct err *e)
{
        uint8_t random[SETUP_CODE_LETTERS], hash[32];
        char letters[SETUP_CODE_LETTERS];
        struct db_query *q;

        random_bytes(random, sizeof random);
        for (unsigned i = 0; i < SETUP_CODE_LETTERS; i++)
                letters[i] = str_base32_letter(random[i] & 31);
        setup_code_hash(letters, hash);
        int r = db_query(d,
                "INSERT OR REPLACE INTO setup_code (id, hash, until_us, tries, remote)"
                " VALUES (1, ?, ?, ?, ?)",
                &q, e);
        if (r == 0) {
                db_bind_blob(q, 1, BYTES(hash, sizeof hash));
                db_bind_i64(q, 2, now_us + SETUP_CODE_LIFE_US);
                db_bind_i64(q, 3, SETUP_CODE_TRIES);
                db_bind_i64(q, 4, remote);
                r = db_run(q, e);
        }
        if (r == 0) {
                memcpy(to, letters, 5);
                to[5] = '-';
                memcpy(to + 6, letters + 5, 5);
                to[11] = '\0';
                *ret_until_us = now_us + SETUP_CODE_LIFE_US;
        }
        explicit_bzero(random, sizeof random);
        explicit_bzero(letters, sizeof letters);
        return r;
}

int setup_code_close(struct db *d, struct err *e)
{
        struct db_query *q;

        int r = db_query(d, "DELETE FROM setup_code", &q, e);
        return r < 0 ? r : db_run(q, e);
}

struct setup_code {
        uint8_t hash[32];
        int64_t until_us, tries;
        bool remote;
};

/* 1, or 0 where there is none. */
static int setup_code_get(struct db *d, struct setup_code *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(d, "SELECT hash, until_us, tries, remote FROM setup_code", &q, e);
        if (r < 0)
                return r;
        r = db_step(q, e);
        if (r == 1) {
                struct bytes hash = db_blob(q, 0);
                if (hash.n == sizeof ret->hash)
                        memcpy(ret->hash, hash.p, hash.n);
                ret->until_us = db_i64(q, 1);
                ret->tries = db_i64(q, 2);
                ret->remote = db_i64(q, 3) != 0;
        }
        db_reset(q);
        return r;
}

int setup_code_open(
        struct db *d, int64_t now_us, int64_t *ret_until_us, bool *ret_remote, struct err *e)
{
        struct setup_code c = { 0 };

        int r = setup_code_get(d, &c, e);
        if (r <= 0 || now_us >= c.until_us)
                return r < 0 ? r : 0;
        *ret_until_us = c.until_us;
        *ret_remote = c.remote;
        return 1;
}

static int setup_code_count(struct db *d, int64_t tries, struct err *e)
{
        struct db_query *q;

        if (tries <= 1)
                return setup_code_close(d, e);
        int r = db_query(d, "UPDATE setup_code SET tries = ?", &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, tries - 1);
        return db_run(q, e);
}

int setup_code_check(struct db *d, const char *typed, bool loopback, int64_t now_us, struct err *e)
{
        char letters[SETUP_CODE_LETTERS] = { 0 };
        struct setup_code c = { 0 };
        uint8_t hash[32];

        int open = setup_code_get(d, &c, e);
        if (open < 0)
                return open;
        if (!loopback && !c.remote)
                return err_fault(e, ERR_DENIED, FAULT_SETUP_NOT_HERE,
                        "the first administrator is made on the host of the gateway itself");
        bool read = setup_code_read(typed, letters);
        setup_code_hash(letters, hash);
        bool same = secret_equal(BYTES(hash, sizeof hash), BYTES(c.hash, sizeof c.hash));
        explicit_bzero(letters, sizeof letters);
        if (open && read && same && now_us < c.until_us)
                return 0;
        int r = open ? setup_code_count(d, c.tries, e) : 0;
        return r < 0 ? r
                     : err_fault(e, ERR_AUTH, FAULT_SETUP_CODE,
                               "that is not the code, or it is not good any more");
}
