/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The messages between the processes of one recorder (supervisor, parent, worker, sealer,
 * connector), over os/chan. Internal to one build of the program: not a public format, so there is
 * no compatibility; MESSAGE_VERSION is compared at the start. Integers are big-endian, texts carry
 * their length. A message of another length or form ends the channel: the sender is broken or
 * hostile. Streams are named by their path, never by pointer.
 *
 * What must not be here: footage in the clear (it never leaves the worker) and, on the parent's
 * channels, any key of footage. What a gateway may see is sealed for its session (MEDIA).
 */
#ifndef CUSTOS_RECORDER_MESSAGE_H
#define CUSTOS_RECORDER_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "ingest/camera.h"
#include "seal/seal.h"
#include "vault/segment_writer.h"

#define MESSAGE_VERSION 1
#define MESSAGE_ROOTS_MAX (48u << 10)

enum message_type {
        /* supervisor -> parent, all but the last with one descriptor */
        MESSAGE_WORKER = 1, /* u32 index; the channel to a new worker */
        MESSAGE_SEALER,     /* the channel to a new sealer */
        MESSAGE_STOP, /* empty: an operator ends the recorder. A signal would not do: the kernel
                       * sends the same one when the supervisor dies, and then the gap has another
                       * cause */

        /* parent -> supervisor */
        MESSAGE_VOLUME_WANTED, /* message_volume_start: a process for this volume */
        MESSAGE_VOLUME_ENDED,  /* u32 number: its process is not wanted any more */

        /* supervisor -> parent, with one descriptor */
        MESSAGE_CONNECTOR, /* the channel to a new connector */
        MESSAGE_VOLUME,    /* u32 number; the channel to a volume's process */
        MESSAGE_SCRUBBER,  /* the channel to a new scrubber */

        /* sealer -> parent */
        MESSAGE_SEALER_HELLO = 10, /* message_hello */
        MESSAGE_KEY_STORE,         /* stream, path, text: to be durable before it is acknowledged */
        /* parent -> sealer */
        MESSAGE_KEY_STORED,  /* stream, path */
        MESSAGE_STREAM_OPEN, /* message_stream_open, with the stream's seal channel */
        MESSAGE_DURABLE,     /* stream, epoch, sequence */

        /* worker -> sealer, on the seal channel of one stream */
        MESSAGE_SEGMENT_OPEN = 30, /* empty */
        MESSAGE_SEAL,              /* message_seal_request */
        /* sealer -> worker */
        MESSAGE_SEGMENT_KEY, /* kid, hour key id, segment key */
        MESSAGE_SEALED,      /* the seal's payload */
        MESSAGE_REFUSED,     /* text */

        /* parent -> worker */
        MESSAGE_ASSIGN = 50, /* message_assign, with the seal channel */
        MESSAGE_RESEAL,      /* stream, gap cause, gap from; with a new seal channel */
        MESSAGE_UNASSIGN,    /* stream */
        MESSAGE_SOCKET,      /* stream; with a connected socket */
        MESSAGE_DATAGRAMS,   /* stream, u16 port; with two bound UDP sockets */
        MESSAGE_NO_SOCKET,   /* stream, u8 code, u8 fault, text */
        MESSAGE_FILE,        /* stream, u32 volume, u8 direct, object key; with the file */
        MESSAGE_NO_FILE,     /* stream, u8 code, u8 fault, text */
        /* worker -> parent */
        MESSAGE_CONNECT,     /* stream, u8 enum camera_socket: wants a socket to its camera */
        MESSAGE_FILE_WANTED, /* stream */
        MESSAGE_WRITTEN,     /* message_written */
        MESSAGE_UNUSED,      /* stream, object key: a file in which nothing was written */
        MESSAGE_STATE,       /* message_state */
        MESSAGE_RELEASED,    /* stream: nothing of it is in flight any more */
        MESSAGE_NOT_WRITTEN, /* stream, object key, u8 code, u8 fault, text: a write failed, or took
                              * longer than the patience for it. The stream's writer stops;
                              * RELEASED follows, and then RESEAL is awaited */

        /* parent -> worker */
        MESSAGE_REASSIGN, /* message_assign of a stream that it has: from now on its camera is
                           * this one. Segments and seals go on */
        MESSAGE_LEAVE,    /* u32 volume: streams with a segment there stop their writers and send
                           * RELEASED, as after NOT_WRITTEN */
        MESSAGE_GATE,     /* stream, u8 enum message_gate, u32 milliseconds to keep: what is
                           * recorded from now on */

        /* parent -> connector: no URL, no user, no stream */
        MESSAGE_CONNECT_TO = 80, /* message_connect */
        MESSAGE_CONNECT_CANCEL,  /* u32 id */
        /* connector -> parent */
        MESSAGE_CONNECTED,     /* u32 id, u16 port (of datagrams, else 0); with the socket or the
                                  two */
        MESSAGE_NOT_CONNECTED, /* u32 id, u8 code, u8 fault, text */

        /* parent -> volume (message_volume.h); id: the parent's, not in use by another */
        MESSAGE_VOLUME_FILE = 100, /* u32 id, stream, i64 wall clock: the next segment file */
        MESSAGE_VOLUME_KEY,        /* u32 id, path, text: durable with the next sync that is asked
                                    * for after its DONE */
        MESSAGE_VOLUME_SYNC,       /* u32 id */
        MESSAGE_VOLUME_TAIL,       /* u32 id, stream, object key of the newest segment that is
                                    * known (may be empty), u8 bound, seal_link: with bound, seals
                                    * behind this one are cut off too; u8 alone: of that segment
                                    * only, others stand behind it; seal_link: the last one that
                                    * was durable there, as far as is known (sequence 0: none) */
        MESSAGE_VOLUME_REMOVE,     /* u32 id, u32 count, names: segments, key files, and
                                    * keys/<stream>/<date>/<HH>.* for all keys of an hour; what is
                                    * not there is as good as removed */
        MESSAGE_VOLUME_READ,       /* u32 id, object key or key file: to read it */
        MESSAGE_VOLUME_LOCK,       /* u32 id, lock id, text; an empty text removes it */
        MESSAGE_VOLUME_SESSION,    /* 16: what volume.json is to say; answers the hello */
        /* volume -> parent */
        MESSAGE_VOLUME_STATE,  /* message_volume_state: first of all (the hello), at every change,
                                * and every two seconds */
        MESSAGE_VOLUME_DONE,   /* u32 id: SESSION has id 0 */
        MESSAGE_VOLUME_FAILED, /* u32 id, u8 code, u8 fault, text */
        MESSAGE_VOLUME_MADE, /* u32 id, u8 direct, object key; with the file (of READ: direct 0) */
        MESSAGE_VOLUME_END,  /* u32 id, message_volume_tail */
        /* parent -> volume */
        MESSAGE_VOLUME_TROUBLE, /* u8 fault, text: a worker could not write there; it probes until
                                 * it can, and the fault is in its state so long */

        /* supervisor -> parent and manager, with one descriptor */
        MESSAGE_PORTER = 120, /* the channel to a new porter (docs/spec/link.md section 7) */

        /* parent -> scrubber */
        MESSAGE_SCRUB = 130, /* message_scrub; with the file */
        /* scrubber -> parent */
        MESSAGE_SCRUBBED, /* message_scrubbed */

        /* Grants (docs/design/grants.md). watch: the parent's number of a subscription, not 0 and
         * not in use by another; a later grant for the same comes under the same number */
        /* parent -> sealer */
        MESSAGE_GRANT = 150, /* message_grant: for live */
        /* sealer -> worker, on the stream's seal channel, once it is in the log */
        MESSAGE_GRANTED, /* u32 watch, token */
        /* sealer -> parent */
        MESSAGE_NOT_GRANTED, /* u32 watch, u8 code, u8 fault, text */
        /* parent -> sealer, parent -> worker */
        MESSAGE_CRLS, /* text: PEM of the nodes issuer's list of what is revoked */
        /* worker -> parent */
        MESSAGE_WATCHED,     /* stream, u32 watch, i64 until (wall clock), u32 group: what is
                              * sealed for its session, and the media key's wrap for it */
        MESSAGE_NOT_WATCHED, /* stream, u32 watch, u8 code, u8 fault, text, u8 over: nothing is
                              * sent under that number any more (else a later grant was refused)
                              */
        /* parent -> worker */
        MESSAGE_UNWATCH, /* stream, u32 watch */
        /* worker -> parent */
        MESSAGE_MEDIA, /* stream, u32 group, a binary message of docs/spec/link.md section 8 whose
                        * subscription is 0 */

        /* Playback (message_play.h). supervisor -> sealer, with one descriptor */
        MESSAGE_KEY_CHANNEL = 170, /* empty: the key channel of a new player */
        /* player -> sealer, on its key channel; one at a time of each */
        MESSAGE_KEY_GRANT, /* message_key_grant: under which keys are asked for from now on */
        MESSAGE_KEY_ASK,   /* message_key_ask */
        /* sealer -> player */
        MESSAGE_KEY_GRANTED,     /* token, once it is in the log */
        MESSAGE_KEY_NOT_GRANTED, /* u32 0, u8 code, u8 fault, text */
        MESSAGE_KEY,             /* kid, segment key */
        MESSAGE_NO_KEY,          /* u32 0, u8 code, u8 fault, text */
        /* parent -> supervisor */
        MESSAGE_PLAYER_WANTED, /* u32 watch: a player; it ends with its channel */
        /* supervisor -> parent, with one descriptor */
        MESSAGE_PLAYER, /* u32 watch; the channel to a new player */
        /* parent -> player */
        MESSAGE_PLAY,         /* message_play. Once */
        MESSAGE_PLAY_GRANT,   /* token: a later grant */
        MESSAGE_PLAY_SEGMENT, /* answers NEXT; with the file */
        MESSAGE_PLAY_MISSED,  /* empty: answers NEXT where the segment cannot be had */
        MESSAGE_PLAY_END,     /* empty: answers NEXT behind the last one */
        MESSAGE_PLAY_KEY,     /* answers KEY_WANTED; with the key store's file, or without: there
                               * is none */
        MESSAGE_PLAY_CREDIT,  /* u64 bytes */
        /* player -> parent */
        MESSAGE_PLAYING,          /* the media key's wrap: for the first grant and each later one */
        MESSAGE_PLAY_NOT_GRANTED, /* u32 0, u8 code, u8 fault, text: a later grant is none */
        MESSAGE_PLAY_NEXT,        /* empty: the next segment */
        MESSAGE_PLAY_KEY_WANTED,  /* hour key id, i64 wall clock: about its hour */
        MESSAGE_PLAY_MEDIA,       /* a binary message of docs/spec/link.md section 8 whose
                                   * subscription is 0 */
        MESSAGE_PLAYED,           /* u32 0, u8 code, u8 fault, text: it is over; an empty body: all
                                   * was sent */
        MESSAGE_PLAY_AGAIN,       /* empty: the first segment once more; then as NEXT */

        /* A look at a camera (probe/probe_message.h). parent -> supervisor */
        MESSAGE_PROBER_WANTED =
                210, /* u32 number: a prober; it ends with its channel, or is ended */
        /* supervisor -> parent, with one descriptor */
        MESSAGE_PROBER, /* u32 number; the channel to a new prober */
};

/* What a worker does with a stream's frames. */
enum message_gate {
        MESSAGE_GATE_OPEN, /* all are recorded */
        MESSAGE_GATE_KEYS, /* key frames of the main track alone; the last milliseconds of all are
                            * kept in memory, for OPEN */
        MESSAGE_GATE_WAIT, /* none; likewise */
};

struct message_hello {
        uint32_t version;
        uint8_t epoch[16];
        struct bytes seal_cert, issuer_cert, root_cert; /* DER; borrowed from the message */
};

struct message_stream_open {
        char stream[HEAD_PATH_MAX];
        struct seal_link last;   /* last durable seal; zeros when there is none */
        int64_t last_arrival_us; /* of that seal */
};

struct message_assign {
        char stream[HEAD_PATH_MAX];
        char url[CAMERA_URL_MAX];
        char user[128];
        struct secret password;
        uint8_t transport; /* enum camera_transport */
        uint8_t carrier;   /* enum camera_carrier */
        uint8_t pin[32];
        bool without_audio;
        struct bytes roots_pem;  /* borrowed: the site's root, and cameras' vendors' */
        struct bytes issuer_pem; /* borrowed: the one issuer whose certificates cameras have; empty:
                                    any below the roots */
        struct bytes crls_pem;   /* borrowed: what the issuers revoked; may be empty */
        char recorder[HEAD_TEXT_MAX];
        struct bytes seal_cert, issuer_cert, root_cert; /* borrowed */
        uint32_t fragment_ms, segment_s, pace_ms, idle_ms, backoff_max_ms, mbit_max;
        uint32_t patience_ms; /* with a write */
        uint8_t gate;         /* enum message_gate */
        uint32_t keep_ms;
        uint8_t gap_cause;
        int64_t gap_from_us;
};

struct message_connect {
        uint32_t id;    /* the parent's, not in use by another */
        uint8_t kind;   /* enum camera_socket */
        char host[256]; /* empty for datagrams */
        uint16_t port;
};

struct message_connected {
        uint32_t id;
        uint16_t port;
};

struct message_grant {
        uint32_t watch;
        char stream[HEAD_PATH_MAX];
        struct bytes token; /* borrowed */
};

struct message_state {
        char stream[HEAD_PATH_MAX];
        uint8_t state;             /* enum camera_state */
        uint8_t protection, fault; /* enum protection of seal/head.h, enum fault */
        uint8_t alarm;             /* enum fault: what is wrong though it is recorded */
        int64_t alarm_since_us;
        uint16_t tls_version;
        char tls_cipher[64];
        uint8_t camera_key[32];
        int64_t connected_us;
        int64_t from_us, until_us; /* when the camera's certificate is good; 0: none was seen */
        struct camera_counters counters;
        char error[ERR_TEXT_BYTES]; /* escaped; empty when there is none */
};

/* Each _pack appends to out; each _parse borrows from body and fails with ERR_PROTOCOL on any other
 * form. */
int message_hello_pack(const struct message_hello *m, struct buf *out, struct err *e) MUST_USE;
int message_hello_parse(struct bytes body, struct message_hello *ret, struct err *e) MUST_USE;
int message_stream_open_pack(
        const struct message_stream_open *m, struct buf *out, struct err *e) MUST_USE;
int message_stream_open_parse(
        struct bytes body, struct message_stream_open *ret, struct err *e) MUST_USE;
int message_assign_pack(const struct message_assign *m, struct buf *out, struct err *e) MUST_USE;
int message_assign_parse(struct bytes body, struct message_assign *ret, struct err *e) MUST_USE;
int message_connect_pack(const struct message_connect *m, struct buf *out, struct err *e) MUST_USE;
int message_connect_parse(struct bytes body, struct message_connect *ret, struct err *e) MUST_USE;
int message_connected_pack(
        const struct message_connected *m, struct buf *out, struct err *e) MUST_USE;
int message_connected_parse(
        struct bytes body, struct message_connected *ret, struct err *e) MUST_USE;
/* why->code, fault and text alone travel. */
int message_not_connected_pack(
        uint32_t id, const struct err *why, struct buf *out, struct err *e) MUST_USE;
int message_not_connected_parse(
        struct bytes body, uint32_t *ret_id, struct err *ret_why, struct err *e) MUST_USE;
int message_grant_pack(const struct message_grant *m, struct buf *out, struct err *e) MUST_USE;
int message_grant_parse(struct bytes body, struct message_grant *ret, struct err *e) MUST_USE;
int message_granted_pack(
        uint32_t watch, struct bytes token, struct buf *out, struct err *e) MUST_USE;
int message_granted_parse(
        struct bytes body, uint32_t *ret_watch, struct bytes *ret_token, struct err *e) MUST_USE;
int message_state_pack(const struct message_state *m, struct buf *out, struct err *e) MUST_USE;
int message_state_parse(struct bytes body, struct message_state *ret, struct err *e) MUST_USE;
/* The worker's part of a seal and nothing of the sealer's. */
int message_seal_request_pack(const struct seal *s, struct buf *out, struct err *e) MUST_USE;
int message_seal_request_parse(struct bytes body, struct seal *ret, struct err *e) MUST_USE;
int message_written_pack(const char *stream, const struct segment_writer_report *r, struct buf *out,
        struct err *e) MUST_USE;
int message_written_parse(struct bytes body, char stream[static HEAD_PATH_MAX],
        struct segment_writer_report *ret, struct err *e) MUST_USE;

#endif
