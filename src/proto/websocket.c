/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/websocket.h"

#include <stdlib.h>

#include "base/pack.h"
#include "base/str.h"
#include "crypto/sha1.h"

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define CONTROL_MAX 125
#define REASON_MAX (CONTROL_MAX - 2)

/* Section 11.8. */
enum { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
#define FIN 0x80u
#define RESERVED 0x70u
#define CONTROL 0x08u
#define MASKED 0x80u

/* Section 7.4.1. */
enum {
        STATUS_PROTOCOL = 1002,
        STATUS_NONE = 1005,
        STATUS_NOT_TEXT = 1007,
        STATUS_TOO_BIG = 1009,
        STATUS_INTERNAL = 1011
};

void websocket_accept(const char *key, char to[static WEBSOCKET_ACCEPT_ROOM])
{
        char text[WEBSOCKET_KEY_ROOM - 1 + sizeof ACCEPT_GUID];
        const size_t n = strnlen(key, WEBSOCKET_KEY_ROOM - 1);
        uint8_t sum[SHA1_BYTES];

        memcpy(text, key, n);
        memcpy(text + n, ACCEPT_GUID, sizeof ACCEPT_GUID);
        sha1_once(bytes_str(text), sum);
        str_base64(to, BYTES(sum, sizeof sum));
}

void websocket_key(const uint8_t random[static 16], char to[static WEBSOCKET_KEY_ROOM])
{
        str_base64(to, BYTES(random, 16));
}

bool websocket_is_key(const char *key)
{
        char again[WEBSOCKET_KEY_ROOM];
        uint8_t raw[16];

        if (strlen(key) != WEBSOCKET_KEY_ROOM - 1 ||
                str_unbase64(raw, sizeof raw, bytes_str(key), NULL) != sizeof raw)
                return false;
        /* There are other ways to write the last digit, and one reader may take what another does
         * not. */
        return strcmp(str_base64(again, BYTES(raw, sizeof raw)), key) == 0;
}

/* Section 5.3; at: how much of the payload went before. */
static void apply_mask(
        uint8_t *to, const uint8_t *from, size_t n, const uint8_t mask[static 4], size_t at)
{
        uint8_t turned[8];
        uint64_t word, pattern;

        for (size_t i = 0; i < sizeof turned; i++)
                turned[i] = mask[(at + i) & 3];
        memcpy(&pattern, turned, sizeof pattern);
        for (; n >= sizeof word; n -= sizeof word, to += sizeof word, from += sizeof word) {
                memcpy(&word, from, sizeof word);
                word ^= pattern;
                memcpy(to, &word, sizeof word);
        }
        for (size_t i = 0; i < n; i++)
                to[i] = from[i] ^ turned[i];
}

int websocket_format(enum websocket_kind kind, struct bytes payload, const uint8_t *mask,
        struct buf *out, struct err *e)
{
        static const uint8_t opcodes[] = { TEXT, BINARY, PING, PONG, CLOSE };
        const uint8_t bit = mask ? MASKED : 0;
        struct pack p = pack_to(out);

        if (kind >= WEBSOCKET_PING && payload.n > CONTROL_MAX)
                return err_set(e, ERR_INVALID, "a WebSocket control frame of %zu bytes, at most %d",
                        payload.n, CONTROL_MAX);
        if (payload.n > out->max || !buf_reserve(out, WEBSOCKET_FRAME_OVERHEAD + payload.n))
                return err_set(
                        e, ERR_EXHAUSTED, "no room for a WebSocket frame of %zu bytes", payload.n);
        pack_u8(&p, (uint8_t)(FIN | opcodes[kind]));
        if (payload.n <= CONTROL_MAX) {
                pack_u8(&p, (uint8_t)(bit | payload.n));
        } else if (payload.n <= UINT16_MAX) {
                pack_u8(&p, bit | 126);
                pack_u16(&p, (uint16_t)payload.n);
        } else {
                pack_u8(&p, bit | 127);
                pack_u64(&p, payload.n);
        }
        if (mask) {
                pack_bytes(&p, BYTES(mask, 4));
                apply_mask(out->p + out->n, payload.p, payload.n, mask, 0);
                out->n += payload.n;
        } else {
                pack_bytes(&p, payload);
        }
        return 0;
}

void websocket_close_payload(uint16_t status, const char *reason, struct buf *out)
{
        struct pack p = pack_to(out);
        size_t n = strlen(reason);

        if (n > REASON_MAX) {
                n = REASON_MAX;
                while (n > 0 && ((uint8_t)reason[n] & 0xc0) == 0x80) /* never within a character */
                        n--;
        }
        pack_u16(&p, status);
        pack_bytes(&p, BYTES(reason, n));
}

struct websocket_reader {
        bool from_client;
        size_t text_max, binary_max;
        bool over;   /* nothing more is taken */
        bool failed; /* and that was the peer's fault, or the owner's wish */
        uint16_t status;

        /* The frame under way. */
        uint8_t head[WEBSOCKET_FRAME_OVERHEAD];
        size_t head_n, head_need;
        size_t left, at; /* of its payload: to come, gone by */
        uint8_t mask[4];
        uint8_t control[CONTROL_MAX];

        /* The message under way, its fragments joined. */
        bool in_message;
        enum websocket_kind kind;
        struct buf message;
};

struct websocket_reader *websocket_reader_new(bool from_client, size_t text_max, size_t binary_max)
{
        struct websocket_reader *r = xcalloc(1, sizeof *r);

        r->from_client = from_client;
        r->text_max = text_max;
        r->binary_max = binary_max;
        r->head_need = 2;
        buf_init(&r->message, text_max > binary_max ? text_max : binary_max);
        return r;
}

struct websocket_reader *websocket_reader_free(struct websocket_reader *r)
{
        if (!r)
                return NULL;
        buf_done(&r->message);
        free(r);
        return NULL;
}

static int refuse(struct websocket_reader *r, uint16_t status, const char *text, struct err *e)
{
        r->status = status;
        return err_set(e, ERR_PROTOCOL, "WebSocket: %s", text);
}

static unsigned opcode(const struct websocket_reader *r)
{
        return r->head[0] & 15u;
}

static bool is_control(const struct websocket_reader *r)
{
        return r->head[0] & CONTROL;
}

/* Section 5.2, of the first two bytes. */
static int check_kind(struct websocket_reader *r, struct err *e)
{
        const unsigned op = opcode(r), length = r->head[1] & 127u;
        const bool masked = r->head[1] & MASKED;

        if (r->head[0] & RESERVED)
                return refuse(r, STATUS_PROTOCOL,
                        "a reserved bit is set, and no extension was agreed upon", e);
        if (op > PONG || (op > BINARY && op < CLOSE))
                return refuse(r, STATUS_PROTOCOL, "a frame of an unknown kind", e);
        if (masked != r->from_client)
                return refuse(r, STATUS_PROTOCOL,
                        masked ? "a masked frame from a server"
                               : "a frame from a client without a mask",
                        e);
        if (is_control(r)) {
                if (!(r->head[0] & FIN))
                        return refuse(r, STATUS_PROTOCOL, "a control frame in fragments", e);
                if (length > CONTROL_MAX)
                        return refuse(
                                r, STATUS_PROTOCOL, "a control frame of more than 125 bytes", e);
        } else if (op == CONTINUATION && !r->in_message) {
                return refuse(r, STATUS_PROTOCOL, "a fragment that continues nothing", e);
        } else if (op != CONTINUATION && r->in_message) {
                return refuse(r, STATUS_PROTOCOL, "a message within another one's fragments", e);
        }
        r->head_need = 2 + (length == 126 ? 2u : length == 127 ? 8u : 0u) + (masked ? 4u : 0u);
        return 0;
}

static int check_length(struct websocket_reader *r, struct err *e)
{
        struct unpack u = unpack_of(BYTES(r->head + 2, sizeof r->head - 2));
        uint64_t n = r->head[1] & 127u;
        size_t max;

        if (n == 126) {
                n = unpack_u16(&u);
                if (n <= CONTROL_MAX)
                        return refuse(r, STATUS_PROTOCOL, "a length not in its shortest form", e);
        } else if (n == 127) {
                n = unpack_u64(&u);
                if (n >> 63)
                        return refuse(r, STATUS_PROTOCOL, "a length of more than 63 bits", e);
                if (n <= UINT16_MAX)
                        return refuse(r, STATUS_PROTOCOL, "a length not in its shortest form", e);
        }
        if (!is_control(r)) {
                if (opcode(r) != CONTINUATION) {
                        r->in_message = true;
                        r->kind = opcode(r) == TEXT ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;
                        buf_clear(&r->message);
                }
                max = r->kind == WEBSOCKET_TEXT ? r->text_max : r->binary_max;
                if (n > max - r->message.n) {
                        r->status = STATUS_TOO_BIG;
                        return err_set(e, ERR_PROTOCOL,
                                "WebSocket: a message of more than %zu bytes", max);
                }
        }
        if (!is_control(r)) /* in one piece: what grows leaves copies in freed memory */
                (void)!buf_reserve(&r->message, (size_t)n);
        r->left = (size_t)n;
        r->at = 0;
        if (r->from_client)
                memcpy(r->mask, r->head + r->head_need - 4, 4);
        return 0;
}

static int take_head(struct websocket_reader *r, struct bytes *in, struct err *e)
{
        int x = 0;

        while (x == 0 && in->n > 0 && r->head_n < r->head_need) {
                r->head[r->head_n++] = in->p[0];
                *in = bytes_sub(*in, 1, in->n);
                if (r->head_n == 2)
                        x = check_kind(r, e);
        }
        if (x == 0 && r->head_n == r->head_need)
                x = check_length(r, e);
        return x;
}

static int take_payload(struct websocket_reader *r, struct bytes *in, struct err *e)
{
        const struct bytes piece = bytes_sub(*in, 0, r->left);
        uint8_t *to;

        if (piece.n == 0)
                return 0;
        if (is_control(r)) {
                to = r->control + r->at;
        } else {
                to = buf_reserve(&r->message, piece.n);
                if (!to) {
                        r->status = STATUS_INTERNAL;
                        return err_set(e, ERR_EXHAUSTED,
                                "no memory for a WebSocket message of %zu bytes",
                                r->message.n + r->left);
                }
                r->message.n += piece.n;
        }
        if (r->from_client)
                apply_mask(to, piece.p, piece.n, r->mask, r->at);
        else
                memcpy(to, piece.p, piece.n);
        r->at += piece.n;
        r->left -= piece.n;
        *in = bytes_sub(*in, piece.n, in->n);
        return 0;
}

/* Section 7.4, and what IANA has registered since: never those that only tell of an end without a
 * close frame. */
static bool is_status(unsigned s)
{
        return (s >= 1000 && s <= 1003) || (s >= 1007 && s <= 1014) || (s >= 3000 && s <= 4999);
}

static int end_close(struct websocket_reader *r, struct websocket_message *m, struct err *e)
{
        struct unpack u = unpack_of(m->payload);

        m->kind = WEBSOCKET_CLOSE;
        m->status = STATUS_NONE;
        if (m->payload.n == 0)
                return 0;
        if (m->payload.n == 1)
                return refuse(r, STATUS_PROTOCOL, "half a status in a close frame", e);
        m->status = unpack_u16(&u);
        m->payload = unpack_rest(&u);
        if (!is_status(m->status))
                return refuse(r, STATUS_PROTOCOL,
                        "a close frame with a status that is not to be sent", e);
        if (!str_is_utf8(m->payload))
                return refuse(r, STATUS_NOT_TEXT, "the reason in a close frame is not UTF-8", e);
        return 0;
}

/* All of a frame is there: 1 where *ret is to be told. */
static int end_frame(struct websocket_reader *r, struct websocket_message *ret, struct err *e)
{
        struct websocket_message m = { .payload = BYTES(r->control, r->at) };
        int x = 1;

        r->head_n = 0;
        r->head_need = 2;
        if (!is_control(r)) {
                if (!(r->head[0] & FIN))
                        return 0;
                r->in_message = false;
                m.kind = r->kind;
                m.payload = buf_bytes(&r->message);
                if (m.kind == WEBSOCKET_TEXT && !str_is_utf8(m.payload))
                        return refuse(r, STATUS_NOT_TEXT, "a text is not UTF-8", e);
        } else if (opcode(r) == CLOSE) {
                x = end_close(r, &m, e);
                r->over = true; /* section 1.4: what comes behind it is dropped */
                if (x < 0)
                        return x;
        } else {
                m.kind = opcode(r) == PING ? WEBSOCKET_PING : WEBSOCKET_PONG;
        }
        *ret = m;
        return 1;
}

static int step(
        struct websocket_reader *r, struct bytes *in, struct websocket_message *ret, struct err *e)
{
        int x = 0;

        if (r->head_n < r->head_need)
                x = take_head(r, in, e);
        if (x < 0 || r->head_n < r->head_need)
                return x;
        x = take_payload(r, in, e);
        return x < 0 || r->left > 0 ? x : end_frame(r, ret, e);
}

int websocket_reader_push(struct websocket_reader *r, struct bytes in,
        int (*on_message)(void *owner, const struct websocket_message *m, struct err *e),
        void *owner, uint16_t *ret_status, struct err *e)
{
        if (r->failed)
                return err_set(e, ERR_STATE, "this WebSocket connection is over");
        while (in.n > 0 && !r->over) {
                struct websocket_message m;
                int x = step(r, &in, &m, e);
                bool text = x > 0 && m.kind == WEBSOCKET_TEXT && r->message.n;

                if (x < 0)
                        *ret_status = r->status;
                else if (x > 0)
                        x = on_message(owner, &m, e) < 0 ? ERR_CANCELLED : 0;
                if (text) /* a password stands in some */
                        explicit_bzero(r->message.p, r->message.n);
                if (x < 0) {
                        r->over = r->failed = true;
                        return x;
                }
        }
        return 0;
}
