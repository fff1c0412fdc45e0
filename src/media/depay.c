/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/depay.h"

#include <stdlib.h>

#include "media/aac.h"
#include "media/depay_aac.h"
#include "media/depay_nals.h"

struct depay {
        struct media_config config;
        struct depay_packet packet;
        bool has_packet;
        bool flush;
        bool given;   /* the unit was handed out: cleared by the next call */
        bool ending;  /* the unit under way is complete */
        bool damaged; /* something of it was lost */
        int64_t timestamp;
        bool lost_before;
        uint32_t lost_packets;
        struct depay_nals nals; /* video */
        struct depay_aac aac;
        uint32_t frame_units; /* of the clock, for each AAC frame */
};

int depay_new(const struct media_config *initial, struct depay **ret, struct err *e)
{
        struct aac_config aac = { .frame_samples = 1024, .sample_rate = initial->clock_rate };

        if (!media_has_nals(initial->codec) && initial->codec != MEDIA_AAC)
                return err_set(e, ERR_INVALID, "no codec to depacketize");
        if (initial->codec == MEDIA_AAC) {
                int r = aac_config_parse(
                        BYTES(initial->parameters, initial->parameters_n), &aac, e);
                if (r < 0)
                        return r;
        }
        struct depay *d = xcalloc(1, sizeof *d);
        d->config = *initial;
        depay_nals_init(&d->nals, initial->codec);
        depay_aac_init(&d->aac);
        if (initial->codec == MEDIA_AAC)
                d->frame_units = (uint32_t)((uint64_t)aac.frame_samples * initial->clock_rate /
                                            aac.sample_rate);
        else if (initial->parameters_n > 0) {
                /* Unreadable ones count as missing: those in the stream replace them. */
                int r = parameter_sets_put_record(
                        &d->nals.sets, BYTES(initial->parameters, initial->parameters_n), NULL);
                if (r < 0)
                        d->nals.sets_changed = true;
        }
        *ret = d;
        return 0;
}

struct depay *depay_free(struct depay *d)
{
        if (d) {
                depay_nals_done(&d->nals);
                depay_aac_done(&d->aac);
                free(d);
        }
        return NULL;
}

void depay_freep(struct depay **d)
{
        *d = depay_free(*d);
}

const struct media_config *depay_config(const struct depay *d)
{
        return &d->config;
}

static void count_lost(struct depay *d, uint32_t n)
{
        d->lost_before |= n > 0;
        d->lost_packets = n > UINT32_MAX - d->lost_packets ? UINT32_MAX : d->lost_packets + n;
}

void depay_push(struct depay *d, const struct depay_packet *p)
{
        d->packet = *p;
        d->has_packet = true;
        count_lost(d, p->lost_packets);
}

void depay_flush(struct depay *d)
{
        d->flush = true;
}

static void fill(struct depay *d, struct bytes data, int64_t pts, struct access_unit *ret)
{
        *ret = (struct access_unit){
                .data = data,
                .pts = pts,
                .lost_before = d->lost_before,
                .lost_packets = d->lost_packets,
                .sender_us = INT64_MIN,
        };
        d->lost_before = false;
        d->lost_packets = 0;
}

/* The record of the parameter sets seen by now, when it is another than before. */
static const struct media_config *changed_config(struct depay *d)
{
        struct media_config c;

        if (!d->nals.sets_changed || parameter_sets_config(&d->nals.sets, &c, NULL) < 0)
                return NULL;
        d->nals.sets_changed = false;
        c.clock_rate = d->config.clock_rate;
        if (media_config_equal(&c, &d->config))
                return NULL;
        d->config = c;
        return &d->config;
}

static void give(struct depay *d, struct access_unit *ret)
{
        fill(d, buf_bytes(&d->nals.unit), d->timestamp, ret);
        ret->key = d->nals.key;
        ret->new_config = changed_config(d);
        d->given = true;
        /* Packets lost between this unit and a waiting packet may be of either. */
        if (d->has_packet && d->packet.lost_packets)
                d->lost_before = true;
}

static int take_packet(struct depay *d, struct err *e)
{
        struct depay_packet p = d->packet;

        d->has_packet = false;
        d->timestamp = p.timestamp;
        d->ending = p.marker;
        if (p.lost_packets) {
                depay_nals_drop(&d->nals);
                d->nals.skipping = true;
                d->damaged = true;
        }
        int r = d->config.codec == MEDIA_H264 ? depay_h264_packet(&d->nals, p.payload, e)
                                              : depay_h265_packet(&d->nals, p.payload, e);
        if (r < 0) {
                count_lost(d, 1);
                d->damaged = true;
        }
        return r;
}

/* True when the unit goes out. A fragment without its end is dropped. What is left of a unit whose
 * picture was lost must not pass for a part of the next. */
static bool end_unit(struct depay *d)
{
        bool cut = depay_nals_drop(&d->nals);

        d->ending = false;
        if (cut && !(d->has_packet && d->packet.lost_packets))
                count_lost(d, 1);
        if (!d->nals.picture && (cut || d->damaged))
                depay_nals_clear(&d->nals);
        d->damaged = false;
        return d->nals.picture;
}

static int pull_video(struct depay *d, struct access_unit *ret, struct err *e)
{
        if (d->given) {
                depay_nals_clear(&d->nals);
                d->given = false;
        }
        for (;;) {
                bool waits = d->nals.unit.n > 0;
                if (d->has_packet && waits && d->packet.timestamp != d->timestamp)
                        d->ending = true;
                if (d->ending && end_unit(d)) {
                        give(d, ret);
                        return 0;
                }
                if (d->has_packet) {
                        int r = take_packet(d, e);
                        if (r < 0)
                                return r;
                } else if (d->flush) {
                        d->flush = false;
                        d->ending = true;
                        if (!d->nals.picture)
                                depay_nals_clear(&d->nals);
                } else if (!d->ending) {
                        return ERR_AGAIN;
                }
        }
}

static int pull_aac(struct depay *d, struct access_unit *ret, struct err *e)
{
        struct bytes frame;
        unsigned index;
        int r = 0;

        if (d->flush && depay_aac_drop(&d->aac))
                count_lost(d, 1);
        d->flush = false;
        if (d->has_packet) {
                d->has_packet = false;
                if (d->packet.lost_packets || d->packet.timestamp != d->timestamp)
                        if (depay_aac_drop(&d->aac) && !d->packet.lost_packets)
                                count_lost(d, 1);
                d->timestamp = d->packet.timestamp;
                r = depay_aac_push(&d->aac, d->packet.payload, e);
        }
        if (r == 0)
                r = depay_aac_next(&d->aac, &frame, &index, e);
        if (r == 0) {
                fill(d, frame, d->timestamp + (int64_t)index * d->frame_units, ret);
                ret->key = true;
        } else if (r != ERR_AGAIN) {
                count_lost(d, 1);
        }
        return r;
}

int depay_pull(struct depay *d, struct access_unit *ret, struct err *e)
{
        return d->config.codec == MEDIA_AAC ? pull_aac(d, ret, e) : pull_video(d, ret, e);
}
