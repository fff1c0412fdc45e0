/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/depay_nals.h"

#include "media/h264.h"
#include "media/h265.h"

void depay_nals_init(struct depay_nals *d, enum media_codec codec)
{
        *d = (struct depay_nals){ .skipping = true };
        buf_init(&d->unit, ACCESS_UNIT_MAX);
        buf_init(&d->split, ACCESS_UNIT_MAX);
        parameter_sets_init(&d->sets, codec);
}

void depay_nals_done(struct depay_nals *d)
{
        buf_done(&d->unit);
        buf_done(&d->split);
}

void depay_nals_clear(struct depay_nals *d)
{
        buf_clear(&d->unit);
        d->n = 0;
        d->picture = d->key = d->open = false;
}

static int too_large(struct depay_nals *d, struct err *e)
{
        depay_nals_clear(d);
        d->skipping = true;
        return err_set(e, ERR_EXHAUSTED, "access unit of more than %u bytes or %d NAL units",
                ACCESS_UNIT_MAX, ACCESS_UNIT_NALS_MAX);
}

/* What the unit at `at`, now whole, means. */
static void note(struct depay_nals *d, struct bytes nal)
{
        bool h264 = d->sets.codec == MEDIA_H264;
        unsigned type = h264 ? h264_nal_type(nal) : h265_nal_type(nal);

        d->n++;
        if (h264 ? h264_is_picture(type) : h265_is_picture(type)) {
                d->picture = true;
                d->key |= h264 ? type == H264_IDR : h265_is_irap(type);
        } else if (parameter_sets_put(&d->sets, nal, NULL) > 0) {
                d->sets_changed = true;
        }
}

static void write_length(uint8_t *to, size_t n)
{
        to[0] = (uint8_t)(n >> 24);
        to[1] = (uint8_t)(n >> 16);
        to[2] = (uint8_t)(n >> 8);
        to[3] = (uint8_t)n;
}

static int add_clean(struct depay_nals *d, struct bytes nal, struct err *e)
{
        uint8_t *to = buf_reserve(&d->unit, NAL_LENGTH_BYTES + nal.n);

        if (!to || d->n == ACCESS_UNIT_NALS_MAX)
                return too_large(d, e);
        write_length(to, nal.n);
        memcpy(to + NAL_LENGTH_BYTES, nal.p, nal.n);
        d->unit.n += NAL_LENGTH_BYTES + nal.n;
        note(d, BYTES(to + NAL_LENGTH_BYTES, nal.n));
        return 0;
}

/* Some cameras put a byte stream with start codes where one NAL unit belongs: cut it up. */
static int add_split(struct depay_nals *d, struct bytes stream, struct err *e)
{
        size_t head = d->sets.codec == MEDIA_H264 ? 1 : 2;
        struct bytes nal;
        int r = 0;

        while (r == 0 && nal_next_annexb(&stream, &nal))
                if (nal.n >= head)
                        r = add_clean(d, nal, e);
        return r;
}

int depay_nals_add(struct depay_nals *d, struct bytes nal, struct err *e)
{
        if (nal.n == 0)
                return 0;
        if (nal_find_start_code(nal, 0) != SIZE_MAX)
                return add_split(d, nal, e);
        return add_clean(d, nal, e);
}

int depay_nals_open(struct depay_nals *d, struct bytes head, struct bytes body, struct err *e)
{
        uint8_t *to = buf_reserve(&d->unit, NAL_LENGTH_BYTES + head.n + body.n);

        if (!to || d->n == ACCESS_UNIT_NALS_MAX)
                return too_large(d, e);
        d->open = true;
        d->skipping = false;
        d->open_at = d->unit.n;
        memset(to, 0, NAL_LENGTH_BYTES);
        memcpy(to + NAL_LENGTH_BYTES, head.p, head.n);
        if (body.n)
                memcpy(to + NAL_LENGTH_BYTES + head.n, body.p, body.n);
        d->unit.n += NAL_LENGTH_BYTES + head.n + body.n;
        return 0;
}

int depay_nals_append(struct depay_nals *d, struct bytes body, struct err *e)
{
        return buf_append(&d->unit, body, NULL) < 0 ? too_large(d, e) : 0;
}

int depay_nals_close(struct depay_nals *d, struct err *e)
{
        struct bytes nal = bytes_sub(buf_bytes(&d->unit), d->open_at + NAL_LENGTH_BYTES, d->unit.n);

        d->open = false;
        if (nal_find_start_code(nal, 0) == SIZE_MAX) {
                write_length(d->unit.p + d->open_at, nal.n);
                note(d, nal);
                return 0;
        }
        buf_clear(&d->split);
        if (buf_append(&d->split, nal, NULL) < 0)
                return too_large(d, e);
        d->unit.n = d->open_at;
        return add_split(d, buf_bytes(&d->split), e);
}

bool depay_nals_drop(struct depay_nals *d)
{
        bool was_open = d->open;

        if (was_open) {
                d->unit.n = d->open_at;
                d->skipping = true;
        }
        d->open = false;
        return was_open;
}
