/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/sessions.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/secret.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/random.h"

#define SESSIONS_WRITE_US INT64_C(60000000)

struct sessions {
        struct db *db;
        struct sessions_terms terms;
        struct sessions_one {
                struct session s; /* id "": free */
                bool fresh;       /* seen_us and address are not written */
        } all[SESSIONS_MAX];
        int64_t written_us;
};

const char *sessions_reason_name(enum sessions_reason reason)
{
        static const char *const names[] = { "signed out", "revoked", "expired", "idle", "password",
                "disabled", "removed" };

        return names[reason];
}

/* --- in the database --- */

static int sessions_insert(struct sessions *s, const struct session *one, struct err *e)
{
        struct db_query *q;

        int r = db_query(s->db,
                "INSERT INTO session (id, token, person, gateway, address, agent, opened_us,"
                " until_us, seen_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, one->id);
        db_bind_blob(q, 2, BYTES(one->token, sizeof one->token));
        db_bind_text(q, 3, one->person);
        db_bind_text(q, 4, one->gateway);
        db_bind_text(q, 5, one->address);
        db_bind_text(q, 6, one->agent);
        db_bind_i64(q, 7, one->opened_us);
        db_bind_i64(q, 8, one->until_us);
        db_bind_i64(q, 9, one->seen_us);
        return db_run(q, e);
}

static int sessions_delete(struct sessions *s, const char *id, struct err *e)
{
        struct db_query *q;

        int r = db_query(s->db, "DELETE FROM session WHERE id = ?", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, id);
        return db_run(q, e);
}

static int sessions_write_one(struct sessions *s, struct sessions_one *one, struct err *e)
{
        struct db_query *q;

        int r = db_query(
                s->db, "UPDATE session SET seen_us = ?2, address = ?3 WHERE id = ?1", &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, one->s.id);
        db_bind_i64(q, 2, one->s.seen_us);
        db_bind_text(q, 3, one->s.address);
        return db_run(q, e);
}

/* All in one transaction: one sync, however many are signed in. */
static int sessions_write(struct sessions *s, struct err *e)
{
        bool any = false;
        int r = 0;

        for (unsigned i = 0; i < SESSIONS_MAX && r == 0; i++) {
                if (!s->all[i].s.id[0] || !s->all[i].fresh)
                        continue;
                r = any ? 0 : db_begin(s->db, e);
                any = any || r == 0;
                if (r == 0)
                        r = sessions_write_one(s, &s->all[i], e);
        }
        if (any && r == 0)
                r = db_commit(s->db, e);
        if (any && r < 0)
                db_rollback(s->db);
        for (unsigned i = 0; i < SESSIONS_MAX && r == 0; i++)
                s->all[i].fresh = false;
        return r;
}

static void sessions_read(const struct db_query *q, struct session *ret)
{
        struct bytes token = db_blob(q, 1);

        *ret = (struct session){
                .opened_us = db_i64(q, 6), .until_us = db_i64(q, 7), .seen_us = db_i64(q, 8)
        };
        snprintf(ret->id, sizeof ret->id, "%s", db_text(q, 0));
        if (token.n == sizeof ret->token)
                memcpy(ret->token, token.p, token.n);
        snprintf(ret->person, sizeof ret->person, "%s", db_text(q, 2));
        snprintf(ret->gateway, sizeof ret->gateway, "%s", db_text(q, 3));
        snprintf(ret->address, sizeof ret->address, "%s", db_text(q, 4));
        snprintf(ret->agent, sizeof ret->agent, "%s", db_text(q, 5));
}

static int sessions_load(struct sessions *s, struct err *e)
{
        struct db_query *q;
        unsigned n = 0;

        int r = db_query(s->db,
                "SELECT id, token, person, gateway, address, agent, opened_us, until_us, seen_us"
                " FROM session",
                &q, e);
        if (r < 0)
                return r;
        while (n < SESSIONS_MAX && (r = db_step(q, e)) == 1)
                sessions_read(q, &s->all[n++].s);
        db_reset(q);
        return r < 0 ? r : 0;
}

int sessions_open(
        struct db *d, const struct sessions_terms *terms, struct sessions **ret, struct err *e)
{
        struct sessions *s = xcalloc(1, sizeof *s);

        s->db = d;
        s->terms = *terms;
        int r = sessions_load(s, e);
        if (r < 0) {
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct sessions *sessions_free(struct sessions *s)
{
        if (!s)
                return NULL;
        (void)!sessions_write(s, NULL); /* what is lost makes a session idle too early */
        explicit_bzero(s, sizeof *s);
        free(s);
        return NULL;
}

/* --- looking --- */

/* Negative: it lives. Else why not. */
static int sessions_over(const struct sessions *s, const struct session *one, int64_t now_us)
{
        if (now_us >= one->until_us)
                return SESSIONS_EXPIRED;
        if (now_us - one->seen_us >= s->terms.idle_us)
                return SESSIONS_IDLE;
        return -1;
}

static struct sessions_one *sessions_place(const struct sessions *s, const char *id)
{
        for (unsigned i = 0; id[0] && i < SESSIONS_MAX; i++) {
                if (strcmp(s->all[i].s.id, id) == 0)
                        return &((struct sessions *)(uintptr_t)s)->all[i];
        }
        return NULL;
}

const struct session *sessions_of(const struct sessions *s, const char *id, int64_t now_us)
{
        const struct sessions_one *one = sessions_place(s, id);

        return one && sessions_over(s, &one->s, now_us) < 0 ? &one->s : NULL;
}

const struct session *sessions_of_token(
        const struct sessions *s, const uint8_t token[static SESSIONS_TOKEN_BYTES], int64_t now_us)
{
        const struct session *found = NULL;
        uint8_t hash[HASH_BYTES];

        hash_once(BYTES(token, SESSIONS_TOKEN_BYTES), hash);
        for (unsigned i = 0; i < SESSIONS_MAX; i++) {
                const struct session *one = &s->all[i].s;
                if (one->id[0] && secret_equal(BYTES(one->token, 32), BYTES(hash, 32)))
                        found = one;
        }
        return found && sessions_over(s, found, now_us) < 0 ? found : NULL;
}

const struct session *sessions_behind(const struct sessions *s, const char *id, int64_t now_us)
{
        const struct session *next = NULL;

        for (unsigned i = 0; i < SESSIONS_MAX; i++) {
                const struct session *one = &s->all[i].s;
                if (one->id[0] && strcmp(one->id, id) > 0 &&
                        (!next || strcmp(one->id, next->id) < 0) &&
                        sessions_over(s, one, now_us) < 0)
                        next = one;
        }
        return next;
}

void sessions_see(struct sessions *s, const char *id, const char *address, int64_t now_us)
{
        struct sessions_one *one = sessions_place(s, id);

        if (!one)
                return;
        if (one->s.seen_us < now_us)
                one->s.seen_us = now_us;
        if (address)
                snprintf(one->s.address, sizeof one->s.address, "%s", address);
        one->fresh = true;
}

/* --- ending --- */

static int sessions_end_one(
        struct sessions *s, struct sessions_one *one, enum sessions_reason reason, struct err *e)
{
        struct session was = one->s;

        explicit_bzero(one, sizeof *one);
        int r = sessions_delete(s, was.id, e);
        s->terms.on_end(s->terms.owner, &was, reason);
        return r;
}

int sessions_end(struct sessions *s, const char *id, enum sessions_reason reason, struct err *e)
{
        struct sessions_one *one = sessions_place(s, id);

        return one ? sessions_end_one(s, one, reason, e)
                   : err_set(e, ERR_NOT_FOUND, "there is no session of that handle");
}

int sessions_end_all(struct sessions *s, const char *person, const char *gateway,
        const char *except, enum sessions_reason reason, unsigned *ret_n, struct err *e)
{
        unsigned n = 0;
        int r = 0;

        for (unsigned i = 0; i < SESSIONS_MAX; i++) {
                struct sessions_one *one = &s->all[i];
                struct err why;
                if (!one->s.id[0] || (person && strcasecmp(one->s.person, person) != 0) ||
                        (gateway && strcmp(one->s.gateway, gateway) != 0) ||
                        (except && strcmp(one->s.id, except) == 0))
                        continue;
                n++;
                if (sessions_end_one(s, one, reason, &why) < 0) {
                        r = why.code;
                        if (e)
                                *e = why;
                }
        }
        if (ret_n)
                *ret_n = n;
        return r;
}

int sessions_sweep(struct sessions *s, int64_t now_us, struct err *e)
{
        struct err why;
        int r = 0;

        for (unsigned i = 0; i < SESSIONS_MAX; i++) {
                struct sessions_one *one = &s->all[i];
                int over = one->s.id[0] ? sessions_over(s, &one->s, now_us) : -1;
                if (over < 0 || sessions_end_one(s, one, (enum sessions_reason)over, &why) == 0)
                        continue;
                r = why.code;
                if (e)
                        *e = why;
        }
        /* Backwards too: the clock may have been set. */
        if (now_us - s->written_us < SESSIONS_WRITE_US && now_us >= s->written_us)
                return r;
        s->written_us = now_us;
        int written = sessions_write(s, &why);
        if (written < 0 && e)
                *e = why;
        return written < 0 ? written : r;
}

/* --- opening --- */

/* A free place; of a person with too many, that of the one that was not used for longest. */
static int sessions_make_room(
        struct sessions *s, const char *person, struct sessions_one **ret, struct err *e)
{
        struct sessions_one *idlest = NULL, *place = NULL;
        unsigned n = 0;

        for (unsigned i = 0; i < SESSIONS_MAX; i++) {
                struct sessions_one *one = &s->all[i];
                if (!one->s.id[0]) {
                        place = place ? place : one;
                } else if (strcasecmp(one->s.person, person) == 0) {
                        n++;
                        if (!idlest || one->s.seen_us < idlest->s.seen_us)
                                idlest = one;
                }
        }
        if (n >= SESSIONS_OF_ONE || (!place && idlest)) {
                int r = sessions_end_one(s, idlest, SESSIONS_REVOKED, e);
                if (r < 0)
                        return r;
                place = idlest;
        }
        *ret = place;
        return place ? 0
                     : err_set(e, ERR_EXHAUSTED, "%d sessions are open, which is the most",
                               SESSIONS_MAX);
}

int sessions_add(struct sessions *s, const struct session *what, int64_t now_us,
        uint8_t ret_token[static SESSIONS_TOKEN_BYTES], const struct session **ret, struct err *e)
{
        struct sessions_one *place = NULL;
        uint8_t id[(LINK_SESSION_ROOM - 1) / 2], token[SESSIONS_TOKEN_BYTES];
        struct session one = *what;

        int r = sessions_make_room(s, what->person, &place, e);
        if (r < 0)
                return r;
        random_bytes(id, sizeof id);
        random_bytes(token, sizeof token);
        str_hex(one.id, BYTES(id, sizeof id));
        hash_once(BYTES(token, sizeof token), one.token);
        one.opened_us = one.seen_us = now_us;
        one.until_us = now_us + s->terms.life_us;
        r = sessions_insert(s, &one, e);
        if (r == 0) {
                place->s = one;
                memcpy(ret_token, token, sizeof token);
                *ret = &place->s;
        }
        explicit_bzero(token, sizeof token);
        return r;
}
