/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is recorded of each stream now: its terms, the events that are under way, and the time of
 * day, judged every second and at each event (record_plan), and told to the stream's worker where
 * it changed.
 *
 * Events come from sources. A source is something that knows when something happens: the requests
 * of the link (docs/spec/link.md) are the first. Another one (a camera's ONVIF events, motion in
 * the picture) is a struct parent_events_source in the table of parent_events.c: it is told which
 * streams' events are wanted, so that it can subscribe to their cameras or look at their pictures,
 * and calls parent_events_start and _stop. Names of its events begin with its own and a '/'
 * ("onvif/door"), so that no source ends another's. What parses a camera's bytes runs in a worker,
 * never here: such a source is a message of the worker and a row of the table.
 *
 * Events are in memory: a parent that begins again knows of none, and a source that still sees one
 * says so again.
 */
#ifndef CUSTOS_RECORDER_PARENT_EVENTS_H
#define CUSTOS_RECORDER_PARENT_EVENTS_H

#include <jansson.h>

#include "recorder/parent.h"

struct parent_events_source {
        const char *name;
        /* Events of this stream are wanted from now on, or not any more. May be NULL: what is
         * asked from outside comes by itself. */
        void (*start)(struct parent *p, const char *stream);
        void (*stop)(struct parent *p, const char *stream);
};

/* After tzset: local time is what the system's was when this process began. */
struct parent_events *parent_events_new(struct parent *p);
struct parent_events *parent_events_free(struct parent_events *ev);

/* Takes over the terms (checked), and judges: t->asked is right afterwards. For a stream that has
 * no place yet too. */
void parent_events_terms(struct parent_stream *t, const struct record_terms *terms);
/* The stream goes away. */
void parent_events_forget(struct parent_stream *t);

/* For sources; as record_plan_start and _stop. ERR_NOT_FOUND too where there is no such stream,
 * ERR_STATE where it is off. */
int parent_events_start(struct parent *p, const char *stream, const char *source, unsigned seconds,
        struct err *e) MUST_USE;
int parent_events_stop(
        struct parent *p, const char *stream, const char *source, struct err *e) MUST_USE;

/* Requests of the link: event.start, event.stop. */
int parent_events_on_start(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;
int parent_events_on_stop(struct parent *p, json_t *body, json_t **ret, struct err *e) MUST_USE;

/* What a status says of a stream: "open", "key-frames", "waiting", "off". */
const char *parent_events_gate_name(const struct parent_stream *t);

#endif
