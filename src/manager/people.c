/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/people.h"

#include <stdio.h>

#include "base/str.h"

static const char *const people_roles[] = {
        [PEOPLE_VIEWER] = "viewer", [PEOPLE_ADMINISTRATOR] = "administrator"
};

/* --- names --- */

/* The next character of UTF-8 that was checked before. */
static uint32_t people_character(const uint8_t **p)
{
        uint8_t first = *(*p)++;
        unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
        uint32_t c = more == 0 ? first : first & (0x3fu >> more);

        while (more--)
                c = c << 6 | (*(*p)++ & 0x3fu);
        return c;
}

/* White space, as in PropList of Unicode 15. */
static bool people_is_space(uint32_t c)
{
        return c == ' ' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
               c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Control characters, and those that turn the direction of text or show nothing: two names would
 * look the same. */
static bool people_is_hidden(uint32_t c)
{
        return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x180e ||
               (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
               (c >= 0x2060 && c <= 0x206f) || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
               (c >= 0xfff0 && c <= 0xffff) || c >= 0xe0000;
}

int people_check_name(const char *name, struct err *e)
{
        const uint8_t *p = (const uint8_t *)name;
        unsigned n = 0;
        bool good = strlen(name) < PEOPLE_NAME_ROOM && str_is_utf8(bytes_str(name));
        uint32_t c = ' ';

        while (good && *p) {
                c = people_character(&p);
                good = !people_is_hidden(c) && (n > 0 || !people_is_space(c));
                n++;
        }
        if (!good || n == 0 || n > PEOPLE_NAME_CHARACTERS || people_is_space(c))
                return err_set(e, ERR_INVALID,
                        "a person's name has 1 to %d characters (%d bytes), without control "
                        "characters and without white space at its ends",
                        PEOPLE_NAME_CHARACTERS, PEOPLE_NAME_ROOM - 1);
        return 0;
}

int people_role_parse(const char *text, enum people_role *ret, struct err *e)
{
        for (enum people_role i = PEOPLE_VIEWER; i <= PEOPLE_ADMINISTRATOR; i++) {
                if (strcmp(people_roles[i], text) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        return err_set(e, ERR_INVALID, "a person's role is administrator or viewer");
}

const char *people_role_name(enum people_role role)
{
        return role >= PEOPLE_VIEWER && role <= PEOPLE_ADMINISTRATOR ? people_roles[role] : "";
}

/* --- reading --- */

#define PEOPLE_SELECT                                                                              \
        "SELECT name, role, disabled, password, added_us, password_us, seen_us FROM person"

static void people_read(const struct db_query *q, struct people_person *p)
{
        *p = (struct people_person){ .disabled = db_i64(q, 2) != 0,
                .added_us = db_i64(q, 4),
                .password_us = db_i64(q, 5),
                .seen_us = db_i64(q, 6) };
        snprintf(p->name, sizeof p->name, "%s", db_text(q, 0));
        snprintf(p->password, sizeof p->password, "%s", db_text(q, 3));
        p->role = strcmp(db_text(q, 1), people_roles[PEOPLE_ADMINISTRATOR]) == 0
                          ? PEOPLE_ADMINISTRATOR
                          : PEOPLE_VIEWER; /* the table has no other */
}

/* A statement about one person, whose name is bound to 1. */
static int people_about(
        struct db *d, const char *sql, const char *name, struct db_query **ret, struct err *e)
{
        int r = db_query(d, sql, ret, e);

        if (r == 0)
                db_bind_text(*ret, 1, name);
        return r;
}

int people_get(struct db *d, const char *name, struct people_person *ret, struct err *e)
{
        struct db_query *q;

        int r = people_about(d, PEOPLE_SELECT " WHERE name = ?", name, &q, e);
        if (r < 0)
                return r;
        r = db_step(q, e);
        if (r == 1)
                people_read(q, ret);
        db_reset(q);
        return r == 1   ? 0
               : r == 0 ? err_set(e, ERR_NOT_FOUND,
                                  "there is no person of that name: custos person list shows them")
                        : r;
}

int people_each(struct db *d,
        int (*on_person)(void *owner, const struct people_person *p, struct err *e), void *owner,
        struct err *e)
{
        struct people_person p;
        struct db_query *q;

        int r = db_query(d, PEOPLE_SELECT " ORDER BY name", &q, e);
        if (r < 0)
                return r;
        while ((r = db_step(q, e)) == 1) {
                people_read(q, &p);
                r = on_person(owner, &p, e);
                if (r < 0)
                        break;
        }
        db_reset(q);
        return r;
}

/* A count. name: bound to 1; NULL: nothing is bound. */
static int people_count(
        struct db *d, const char *sql, const char *name, int64_t *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(d, sql, &q, e);
        if (r < 0)
                return r;
        if (name)
                db_bind_text(q, 1, name);
        r = db_step(q, e);
        if (r == 1)
                *ret = db_i64(q, 0);
        db_reset(q);
        return r < 0 ? r : 0;
}

int people_any(struct db *d, bool *ret, struct err *e)
{
        int64_t n = 0;

        int r = people_count(d, "SELECT count(*) FROM person", NULL, &n, e);
        if (r == 0)
                *ret = n > 0;
        return r;
}

/* --- changing --- */

int people_add(struct db *d, const struct people_person *p, struct err *e)
{
        struct db_query *q;
        int64_t n = 0;

        int r = people_count(d, "SELECT count(*) FROM person", NULL, &n, e);
        if (r == 0 && n >= PEOPLE_MAX)
                r = err_set(e, ERR_EXHAUSTED,
                        "the site has %d people, which is the most: custos person remove",
                        PEOPLE_MAX);
        if (r == 0)
                r = people_count(d, "SELECT count(*) FROM person WHERE name = ?", p->name, &n, e);
        if (r == 0 && n)
                r = err_set(e, ERR_STATE, "there is a person of that name already");
        if (r == 0)
                r = people_about(d,
                        "INSERT INTO person (name, role, disabled, password, added_us, password_us)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
                        p->name, &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 2, people_role_name(p->role));
        db_bind_i64(q, 3, p->disabled);
        db_bind_text(q, 4, p->password);
        db_bind_i64(q, 5, p->added_us);
        return db_run(q, e);
}

/* ERR_DENIED where nobody else is an administrator who can sign in, and this one is. */
static int people_check_not_last(struct db *d, const char *name, struct err *e)
{
        struct people_person was;
        int64_t others = 0;

        int r = people_get(d, name, &was, e);
        if (r < 0 || was.disabled || was.role != PEOPLE_ADMINISTRATOR)
                return r;
        r = people_count(d,
                "SELECT count(*) FROM person"
                " WHERE role = 'administrator' AND disabled = 0 AND name <> ?",
                name, &others, e);
        if (r == 0 && others == 0)
                r = err_fault(e, ERR_DENIED, FAULT_LAST_ADMINISTRATOR,
                        "it is the last administrator of the site that can sign in");
        return r;
}

int people_set(struct db *d, const struct people_person *p, struct err *e)
{
        bool less = p->disabled || p->role != PEOPLE_ADMINISTRATOR;
        struct db_query *q;

        int r = less ? people_check_not_last(d, p->name, e) : 0;
        if (r == 0)
                r = people_about(d,
                        "UPDATE person SET role = ?2, disabled = ?3, password = ?4,"
                        " password_us = ?5 WHERE name = ?1",
                        p->name, &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 2, people_role_name(p->role));
        db_bind_i64(q, 3, p->disabled);
        db_bind_text(q, 4, p->password);
        db_bind_i64(q, 5, p->password_us);
        return db_run(q, e);
}

int people_remove(struct db *d, const char *name, struct err *e)
{
        struct db_query *q;

        int r = people_check_not_last(d, name, e);
        if (r == 0)
                r = people_about(d, "DELETE FROM person WHERE name = ?", name, &q, e);
        return r < 0 ? r : db_run(q, e);
}

/* --- places --- */

int people_note_place(struct db *d, const char *name,
        const uint8_t place[static PEOPLE_PLACE_BYTES], int64_t now_us, struct err *e)
{
        static const char *const steps[] = {
                "INSERT OR REPLACE INTO person_place (person, place, seen_us) VALUES (?1, ?2, ?3)",
                "DELETE FROM person_place WHERE person = ?1 AND place NOT IN (SELECT place FROM"
                " person_place WHERE person = ?1 ORDER BY seen_us DESC LIMIT ?4)",
                "UPDATE person SET seen_us = ?3 WHERE name = ?1",
        };
        struct db_query *q;

        int r = db_begin(d, e);
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(steps); i++) {
                r = people_about(d, steps[i], name, &q, e);
                if (r < 0)
                        break;
                if (i == 0)
                        db_bind_blob(q, 2, BYTES(place, PEOPLE_PLACE_BYTES));
                if (i != 1)
                        db_bind_i64(q, 3, now_us);
                else
                        db_bind_i64(q, 4, PEOPLE_PLACES_MAX);
                r = db_run(q, e);
        }
        if (r == 0)
                r = db_commit(d, e);
        if (r < 0)
                db_rollback(d);
        return r;
}

int people_knows_place(struct db *d, const char *name,
        const uint8_t place[static PEOPLE_PLACE_BYTES], bool *ret, struct err *e)
{
        struct db_query *q;

        int r = people_about(
                d, "SELECT 1 FROM person_place WHERE person = ?1 AND place = ?2", name, &q, e);
        if (r < 0)
                return r;
        db_bind_blob(q, 2, BYTES(place, PEOPLE_PLACE_BYTES));
        r = db_step(q, e);
        if (r >= 0)
                *ret = r == 1;
        db_reset(q);
        return r < 0 ? r : 0;
}
