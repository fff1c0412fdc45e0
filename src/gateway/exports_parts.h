/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What exports.c (jobs, grants, sessions) and exports_feed.c (what comes from a recorder) share.
 * For these alone. */
#ifndef CUSTOS_GATEWAY_EXPORTS_PARTS_H
#define CUSTOS_GATEWAY_EXPORTS_PARTS_H

#include "base/buf.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/hpke.h"
#include "crypto/media_box.h"
#include "gateway/export_text.h"
#include "gateway/exports.h"
#include "gateway/live.h"

#define EXPORTS_WINDOW (1u << 20) /* bytes on their way from a recorder, or waiting here */
#define EXPORTS_TIME_ROOM 40
#define EXPORTS_REMEDY_ROOM 400

enum export_state { EXPORT_MAKING, EXPORT_READY, EXPORT_RUNNING, EXPORT_DONE, EXPORT_FAILED };

struct export_job {
        struct exports *exports;
        struct export_job *next, **at;
        enum export_state state;
        char id[33], session[33], person[260], recorder[48];
        char stream[LIVE_PATH_ROOM], from[EXPORTS_TIME_ROOM], until[EXPORTS_TIME_ROOM];
        char made[STR_TIME_ROOM];
        char *receiver, *purpose; /* owned */
        bool without_audio;
        uint64_t bytes, expected; /* gone to the reader; of the file, 0: not known yet */
        char sha256[2 * HASH_BYTES + 1];
        char error[ERR_TEXT_BYTES], remedy[EXPORTS_REMEDY_ROOM];
        /* Its maker. */
        exports_made on_made;
        void *owner; /* of this or the reader */
        /* The grant. */
        uint64_t ticket, seen_ticket;          /* asked the manager, or the recorder */
        char *grant;                           /* owned, to be shown; NULL: it was */
        char *shown;                           /* owned, before the recorder */
        int64_t made_us, renew_us, expires_us; /* boot clock */
        /* What comes. */
        const struct exports_reader *reader; /* NULL: nobody reads */
        uint32_t subscription;
        bool open; /* at the recorder */
        struct media_box *box;
        struct export_text_parts parts;
        struct buf waits; /* for the reader */
        uint64_t owed;    /* credit that goes back */
        struct hash *hash;
};

struct exports {
        struct gateway_links *links;
        uint8_t private_key[HPKE_PRIVATE_BYTES];
        char session[2 * HPKE_PUBLIC_BYTES + 1];
        struct export_job *jobs; /* newest first */
        uint32_t subscriptions;
        struct timer tick;
        int64_t seen_us;
        struct buf plain;
};

/* exports.c */
/* It failed: who waits for it is told. remedy may be NULL: that of the fault. */
void exports_job_fail(struct export_job *j, const struct err *why, const char *remedy);
void exports_job_done(struct export_job *j); /* all of it went to the reader */

/* exports_feed.c */
/* Shows the grant to the recorder. */
void exports_feed_show(struct export_job *j);
/* What it has of a recorder goes back. */
void exports_feed_close(struct export_job *j);
/* What waits goes to the reader, and credit back. j may be over then. */
void exports_feed_pump(struct export_job *j);

#endif
