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
        bool extended; /* it carries the headers: */
        struct bytes extension;
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
        if ((h->width == 0 || h->height == 0) && h->offset == 0 && !h->extended && !d->extended)
                return malformed(d, e,
                        "width or height 0: a picture larger than 2040 pixels, which RFC 2435 "
                        "cannot describe, without ONVIF's header extension");
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

/* The tables by Q; *ret_has: there are any (Q 0 leaves them to the extension). */
static int tables_of(struct depay_jpeg *d, const struct head *h, struct unpack *u,
        struct jpeg_tables *ret, bool *ret_has, struct err *e)
{
        *ret_has = h->q > 0;
        if (h->q >= Q_IN_BAND)
                return read_tables(d, h->q, u, ret, e);
        if (h->q > Q_COMPUTED_MAX || (h->q == 0 && !h->extended))
                return err_set(e, malformed(d, NULL, ""),
                        "JPEG payload: Q %u stands for no quantization tables", h->q);
        if (h->q > 0)
                jpeg_tables_of_q(h->q, ret);
        return 0;
}

/* The first packet of a picture: everything in front of its data. */
static int begin(struct depay_jpeg *d, const struct head *h, struct unpack *u, struct err *e)
{
        struct jpeg_frame f = { .width = 8u * h->width,
                .height = 8u * h->height,
                .half_height = h->type & 1,
                .restart_interval = h->restart_interval };
        bool has_tables;
        int r = tables_of(d, h, u, &f.tables, &has_tables, e);

        if (r < 0)
                return r;
        buf_clear(&d->picture);
        r = h->extended ? jpeg_write_extended(&f, has_tables, h->extension, &d->picture, e)
                        : jpeg_write_headers(&f, &d->picture, e);
        if (r < 0)
                return r;
        d->scan_at = d->picture.n;
        d->frame = f;
        d->open = true;
        d->extended = h->extended;
        memcpy(d->form, (uint8_t[]){ h->type, h->q, h->width, h->height }, sizeof d->form);
        return 0;
}

/* The first data behind a packet that had nothing but headers: at offset 0 once more, with the same
 * tables. */
static bool is_first_data(const struct depay_jpeg *d, const struct head *h)
{
        return d->open && d->extended && !h->extended && d->picture.n == d->scan_at &&
               h->offset == 0;
}

/* A part that goes on with the picture under way. */
static int go_on(struct depay_jpeg *d, const struct head *h, struct unpack *u, struct err *e)
{
        struct jpeg_tables again;

        if (h->offset != d->picture.n - d->scan_at ||
                memcmp(d->form, (uint8_t[]){ h->type, h->q, h->width, h->height },
                        sizeof d->form) != 0)
                return malformed(d, e, "a part that does not follow the one before");
        if (h->offset == 0 && h->q >= Q_IN_BAND && read_tables(d, h->q, u, &again, e) < 0)
                return ERR_PROTOCOL;
        return buf_append(&d->picture, unpack_rest(u), e);
}

int depay_jpeg_packet(struct depay_jpeg *d, struct bytes payload, uint16_t extension_profile,
        struct bytes extension, struct err *e)
{
        struct unpack u = unpack_of(payload);
        struct head h = { .extended = extension_profile == DEPAY_JPEG_EXTENSION_FIRST,
                .extension = extension };
        int r;

        if (extension_profile == DEPAY_JPEG_EXTENSION_MORE && extension.n > 0)
                return malformed(d, e, "headers in the extensions of several packets");
        if (!d->open)
                d->extended = false;
        r = read_head(d, &u, &h, e);
        if (r < 0)
                return r;
        if (h.offset == 0 && !is_first_data(d, &h)) {
                bool cut = d->open && d->picture.n > d->scan_at;
                r = begin(d, &h, &u, e);
                if (r == 0)
                        r = buf_append(&d->picture, unpack_rest(&u), e);
                if (r == 0 && cut)
                        return err_set(e, ERR_PROTOCOL,
                                "JPEG payload: a picture begins before the one before has ended");
        } else if (d->open) {
                r = go_on(d, &h, &u, e);
        } /* else of one that was dropped */
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
