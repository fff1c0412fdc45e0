/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Roots of others that an administrator trusts, each for one class of peers and for no other, in
 * the site database. The table is part of the inventory's schema. Keeps them; who is judged by them
 * is the caller's to tell. Times are the caller's wall clock.
 */
#ifndef CUSTOS_MANAGER_TRUSTED_ROOTS_H
#define CUSTOS_MANAGER_TRUSTED_ROOTS_H

#include "crypto/x509_root.h"
#include "db/db.h"

#define TRUSTED_ROOTS_CLASS_ROOM 16
#define TRUSTED_ROOTS_CLASS_MAX 16       /* roots of one class */
#define TRUSTED_ROOTS_CLASS_BYTES 24576u /* DER of one class: they travel with every camera */

struct trusted_roots_root {
        int64_t id; /* never given again */
        char class_name[TRUSTED_ROOTS_CLASS_ROOM];
        int64_t added_us;
        struct bytes der; /* borrowed */
};

/* "camera", "directory", "mail" or "archive"; ERR_INVALID. */
int trusted_roots_check_class(const char *class_name, struct err *e) MUST_USE;
/* ERR_STATE: that class has it already; ERR_EXHAUSTED: no room for another. */
int trusted_roots_add(struct db *d, const char *class_name, const struct x509_root *root,
        int64_t now_us, int64_t *ret_id, struct err *e) MUST_USE;
/* ERR_NOT_FOUND. */
int trusted_roots_remove(struct db *d, int64_t id, struct err *e) MUST_USE;
/* Those of a class (NULL: of all) by number; stops at a negative answer, and returns that. */
int trusted_roots_each(struct db *d, const char *class_name,
        int (*on_root)(void *owner, const struct trusted_roots_root *r, struct err *e), void *owner,
        struct err *e) MUST_USE;

#endif
