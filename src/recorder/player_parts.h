/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What player.c (a process, its grant, its segments, what it sends) and player_export.c (an export
 * instead of pictures) share. For these alone.
 */
#ifndef CUSTOS_RECORDER_PLAYER_PARTS_H
#define CUSTOS_RECORDER_PLAYER_PARTS_H

#include "crypto/media_box.h"
#include "os/chan.h"
#include "recorder/grant_trust.h"
#include "recorder/message_play.h"
#include "recorder/play_cut.h"

struct player_export;

struct player {
        struct loop *loop;
        struct chan *parent, *sealer;
        struct grant_trust *trust;
        uint8_t root[32];
        struct message_play asked; /* without its token */
        bool begun, over;
        struct capability grant; /* expires_us 0: none yet */
        struct media_box *box;
        uint64_t credit;
        struct play_cut cut;
        struct player_export *export; /* what is asked for is one; NULL: playback */
        /* The segment. */
        uint8_t *file;
        uint64_t file_n, file_room;
        struct bytes seal; /* borrowed from file */
        bool has_key;
        /* What is being sent. */
        struct play_cut_thing thing;
        struct bytes pieces[2]; /* of it, or of the export's */
        unsigned parts, part;   /* part < parts: more of it is to go */
        bool last;              /* there is no segment any more */
        struct buf out;
};

/* player.c */
void player_end(struct player *p, const struct err *why); /* why NULL: all was sent */
void player_next(struct player *p); /* asks for the next segment; this one is over */
void player_again(struct player *p);
/* The key of the segment that was read, by its head and one of its seals. */
void player_want_key(struct player *p, const struct head *head, int64_t about_us);
void player_pump(struct player *p);

/* player_export.c: what goes out is a file (docs/spec/evidence.md), to the byte that of custos
 * export: first its segments are looked at and their keys are asked for, then they are read again
 * and sent. Anything that is not as it has to be ends it. */
struct player_export *player_export_new(struct player *p, struct err *e);
struct player_export *player_export_free(struct player_export *x); /* wipes */
/* p->file is a segment; a negative result ends all. */
int player_export_segment(struct player *p, struct err *e) MUST_USE;
int player_export_missed(struct player *p, const char *why, struct err *e) MUST_USE;
int player_export_key(struct player *p, const uint8_t kid[static 16], const uint8_t key[static 16],
        struct err *e) MUST_USE;
/* What the sealer is asked with. */
bool player_export_asks(const struct player *p, struct bytes *ret_head, struct bytes *ret_seal);
/* There is no segment any more. */
int player_export_all(struct player *p, struct err *e) MUST_USE;
/* 1: p->pieces is what goes next; 0: nothing now, or it is over. */
int player_export_prepare(struct player *p, struct err *e) MUST_USE;

#endif
