/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/depay_aac.h"

void depay_aac_init(struct depay_aac *d)
{
        *d = (struct depay_aac){ 0 };
        buf_init(&d->frame, DEPAY_AAC_FRAME_MAX);
}

void depay_aac_done(struct depay_aac *d)
{
        buf_done(&d->frame);
}

bool depay_aac_drop(struct depay_aac *d)
{
        bool was_open = d->whole > 0;

        d->whole = 0;
        buf_clear(&d->frame);
        return was_open;
}

static int malformed(struct depay_aac *d, struct err *e, const char *what)
{
        depay_aac_drop(d);
        d->headers = d->data = BYTES(NULL, 0);
        return err_set(e, ERR_PROTOCOL, "AAC payload: %s", what);
}

int depay_aac_push(struct depay_aac *d, struct bytes payload, struct err *e)
{
        if (payload.n < 2)
                return malformed(d, e, "no AU headers");
        size_t bits = (size_t)payload.p[0] << 8 | payload.p[1];
        if (bits == 0 || bits % 16)
                return malformed(d, e, "AU headers are not of 16 bits each");
        if (bits / 8 > payload.n - 2)
                return malformed(d, e, "AU headers are cut");
        d->headers = bytes_sub(payload, 2, bits / 8);
        d->data = bytes_sub(payload, 2 + bits / 8, payload.n);
        d->taken = 0;
        return 0;
}

/* A part of a frame: alone in its packet, with the whole's size in its header. */
static int take_fragment(struct depay_aac *d, size_t size, struct bytes *ret, struct err *e)
{
        struct bytes part = d->data;

        d->headers = d->data = BYTES(NULL, 0);
        if (d->whole && d->whole != size)
                return malformed(d, e, "fragments of different frames");
        if (part.n == 0 || part.n > size - d->frame.n)
                return malformed(d, e, "fragments longer than their frame, or empty");
        d->whole = size;
        int r = buf_append(&d->frame, part, e);
        if (r < 0)
                return r;
        if (d->frame.n < size)
                return ERR_AGAIN;
        *ret = buf_bytes(&d->frame);
        d->whole = 0;
        return 0;
}

int depay_aac_next(struct depay_aac *d, struct bytes *ret_frame, unsigned *ret_index, struct err *e)
{
        if (d->whole == 0)
                buf_clear(&d->frame);
        if (d->headers.n < 2)
                return ERR_AGAIN;
        size_t size = (size_t)d->headers.p[0] << 5 | d->headers.p[1] >> 3;
        unsigned index = d->headers.p[1] & 7;
        bool alone = d->taken == 0 && d->headers.n == 2;

        if (d->taken > 0 && index != 0)
                return malformed(d, e, "interleaving is not supported");
        if (size == 0)
                return malformed(d, e, "a frame of no bytes");
        *ret_index = d->taken;
        if (alone && (d->whole || size > d->data.n))
                return take_fragment(d, size, ret_frame, e);
        if (d->whole || size > d->data.n)
                return malformed(d, e, "frames are cut");
        *ret_frame = bytes_sub(d->data, 0, size);
        d->data = bytes_sub(d->data, size, d->data.n);
        d->headers = bytes_sub(d->headers, 2, d->headers.n);
        d->taken++;
        return 0;
}
