/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connected TCP socket with TLS on the event loop, client or server side. Owns the descriptor
 * and the TLS session; moves bytes between them; hands each decrypted record up.
 *
 * A stream without TLS exists for the exceptions `plain` and `tls-if-available` (ingest/camera.h)
 * and for nothing else: whoever makes one says so in options.plain, and a missing session alone is
 * refused.
 *
 * Reading goes through one receive buffer per process (struct stream_shared), because OpenSSL
 * copies out of it before the next socket is read: a buffer per connection would cost memory for
 * nothing. Reads are driven by the socket being readable, or, once stream_pace was called, by one
 * timer that reads all paced streams in turn: at hundreds of cameras fewer and larger reads are the
 * largest saving there is.
 *
 * Writing tries send() at once and queues the rest, up to a hard maximum; a peer that does not read
 * makes stream_write fail, and never makes the process grow.
 *
 * The caller owes: single-threaded use on the loop's thread; stream_free after on_end. Any callback
 * may call any function here, stream_free included.
 *
 * Not here: making connections (os/, the connector), deciding whom to trust (crypto/tls.h),
 * protocols.
 */
#ifndef CUSTOS_NET_STREAM_H
#define CUSTOS_NET_STREAM_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/tls.h"
#include "os/loop.h"

/*
 * What all streams of one loop share: the receive buffer and the pace timer. One for each loop: the
 * first _new makes it, later ones return the same, and it goes with the last _free. Outlives its
 * streams; both may be freed in a callback.
 */
struct stream_shared;
struct stream_shared *stream_shared_new(struct loop *l);
struct stream_shared *stream_shared_free(struct stream_shared *sh);
struct loop *stream_shared_loop(const struct stream_shared *sh);
/* The receive buffer, good until the next read of anything on the loop. */
uint8_t *stream_shared_room(struct stream_shared *sh, size_t *ret_bytes);

/* What is read at each tick of the pace timer: a stream, or another socket (net/datagrams). In
 * place, zeroed before its first use; on_turn may free it, or any other. */
struct stream_turn {
        struct stream_turn *next;
        struct stream_turn **link; /* NULL: not paced */
        void (*on_turn)(void *owner);
        void *owner;
};
/* Every interval_ms (20..100 is sensible), 0: never again. One timer serves all: it runs at the
 * shortest interval that was asked for. */
void stream_shared_pace(struct stream_shared *sh, struct stream_turn *t, unsigned interval_ms);

struct stream;

struct stream_events {
        /* The handshake is done and the peer was verified (plain: at the loop's next turn); from
         * now on stream_write works. */
        void (*on_ready)(void *owner, struct stream *s);
        /* One decrypted record (plain: what was received at once), borrowed. Negative, with e set,
         * ends the stream with that error. */
        int (*on_data)(void *owner, struct stream *s, struct bytes plain, struct err *e);
        /* What waited for the socket fell to options.drain_bytes: all has been sent where that is
         * 0. May be NULL. */
        void (*on_drain)(void *owner, struct stream *s);
        /* Over: nothing is read or sent any more. At most once, never from within a function of
         * this header that the owner called, never after stream_free. refusal: TLS_OK when TLS was
         * not the reason. */
        void (*on_end)(void *owner, struct stream *s, const struct err *why);
};

#define STREAM_HANDSHAKE_MS 10000u
#define STREAM_OUTPUT_MAX (256u << 10)

struct stream_options {
        bool client;             /* speaks first in the handshake */
        bool plain;              /* without TLS: t is NULL then, and only then */
        unsigned handshake_ms;   /* absolute, from stream_new to on_ready; 0: STREAM_HANDSHAKE_MS */
        size_t output_max_bytes; /* bytes not yet taken by the socket; 0: STREAM_OUTPUT_MAX */
        size_t drain_bytes;      /* so many may wait still when on_drain comes */
        size_t talk_max_bytes;   /* received before the first stream_pace, when nothing but talk was
                                    asked for; 0: no maximum */
};

/* Takes fd (connected) and t, also when it fails. events is borrowed and outlives the stream.
 * ERR_INVALID where t is missing and plain was not asked for. */
int stream_new(struct stream_shared *sh, int fd, struct tls *t, const struct stream_options *o,
        const struct stream_events *events, void *owner, struct stream **ret,
        struct err *e) MUST_USE;
/* Sends close_notify when that does not wait, closes the socket. No callback follows. NULL is fine.
 */
struct stream *stream_free(struct stream *s);

/* Encrypts and sends or queues all of plain. ERR_EXHAUSTED: the queue is full and nothing was
 * taken; ERR_STATE: before on_ready or after the end; else the stream is broken and on_end follows
 * from the loop. Never calls back. */
int stream_write(struct stream *s, struct bytes plain, struct err *e) MUST_USE;
/* While held, what stream_write encrypts is queued only; letting go sends it in one call. For many
 * small writes at once, each of them a TLS record of its own. Never calls back. */
void stream_hold(struct stream *s, bool held);
/* While paused nothing more is read from the socket, so that the other side has to wait; what was
 * read goes on up, at most one receive buffer. The end of the connection is not seen meanwhile. */
void stream_pause(struct stream *s, bool paused);
/* Bytes that wait for the socket. */
size_t stream_queued(const struct stream *s);

/* Paced reading, as stream_shared_pace; 0: event-driven again. */
void stream_pace(struct stream *s, unsigned interval_ms);

/* The session, for its version, cipher, peer key and verification; borrowed. NULL: plain. */
const struct tls *stream_tls(const struct stream *s);
/* Bytes received from the socket, and taken by it, so far. */
uint64_t stream_received(const struct stream *s);
uint64_t stream_sent(const struct stream *s);
/* Those of them that went without TLS. */
uint64_t stream_plaintext(const struct stream *s);

#endif
