/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "film.h"

#include <stdio.h>
#include <stdlib.h>

#include "media/box.h"

#define FILM_MAX (64u << 20)

static struct bytes film_path(struct bytes in, const char *path)
{
        struct box b;

        for (; *path; path += path[4] ? 5 : 4) {
                uint32_t type = BOX_TYPE(
                        (uint8_t)path[0], (uint8_t)path[1], (uint8_t)path[2], (uint8_t)path[3]);
                if (box_find(in, type, &b, NULL) < 0)
                        return BYTES(NULL, 0);
                in = b.payload;
        }
        return in;
}

static void film_load(const char *path, struct buf *to)
{
        FILE *f = fopen(path, "rb");

        buf_init(to, FILM_MAX);
        uint8_t *p = f ? buf_reserve(to, FILM_MAX / 2) : NULL;
        if (!p) {
                perror(path);
                abort();
        }
        to->n = fread(p, 1, FILM_MAX / 2, f);
        fclose(f);
}

/* The configuration box's payload; for AAC the AudioSpecificConfig in esds (ISO/IEC 14496-1
 * section 7.2.6.7). */
static void film_parameters(struct bytes stsd, enum media_codec codec, struct media_config *c)
{
        struct box entry, config;
        uint64_t at = 8;
        size_t fixed = media_is_video(codec) ? 78 : 28;
        uint32_t type = codec == MEDIA_H264   ? BOX_TYPE('a', 'v', 'c', 'C')
                        : codec == MEDIA_H265 ? BOX_TYPE('h', 'v', 'c', 'C')
                                              : BOX_TYPE('e', 's', 'd', 's');

        if (box_next(stsd, &at, &entry, NULL) <= 0 ||
                box_find(bytes_sub(entry.payload, fixed, SIZE_MAX), type, &config, NULL) < 0)
                abort();
        struct bytes value = config.payload;
        if (codec == MEDIA_AAC) {
                const uint8_t *tag = memchr(value.p + 20, 5, value.n - 20);
                if (!tag)
                        abort();
                tag++;
                while (*tag == 0x80)
                        tag++;
                value = BYTES(tag + 1, *tag);
        }
        c->codec = codec;
        memcpy(c->parameters, value.p, value.n);
        c->parameters_n = value.n;
        struct unpack u = unpack_of(entry.payload);
        if (media_is_video(codec)) {
                unpack_bytes(&u, 24);
                c->width = unpack_u16(&u);
                c->height = unpack_u16(&u);
                c->clock_rate = 90000;
        } else {
                unpack_bytes(&u, 16);
                c->channels = unpack_u16(&u);
                unpack_bytes(&u, 6);
                c->sample_rate = c->clock_rate = unpack_u16(&u);
        }
}

/* stts and ctts: presentation times in the file's timescale. */
static void film_times(struct film *f, struct bytes stbl, uint32_t timescale)
{
        struct unpack stts = unpack_of(film_path(stbl, "stts")),
                      ctts = unpack_of(film_path(stbl, "ctts"));
        bool has_ctts = ctts.in.n > 0;
        uint32_t run = 0, delta = 0, ctts_run = 0;
        int64_t dts = 0, offset = 0, first = INT64_MAX;

        unpack_u64(&stts);
        unpack_u64(&ctts);
        for (size_t i = 0; i < f->n; i++) {
                if (run == 0) {
                        run = unpack_u32(&stts);
                        delta = unpack_u32(&stts);
                }
                if (has_ctts && ctts_run == 0) {
                        ctts_run = unpack_u32(&ctts);
                        offset = (int32_t)unpack_u32(&ctts);
                }
                f->samples[i].pts = dts + offset;
                if (f->samples[i].pts < first)
                        first = f->samples[i].pts;
                dts += delta;
                run--;
                ctts_run--;
        }
        for (size_t i = 0; i < f->n; i++) {
                struct film_sample *s = &f->samples[i];
                s->pts_us = (s->pts - first) * 1000000 / timescale;
                s->pts = (s->pts - first) * f->config.clock_rate / timescale;
                int64_t end = s->pts + (int64_t)delta * f->config.clock_rate / timescale;
                f->end = end > f->end ? end : f->end;
        }
}

static void film_samples(struct film *f, struct bytes stbl)
{
        struct unpack sizes = unpack_of(film_path(stbl, "stsz"));
        struct bytes stss = film_path(stbl, "stss"), mdat = film_path(buf_bytes(&f->file), "mdat");
        size_t at = 0;

        unpack_u64(&sizes);
        f->n = unpack_u32(&sizes);
        f->samples = xcalloc(f->n + 1, sizeof *f->samples);
        for (size_t i = 0; i < f->n; i++) {
                uint32_t n = unpack_u32(&sizes);
                f->samples[i].data = bytes_sub(mdat, at, n);
                f->samples[i].key = stss.n == 0;
                at += n;
        }
        struct unpack keys = unpack_of(stss);
        unpack_u64(&keys);
        while (unpack_left(&keys) >= 4)
                f->samples[unpack_u32(&keys) - 1].key = true;
        if (at != mdat.n || f->n == 0)
                abort();
}

struct film *film_read(const char *path, enum media_codec codec)
{
        struct film *f = xcalloc(1, sizeof *f);

        film_load(path, &f->file);
        struct bytes mdia = film_path(buf_bytes(&f->file), "moov/trak/mdia");
        struct bytes stbl = film_path(mdia, "minf/stbl");
        struct unpack mdhd = unpack_of(film_path(mdia, "mdhd"));
        film_parameters(film_path(stbl, "stsd"), codec, &f->config);
        unpack_u32(&mdhd);
        unpack_u64(&mdhd);
        film_samples(f, stbl);
        film_times(f, stbl, unpack_u32(&mdhd));
        return f;
}

struct film *film_free(struct film *f)
{
        buf_done(&f->file);
        free(f->samples);
        free(f);
        return NULL;
}
