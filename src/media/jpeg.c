/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/jpeg.h"

#include "base/pack.h"

enum {
        JPEG_SOF0 = 0xc0,
        JPEG_DHT = 0xc4,
        JPEG_SOI = 0xd8,
        JPEG_EOI = 0xd9,
        JPEG_SOS = 0xda,
        JPEG_DQT = 0xdb,
        JPEG_DRI = 0xdd,
};

#define JPEG_SAMPLING_422 0x21
#define JPEG_SAMPLING_420 0x22
#define JPEG_SAMPLING_ONE 0x11

/* ITU-T T.81 tables K.1 and K.2, in zigzag order. */
static const uint8_t jpeg_quantizers[2][JPEG_TABLE_VALUES] = {
        { 16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49,
                35, 37, 29, 40, 58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55,
                56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92,
                101, 103, 99 },
        { 17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66, 99, 99, 99, 99, 99, 99, 99, 99,
                99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                99 },
};

/* ITU-T T.81 tables K.3 to K.6 as they stand in DHT: class and id, how many codes of each length,
 * values. */
/* luminance DC */
static const uint8_t jpeg_huffman_00[] = { 0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0,
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b };
/* luminance AC */
static const uint8_t jpeg_huffman_10[] = { 0x10, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125,
        0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61,
        0x07, 0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52,
        0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25,
        0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45,
        0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64,
        0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
        0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
        0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6,
        0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3,
        0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8,
        0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa };
/* chrominance DC */
static const uint8_t jpeg_huffman_01[] = { 0x01, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0,
        0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b };
/* chrominance AC */
static const uint8_t jpeg_huffman_11[] = { 0x11, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119,
        0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61,
        0x71, 0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33,
        0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18,
        0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44,
        0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63,
        0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
        0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97,
        0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4,
        0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca,
        0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7,
        0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa };

static const struct bytes jpeg_huffman[] = {
        { jpeg_huffman_00, sizeof jpeg_huffman_00 },
        { jpeg_huffman_10, sizeof jpeg_huffman_10 },
        { jpeg_huffman_01, sizeof jpeg_huffman_01 },
        { jpeg_huffman_11, sizeof jpeg_huffman_11 },
};

void jpeg_tables_of_q(unsigned q, struct jpeg_tables *ret)
{
        unsigned scale = q < 50 ? 5000 / q : 200 - 2 * q;

        *ret = (struct jpeg_tables){ 0 };
        for (unsigned t = 0; t < 2; t++)
                for (unsigned i = 0; i < JPEG_TABLE_VALUES; i++) {
                        unsigned v = (jpeg_quantizers[t][i] * scale + 50) / 100;
                        ret->table[t][i] = (uint8_t)(v < 1 ? 1 : v > 255 ? 255 : v);
                }
}

static void put_marker(struct pack *p, uint8_t marker)
{
        pack_u8(p, 0xff);
        pack_u8(p, marker);
}

static void put_quantizer(struct pack *p, const struct jpeg_tables *t, unsigned i)
{
        size_t n = jpeg_table_bytes(t, i);

        put_marker(p, JPEG_DQT);
        pack_u16(p, (uint16_t)(2 + 1 + n));
        pack_u8(p, (uint8_t)((t->wide[i] ? 0x10 : 0) | i));
        pack_bytes(p, BYTES(t->table[i], n));
}

static void put_frame(struct pack *p, const struct jpeg_frame *f)
{
        put_marker(p, JPEG_SOF0);
        pack_u16(p, 17);
        pack_u8(p, 8); /* bits */
        pack_u16(p, (uint16_t)f->height);
        pack_u16(p, (uint16_t)f->width);
        pack_u8(p, 3);
        for (uint8_t i = 0; i < 3; i++) {
                pack_u8(p, i);
                pack_u8(p, i                ? JPEG_SAMPLING_ONE
                           : f->half_height ? JPEG_SAMPLING_420
                                            : JPEG_SAMPLING_422);
                pack_u8(p, i ? 1 : 0); /* quantization table */
        }
}

static const uint8_t jpeg_components[3] = { 0, 1, 2 };

static void put_scan(struct pack *p, const uint8_t components[static 3])
{
        put_marker(p, JPEG_SOS);
        pack_u16(p, 12);
        pack_u8(p, 3);
        for (uint8_t i = 0; i < 3; i++) {
                pack_u8(p, components[i]);
                pack_u8(p, i ? 0x11 : 0); /* Huffman tables */
        }
        pack_bytes(p, BYTES("\0\77\0", 3)); /* all coefficients at once */
}

static void put_restart(struct pack *p, uint16_t interval)
{
        if (interval == 0)
                return;
        put_marker(p, JPEG_DRI);
        pack_u16(p, 4);
        pack_u16(p, interval);
}

static void put_huffman(struct pack *p)
{
        for (size_t i = 0; i < ARRAY_LEN(jpeg_huffman); i++) {
                put_marker(p, JPEG_DHT);
                pack_u16(p, (uint16_t)(2 + jpeg_huffman[i].n));
                pack_bytes(p, jpeg_huffman[i]);
        }
}

int jpeg_write_headers(const struct jpeg_frame *f, struct buf *out, struct err *e)
{
        struct pack p = pack_to(out);
        size_t before = out->n;

        put_marker(&p, JPEG_SOI);
        put_quantizer(&p, &f->tables, 0);
        put_quantizer(&p, &f->tables, 1);
        put_restart(&p, f->restart_interval);
        put_frame(&p, f);
        put_huffman(&p);
        put_scan(&p, jpeg_components);
        if (p.bad) {
                out->n = before;
                return err_set(e, ERR_EXHAUSTED, "JPEG headers do not fit in %zu bytes", out->max);
        }
        return 0;
}

/* --- ONVIF's header extension --- */

/* What the extension has of the headers. */
struct jpeg_extension {
        struct bytes segments; /* up to the scan header, */
        struct bytes scan;     /* which may be missing */
        bool quantizers, huffman, restart, frame;
        uint32_t width, height;
        uint8_t components[3];
};

static int malformed(struct err *e, const char *what)
{
        return err_set(e, ERR_PROTOCOL, "JPEG header extension: %s", what);
}

/* The size and the components' names. */
static int note_frame(struct jpeg_extension *x, struct bytes segment, struct err *e)
{
        struct unpack u = unpack_of(segment);

        unpack_u8(&u);
        x->height = unpack_u16(&u);
        x->width = unpack_u16(&u);
        unsigned n = unpack_u8(&u);
        if (x->frame || u.bad || n != 3 || segment.n != 6 + 3 * n || !x->width || !x->height)
                return malformed(e, "a frame header of another form");
        for (unsigned i = 0; i < 3; i++) {
                x->components[i] = unpack_u8(&u);
                unpack_u16(&u);
        }
        x->frame = true;
        return 0;
}

static int read_extension(struct bytes in, struct jpeg_extension *x, struct err *e)
{
        struct unpack u = unpack_of(in);

        while (unpack_left(&u) > 0 && x->scan.n == 0) {
                size_t begin = u.at;
                unsigned ff = unpack_u8(&u), marker = unpack_u8(&u);
                if (ff == 0xff && (marker == 0xff || (u.bad && unpack_left(&u) == 0))) {
                        u.bad = false; /* padding; its last byte may be the first of a marker */
                        u.at = begin + 1;
                        continue;
                }
                unsigned n = unpack_u16(&u);
                struct bytes segment = unpack_bytes(&u, n < 2 ? 0 : n - 2);
                if (u.bad || ff != 0xff || n < 2)
                        return malformed(e, "a segment is cut");
                x->quantizers |= marker == JPEG_DQT;
                x->huffman |= marker == JPEG_DHT;
                x->restart |= marker == JPEG_DRI;
                if (marker == JPEG_SOS)
                        x->scan = bytes_sub(in, begin, u.at - begin);
                if ((marker == JPEG_SOF0 || marker == JPEG_SOF0 + 1) &&
                        note_frame(x, segment, e) < 0)
                        return ERR_PROTOCOL;
        }
        for (; u.at < in.n; u.at++)
                if (in.p[u.at] != 0xff)
                        return malformed(e, "data behind the scan header");
        x->segments = bytes_sub(in, 0, x->scan.n ? (size_t)(x->scan.p - in.p) : in.n);
        return 0;
}

int jpeg_write_extended(struct jpeg_frame *f, bool has_tables, struct bytes extension,
        struct buf *out, struct err *e)
{
        struct jpeg_extension x = { .components = { 0, 1, 2 } };
        struct pack p = pack_to(out);
        size_t before = out->n;
        int r = read_extension(extension, &x, e);

        if (r < 0)
                return r;
        if (!has_tables && !x.quantizers)
                return malformed(e, "no quantization tables, and Q 0");
        if (!x.frame && (!f->width || !f->height))
                return malformed(e, "no frame header, and width or height 0");
        put_marker(&p, JPEG_SOI);
        if (has_tables) {
                put_quantizer(&p, &f->tables, 0);
                put_quantizer(&p, &f->tables, 1);
        }
        if (!x.huffman)
                put_huffman(&p);
        pack_bytes(&p, x.segments);
        if (!x.restart)
                put_restart(&p, f->restart_interval);
        if (!x.frame)
                put_frame(&p, f);
        if (x.scan.n)
                pack_bytes(&p, x.scan);
        else
                put_scan(&p, x.components);
        if (p.bad) {
                out->n = before;
                return err_set(e, ERR_EXHAUSTED, "JPEG headers do not fit in %zu bytes", out->max);
        }
        if (x.frame) {
                f->width = x.width;
                f->height = x.height;
        }
        return 0;
}

/* --- reading --- */

struct jpeg_reader {
        struct jpeg_frame f;
        struct jpeg_tables tables; /* by their ids 0 and 1 */
        bool has_table[2], has_frame;
        unsigned table_of[2]; /* of luminance and chrominance */
};

static int refuse(struct err *e, const char *why)
{
        return err_set(e, ERR_INVALID, "a JPEG picture that RTP cannot carry: %s", why);
}

static int read_quantizers(struct jpeg_reader *r, struct bytes segment, struct err *e)
{
        struct unpack u = unpack_of(segment);

        while (unpack_left(&u) > 0) {
                unsigned head = unpack_u8(&u), id = head & 15;
                if (id > 1 || head >> 4 > 1)
                        return refuse(e, "quantization tables beyond the second");
                r->tables.wide[id] = head >> 4;
                unpack_copy(&u, r->tables.table[id], jpeg_table_bytes(&r->tables, id));
                r->has_table[id] = true;
        }
        return u.bad ? refuse(e, "a quantization table is cut") : 0;
}

static int read_huffman(struct bytes segment, struct err *e)
{
        while (segment.n > 0) {
                bool known = false;
                for (size_t i = 0; i < ARRAY_LEN(jpeg_huffman) && !known; i++) {
                        known = bytes_equal(
                                bytes_sub(segment, 0, jpeg_huffman[i].n), jpeg_huffman[i]);
                        if (known)
                                segment = bytes_sub(segment, jpeg_huffman[i].n, segment.n);
                }
                if (!known)
                        return refuse(e, "Huffman tables of its own");
        }
        return 0;
}

static int read_frame(struct jpeg_reader *r, struct bytes segment, struct err *e)
{
        struct unpack u = unpack_of(segment);
        unsigned bits = unpack_u8(&u);

        r->f.height = unpack_u16(&u);
        r->f.width = unpack_u16(&u);
        if (unpack_u8(&u) != 3 || bits != 8)
                return refuse(e, "not three components of 8 bits");
        for (unsigned i = 0; i < 3; i++) {
                unpack_u8(&u);
                unsigned sampling = unpack_u8(&u), table = unpack_u8(&u);
                bool fits = i ? sampling == JPEG_SAMPLING_ONE
                              : sampling == JPEG_SAMPLING_422 || sampling == JPEG_SAMPLING_420;
                if (u.bad || !fits || table > 1)
                        return refuse(e, "neither 4:2:0 nor 4:2:2");
                if (i == 0)
                        r->f.half_height = sampling == JPEG_SAMPLING_420;
                if (i == 2 && table != r->table_of[1])
                        return refuse(e, "a third quantization table");
                r->table_of[i ? 1 : 0] = table;
        }
        if (!r->f.width || !r->f.height || r->f.width > JPEG_SIDE_MAX ||
                r->f.height > JPEG_SIDE_MAX)
                return refuse(e, "larger than 2040 x 2040");
        r->has_frame = true;
        return 0;
}

static int read_segment(struct jpeg_reader *r, unsigned marker, struct bytes segment, struct err *e)
{
        struct unpack u = unpack_of(segment);

        switch (marker) {
        case JPEG_DQT:
                return read_quantizers(r, segment, e);
        case JPEG_DHT:
                return read_huffman(segment, e);
        case JPEG_SOF0:
                return read_frame(r, segment, e);
        case JPEG_DRI:
                r->f.restart_interval = unpack_u16(&u);
                return u.bad ? refuse(e, "its restart interval is cut") : 0;
        default:
                /* SOF1 and higher, arithmetic coding; what remains is for applications. */
                return marker > JPEG_SOF0 && marker < 0xd0 ? refuse(e, "it is not baseline") : 0;
        }
}

static int finish(struct jpeg_reader *r, struct jpeg_frame *ret, struct err *e)
{
        if (!r->has_frame)
                return refuse(e, "no frame header");
        for (unsigned i = 0; i < 2; i++) {
                unsigned from = r->table_of[i];
                if (!r->has_table[from])
                        return refuse(e, "a quantization table is missing");
                r->f.tables.wide[i] = r->tables.wide[from];
                memcpy(r->f.tables.table[i], r->tables.table[from], sizeof r->tables.table[from]);
        }
        *ret = r->f;
        return 0;
}

int jpeg_parse(struct bytes picture, struct jpeg_frame *ret, struct bytes *ret_scan, struct err *e)
{
        struct unpack u = unpack_of(picture);
        struct jpeg_reader reader = { 0 };

        if (unpack_u16(&u) != (0xff00 | JPEG_SOI))
                return refuse(e, "it does not begin with SOI");
        for (;;) {
                unsigned marker = unpack_u16(&u), n = unpack_u16(&u);
                struct bytes segment = unpack_bytes(&u, n < 2 ? 0 : n - 2);
                if (u.bad || n < 2 || marker >> 8 != 0xff)
                        return refuse(e, "its headers are cut");
                marker &= 0xff;
                if (marker == JPEG_SOS)
                        break;
                int r = read_segment(&reader, marker, segment, e);
                if (r < 0)
                        return r;
        }
        int r = finish(&reader, ret, e);
        if (r == 0)
                *ret_scan = unpack_rest(&u);
        return r;
}
