/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * WebSocket, RFC 6455: the opening handshake's texts, and frames. Pure. Strict on both sides: a
 * client's frames are masked and a server's are not, reserved bits are zero, control frames are
 * short and whole, text is UTF-8, lengths are in their shortest form.
 */
#ifndef CUSTOS_PROTO_WEBSOCKET_H
#define CUSTOS_PROTO_WEBSOCKET_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define WEBSOCKET_KEY_ROOM 25    /* 16 random bytes in base64 */
#define WEBSOCKET_ACCEPT_ROOM 29 /* SHA-1 in base64, section 4.2.2 */

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
void websocket_accept(const char *key, char to[static WEBSOCKET_ACCEPT_ROOM]);
void websocket_key(const uint8_t random[static 16], char to[static WEBSOCKET_KEY_ROOM]);
/* 16 bytes in base64, as a client has to send it. */
bool websocket_is_key(const char *key);

enum websocket_kind {
        WEBSOCKET_TEXT,
        WEBSOCKET_BINARY,
        WEBSOCKET_PING,
        WEBSOCKET_PONG,
        WEBSOCKET_CLOSE
};

#define WEBSOCKET_FRAME_OVERHEAD 14 /* bytes of a frame besides its payload, at most */

/* Appends one whole frame. mask: 4 random bytes of a client, NULL of a server. ERR_EXHAUSTED where
 * out has no room for the payload and WEBSOCKET_FRAME_OVERHEAD, ERR_INVALID for a control frame of
 * more than 125 bytes; then nothing was appended. */
int websocket_format(enum websocket_kind kind, struct bytes payload, const uint8_t *mask,
        struct buf *out, struct err *e) MUST_USE;
/* Appends the payload of a close frame: status (section 7.4.1) and a reason (UTF-8), of which 123
 * bytes have room; the rest of it is left out. */
void websocket_close_payload(uint16_t status, const char *reason, struct buf *out);

struct websocket_reader; /* owned */

/* from_client: its frames must be masked. text_max, binary_max: bytes of a message, fragments
 * joined; one that is longer is refused at the header that says so. */
struct websocket_reader *websocket_reader_new(bool from_client, size_t text_max, size_t binary_max);
struct websocket_reader *websocket_reader_free(struct websocket_reader *r);
struct websocket_message {
        enum websocket_kind kind;
        struct bytes payload; /* borrowed for the call, and a text is wiped behind it; of CLOSE the
                                 reason */
        uint16_t status;      /* of CLOSE; 1005 where none was said */
};
/*
 * Feeds received bytes. on_message for each whole message and control frame, in order; negative
 * ends the call with ERR_CANCELLED and what it wrote into e. ERR_PROTOCOL (ERR_EXHAUSTED: no
 * memory): *ret_status (section 7.4.1) is for the close frame to send. After either the reader
 * takes nothing more (ERR_STATE), and what comes behind a close frame is dropped.
 */
int websocket_reader_push(struct websocket_reader *r, struct bytes in,
        int (*on_message)(void *owner, const struct websocket_message *m, struct err *e),
        void *owner, uint16_t *ret_status, struct err *e) MUST_USE;

#endif
