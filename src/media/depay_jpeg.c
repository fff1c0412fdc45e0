/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/depay_jpeg.h"

#include "base/pack.h"

#define TYPE_RESTART 64
#define TYPE_DYNAMIC 128
#define Q_IN_BAND 128
#define Q_ALWAYS_SENT 255
#define Q_COMPUTED_MAX 99

/* The main header (RFC 2435 section 3.1) and that of restart markers (3.1.7). */
struct head {
        uint32_t offset;
        uint8_t type, q, width, height;
        uint16_t restart_interval;
};

void depay_jpeg_init(struct depay_jpeg *d)
{
        *d = (struct depay_jpeg){ 0 };
        buf_init(&d->picture, ACCESS_UNIT_MAX);
}

void depay_jpeg_done(struct depay_jpeg *d)
{
        buf_done(&d->picture);
}

void depay_jpeg_drop(struct depay_jpeg *d)
{
        d->open = false;
}

static int malformed(struct depay_jpeg *d, struct err *e, const char *what)
{
        depay_jpeg_drop(d);
        return err_set(e, ERR_PROTOCOL, "JPEG payload: %s", what);
}

static int read_head(struct depay_jpeg *d, struct unpack *u, struct head *h, struct err *e)
{
        unpack_u8(u); /* type-specific: progressive, or which field; each field is a picture */
        h->offset = unpack_u24(u);
        h->type = unpack_u8(u);
        h->q = unpack_u8(u);
        h->width = unpack_u8(u);
        h->height = unpack_u8(u);
        h->restart_interval = 0;
        if (u->bad)
                return malformed(d, e, "the header is cut");
        if (h->type >= TYPE_DYNAMIC || (h->type & ~TYPE_RESTART) > 1)
                return err_set(e, malformed(d, NULL, ""),
                        "JPEG payload: type %u (only 0, 1, 64 and 65 are defined)", h->type);
        if (h->type >= TYPE_RESTART) {
                h->restart_interval = unpack_u16(u);
                unpack_u16(u); /* which intervals begin here: of use for damaged pictures only */
                if (u->bad)
                        return malformed(d, e, "the restart header is cut");
                if (h->restart_interval == 0)
                        return malformed(d, e, "a restart interval of 0");
        }
        if (h->width == 0 || h->height == 0)
                return malformed(d, e,
                        "width or height 0: a picture larger than 2040 pixels, which RFC 2435 "
                        "cannot describe");
        return 0;
}

/* Section 3.1.8. A single table serves both. */
static int read_tables(
        struct depay_jpeg *d, uint8_t q, struct unpack *u, struct jpeg_tables *ret, struct err *e)
{
        struct jpeg_tables t = { 0 };

        unpack_u8(u);
        uint8_t precision = unpack_u8(u);
        struct bytes data = unpack_field16(u, UINT16_MAX);
        if (u->bad)
                return malformed(d, e, "quantization tables are cut");
        if (data.n == 0) {
                if (q == Q_ALWAYS_SENT || !d->known[q - Q_IN_BAND].sent)
                        return malformed(d, e, "its quantization tables were never sent");
                *ret = d->known[q - Q_IN_BAND].tables;
                return 0;
        }
        for (unsigned i = 0; i < 2; i++) {
                t.wide[i] = precision >> i & 1;
                size_t n = jpeg_table_bytes(&t, i);
                if (i == 1 && data.n == 0) {
                        t.wide[1] = t.wide[0];
                        memcpy(t.table[1], t.table[0], sizeof t.table[0]);
                        break;
                }
                if (data.n < n)
                        return malformed(d, e, "quantization tables of another length");
                memcpy(t.table[i], data.p, n);
                data = bytes_sub(data, n, data.n);
        }
        if (q != Q_ALWAYS_SENT)
                d->known[q - Q_IN_BAND] = (struct depay_jpeg_known){ true, t };
        *ret = t;
        return 0;
}

/* The first packet of a picture: everything in front of its data. */
static int begin(struct depay_jpeg *d, const struct head *h, struct unpack *u, struct err *e)
{
        struct jpeg_frame f = { .width = 8u * h->width,
                .height = 8u * h->height,
                .half_height = h->type & 1,
                .restart_interval = h->restart_interval };

        if (h->q >= Q_IN_BAND) {
                int r = read_tables(d, h->q, u, &f.tables, e);
                if (r < 0)
                        return r;
        } else if (h->q == 0 || h->q > Q_COMPUTED_MAX) {
                return err_set(e, malformed(d, NULL, ""),
                        "JPEG payload: Q %u stands for no quantization tables", h->q);
        } else {
                jpeg_tables_of_q(h->q, &f.tables);
        }
        buf_clear(&d->picture);
        int r = jpeg_write_headers(&f, &d->picture, e);
        if (r < 0)
                return r;
        d->scan_at = d->picture.n;
        d->frame = f;
        d->open = true;
        memcpy(d->form, (uint8_t[]){ h->type, h->q, h->width, h->height }, sizeof d->form);
        return 0;
}

int depay_jpeg_packet(struct depay_jpeg *d, struct bytes payload, struct err *e)
{
        struct unpack u = unpack_of(payload);
        struct head h;
        int r = read_head(d, &u, &h, e);

        if (r < 0)
                return r;
        if (h.offset == 0) {
                bool cut = d->open && d->picture.n > d->scan_at;
                r = begin(d, &h, &u, e);
                if (r == 0)
                        r = buf_append(&d->picture, unpack_rest(&u), e);
                if (r == 0 && cut)
                        return err_set(e, ERR_PROTOCOL,
                                "JPEG payload: a picture begins before the one before has ended");
        } else if (!d->open) {
                return 0; /* of one that was dropped */
        } else if (h.offset != d->picture.n - d->scan_at ||
                   memcmp(d->form, (uint8_t[]){ h.type, h.q, h.width, h.height }, sizeof d->form) !=
                           0) {
                return malformed(d, e, "a part that does not follow the one before");
        } else {
                r = buf_append(&d->picture, unpack_rest(&u), e);
        }
        if (r < 0)
                depay_jpeg_drop(d);
        return r;
}

/* Senders may leave EOI out (section 3.1.9 speaks of the entropy-coded data alone). */
int depay_jpeg_end(struct depay_jpeg *d, struct bytes *ret, struct err *e)
{
        static const uint8_t eoi[] = { 0xff, 0xd9 };
        struct bytes scan = bytes_sub(buf_bytes(&d->picture), d->scan_at, d->picture.n);

        if (!d->open)
                return ERR_AGAIN;
        if (scan.n == 0)
                return malformed(d, e, "a picture without data");
        d->open = false;
        if (!bytes_equal(bytes_sub(scan, scan.n < 2 ? 0 : scan.n - 2, scan.n), BYTES(eoi, 2))) {
                int r = buf_append(&d->picture, BYTES(eoi, 2), e);
                if (r < 0)
                        return r;
        }
        *ret = buf_bytes(&d->picture);
        return 0;
}
