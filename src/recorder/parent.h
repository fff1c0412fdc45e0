/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recorder's parent process: routes streams to workers, has the connector make their
 * connections and the volumes' processes their files, and keeps the index. Holds no key of footage,
 * parses no byte of a camera, makes no connection and touches no volume.
 *
 * Descriptor 3 is the channel to the supervisor, which sends it the channels to workers, sealer,
 * connector, volumes and porter, by which its manager comes.
 */
#ifndef CUSTOS_RECORDER_PARENT_H
#define CUSTOS_RECORDER_PARENT_H

#include <jansson.h>

#include "base/record_terms.h"
#include "base/settings.h"
#include "base/table.h"
#include "os/chan.h"
#include "recorder/message.h"
#include "recorder/parent_clock.h"
#include "recorder/parent_connect.h"
#include "recorder/record_plan.h"
#include "vault/index.h"

#define PARENT_WORKERS_MAX 64
#define PARENT_STREAM_FILES_MAX 8

struct parent;

/* Whom to answer later: a question of one link to a manager. */
struct parent_status_ticket {
        uint64_t link;
        int64_t id;
};

enum parent_stream_phase {
        PARENT_STREAM_WAITING, /* for a sealer and a worker */
        PARENT_STREAM_ASSIGNED,
        PARENT_STREAM_RELEASED, /* its worker holds the camera, and waits for a new seal channel */
        PARENT_STREAM_ENDING,   /* unassigned; forgotten when the worker has let go */
};

struct parent_stream {
        struct parent *parent;
        struct log_ctx log;
        struct message_assign
                assign; /* as the manager said; certificates are filled in when sent */
        struct buf roots, issuer,
                crls; /* what assign.roots_pem, issuer_pem and crls_pem point to */
        struct record_terms terms;
        int64_t below_minimum_us, below_minimum_since_us; /* wall clock of the last time that its
                                                             minimum days gave way, and since when
                                                             they do; 0: never */
        char host[256];
        uint16_t port, fallback_port;
        unsigned told; /* kinds of sockets that its worker was ever told to need (1 << kind) */
        bool stale;    /* the worker has an older assign, which is good until its connection ends */
        bool again;    /* set anew while it was ending: it begins again when that is over */
        bool seen_tls; /* assigned tls-if-available and verified: tls here, before the manager says
                          so */
        enum parent_stream_phase phase;
        int worker;              /* index, or -1 */
        bool seal_lost;          /* the sealer died while assigned */
        bool stopped;            /* by an operator, and not placed since */
        bool unasked;            /* it was off, and not placed since */
        struct record_plan plan; /* parent_events.c */
        struct record_plan_answer asked;
        bool events_wanted;
        struct timer retry;
        struct message_state state; /* the worker's last word */
        struct parent_stream_file {
                char object_key[HEAD_KEY_MAX]; /* empty: none */
                uint32_t volume;
                bool used;                /* something was reported written there */
        } files[PARENT_STREAM_FILES_MAX]; /* given to its worker, not closed */
        bool file_wanted;                 /* by its worker */
        void *file_job;                   /* one is being made */
        uint64_t segment_bytes;           /* of the last one that was closed */
        bool end_known, end_asked;        /* of what is on disk: last, unseen */
        bool looked;                      /* at all volumes, for its end */
        bool unseen;                      /* a volume with later seals may be away */
        bool left;                        /* its volume was left: why it is placed again */
        uint8_t opened_epoch[16];         /* which sealer */
        struct seal_link last;            /* last durable seal known */
        int64_t last_arrival_us;
        int64_t durable_us;          /* when a fragment last became durable, 0 before */
        int64_t segments, fragments; /* since this process began */
};

struct parent {
        struct loop *loop;
        struct settings settings;
        char state[4096];
        struct chan *supervisor, *manager, *sealer;
        struct parent_porter *porter;      /* parent_porter.h */
        uint64_t manager_link;             /* counts them */
        struct parent_status_ticket asked; /* the question that is being looked at */
        bool sealer_ready;                 /* its hello came */
        bool stopping; /* streams end; the last one gone, what they wrote is synced, and the loop
                          stops */
        struct timer stop;
        struct parent_worker {
                struct parent *parent;
                struct chan *chan;
                unsigned streams;
        } workers[PARENT_WORKERS_MAX];
        struct table streams;
        struct buf hello;             /* the sealer's hello as received: holds the certificates */
        struct message_hello certs;   /* views into hello */
        char recorder[HEAD_TEXT_MAX]; /* custos://SITE/recorder/NAME */
        struct index *index;
        struct parent_storage *storage;     /* parent_storage.h */
        struct parent_locks *locks;         /* parent_locks.h */
        struct parent_retention *retention; /* parent_retention.h */
        struct parent_scrub *scrub;         /* parent_scrub.h */
        int64_t forecast_at;                /* boot clock; parent_storage_status.c */
        struct parent_stopped *stopped;     /* parent_stopped.c */
        struct parent_history *history;     /* parent_history.h */
        struct parent_connect *connect;     /* parent_connect.c */
        struct buf out;                     /* one message under construction */
        struct parent_events *events;       /* parent_events.c */
        struct parent_media *media;         /* parent_media.h */
        unsigned plays[2];                  /* players at work: for playback, for export */
        struct parent_probes *probes;       /* parent_probe.h */
        struct parent_clock clock;
};

/* argv: --state DIR [--config FILE]. Returns the exit status. */
int parent_main(int argc, char **argv);

/* parent.c: the link to a manager, a new one; takes fd. */
void parent_manager_attach(struct parent *p, int fd);

/* parent_stream.c */
/* Takes over what the manager says of a stream, new or changed; everything is copied. A change that
 * a living connection satisfies (other revocations, TLS as it has it) waits until that ends; one of
 * the terms (checked) counts at once and touches no connection. */
int parent_stream_set(struct parent *p, const struct message_assign *a,
        const struct record_terms *terms, struct err *e) MUST_USE;
/* What is recorded from now on, into t->asked; its worker is told where that changed, or gets the
 * stream, or loses it. */
void parent_stream_asked(struct parent_stream *t, const struct record_plan_answer *now);
void parent_stream_remove(struct parent *p, struct parent_stream *t);
void parent_stream_remove_all(struct parent *p);
/* Connections with a camera that has one of these keys end now, and are made anew by what is in
 * force. Returns how many. */
unsigned parent_stream_cut(struct parent *p, uint8_t (*keys)[32], size_t n);
/* What the connector made: the socket, or the pair and its port; borrowed. */
void parent_stream_socket(struct parent_stream *t, const int *fds, unsigned fds_n, uint16_t port);
void parent_stream_no_socket(struct parent_stream *t, const struct err *why);
int parent_stream_on_worker(
        struct parent_worker *w, struct chan_message *m, struct err *e) MUST_USE;
void parent_stream_free_all(struct parent *p);
/* For parent_place.c */
struct chan *parent_stream_chan(const struct parent_stream *t);
struct pack parent_stream_message(struct parent_stream *t); /* in parent->out */
void parent_stream_send(struct parent_stream *t, uint16_t type, const int *fds, unsigned fds_n);
void parent_stream_forget(struct parent_stream *t);
/* A message with the stream, then why. */
void parent_stream_send_failure(struct parent_stream *t, uint16_t type, const struct err *why);

/* parent_place.c: which worker has a stream, and what it goes on from. */
/* To a worker, or with a new seal channel to the one that has it, as soon as all is there that it
 * takes: the end of the stream on the disks among it. */
void parent_place(struct parent_stream *t);
void parent_place_all(struct parent *p);
/* The assignment to its worker; fd -1: another one for a stream that it has. */
int parent_place_tell(
        struct parent_stream *t, uint16_t type, int worker, int fd, struct err *e) MUST_USE;
/* Its worker has nothing of it in flight any more. */
void parent_place_released(struct parent_stream *t);
void parent_place_worker_gone(struct parent *p, unsigned worker);
void parent_place_sealer_gone(struct parent *p);

/* parent_status.c: the manager's questions, JSON (docs/spec/link.md). */
int parent_status_on_manager(struct parent *p, struct chan_message *m, struct err *e) MUST_USE;
/* For a request whose answer comes later: it returns PARENT_STATUS_LATER, having kept the ticket,
 * and parent_status_answer follows once: body (taken; NULL: an empty object), or why it failed. */
#define PARENT_STATUS_LATER 1
struct parent_status_ticket parent_status_ticket(const struct parent *p);
void parent_status_answer(struct parent *p, const struct parent_status_ticket *ticket, json_t *body,
        const struct err *why);
/* parent_storage_request.c: storage.add, storage.set, storage.retire. */
int parent_storage_request_add(
        struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;
int parent_storage_request_set(
        struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;
int parent_storage_request_retire(
        struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;
/* Tells the manager that a stream is protected as its state says. */
void parent_status_connected(struct parent *p, const struct parent_stream *t);

#endif
