/* SPDX-License-Identifier: GPL-3.0-or-later */
/* WebSocket frames of a client and of a server: the same messages and the same refusal, however the
 * bytes are cut up; and what was read is written and read again. */
#include <stdlib.h>

#include "proto/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define TEXT_MAX 300
#define BINARY_MAX 500

struct sum {
        uint64_t hash;
        bool client;
};

static void mix(struct sum *s, struct bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                s->hash = (s->hash ^ b.p[i]) * UINT64_C(1099511628211);
        s->hash = (s->hash ^ b.n) * UINT64_C(1099511628211);
}

struct again {
        const struct websocket_message *first;
        unsigned seen;
};

static int on_again(void *owner, const struct websocket_message *m, struct err *e)
{
        struct again *a = owner;

        (void)e;
        if (m->kind != a->first->kind || !bytes_equal(m->payload, a->first->payload))
                abort();
        a->seen++;
        return 0;
}

static void write_again(const struct websocket_message *m, bool client)
{
        static const uint8_t mask[4] = { 1, 2, 3, 4 };
        struct websocket_reader *r = websocket_reader_new(client, TEXT_MAX, BINARY_MAX);
        struct again a = { m, 0 };
        uint16_t status = 0;
        struct buf out;

        buf_init(&out, BINARY_MAX + WEBSOCKET_FRAME_OVERHEAD);
        if (websocket_format(m->kind, m->payload, client ? mask : NULL, &out, NULL) < 0 ||
                websocket_reader_push(r, buf_bytes(&out), on_again, &a, &status, NULL) < 0 ||
                a.seen != 1)
                abort();
        buf_done(&out);
        websocket_reader_free(r);
}

static int on_message(void *owner, const struct websocket_message *m, struct err *e)
{
        struct sum *s = owner;

        (void)e;
        if (m->payload.n > (m->kind == WEBSOCKET_TEXT            ? TEXT_MAX
                                   : m->kind == WEBSOCKET_BINARY ? BINARY_MAX
                                                                 : 125))
                abort();
        s->hash = (s->hash ^ m->kind) * UINT64_C(1099511628211);
        mix(s, m->payload);
        if (m->kind != WEBSOCKET_CLOSE)
                write_again(m, s->client);
        return 0;
}

static int feed(struct bytes b, bool client, size_t step, struct sum *s, uint16_t *ret_status)
{
        struct websocket_reader *r = websocket_reader_new(client, TEXT_MAX, BINARY_MAX);
        int x = 0;

        *s = (struct sum){ .client = client };
        while (x == 0 && b.n > 0) {
                struct bytes piece = bytes_sub(b, 0, step);

                b = bytes_sub(b, piece.n, b.n);
                x = websocket_reader_push(r, piece, on_message, s, ret_status, NULL);
        }
        websocket_reader_free(r);
        return x;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        char key[WEBSOCKET_KEY_ROOM], accept[WEBSOCKET_ACCEPT_ROOM];

        if (n < 2)
                return 0;
        for (unsigned client = 0; client < 2; client++) {
                uint16_t status = 0, other_status = 0;
                struct sum one, other;
                int r = feed(BYTES(data, n), client, 1, &one, &status);

                if (feed(BYTES(data, n), client, 1 + data[n - 1] % 64u, &other, &other_status) !=
                                r ||
                        one.hash != other.hash || status != other_status)
                        abort();
        }
        memset(key, 0, sizeof key);
        memcpy(key, data, n < sizeof key - 1 ? n : sizeof key - 1);
        if (websocket_is_key(key))
                websocket_accept(key, accept);
        return 0;
}
