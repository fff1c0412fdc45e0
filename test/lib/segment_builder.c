/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "segment_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "media/box.h"
#include "media/cenc.h"

#define BUILDER_NOW_US 1795359600000000 /* 2026-11-22T15:00:00Z */
#define BUILDER_FRAME_US 40000
#define BUILDER_FRAME_90K 3600
#define BUILDER_AUDIO_RATE 48000
#define BUILDER_AUDIO_SAMPLES 1024
#define BUILDER_MAX (256u << 20)

#define SURE(call)                                                                                 \
        do {                                                                                       \
                struct err sure_e = { 0 };                                                         \
                if ((call) < 0) {                                                                  \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, sure_e.text);           \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

/* One track of the fragment under construction. */
struct builder_track {
        struct fmp4_fragment_track layout;
        struct buf data;    /* encrypted */
        uint64_t next_time; /* decode time of the script's next frame */
        uint64_t iv;
};

struct segment_builder_state {
        struct segment_builder_options options;
        uint64_t random;
        uint8_t epoch[16], hour_key[32];
        uint64_t sequence;
        bool open;
        struct cipher *cipher;
        struct builder_track tracks[FMP4_TRACKS_MAX];
        uint8_t header_hash[32];
        uint64_t index_offset;
        int64_t first_arrival_us, last_arrival_us;
        unsigned gaps_n;
        struct seal_gap gaps[SEAL_GAPS_MAX];
};

/* --- the site --- */

static void builder_issue(enum x509_purpose purpose, const char *name, const char *uri,
        const struct sign_key *subject, const struct buf *issuer, struct sign_key *issuer_key,
        struct buf *out)
{
        struct x509_request r = { .purpose = purpose,
                .common_name = name,
                .uri = uri,
                .not_before_us = 1767225600000000,
                .not_after_us = 2398377600000000 };

        buf_init(out, X509_CERT_MAX);
        SURE(x509_issue(&r, subject, issuer ? buf_bytes(issuer) : BYTES(NULL, 0), issuer_key, out,
                &sure_e));
}

struct segment_builder_site *segment_builder_site_new(const char *name)
{
        struct segment_builder_site *s = xcalloc(1, sizeof *s);

        s->root_key = sign_key_generate();
        s->issuer_key = sign_key_generate();
        s->seal_key = sign_key_generate();
        snprintf(s->recorder, sizeof s->recorder, "custos://%s/recorder/r1", name);
        builder_issue(X509_ROOT, "root", NULL, s->root_key, NULL, s->root_key, &s->root);
        builder_issue(X509_ISSUER, "seals", NULL, s->issuer_key, &s->root, s->root_key, &s->issuer);
        builder_issue(X509_SEAL, "r1", s->recorder, s->seal_key, &s->issuer, s->issuer_key,
                &s->seal_cert);
        SURE(x509_key_id(buf_bytes(&s->root), s->fingerprint, &sure_e));
        return s;
}

struct segment_builder_site *segment_builder_site_free(struct segment_builder_site *s)
{
        if (!s)
                return NULL;
        buf_done(&s->root);
        buf_done(&s->issuer);
        buf_done(&s->seal_cert);
        sign_key_free(s->root_key);
        sign_key_free(s->issuer_key);
        sign_key_free(s->seal_key);
        free(s);
        return NULL;
}

/* --- randomness that repeats (splitmix64) --- */

static uint64_t builder_u64(struct segment_builder_state *st)
{
        uint64_t z = st->random += 0x9e3779b97f4a7c15u;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        return z ^ z >> 31;
}

static void builder_bytes(struct segment_builder_state *st, uint8_t *to, size_t n)
{
        for (size_t i = 0; i < n; i++)
                to[i] = (uint8_t)builder_u64(st);
}

/* --- by hand --- */

struct segment_builder *segment_builder_new(const struct segment_builder_options *o)
{
        struct segment_builder *b = xcalloc(1, sizeof *b);
        struct segment_builder_state *st = b->state = xcalloc(1, sizeof *st);

        st->options = *o;
        if (!st->options.frame_bytes)
                st->options.frame_bytes = 800;
        st->random = o->seed;
        b->site_is_own = !o->site;
        b->site = o->site ? (struct segment_builder_site *)(uintptr_t)o->site
                          : segment_builder_site_new("test");
        snprintf(b->stream, sizeof b->stream, "%s", o->stream ? o->stream : "lobby-main");
        b->now_us = o->start_us ? o->start_us : BUILDER_NOW_US;
        builder_bytes(st, st->epoch, sizeof st->epoch);
        builder_bytes(st, st->hour_key, sizeof st->hour_key);
        for (unsigned i = 0; i < FMP4_TRACKS_MAX; i++)
                buf_init(&st->tracks[i].data, BUILDER_MAX);
        segment_builder_gap(b, SEAL_GAP_START, SEAL_UNKNOWN_US, b->now_us, 0);
        return b;
}

static void builder_drop_pending(struct segment_builder_state *st)
{
        for (unsigned i = 0; i < FMP4_TRACKS_MAX; i++) {
                struct builder_track *t = &st->tracks[i];
                free(t->layout.samples);
                free(t->layout.ranges);
                t->layout = (struct fmp4_fragment_track){ .id = i + 1 };
                buf_clear(&t->data);
        }
}

struct segment_builder *segment_builder_free(struct segment_builder *b)
{
        if (!b)
                return NULL;
        builder_drop_pending(b->state);
        for (unsigned i = 0; i < FMP4_TRACKS_MAX; i++)
                buf_done(&b->state->tracks[i].data);
        cipher_free(b->state->cipher);
        free(b->state);
        for (unsigned i = 0; i < b->segments_n; i++) {
                buf_done(&b->segments[i].file);
                for (unsigned k = 0; k < FMP4_TRACKS_MAX; k++)
                        buf_done(&b->segments[i].clear[k]);
        }
        free(b->segments);
        if (b->site_is_own)
                segment_builder_site_free(b->site);
        free(b);
        return NULL;
}

static struct segment_builder_segment *builder_last(struct segment_builder *b)
{
        return &b->segments[b->segments_n - 1];
}

static void builder_object_key(struct segment_builder *b, char to[static HEAD_KEY_MAX])
{
        time_t seconds = (time_t)(b->now_us / 1000000);
        unsigned ms = (unsigned)(b->now_us / 1000 % 1000), n = 0;
        char day[32], minute[32];
        struct tm tm;
        bool used;

        gmtime_r(&seconds, &tm);
        strftime(day, sizeof day, "%Y-%m-%d/%H", &tm);
        strftime(minute, sizeof minute, "%M-%S", &tm);
        do {
                if (snprintf(to, HEAD_KEY_MAX, "%s/%s/%s.%03uZ.%u.mp4", b->stream, day, minute, ms,
                            n++) >= HEAD_KEY_MAX)
                        abort();
                used = false;
                for (unsigned i = 0; i < b->segments_n; i++)
                        used |= strcmp(b->segments[i].object_key, to) == 0;
        } while (used);
}

/* Zeros from the end of the file to the next fragment, as a free box where that is not nothing. */
static void builder_pad(struct buf *file, size_t n)
{
        struct pack p = pack_to(file);

        if (n)
                box_free_space(&p, n);
        if (p.bad)
                abort();
}

static void builder_write_header(struct segment_builder *b, struct segment_builder_segment *s)
{
        struct segment_builder_state *st = b->state;
        CLEANUP(buf_done) struct buf payload;
        struct head h = { .version = head_version_of(&s->header),
                .seal_cert = buf_bytes(&b->site->seal_cert),
                .issuer_cert = buf_bytes(&b->site->issuer),
                .root_cert = buf_bytes(&b->site->root),
                .protection = PROTECTION_VERIFIED,
                .tls_version = 0x0304,
                .connected_us = b->now_us - 1000000 };

        snprintf(h.stream, sizeof h.stream, "%s", b->stream);
        snprintf(h.object_key, sizeof h.object_key, "%s", s->object_key);
        snprintf(h.recorder, sizeof h.recorder, "%s", b->site->recorder);
        snprintf(h.source, sizeof h.source, "rtsps://lobby.example:322/main");
        memset(h.camera_key, 0x5c, sizeof h.camera_key);
        memcpy(h.kid, s->kid, sizeof h.kid);
        memcpy(h.hour_key_id, s->hour_key_id, sizeof h.hour_key_id);
        buf_init(&payload, 1 << 16);
        SURE(head_format(&h, &payload, &sure_e));
        s->header.head = buf_bytes(&payload);
        SURE(fmp4_write_header(&s->header, &s->file, &sure_e));
        s->header.head = BYTES(NULL, 0);
        hash_once(buf_bytes(&s->file), st->header_hash);
        st->index_offset = s->file.n;
        builder_pad(&s->file, FMP4_INDEX_SPACE);
        builder_pad(&s->file, segment_padding(s->file.n));
}

void segment_builder_open(
        struct segment_builder *b, const struct media_config *tracks, unsigned tracks_n)
{
        struct segment_builder_state *st = b->state;

        if (st->open)
                segment_builder_close(b, true);
        b->segments = xrealloc(b->segments, b->segments_n + 1, sizeof *b->segments);
        struct segment_builder_segment *s = &b->segments[b->segments_n];
        memset(s, 0, sizeof *s);
        buf_init(&s->file, BUILDER_MAX);
        builder_object_key(b, s->object_key);
        b->segments_n++;
        memcpy(s->hour_key, st->hour_key, sizeof s->hour_key);
        builder_bytes(st, s->kid, sizeof s->kid);
        seal_segment_key(s->hour_key, s->kid, s->key);
        seal_hour_key_id(s->hour_key, b->stream, s->hour_key_id);
        memcpy(s->header.kid, s->kid, sizeof s->kid);
        s->header.tracks_n = tracks_n;
        for (unsigned i = 0; i < tracks_n; i++) {
                s->header.tracks[i] = (struct fmp4_track){ .id = i + 1,
                        .timescale = media_is_video(tracks[i].codec) ? 90000
                                                                     : media_timescale(&tracks[i]),
                        .config = tracks[i] };
                buf_init(&s->clear[i], BUILDER_MAX);
                st->tracks[i].next_time = 0;
        }
        builder_drop_pending(st);
        builder_write_header(b, s);
        cipher_free(st->cipher);
        st->cipher = cipher_new(s->key);
        st->open = true;
}

static void builder_encrypt(struct segment_builder_state *st, struct builder_track *t,
        struct fmp4_sample *sample, struct bytes clear)
{
        struct fmp4_fragment_track *l = &t->layout;
        uint8_t *to = buf_reserve(&t->data, clear.n);
        size_t at = 0;

        if (!to)
                abort();
        memcpy(to, clear.p, clear.n);
        cipher_start(st->cipher, sample->iv);
        if (sample->ranges_n == 0)
                cipher_apply(st->cipher, to, to, clear.n);
        for (unsigned i = 0; i < sample->ranges_n; i++) {
                const struct cenc_range *r = &l->ranges[sample->ranges_first + i];
                at += r->clear;
                cipher_apply(st->cipher, to + at, to + at, r->protected_bytes);
                at += r->protected_bytes;
        }
        t->data.n += clear.n;
}

void segment_builder_add(struct segment_builder *b, unsigned track, struct bytes sample,
        uint64_t decode_time, uint32_t duration, int32_t composition_offset, bool key)
{
        struct segment_builder_state *st = b->state;
        struct segment_builder_segment *s = builder_last(b);
        struct builder_track *t = &st->tracks[track];
        struct fmp4_fragment_track *l = &t->layout;
        struct cenc_range ranges[CENC_RANGES_MAX];
        bool first = true;
        int n;

        for (unsigned i = 0; i < s->header.tracks_n; i++)
                first &= st->tracks[i].layout.samples_n == 0;
        if (first)
                st->first_arrival_us = b->now_us;
        st->last_arrival_us = b->now_us;
        SURE(n = cenc_plan(s->header.tracks[track].config.codec, sample, ranges, &sure_e));
        if (l->samples_n == 0) {
                l->decode_time = decode_time;
                t->iv = builder_u64(st);
        }
        l->samples = xrealloc(l->samples, l->samples_n + 1, sizeof *l->samples);
        l->ranges = xrealloc(l->ranges, l->ranges_total + (unsigned)n + 1, sizeof *l->ranges);
        memcpy(l->ranges + l->ranges_total, ranges, (size_t)n * sizeof *ranges);
        struct fmp4_sample *f = &l->samples[l->samples_n++];
        *f = (struct fmp4_sample){ .size = (uint32_t)sample.n,
                .duration = duration,
                .composition_offset = composition_offset,
                .key = key,
                .iv = t->iv++,
                .ranges_n = (uint16_t)n,
                .ranges_first = n ? l->ranges_total : 0 };
        l->ranges_total += (unsigned)n;
        l->bytes += sample.n;
        builder_encrypt(st, t, f, sample);
        SURE(buf_append(&s->clear[track], sample, &sure_e));
}

void segment_builder_gap(
        struct segment_builder *b, unsigned cause, int64_t from_us, int64_t to_us, uint32_t frames)
{
        struct segment_builder_state *st = b->state;

        if (st->gaps_n < SEAL_GAPS_MAX)
                st->gaps[st->gaps_n++] =
                        (struct seal_gap){ (uint8_t)cause, from_us, to_us, frames };
}

static void builder_fill_seal(
        struct segment_builder *b, struct seal *seal, struct bytes moof, uint8_t flags)
{
        struct segment_builder_state *st = b->state;
        struct segment_builder_segment *s = builder_last(b);

        seal->flags = flags | (s->fragments_n == 0 ? SEAL_FIRST : 0);
        memcpy(seal->stream, b->stream, sizeof seal->stream);
        memcpy(seal->epoch, st->epoch, sizeof seal->epoch);
        seal->sequence = ++st->sequence;
        seal->previous = b->link;
        memcpy(seal->kid, s->kid, sizeof seal->kid);
        seal_commit_key(s->key, s->kid, b->stream, seal->key_commitment);
        memcpy(seal->header_hash, st->header_hash, sizeof seal->header_hash);
        seal->fragment = s->fragments_n + 1;
        seal->first_arrival_us = st->first_arrival_us;
        seal->last_arrival_us = st->last_arrival_us;
        seal->sealed_us = st->last_arrival_us + 50000;
        seal->monotonic_us = seal->sealed_us - BUILDER_NOW_US + 3600000000;
        seal->sender_us = seal->tracks_n ? st->first_arrival_us - 20000 : SEAL_UNKNOWN_US;
        seal->moof_bytes = (uint32_t)moof.n;
        hash_once(moof, seal->moof_hash);
        memcpy(seal->gaps, st->gaps, sizeof seal->gaps);
        seal->gaps_n = st->gaps_n;
        st->gaps_n = 0;
}

static void builder_seal_track(const struct builder_track *t, struct seal_track *ret)
{
        *ret = (struct seal_track){ .id = t->layout.id,
                .decode_time = t->layout.decode_time,
                .samples = t->layout.samples_n,
                .bytes = t->layout.bytes };
        for (unsigned i = 0; i < t->layout.samples_n; i++)
                ret->duration += t->layout.samples[i].duration;
        hash_once(buf_bytes(&t->data), ret->hash);
}

/* Appends [free] moof mdat uuid [free] of what is pending. */
static void builder_seal(struct segment_builder *b, uint8_t flags)
{
        struct segment_builder_state *st = b->state;
        struct segment_builder_segment *s = builder_last(b);
        struct fmp4_fragment layout = { .sequence = s->fragments_n + 1 };
        struct fmp4_index_entry *entry = &s->fragments[s->fragments_n];
        struct seal *seal = &s->seals[s->fragments_n];
        CLEANUP(buf_done) struct buf payload;
        struct buf *file = &s->file;

        for (unsigned i = 0; i < s->header.tracks_n; i++) {
                if (st->tracks[i].layout.samples_n == 0)
                        continue;
                builder_seal_track(&st->tracks[i], &seal->tracks[seal->tracks_n++]);
                layout.tracks[layout.tracks_n++] = st->tracks[i].layout;
        }
        entry->offset = file->n;
        builder_pad(file, st->options.front_free);
        entry->moof_offset = file->n;
        if (layout.tracks_n && layout.tracks[0].id == 1) {
                entry->decode_time = seal->tracks[0].decode_time;
                entry->duration = (uint32_t)seal->tracks[0].duration;
                entry->key = layout.tracks[0].samples[0].key;
        }
        SURE(fmp4_write_moof(&layout, file, &sure_e));
        builder_fill_seal(b, seal, bytes_sub(buf_bytes(file), entry->moof_offset, file->n), flags);
        buf_init(&payload, SEAL_BYTES_MAX);
        SURE(seal_sign(seal, b->site->seal_key, &payload, &sure_e));
        b->link = seal_link_of(seal, buf_bytes(&payload));

        struct pack p = pack_to(file);
        size_t mdat = box_begin(&p, BOX_TYPE('m', 'd', 'a', 't'));
        for (unsigned i = 0; i < s->header.tracks_n; i++)
                pack_bytes(&p, buf_bytes(&st->tracks[i].data));
        box_end(&p, mdat);
        size_t uuid = box_begin_uuid(&p, seal_user_type);
        pack_bytes(&p, buf_bytes(&payload));
        box_end(&p, uuid);
        if (p.bad)
                abort();
        builder_pad(file, segment_padding(file->n));
        s->fragments_n++;
        builder_drop_pending(st);
}

static bool builder_pending(struct segment_builder *b)
{
        unsigned n = 0;

        for (unsigned i = 0; b->state->open && i < builder_last(b)->header.tracks_n; i++)
                n += b->state->tracks[i].layout.samples_n;
        return n > 0;
}

void segment_builder_cut(struct segment_builder *b)
{
        if (builder_pending(b))
                builder_seal(b, 0);
}

void segment_builder_close(struct segment_builder *b, bool properly)
{
        struct segment_builder_state *st = b->state;
        struct segment_builder_segment *s = builder_last(b);

        if (!st->open)
                return;
        if (properly) {
                CLEANUP(buf_done) struct buf index;
                builder_seal(b, SEAL_LAST);
                buf_init(&index, FMP4_INDEX_SPACE);
                SURE(fmp4_write_index_space(s->fragments, s->fragments_n,
                        s->header.tracks[0].timescale, st->index_offset, s->file.n, &index,
                        &sure_e));
                memcpy(s->file.p + st->index_offset, index.p, index.n);
                SURE(fmp4_write_mfra(s->fragments, s->fragments_n, &s->file, &sure_e));
        }
        s->closed = properly;
        builder_drop_pending(st);
        st->open = false;
}

void segment_builder_restart(struct segment_builder *b)
{
        struct segment_builder_state *st = b->state;

        if (st->open)
                segment_builder_close(b, false);
        builder_bytes(st, st->epoch, sizeof st->epoch);
        builder_bytes(st, st->hour_key, sizeof st->hour_key);
        st->sequence = 0;
}

/* --- the script --- */

/* From the clip of a real camera: H.264 baseline, 768 x 432. */
static const uint8_t builder_avcc[] = { 0x01, 0x42, 0x80, 0x16, 0xff, 0xe1, 0x00, 0x17, 0x67, 0x42,
        0x80, 0x16, 0x96, 0x54, 0x06, 0x01, 0xbd, 0x35, 0x06, 0x06, 0x06, 0x40, 0x00, 0x00, 0x03,
        0x00, 0x40, 0x00, 0x00, 0x06, 0x61, 0x01, 0x00, 0x04, 0x68, 0xce, 0x35, 0x20 };

static void builder_open_script(struct segment_builder *b, bool audio)
{
        struct media_config tracks[2] = {
                { .codec = MEDIA_H264,
                        .clock_rate = 90000,
                        .width = 768,
                        .height = 432,
                        .parameters_n = sizeof builder_avcc },
                { .codec = MEDIA_AAC,
                        .clock_rate = BUILDER_AUDIO_RATE,
                        .sample_rate = BUILDER_AUDIO_RATE,
                        .channels = 2,
                        .parameters = { 0x11, 0x90 },
                        .parameters_n = 2 },
        };

        memcpy(tracks[0].parameters, builder_avcc, sizeof builder_avcc);
        segment_builder_open(b, tracks, audio ? 2 : 1);
}

static void builder_put_nal(
        struct segment_builder_state *st, struct buf *out, uint8_t header, uint32_t body)
{
        struct pack p = pack_to(out);

        pack_u32(&p, body + 1);
        pack_u8(&p, header);
        for (uint32_t i = 0; i < body; i++)
                pack_u8(&p, (uint8_t)builder_u64(st));
}

static void builder_video(struct segment_builder *b, bool key)
{
        struct segment_builder_state *st = b->state;
        struct builder_track *t = &st->tracks[0];
        uint32_t n = st->options.frame_bytes;
        CLEANUP(buf_done) struct buf unit;

        buf_init(&unit, ACCESS_UNIT_MAX);
        builder_put_nal(st, &unit, 0x06, 21); /* SEI */
        builder_put_nal(st, &unit, key ? 0x65 : 0x41, key ? n : n / 4);
        segment_builder_add(b, 0, buf_bytes(&unit), t->next_time, BUILDER_FRAME_90K, 0, key);
        t->next_time += BUILDER_FRAME_90K;
        b->now_us += BUILDER_FRAME_US;
}

static void builder_audio(struct segment_builder *b)
{
        struct segment_builder_state *st = b->state;
        struct builder_track *t = &st->tracks[1];
        uint8_t frame[1024];
        size_t n = st->options.frame_bytes / 4 + 1;

        if (n > sizeof frame)
                n = sizeof frame;
        builder_bytes(st, frame, n);
        segment_builder_add(b, 1, BYTES(frame, n), t->next_time, BUILDER_AUDIO_SAMPLES, 0, true);
        t->next_time += BUILDER_AUDIO_SAMPLES;
}

static void builder_pause(
        struct segment_builder *b, unsigned cause, unsigned seconds, uint32_t frames)
{
        segment_builder_cut(b);
        segment_builder_gap(b, cause, b->now_us, b->now_us + seconds * INT64_C(1000000), frames);
        b->now_us += seconds * INT64_C(1000000);
        b->state->tracks[0].next_time += seconds * 90000;
        b->state->tracks[1].next_time += seconds * BUILDER_AUDIO_RATE;
}

static void builder_killed(struct segment_builder *b)
{
        segment_builder_cut(b);
        segment_builder_restart(b);
        segment_builder_gap(b, SEAL_GAP_UNCLEAN_STOP, b->now_us, b->now_us + 3000000, 0);
        b->now_us += 3000000;
}

static void builder_step(struct segment_builder *b, char letter, bool audio)
{
        switch (letter) {
        case 'S':
                builder_open_script(b, audio);
                break;
        case 'I':
                if (!b->state->open)
                        builder_open_script(b, audio);
                segment_builder_cut(b);
                builder_video(b, true);
                break;
        case 'P':
                builder_video(b, false);
                break;
        case 'A':
                builder_audio(b);
                break;
        case '|':
                segment_builder_cut(b);
                break;
        case 'G':
                builder_pause(b, SEAL_GAP_CAMERA_LOST, 5, 0);
                break;
        case 'N':
                builder_pause(b, SEAL_GAP_NOT_ASKED, 5, 0);
                break;
        case 'K':
                builder_pause(b, SEAL_GAP_NOT_ASKED, 1, 24);
                builder_video(b, true);
                break;
        case 'E':
                builder_killed(b);
                break;
        default:
                fprintf(stderr, "segment_builder: letter '%c'\n", letter);
                abort();
        }
}

void segment_builder_run(struct segment_builder *b, const char *script)
{
        bool audio = strchr(script, 'A') != NULL, killed = false;

        for (const char *p = script; *p; p++) {
                killed = p[0] == '-' && p[1] == '\0';
                if (!killed)
                        builder_step(b, *p, audio);
        }
        if (killed)
                segment_builder_cut(b);
        if (b->state->open)
                segment_builder_close(b, !killed);
}

void segment_builder_read(const struct segment_builder *b, unsigned i, struct segment *ret)
{
        const struct segment_builder_segment *s = &b->segments[i];

        SURE(segment_read(buf_bytes(&s->file), ret, &sure_e));
        if (ret->faults_n || ret->closed != s->closed || ret->fragments_n != s->fragments_n ||
                ret->unsealed_from != s->file.n) {
                fprintf(stderr, "segment_builder: %u faults, %s\n", ret->faults_n,
                        ret->faults_n ? ret->faults[0].text : "another shape");
                abort();
        }
}
