/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where each exported sample stands on the export's one time line, and what the edit lists show of
 * it (docs/spec/evidence.md section 2). Used by evidence.c and evidence_moov.c only. Pure.
 */
#ifndef CUSTOS_SEAL_EVIDENCE_PLAN_H
#define CUSTOS_SEAL_EVIDENCE_PLAN_H

#include "seal/evidence.h"

#define EVIDENCE_PLAN_TIMESCALE_MAX 1000000u
#define EVIDENCE_PLAN_TICKS_MAX (UINT64_C(1) << 40)
#define EVIDENCE_PLAN_SEGMENT_MAX_US INT64_C(3600000000)

struct evidence_plan_sample {
        uint64_t time;     /* decode time on the export's time line, in the track's timescale */
        uint32_t duration; /* as stored */
        uint32_t size;
        int32_t composition_offset;
        bool key;
};

struct evidence_plan_track {
        const struct fmp4_track *stored; /* of the first segment */
        size_t samples_n;
        struct evidence_plan_sample *samples; /* owned */
};

struct evidence_plan_edit {
        uint64_t empty_ms; /* shown as nothing before, 0: none */
        uint64_t shown_ms;
        uint64_t media_time; /* in the track's timescale, from its first sample */
};

struct evidence_plan {
        unsigned tracks_n; /* only tracks that have samples */
        struct evidence_plan_track tracks[FMP4_TRACKS_MAX];
        int64_t begin_us, end_us; /* what is shown, on the export's time line */
        int64_t created_us;       /* wall */
};

int evidence_plan_make(
        const struct evidence *ev, struct evidence_plan *ret, struct err *e) MUST_USE;
void evidence_plan_done(struct evidence_plan *p);
void evidence_plan_edit_of(
        const struct evidence_plan *p, unsigned track, struct evidence_plan_edit *ret);

#endif
