/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/live_mux.h"

#include "media/fmp4_entry.h"
#include "vault/fragment_builder.h"

#define MICROSECONDS 1000000u
#define LIVE_MUX_JUMP_US INT64_C(10000000) /* stamps and arrival differ by more: a step */
#define LIVE_MUX_PAUSE_US INT64_C(86400000000)
#define LIVE_MUX_FRAME_US 40000

void live_mux_init(struct live_mux *m)
{
        *m = (struct live_mux){ .main = -1 };
}

/* As media_config_main_track. */
static int main_track(const struct live_mux *m)
{
        for (int sound = 0; sound < 2; sound++)
                for (unsigned i = 0; i < m->tracks_n; i++)
                        if (sound ? media_is_audio(m->tracks[i].codec)
                                  : media_is_video(m->tracks[i].codec))
                                return (int)i;
        return -1;
}

void live_mux_connect(struct live_mux *m, const struct media_config *const *configs, unsigned n)
{
        m->tracks_n = n < FMP4_TRACKS_MAX ? n : FMP4_TRACKS_MAX;
        for (unsigned i = 0; i < m->tracks_n; i++) {
                struct live_mux_track *t = &m->tracks[i];

                /* Where the time line goes on; rescaled with the header. */
                const uint64_t next = t->next;
                const uint32_t timescale = t->clock.timescale;

                *t = (struct live_mux_track){ .codec = configs[i]->codec, .next = next };
                t->clock = (struct track_clock){ .clock_rate = configs[i]->clock_rate,
                        .timescale = timescale };
        }
        m->main = main_track(m);
        m->rebase = m->begun;
        m->header_due = m->awaiting_key = true;
}

void live_mux_begin(struct live_mux *m)
{
        m->header_due = true;
}

void live_mux_await_key(struct live_mux *m)
{
        m->awaiting_key = true;
}

/* --- time --- */

static int64_t main_us(const struct live_mux *m, int64_t ticks)
{
        return track_clock_rescale(ticks, m->mark.clock_rate, MICROSECONDS);
}

/* From now on this stamp means that time. */
static void rebase_at(struct live_mux *m, int64_t pts, int64_t time_us)
{
        m->zero_pts = pts - track_clock_rescale(time_us, MICROSECONDS, m->mark.clock_rate);
        for (unsigned i = 0; i < m->tracks_n; i++)
                m->tracks[i].aligned = false;
        m->rebase = false;
}

static void note_main(struct live_mux *m, const struct access_unit *u)
{
        uint32_t rate = m->tracks[m->main].clock.clock_rate;
        int64_t arrival = u->arrival_us - m->mark.arrival_us;

        m->mark.clock_rate = rate;
        if (!m->begun) {
                m->begun = true;
                rebase_at(m, u->pts, 0);
        } else {
                int64_t stamps = m->rebase ? 0 : main_us(m, u->pts - m->mark.pts);
                bool step = m->rebase || u->clock_stepped || stamps - arrival > LIVE_MUX_JUMP_US ||
                            arrival - stamps > LIVE_MUX_JUMP_US;
                bool pause = !u->clock_stepped && arrival > 0 && arrival < LIVE_MUX_PAUSE_US;

                if (step)
                        rebase_at(m, u->pts, m->time_us + (pause ? arrival : LIVE_MUX_FRAME_US));
        }
        m->mark.pts = u->pts;
        m->mark.arrival_us = u->arrival_us;
        m->mark.sender_us = u->sender_us;
        m->time_us = main_us(m, u->pts - m->zero_pts);
}

static int64_t time_of(struct live_mux *m, unsigned track, const struct access_unit *u)
{
        struct live_mux_track *t = &m->tracks[track];

        if ((int)track == m->main)
                return u->pts - m->zero_pts;
        if (!t->aligned)
                track_clock_align(&t->clock, u, &m->mark);
        t->aligned = true;
        return track_clock_time(&t->clock, u, &m->mark, m->zero_pts);
}

/* --- what is sent --- */

enum live_mux_step live_mux_judge(struct live_mux *m, unsigned track, const struct access_unit *u)
{
        bool main = (int)track == m->main;

        if (track >= m->tracks_n)
                return LIVE_MUX_NOTHING;
        if (main && (m->begun || u->key))
                note_main(m, u);
        if (u->new_config) {
                m->header_due = true;
                m->tracks[track].id = 0;
        }
        if (main && u->key && m->header_due)
                return LIVE_MUX_HEADER;
        if ((m->awaiting_key && !(main && u->key)) || m->tracks[track].id == 0)
                return LIVE_MUX_NOTHING;
        if (main)
                m->awaiting_key = false;
        return LIVE_MUX_FRAME;
}

static bool can_be_shown(const struct live_mux *m, unsigned track, const struct media_config *c)
{
        struct fmp4_track t = { .id = 1, .config = *c, .timescale = media_timescale(c) };

        return c->codec == m->tracks[track].codec && c->codec != MEDIA_ONVIF_METADATA &&
               c->clock_rate > 0 && media_config_complete(c) && fmp4_entry_check(&t, NULL) == 0 &&
               ((int)track != m->main || t.timescale == c->clock_rate);
}

static void place_track(struct live_mux *m, unsigned track, const struct media_config *c,
        struct fmp4_track *tracks, unsigned *n)
{
        struct live_mux_track *t = &m->tracks[track];
        struct fmp4_track *to = &tracks[(*n)++];

        *to = (struct fmp4_track){ .id = *n, .config = *c, .timescale = media_timescale(c) };
        if (t->clock.timescale && t->clock.timescale != to->timescale)
                t->next = (uint64_t)track_clock_rescale(
                        (int64_t)t->next, t->clock.timescale, to->timescale);
        t->id = to->id;
        t->clock.timescale = to->timescale;
        t->duration = fragment_builder_usual_duration(to);
        t->begun = false;
}

int live_mux_header(struct live_mux *m, const struct media_config *const *configs, struct buf *out,
        struct err *e)
{
        struct fmp4_track *tracks = xcalloc(FMP4_TRACKS_MAX, sizeof *tracks);
        unsigned n = 0;
        int r = 0;

        for (unsigned i = 0; i < m->tracks_n; i++)
                m->tracks[i].id = 0;
        if (m->main < 0 || !configs[m->main] ||
                !can_be_shown(m, (unsigned)m->main, configs[m->main]))
                r = err_set(e, ERR_INVALID, "neither picture nor sound that can be shown");
        /* Picture, then sound, as files have them; the main track is the first of its kind. */
        for (int sound = 0; sound < 2 && r == 0; sound++)
                for (unsigned i = 0; i < m->tracks_n; i++)
                        if (media_is_video(m->tracks[i].codec) == !sound && configs[i] &&
                                can_be_shown(m, i, configs[i]))
                                place_track(m, i, configs[i], tracks, &n);
        if (r == 0)
                r = fmp4_write_clear_header(tracks, n, out, e);
        own_freep(&tracks);
        m->awaiting_key = r < 0;
        m->header_due = r < 0;
        return r;
}

static int32_t offset_of(int64_t time, uint64_t decode)
{
        int64_t d = time - (int64_t)decode;

        return d < INT32_MIN ? INT32_MIN : (int32_t)d; /* decode is not below time otherwise */
}

int live_mux_frame(struct live_mux *m, unsigned track, const struct access_unit *u, struct buf *out,
        struct err *e)
{
        struct live_mux_track *t = &m->tracks[track];
        int64_t time = m->begun ? time_of(m, track, u) : -1;

        if (time < 0)
                return 0;
        uint64_t decode = (uint64_t)time < t->next ? t->next : (uint64_t)time;
        uint64_t step = decode - t->last;
        if (t->begun && step > 1 && step < UINT64_C(10) * t->clock.timescale)
                t->duration = (uint32_t)step;
        struct fmp4_sample sample = { .size = (uint32_t)u->data.n,
                .duration = t->duration,
                .composition_offset = offset_of(time, decode),
                .key = u->key };
        m->sequence = m->sequence == UINT32_MAX ? 1 : m->sequence + 1;
        struct fmp4_fragment f = { .sequence = m->sequence, .tracks_n = 1 };
        f.tracks[0] = (struct fmp4_fragment_track){ .id = t->id,
                .decode_time = decode,
                .samples_n = 1,
                .samples = &sample,
                .bytes = u->data.n };
        int r = fmp4_write_clear_moof(&f, out, e);
        if (r < 0)
                return r;
        t->begun = true;
        t->last = decode;
        t->next = decode + 1;
        return 1;
}
