/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Still pictures: the key frame of a moment, or of now, as a JPEG (docs/design/transcoder.md). A
 * look at the stream (gateway/live.h) under a grant of the session, and a transcoder for it. Kept
 * nowhere.
 */
#ifndef CUSTOS_GATEWAY_STILL_H
#define CUSTOS_GATEWAY_STILL_H

#include "gateway/live.h"

#define STILL_WAITING_MAX 64    /* of all */
#define STILL_OF_SESSION_MAX 16 /* at once, waiting or not */
#define STILL_PATIENCE_MS 20000

struct stills; /* owned */
struct still;  /* the asker's until it is answered */

struct still_wish {
        const char *stream; /* path CAMERA-STREAM */
        const char *session, *person;
        bool now;
        int64_t at_us;  /* wall; where not now */
        uint16_t width; /* 0: its own */
};

/* jpeg: borrowed; empty: why. Called once, never from within still_ask. */
typedef void (*still_then)(void *owner, struct bytes jpeg, const struct err *why);

struct stills *stills_new(struct loop *l, struct gateway_links *links, struct live *live,
        struct transcoders *transcoders);
/* Nobody asks any more. */
struct stills *stills_free(struct stills *s);
/* ERR_INVALID, ERR_EXHAUSTED, ERR_UNAVAILABLE. */
int still_ask(struct stills *s, const struct still_wish *w, still_then then, void *owner,
        struct still **ret, struct err *e) MUST_USE;
/* Whoever asked is gone. NULL is fine. */
void still_forget(struct still *q);

#endif
