/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The site's people (docs/design/web.md) in the site database: who there is, what each may do, what
 * is kept of the password (crypto/password.h; nothing is hashed in here), and from where each
 * signed in before. The tables are part of the inventory's schema. Times are the caller's wall
 * clock.
 *
 * There is always one administrator who can sign in, once there was one: no change in here leaves
 * the site without.
 */
#ifndef CUSTOS_MANAGER_PEOPLE_H
#define CUSTOS_MANAGER_PEOPLE_H

#include "crypto/password.h"
#include "db/db.h"

#define PEOPLE_MAX 256
#define PEOPLE_NAME_CHARACTERS 64
#define PEOPLE_NAME_ROOM 128 /* UTF-8; as in a grant */
#define PEOPLE_PLACE_BYTES 16
#define PEOPLE_PLACES_MAX 16 /* of one person: those seen last */

/* Each may what those before it may. */
enum people_role {
        PEOPLE_NOBODY, /* not signed in */
        PEOPLE_VIEWER, /* watches, and reads */
        PEOPLE_ADMINISTRATOR,
        PEOPLE_HOST, /* no role of a person: whoever may use the control socket of the manager */
};

struct people_person {
        char name[PEOPLE_NAME_ROOM];
        enum people_role role;
        bool disabled;
        char password[PASSWORD_ROOM]; /* PHC */
        int64_t added_us, password_us;
        int64_t seen_us; /* when this person signed in last; 0: never */
};

/* 1 to 64 characters and at most 127 bytes of UTF-8, none of them a control character or one that
 * turns or hides text, no white space at its ends. */
int people_check_name(const char *name, struct err *e) MUST_USE;
/* "administrator", "viewer". */
int people_role_parse(const char *text, enum people_role *ret, struct err *e) MUST_USE;
const char *people_role_name(enum people_role role);

/* The name in the case that it was given at first; letters of ASCII are looked for without case.
 * ERR_NOT_FOUND. */
int people_get(struct db *d, const char *name, struct people_person *ret, struct err *e) MUST_USE;
/* By name; stops at a negative answer of on_person, and returns that. */
int people_each(struct db *d,
        int (*on_person)(void *owner, const struct people_person *p, struct err *e), void *owner,
        struct err *e) MUST_USE;
int people_any(struct db *d, bool *ret, struct err *e) MUST_USE;
/* ERR_STATE where there is one of that name. */
int people_add(struct db *d, const struct people_person *p, struct err *e) MUST_USE;
/* Role, disabled, password and password_us as in p. ERR_DENIED: the last administrator. */
int people_set(struct db *d, const struct people_person *p, struct err *e) MUST_USE;
/* ERR_DENIED: the last administrator. */
int people_remove(struct db *d, const char *name, struct err *e) MUST_USE;

/* Signed in from there, now. */
int people_note_place(struct db *d, const char *name,
        const uint8_t place[static PEOPLE_PLACE_BYTES], int64_t now_us, struct err *e) MUST_USE;
/* Whether this person signed in from there before. */
int people_knows_place(struct db *d, const char *name,
        const uint8_t place[static PEOPLE_PLACE_BYTES], bool *ret, struct err *e) MUST_USE;

#endif
