/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of parent_storage_*.c share; for these alone.
 *
 *     parent_storage.c         the volumes: processes, identity, states, which one is next
 *     parent_storage_ask.c     questions with ids and deadlines
 *     parent_storage_list.c    volumes.json, sessions, changes of the list
 *     parent_storage_file.c    key files and segment files
 *     parent_storage_sync.c    what became durable when
 *     parent_storage_tail.c    ends of streams, of those that go on and of those that were left
 *     parent_storage_keep.c    removing, locks, reading
 *     parent_storage_open.c    before the parent is confined
 */
#ifndef CUSTOS_RECORDER_PARENT_STORAGE_PARTS_H
#define CUSTOS_RECORDER_PARENT_STORAGE_PARTS_H

#include "recorder/message_parts.h"
#include "recorder/parent.h"
#include "recorder/parent_storage.h"
#include "vault/lock_record.h"

#define PARENT_STORAGE_TICK_MS 100
#define PARENT_STORAGE_KEY_DELAY_MS 5
#define PARENT_STORAGE_TAILS_MAX 4    /* asked of one volume at a time */
#define PARENT_STORAGE_HASTE_MS 1500  /* less than workers hold frames (worker_hold.h) */
#define PARENT_STORAGE_SILENT_MS 3000 /* beyond the patience: states come every two seconds */
#define PARENT_STORAGE_SEGMENT_BYTES (8u << 20) /* of a stream of which none is known */
#define PARENT_STORAGE_UNUSED_MAX 4             /* files that a worker may hold and not write to */

struct parent_storage_answer {
        const struct err *err; /* NULL: done */
        int fd;                /* of MADE; the callee sets it to -1 when it keeps it */
        bool direct;
        const char *object_key;
        const struct message_volume_tail *tail;
};

struct parent_storage_ask {
        struct parent_storage_ask *next;
        struct parent_storage_slot *slot;
        uint32_t id;
        uint16_t type;
        bool keep;    /* its answer is wanted however late */
        bool late;    /* not answered in time */
        bool refused; /* could not be sent; said from the loop */
        int64_t deadline_us;
        struct err why;
        void (*on_answer)(void *owner, struct parent_storage_answer *a); /* NULL: nobody waits */
        void *owner;
};

struct parent_storage_report {
        char stream[HEAD_PATH_MAX];
        struct segment_writer_report report;
};

struct parent_storage_keyed {
        struct parent_storage_keyed *next;
        char stream[HEAD_PATH_MAX], path[HEAD_KEY_MAX];
};

/* What is written on one volume and not durable yet. */
struct parent_storage_sync {
        struct parent_storage_report *written; /* since the last sync began */
        size_t written_n, written_room;
        struct parent_storage_report *syncing; /* of the sync under way */
        size_t syncing_n, syncing_room;
        struct parent_storage_keyed *keys_written, *keys_syncing;
        struct parent_storage_ask *ask; /* under way */
        struct timer key_tick;
};

/* The end of one stream on one volume is being found and mended. */
struct parent_storage_mend {
        struct parent_storage_slot *slot;
        char stream[HEAD_PATH_MAX];
        char asked_key[HEAD_KEY_MAX]; /* of the newest segment that is known of, then of others */
        bool asked, first, bounded;
        bool given_up; /* the index cannot be written */
        struct seal_link bound;
};

struct parent_storage_slot {
        struct parent_volume v; /* what others see */
        struct parent_storage *storage;
        unsigned at;     /* place, and bit in masks */
        bool listed;     /* false: on trial, by parent_storage_add */
        bool claim;      /* it may be made a volume */
        bool wanted;     /* a process was asked for */
        bool heard;      /* of this process */
        bool identified; /* what lies there is this volume */
        bool settling;   /* its session is being written */
        unsigned saves;  /* of the list, with a session for it */
        bool settled;    /* ... was */
        bool full;       /* as parent_storage_set_full says */
        bool ready;      /* takes segments, but for room */
        bool forgiven;   /* by parent_storage_add: it may have less than it had */
        unsigned back;   /* how often durable seals were missing there */
        enum fault seen; /* by its process, or by its identity */
        char seen_text[ERR_TEXT_BYTES];
        enum fault marked; /* by this process, until it is proved good */
        char marked_text[ERR_TEXT_BYTES];
        bool doubted;               /* its process was told, and says so itself */
        int64_t marked_us, hold_us; /* boot clock; not taken back before */
        unsigned hold_s;
        int64_t heard_us;
        uint8_t previous[16]; /* session before this one; states of before may still come */
        uint32_t next_id;
        unsigned late; /* questions that are not answered in time, and not yet */
        struct parent_storage_sync sync;
        struct table mends; /* struct parent_storage_mend by stream, owned */
        unsigned tails;     /* asked */
};

/* The wraps of a stream's newest hour key, which is that of its next segment: its sealer makes no
 * newer one before that segment's file was made or refused. */
struct parent_storage_key {
        char stream[HEAD_PATH_MAX], path[HEAD_KEY_MAX];
        struct buf text;
        uint32_t on, writing; /* volumes, by place */
        bool acked;
        int target; /* place of the volume for the next segment; -1: not chosen */
};

struct parent_storage_wait {
        struct parent_storage_wait *next;
        struct parent_stream *stream;
        uint32_t need; /* volumes that have not answered, by place */
        bool unseen;   /* one of them will not */
        bool haste;    /* the camera goes on meanwhile, and there is where to write it */
        int64_t deadline_us;
        void (*on_tail)(void *owner, const struct message_volume_tail *tail, const struct err *e);
        void *owner;
};

struct parent_storage_lock {
        char id[LOCK_RECORD_ID_ROOM];
        char *text;    /* NULL: removed */
        uint64_t turn; /* counts changes */
        uint32_t on;
};

struct parent_storage {
        struct parent *parent;
        char directory[4200]; /* <state>/storage */
        int lock_fd;
        int64_t patience_us;
        unsigned n;
        struct parent_storage_slot *slots[VOLUME_MAX];
        struct parent_storage_ask *asks, **asks_last;
        uint32_t next_id;
        struct timer tick, second;
        struct table keys;  /* struct parent_storage_key by stream, owned */
        struct table locks; /* struct parent_storage_lock by id, owned */
        struct parent_storage_wait *waits;
        struct volume_list list; /* as it is to be written */
        struct parent_storage_saved {
                struct parent_storage_saved *next;
                void (*on_saved)(void *owner, const struct err *e);
                void *owner;
        } * to_save, *saving;
        struct parent_storage_save_job *save_job;
        struct parent_storage_trial {
                struct parent_storage_slot *slot; /* NULL: none */
                bool stale;
                int64_t deadline_us;
                parent_storage_on_done on_done;
                void *owner;
        } trial;
        bool finishing, closing;
};

/* parent_storage.c */
struct parent_storage_slot *parent_storage_slot(const struct parent_storage *s, uint32_t number);
struct parent_storage_slot *parent_storage_slot_new(
        struct parent_storage *s, const struct volume_entry *entry);
void parent_storage_slot_free(struct parent_storage_slot *k);
/* Its process is asked for, or, after a change, asked for otherwise. */
void parent_storage_want(struct parent_storage_slot *k);
/* Streams with a segment there go elsewhere. */
void parent_storage_leave(struct parent_storage_slot *k);
/* By this process: its fault until it is proved good. */
void parent_storage_mark(struct parent_storage_slot *k, enum fault fault, const char *text);
/* Something of it changed: its fault, and what follows. */
void parent_storage_review(struct parent_storage_slot *k);
/* It can be asked something that is to do with footage. */
bool parent_storage_reachable(const struct parent_storage_slot *k);
/* NULL: none; *ret_wait: one will be once ends there are mended. */
struct parent_storage_slot *parent_storage_choose(
        struct parent_storage *s, const char *stream, bool *ret_wait);
/* Takes segments now, for this stream. */
bool parent_storage_takes(const struct parent_storage_slot *k, const char *stream);
enum fault parent_storage_fault_of(const struct err *why);

/* parent_storage_ask.c */
/* A message with its id; to be filled in, and sent. */
struct pack parent_storage_ask_begin(struct parent_storage *s, uint16_t type);
struct parent_storage_ask *parent_storage_ask_send(struct parent_storage_slot *k, uint16_t type,
        struct pack *body, void (*on_answer)(void *owner, struct parent_storage_answer *a),
        void *owner);
int parent_storage_ask_on_message(
        struct parent_storage_slot *k, struct chan_message *m, struct err *e) MUST_USE;
/* Its process is gone. */
void parent_storage_ask_cancel(struct parent_storage_slot *k, const struct err *why);
/* Looks at deadlines after this time. */
void parent_storage_ask_wake(struct parent_storage *s, uint64_t after_ms);
void parent_storage_ask_expire(struct parent_storage *s, int64_t now_us);
bool parent_storage_ask_open(const struct parent_storage *s);

/* parent_storage_list.c */
void parent_storage_save(
        struct parent_storage *s, void (*on_saved)(void *owner, const struct err *e), void *owner);
void parent_storage_save_forget(struct parent_storage *s);
void parent_storage_settle(struct parent_storage_slot *k);
/* Of a volume on trial. */
void parent_storage_trial_heard(struct parent_storage_slot *k);
void parent_storage_trial_end(struct parent_storage *s, const struct err *why);
void parent_storage_trial_expire(struct parent_storage *s, int64_t now_us);

/* parent_storage_file.c */
/* What waits for a volume: keys that are not durable, files that are wanted. */
void parent_storage_advance(struct parent_storage *s, const char *stream);
void parent_storage_advance_all(struct parent_storage *s);
void parent_storage_key_durable(
        struct parent_storage_slot *k, const struct parent_storage_keyed *w);
/* Nothing that was asked of it is waited for any longer. */
void parent_storage_file_left(struct parent_storage_slot *k);
/* The sealer is gone: another has other keys. */
void parent_storage_keys_forget(struct parent_storage *s);
struct parent_stream_file *parent_storage_file_of(struct parent_stream *t, const char *object_key);
void parent_storage_file_gone(struct parent_stream *t, struct parent_stream_file *f);

/* parent_storage_sync.c */
void parent_storage_sync_start(struct parent_storage_slot *k);
void parent_storage_sync_key(struct parent_storage_slot *k, struct parent_storage_keyed *w);
/* What is not durable there is given up. */
void parent_storage_sync_drop(struct parent_storage_slot *k);
void parent_storage_sync_free(struct parent_storage_slot *k);
bool parent_storage_sync_busy(const struct parent_storage_slot *k);
void parent_storage_finish_check(struct parent_storage *s);

/* parent_storage_tail.c */
/* The end of the stream there is to be found: it was left, or not looked at yet. False when there
 * is nothing to be found, or nobody to ask. */
bool parent_storage_mend(struct parent_storage_slot *k, const char *stream);
/* All streams of which something is not ended there. */
void parent_storage_mend_all(struct parent_storage_slot *k);
void parent_storage_mends_drop(struct parent_storage_slot *k);
/* Whoever waits for this volume need not any longer. */
void parent_storage_wait_drop(struct parent_storage_slot *k);
void parent_storage_wait_expire(struct parent_storage *s, int64_t now_us);

/* parent_storage_keep.c */
void parent_storage_lock_all(struct parent_storage_slot *k);
void parent_storage_locks_free(struct parent_storage *s);
/* One file, and nobody waits for it. */
void parent_storage_discard(struct parent_storage_slot *k, const char *object_key);

/* parent_storage_open.c */
int parent_storage_open_list(struct parent_storage *s, struct err *e) MUST_USE;
int parent_storage_open_index(struct parent_storage *s, struct err *e) MUST_USE;

#endif
