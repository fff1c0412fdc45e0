/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cameras and their streams in the site database. The schema is the final one (migrations in
 * inventory.c, those of nodes.h among them); names and addresses are checked here, for whoever
 * asks.
 *
 * Passwords lie in the database, which only the manager opens (mode 0600); they never leave but in
 * stream.set.
 */
#ifndef CUSTOS_MANAGER_INVENTORY_H
#define CUSTOS_MANAGER_INVENTORY_H

#include "base/record_terms.h"
#include "base/secret.h"
#include "db/db.h"
#include "manager/camera_terms.h"

#define INVENTORY_URL_MAX 1024
#define INVENTORY_USER_MAX 128
#define INVENTORY_RECORDER_ROOM 48
#define INVENTORY_RECORDER_FIRST "main" /* every site's */

struct inventory; /* owned */

struct inventory_stream {
        char camera[64], stream[17];
        char recorder[INVENTORY_RECORDER_ROOM]; /* of the camera with all its streams */
        char url[INVENTORY_URL_MAX];
        char user[INVENTORY_USER_MAX];
        struct secret password;
        char transport[CAMERA_TERMS_ROOM], carrier[CAMERA_TERMS_ROOM]; /* camera_terms.h */
        uint8_t pin[32]; /* of tls-pinned, else zeros */
        bool audio;
        struct record_terms record; /* what is recorded of it, and how long it is kept */
        int64_t added_us;
};

int inventory_open(const char *path, struct inventory **ret, struct err *e) MUST_USE;
struct inventory *inventory_free(struct inventory *v);
/* Borrowed: the database that it lies in, for nodes.h. */
struct db *inventory_db(struct inventory *v);

bool inventory_is_pinned(const struct inventory_stream *s);
/* What a user may have typed wrong, in words: names, url (no user in it), transport and carrier
 * that do not go with it, user without password, what record_terms_check finds. */
int inventory_check(const struct inventory_stream *s, struct err *e) MUST_USE;
/* Adds the camera when it is not there, and the stream. ERR_STATE when the stream is, or when the
 * camera is another recorder's. Fills s->recorder where it is empty: whose the camera is. */
int inventory_add(struct inventory *v, struct inventory_stream *s, struct err *e) MUST_USE;
/* The stream is what s says from now on (but when it was added), and its camera with all streams
 * its recorder's ("": as it was). ERR_NOT_FOUND. */
int inventory_set(struct inventory *v, const struct inventory_stream *s, struct err *e) MUST_USE;
/* One stream; its password is to be wiped by the caller (secret_done). ERR_NOT_FOUND. */
int inventory_get(struct inventory *v, const char *camera, const char *stream,
        struct inventory_stream *ret, struct err *e) MUST_USE;
/* The camera with all its streams. ERR_NOT_FOUND. */
int inventory_remove(struct inventory *v, const char *camera, struct err *e) MUST_USE;
/*
 * Streams in the order of camera and stream name, those of cameras behind `after` ("" for all) or
 * of `camera` alone (not NULL). Calls on_stream for each, borrowed; it stops at a negative answer,
 * and returns that.
 */
int inventory_each(struct inventory *v, const char *camera, const char *after,
        int (*on_stream)(void *owner, const struct inventory_stream *s, struct err *e), void *owner,
        struct err *e) MUST_USE;

#endif
