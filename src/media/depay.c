/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/depay.h"

#include <stdlib.h>

#include "media/aac.h"
#include "media/depay_aac.h"
#include "media/depay_jpeg.h"
#include "media/depay_metadata.h"
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
        struct depay_nals nals; /* H.264, H.265 */
        struct depay_aac aac;
        uint32_t frame_units;    /* of the clock, for each AAC frame */
        struct depay_jpeg *jpeg; /* owned; NULL for other codecs */
        struct depay_metadata metadata;
        unsigned frame_bytes; /* a packet of sound is a multiple of them */
};

int depay_new(const struct media_config *initial, struct depay **ret, struct err *e)
{
        struct aac_config aac = { .frame_samples = 1024, .sample_rate = initial->clock_rate };

        if (initial->codec == MEDIA_NONE)
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
        depay_metadata_init(&d->metadata);
        d->frame_bytes = 1;
        if (initial->codec == MEDIA_JPEG) {
                d->jpeg = xcalloc(1, sizeof *d->jpeg);
                depay_jpeg_init(d->jpeg);
        }
        if ((initial->codec == MEDIA_PCMU || initial->codec == MEDIA_PCMA) && initial->channels)
                d->frame_bytes = initial->channels;
        if (initial->codec == MEDIA_AAC)
                d->frame_units = (uint32_t)((uint64_t)aac.frame_samples * initial->clock_rate /
                                            aac.sample_rate);
        else if (media_has_nals(initial->codec) && initial->parameters_n > 0) {
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
                depay_metadata_done(&d->metadata);
                if (d->jpeg)
                        depay_jpeg_done(d->jpeg);
                free(d->jpeg);
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
        /* Some cameras set it on every packet: within a fragmented NAL unit it cannot be true. */
        d->ending &= !d->nals.open;
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

/* --- JPEG pictures and metadata documents: whole, or not at all --- */

static void drop_whole(struct depay *d)
{
        if (d->jpeg)
                depay_jpeg_drop(d->jpeg);
        else
                depay_metadata_drop(&d->metadata);
}

static const struct media_config *changed_size(struct depay *d)
{
        const struct jpeg_frame *f = &d->jpeg->frame;

        if (f->width == d->config.width && f->height == d->config.height)
                return NULL;
        d->config.width = f->width;
        d->config.height = f->height;
        return &d->config;
}

static int end_whole(struct depay *d, struct access_unit *ret, struct err *e)
{
        struct bytes data;
        int r = d->jpeg ? depay_jpeg_end(d->jpeg, &data, e)
                        : depay_metadata_end(&d->metadata, &data);

        if (r < 0)
                return r;
        fill(d, data, d->timestamp, ret);
        ret->key = true;
        ret->new_config = d->jpeg ? changed_size(d) : NULL;
        return 0;
}

/* The unit under way ends in front of the waiting packet, though no marker said so. Of pictures by
 * the new time; documents have none of their own, they begin recognizably. Where packets are
 * missing as well, nobody knows whether its end is among them. */
static bool ends_before_packet(const struct depay *d)
{
        if (!d->has_packet || d->packet.lost_packets)
                return false;
        return d->jpeg ? d->packet.timestamp != d->timestamp
                       : depay_metadata_begins(d->packet.payload);
}

static int take_whole(struct depay *d, struct err *e)
{
        struct depay_packet p = d->packet;

        d->has_packet = false;
        d->ending = p.marker;
        if (p.lost_packets)
                drop_whole(d);
        if (d->jpeg || d->metadata.document.n == 0)
                d->timestamp = p.timestamp;
        return d->jpeg ? depay_jpeg_packet(d->jpeg, p.payload, p.extension_profile, p.extension, e)
                       : depay_metadata_packet(&d->metadata, p.payload, e);
}

static int pull_whole(struct depay *d, struct access_unit *ret, struct err *e)
{
        int r = ERR_AGAIN;

        for (;;) {
                if (d->ending || d->flush || ends_before_packet(d)) {
                        d->ending = d->flush = false;
                        r = end_whole(d, ret, e);
                        if (r != ERR_AGAIN)
                                break;
                }
                if (!d->has_packet)
                        return ERR_AGAIN;
                r = take_whole(d, e);
                if (r < 0)
                        break;
        }
        if (r < 0)
                count_lost(d, 1);
        return r;
}

/* --- sound of which each packet stands for itself --- */

static int pull_packet(struct depay *d, struct access_unit *ret, struct err *e)
{
        struct bytes payload = d->packet.payload;

        d->flush = false;
        if (!d->has_packet)
                return ERR_AGAIN;
        d->has_packet = false;
        if (payload.n == 0 || payload.n % d->frame_bytes) {
                count_lost(d, 1);
                return err_set(e, ERR_PROTOCOL, "a packet of %zu bytes of sound in %u channels",
                        payload.n, d->frame_bytes);
        }
        fill(d, payload, d->packet.timestamp, ret);
        ret->key = true;
        return 0;
}

int depay_pull(struct depay *d, struct access_unit *ret, struct err *e)
{
        enum media_codec codec = d->config.codec;

        if (media_has_nals(codec))
                return pull_video(d, ret, e);
        if (codec == MEDIA_AAC)
                return pull_aac(d, ret, e);
        return codec == MEDIA_JPEG || codec == MEDIA_ONVIF_METADATA ? pull_whole(d, ret, e)
                                                                    : pull_packet(d, ret, e);
}
