/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "export_builder.h"

#include <stdio.h>
#include <stdlib.h>

#define EXPORT_BUILDER_MAX (512u << 20)

static void export_builder_sure(int r, const struct err *e)
{
        if (r < 0) {
                fprintf(stderr, "export_builder: %s\n", e->text);
                abort();
        }
}

static void export_builder_plan(const struct segment *s, const struct export_builder_part *part,
        const uint8_t key[static 16], struct evidence *ev)
{
        struct err e = { 0 };

        export_builder_sure(evidence_add_segment(ev, s->header_bytes, key, &e), &e);
        for (unsigned j = part->first; j < part->first + part->n && j < s->fragments_n; j++)
                export_builder_sure(evidence_add_fragment(ev, s->fragments[j].moof,
                                            s->fragments[j].seal_payload, &e),
                        &e);
}

static void export_builder_samples(const struct segment *s, const struct export_builder_part *part,
        const uint8_t key[static 16], const struct evidence *ev, struct buf *out)
{
        struct err e = { 0 };

        for (unsigned j = part->first; j < part->first + part->n && j < s->fragments_n; j++)
                for (unsigned t = 0; t < s->fragments[j].seal.tracks_n; t++)
                        if (evidence_has_track(ev, s->fragments[j].seal.tracks[t].id))
                                export_builder_sure(
                                        segment_decrypt(s, j, s->fragments[j].seal.tracks[t].id,
                                                key, out, &e),
                                        &e);
}

struct buf export_builder_make(
        const struct segment_builder *b, const struct export_builder_options *o)
{
        struct export_builder_part *parts = xcalloc(b->segments_n + o->parts_n + 1, sizeof *parts);
        unsigned n = o->parts ? o->parts_n : b->segments_n;
        struct segment *views = xcalloc(n + 1, sizeof *views);
        struct evidence ev;
        struct err e = { 0 };
        struct buf out;

        for (unsigned i = 0; i < n; i++) {
                parts[i] = o->parts ? o->parts[i]
                                    : (struct export_builder_part){ i, 0, FMP4_FRAGMENTS_MAX };
                segment_builder_read(b, parts[i].segment, &views[i]);
        }
        buf_init(&out, EXPORT_BUILDER_MAX);
        evidence_init(&ev);
        bool all = o->from_us == 0 && o->to_us == 0;
        ev.from_us = all ? SEAL_UNKNOWN_US : o->from_us;
        ev.to_us = all ? INT64_MAX : o->to_us;
        ev.without_audio = o->without_audio;
        for (unsigned i = 0; i < n; i++)
                export_builder_plan(&views[i], &parts[i], b->segments[parts[i].segment].key, &ev);
        export_builder_sure(evidence_write_front(&ev, &out, &e), &e);
        size_t front = out.n;
        for (unsigned i = 0; i < n; i++)
                export_builder_samples(
                        &views[i], &parts[i], b->segments[parts[i].segment].key, &ev, &out);
        if (out.n - front != evidence_sample_bytes(&ev))
                abort();
        export_builder_sure(evidence_write_back(&ev, &out, &e), &e);
        evidence_done(&ev);
        for (unsigned i = 0; i < n; i++)
                segment_done(&views[i]);
        free(views);
        free(parts);
        return out;
}
