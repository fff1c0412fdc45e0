/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/fragment_builder.h"

#include <assert.h>
#include <stdlib.h>

#include "crypto/random.h"

#define MOOF_BYTES 64        /* moof and mfhd, at most */
#define MOOF_TRACK_BYTES 128 /* traf without its samples */
#define MOOF_SAMPLE_BYTES 27 /* trun 16, senc 8 + 2, saiz 1 */
#define MOOF_RANGE_BYTES 6
#define AAC_FRAME 1024
#define SOUND_PACKETS_PER_SECOND 50 /* as most senders cut it (RFC 3551 section 4.2) */

void fragment_builder_init(struct fragment_builder *b, struct chunk_share *share)
{
        *b = (struct fragment_builder){ 0 };
        chunk_list_init(&b->data, share);
}

static void track_done(struct fragment_builder_track *t)
{
        hash_free(t->hash);
        free(t->samples);
        free(t->times);
        free(t->stamps);
        free(t->ranges);
        buf_done(&t->data);
        *t = (struct fragment_builder_track){ 0 };
}

void fragment_builder_done(struct fragment_builder *b)
{
        for (unsigned i = 0; i < FMP4_TRACKS_MAX; i++)
                track_done(&b->tracks[i]);
        chunk_list_done(&b->data);
        b->cipher = cipher_free(b->cipher);
        free(b->ivs);
        *b = (struct fragment_builder){ 0 };
}

static void fragment_begin(struct fragment_builder *b)
{
        for (unsigned i = 0; i < b->tracks_n; i++) {
                struct fragment_builder_track *t = &b->tracks[i];

                t->samples_n = t->ranges_n = 0;
                t->bytes = 0;
                buf_clear(&t->data);
        }
        b->bytes = 0;
        b->moof_bytes = MOOF_BYTES;
}

void fragment_builder_clear(struct fragment_builder *b)
{
        fragment_begin(b);
        chunk_list_done(&b->data);
}

uint32_t fragment_builder_usual_duration(const struct fmp4_track *t)
{
        if (media_is_video(t->config.codec))
                return t->timescale / 25;
        if (t->config.codec == MEDIA_AAC)
                return AAC_FRAME;
        return media_is_audio(t->config.codec) ? t->timescale / SOUND_PACKETS_PER_SECOND
                                               : t->timescale;
}

void fragment_builder_segment(struct fragment_builder *b, const struct fmp4_track *tracks,
        unsigned n, const uint8_t key[static CIPHER_KEY_BYTES])
{
        assert(n > 0 && n <= FMP4_TRACKS_MAX);
        for (unsigned i = n; i < b->tracks_n; i++)
                track_done(&b->tracks[i]);
        for (unsigned i = 0; i < n; i++) {
                struct fragment_builder_track *t = &b->tracks[i];

                if (!t->hash) {
                        t->hash = hash_new();
                        buf_init(&t->data, FRAGMENT_BUILDER_OTHER_MAX);
                }
                t->id = tracks[i].id;
                t->rate = tracks[i].timescale;
                t->video = media_is_video(tracks[i].config.codec);
                t->floor = 0;
                t->last_duration = fragment_builder_usual_duration(&tracks[i]);
        }
        b->tracks_n = n;
        b->ivs_n = 0;
        cipher_free(b->cipher);
        b->cipher = cipher_new(key);
        fragment_builder_clear(b);
}

bool fragment_builder_empty(const struct fragment_builder *b)
{
        return b->bytes == 0;
}

static size_t moof_bytes_of(
        const struct fragment_builder_track *t, const struct fragment_builder_sample *s)
{
        return (t->samples_n ? 0 : MOOF_TRACK_BYTES) + MOOF_SAMPLE_BYTES +
               MOOF_RANGE_BYTES * (size_t)s->ranges_n;
}

bool fragment_builder_fits(
        const struct fragment_builder *b, unsigned track, const struct fragment_builder_sample *s)
{
        const struct fragment_builder_track *t = &b->tracks[track];

        if (b->bytes == 0)
                return true;
        if (b->bytes + s->data.n > FRAGMENT_BUILDER_BYTES_MAX ||
                b->moof_bytes + moof_bytes_of(t, s) > FRAGMENT_MOOF_MAX)
                return false;
        if (track > 0 && t->data.n + s->data.n > FRAGMENT_BUILDER_OTHER_MAX)
                return false;
        if (t->samples_n == 0)
                return true;
        int64_t first = s->time < t->first ? s->time : t->first;
        int64_t last = s->time > t->last ? s->time : t->last;
        return t->samples_n < FMP4_FRAGMENT_SAMPLES_MAX &&
               last - first + (int64_t)t->last_duration <=
                       (int64_t)FRAGMENT_BUILDER_SECONDS_MAX * t->rate;
}

/* The range that begins at iv is kept clear of all others of the segment: no counter block twice.
 */
static uint64_t draw_iv(struct fragment_builder *b)
{
        bool met;
        uint64_t iv;

        do {
                iv = random_u64();
                met = false;
                for (unsigned i = 0; i < b->ivs_n && !met; i++)
                        met = iv - b->ivs[i] < FMP4_FRAGMENT_SAMPLES_MAX ||
                              b->ivs[i] - iv < FMP4_FRAGMENT_SAMPLES_MAX;
        } while (met);
        if (b->ivs_n == b->ivs_room) {
                b->ivs_room = b->ivs_room ? 2 * b->ivs_room : 32;
                b->ivs = xrealloc(b->ivs, b->ivs_room, sizeof *b->ivs);
        }
        b->ivs[b->ivs_n++] = iv;
        return iv;
}

static void make_room(struct fragment_builder_track *t, unsigned ranges_n)
{
        if (t->samples_n == t->samples_room) {
                t->samples_room = t->samples_room ? 2 * t->samples_room : 64;
                t->samples = xrealloc(t->samples, t->samples_room, sizeof *t->samples);
                t->times = xrealloc(t->times, t->samples_room, sizeof *t->times);
                t->stamps = xrealloc(t->stamps, t->samples_room, sizeof *t->stamps);
        }
        if (t->ranges_n + ranges_n > t->ranges_room) {
                while (t->ranges_n + ranges_n > t->ranges_room)
                        t->ranges_room = t->ranges_room ? 2 * t->ranges_room : 128;
                t->ranges = xrealloc(t->ranges, t->ranges_room, sizeof *t->ranges);
        }
}

/* Room was reserved; encrypts or copies n bytes to where the track goes on. */
static void put(struct fragment_builder *b, struct fragment_builder_track *t, const uint8_t *from,
        uint64_t n, bool protect)
{
        bool main_track = t == &b->tracks[0];

        while (n) {
                size_t piece = (size_t)n;
                uint8_t *to = main_track ? chunk_list_piece(&b->data, b->data.bytes, n, &piece)
                                         : t->data.p + t->data.n;

                if (protect)
                        cipher_apply(b->cipher, from, to, piece);
                else
                        memcpy(to, from, piece);
                if (main_track)
                        b->data.bytes += piece;
                else
                        t->data.n += piece;
                from += piece;
                n -= piece;
        }
}

static void hash_main(struct fragment_builder *b, struct fragment_builder_track *t, uint64_t at)
{
        while (at < b->data.bytes) {
                size_t n;
                const uint8_t *p = chunk_list_piece(&b->data, at, b->data.bytes - at, &n);

                hash_update(t->hash, BYTES(p, n));
                at += n;
        }
}

static void encrypt(struct fragment_builder *b, struct fragment_builder_track *t,
        const struct fragment_builder_sample *s, uint64_t iv)
{
        const uint8_t *from = s->data.p;
        uint64_t main_at = b->data.bytes;
        size_t other_at = t->data.n;

        cipher_start(b->cipher, iv);
        if (s->ranges_n == 0)
                put(b, t, from, s->data.n, true);
        for (unsigned i = 0; i < s->ranges_n; i++) {
                put(b, t, from, s->ranges[i].clear, false);
                from += s->ranges[i].clear;
                put(b, t, from, s->ranges[i].protected_bytes, true);
                from += s->ranges[i].protected_bytes;
        }
        if (t == &b->tracks[0])
                hash_main(b, t, main_at);
        else
                hash_update(t->hash, BYTES(t->data.p + other_at, s->data.n));
}

static void note_sample(struct fragment_builder_track *t, const struct fragment_builder_sample *s)
{
        t->samples[t->samples_n] = (struct fmp4_sample){
                .size = (uint32_t)s->data.n,
                .key = s->key,
                .iv = t->iv + t->samples_n,
                .ranges_n = (uint16_t)s->ranges_n,
                .ranges_first = t->ranges_n,
        };
        if (s->ranges_n)
                memcpy(t->ranges + t->ranges_n, s->ranges, s->ranges_n * sizeof *s->ranges);
        t->times[t->samples_n] = s->time;
        t->stamps[t->samples_n] = s->stamp;
        if (t->samples_n == 0)
                t->first = t->last = s->time;
        t->first = s->time < t->first ? s->time : t->first;
        t->last = s->time > t->last ? s->time : t->last;
        t->ranges_n += s->ranges_n;
        t->samples_n++;
        t->bytes += s->data.n;
}

int fragment_builder_add(struct fragment_builder *b, unsigned track,
        const struct fragment_builder_sample *s, struct err *e)
{
        struct fragment_builder_track *t = &b->tracks[track];

        assert(track < b->tracks_n && s->data.n > 0 && s->data.n <= ACCESS_UNIT_MAX);
        if (track == 0) {
                int r = chunk_list_reserve(&b->data, s->data.n, e);
                if (r < 0)
                        return r;
        } else if (!buf_reserve(&t->data, s->data.n)) {
                return err_set(
                        e, ERR_EXHAUSTED, "track %u: no memory left for this fragment", t->id);
        }
        make_room(t, s->ranges_n);
        b->moof_bytes += moof_bytes_of(t, s);
        if (t->samples_n == 0) {
                t->iv = draw_iv(b);
                hash_start(t->hash);
        }
        encrypt(b, t, s, t->iv + t->samples_n);
        note_sample(t, s);
        b->bytes += s->data.n;
        return 0;
}

/* --- taking back --- */

/* The next sample of a track to be handed out, and where its bytes begin. */
struct cursor {
        unsigned sample;
        uint64_t at;
};

/* The same key stream over what it made gives what it was made from. */
static void decrypt(struct fragment_builder *b, const struct fragment_builder_track *t,
        const struct fmp4_sample *s, uint8_t *p)
{
        if (s->ranges_n == 0)
                cipher_apply(b->cipher, p, p, s->size);
        for (unsigned i = 0; i < s->ranges_n; i++) {
                const struct cenc_range *range = &t->ranges[s->ranges_first + i];

                p += range->clear;
                cipher_apply(b->cipher, p, p, range->protected_bytes);
                p += range->protected_bytes;
        }
}

static struct bytes take_back_one(
        struct fragment_builder *b, unsigned track, const struct cursor *c, uint8_t *to)
{
        const struct fragment_builder_track *t = &b->tracks[track];
        const struct fmp4_sample *s = &t->samples[c->sample];

        for (uint64_t got = 0; got < s->size;) {
                size_t n = s->size;
                const uint8_t *from =
                        track ? t->data.p
                              : chunk_list_piece(&b->data, c->at + got, s->size - got, &n);

                memcpy(to + got, track ? from + c->at : from, n);
                got += n;
        }
        cipher_start(b->cipher, s->iv);
        decrypt(b, t, s, to);
        return BYTES(to, s->size);
}

/* The track whose next sample came first; tracks_n at the end. */
static unsigned next_track(const struct fragment_builder *b, const struct cursor *cursors)
{
        unsigned best = b->tracks_n;
        int64_t arrival_us = 0;

        for (unsigned i = 0; i < b->tracks_n; i++) {
                const struct fragment_builder_track *t = &b->tracks[i];

                if (cursors[i].sample == t->samples_n)
                        continue;
                if (best == b->tracks_n || t->stamps[cursors[i].sample].arrival_us < arrival_us) {
                        best = i;
                        arrival_us = t->stamps[cursors[i].sample].arrival_us;
                }
        }
        return best;
}

void fragment_builder_take_back(struct fragment_builder *b,
        void (*on_sample)(void *owner, unsigned track, const struct fragment_builder_sample *s),
        void *owner)
{
        struct cursor cursors[FMP4_TRACKS_MAX] = { 0 };
        CLEANUP(buf_done) struct buf plain;
        unsigned track;

        buf_init(&plain, ACCESS_UNIT_MAX);
        while ((track = next_track(b, cursors)) < b->tracks_n) {
                const struct fragment_builder_track *t = &b->tracks[track];
                struct cursor *c = &cursors[track];
                struct fragment_builder_sample s = { .key = t->samples[c->sample].key,
                        .stamp = t->stamps[c->sample] };

                if (!buf_reserve(&plain, t->samples[c->sample].size))
                        break; /* no memory: the rest is lost */
                s.data = take_back_one(b, track, c, plain.p);
                on_sample(owner, track, &s);
                c->at += t->samples[c->sample].size;
                c->sample++;
        }
        fragment_builder_clear(b);
}

static int compare_times(const void *a, const void *b)
{
        int64_t x, y;

        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return (x > y) - (x < y);
}

static uint32_t last_duration(
        const struct fragment_builder_track *t, uint64_t first, uint64_t last, int64_t next)
{
        uint64_t left = FRAGMENT_BUILDER_SECONDS_MAX * (uint64_t)t->rate;
        uint64_t d = t->last_duration;

        left -= last - first < left ? last - first : left;
        if (next != FRAGMENT_BUILDER_UNKNOWN && next > 0 && (uint64_t)next > last)
                d = (uint64_t)next - last;
        return (uint32_t)(d < left ? d : left);
}

static int32_t composition_offset(int64_t time, uint64_t decode)
{
        int64_t d = time - (int64_t)decode;

        return d < INT32_MIN ? INT32_MIN : d > INT32_MAX ? INT32_MAX : (int32_t)d;
}

/*
 * Decode times: the presentation times in ascending order, not below those before. Returns the
 * first one; *ret_duration: of all samples. The last sample lasts until `next` where the order is
 * that of arrival, else as long as the one before.
 */
static uint64_t lay_out_times(
        struct fragment_builder_track *t, int64_t next, uint64_t *ret_duration)
{
        unsigned n = t->samples_n;
        CLEANUP(own_freep) int64_t *decode = xcalloc(n, sizeof *decode);

        memcpy(decode, t->times, n * sizeof *decode);
        qsort(decode, n, sizeof *decode, compare_times);
        if (memcmp(decode, t->times, n * sizeof *decode) != 0)
                next = FRAGMENT_BUILDER_UNKNOWN;
        for (unsigned i = 0; i < n; i++) {
                /* Rising by at least 1, over fragments too: players drop pictures of equal decode
                 * time. */
                if (decode[i] < (int64_t)t->floor)
                        decode[i] = (int64_t)t->floor;
                t->floor = (uint64_t)decode[i] + 1;
                t->samples[i].composition_offset =
                        composition_offset(t->times[i], (uint64_t)decode[i]);
                if (i > 0)
                        t->samples[i - 1].duration = (uint32_t)(decode[i] - decode[i - 1]);
        }
        if (n > 1 && t->samples[n - 2].duration)
                t->last_duration = t->samples[n - 2].duration;
        uint32_t d = last_duration(t, (uint64_t)decode[0], (uint64_t)decode[n - 1], next);
        t->samples[n - 1].duration = d;
        *ret_duration = (uint64_t)(decode[n - 1] - decode[0]) + d;
        return (uint64_t)decode[0];
}

static void describe_track(struct fragment_builder_track *t, int64_t next,
        struct fmp4_fragment_track *layout, struct seal_track *sealed)
{
        uint64_t duration;
        uint64_t decode_time = lay_out_times(t, next, &duration);

        *layout = (struct fmp4_fragment_track){
                .id = t->id,
                .decode_time = decode_time,
                .samples_n = t->samples_n,
                .samples = t->samples,
                .ranges = t->ranges,
                .ranges_total = t->ranges_n,
                .bytes = t->bytes,
        };
        *sealed = (struct seal_track){
                .id = t->id,
                .decode_time = decode_time,
                .duration = duration,
                .samples = t->samples_n,
                .bytes = t->bytes,
        };
        hash_finish(t->hash, sealed->hash);
}

static int gather_others(struct fragment_builder *b, struct err *e)
{
        uint64_t bytes = 0;

        for (unsigned i = 1; i < b->tracks_n; i++)
                bytes += b->tracks[i].data.n;
        /* The seal's room too, so that nothing can fail once the times are laid out. */
        return chunk_list_reserve(&b->data, bytes + SEAL_BYTES_MAX + 2 * FRAGMENT_ALIGN, e);
}

static void index_entry(
        const struct fragment_builder *b, const struct seal *s, struct fmp4_index_entry *entry)
{
        if (s->tracks_n && s->tracks[0].id == b->tracks[0].id) {
                entry->decode_time = s->tracks[0].decode_time;
                entry->duration = (uint32_t)s->tracks[0].duration;
                entry->key = b->tracks[0].samples[0].key;
        }
}

int fragment_builder_finish(struct fragment_builder *b, uint32_t sequence, int64_t next,
        struct fragment **ret, struct err *e)
{
        CLEANUP(buf_done) struct buf moof;
        struct fmp4_fragment layout = { .sequence = sequence };
        struct seal request = { .fragment = sequence };

        buf_init(&moof, FRAGMENT_MOOF_MAX);
        int r = gather_others(b, e);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < b->tracks_n; i++) {
                struct fragment_builder_track *t = &b->tracks[i];

                if (t->samples_n == 0)
                        continue;
                describe_track(t, i == 0 ? next : FRAGMENT_BUILDER_UNKNOWN,
                        &layout.tracks[layout.tracks_n++], &request.tracks[request.tracks_n++]);
                chunk_list_append(&b->data, buf_bytes(&t->data));
        }
        r = fmp4_write_moof(&layout, &moof, e);
        if (r == 0)
                r = fragment_new(buf_bytes(&moof), &b->data, ret, e);
        if (r < 0)
                return r;
        request.moof_bytes = (uint32_t)moof.n;
        hash_once(buf_bytes(&moof), request.moof_hash);
        index_entry(b, &request, &(*ret)->entry);
        (*ret)->samples_video = b->tracks_n && b->tracks[0].video ? b->tracks[0].samples_n : 0;
        (*ret)->request = request;
        fragment_begin(b);
        return 0;
}
