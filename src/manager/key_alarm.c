/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/key_alarm.h"

#include <stdio.h>
#include <stdlib.h>

struct key_alarm_stream {
        char recorder[48], stream[96];
        bool stopped;
        struct err why;
};

void key_alarm_done(struct key_alarm *a)
{
        void *s;
        size_t at = 0;

        while ((s = table_next(&a->streams, &at)))
                free(s);
        table_done(&a->streams);
}

void key_alarm_clear(struct key_alarm *a, const char *stream)
{
        free(table_take(&a->streams, stream));
}

void key_alarm_set(struct key_alarm *a, const char *recorder, const char *stream, bool stopped,
        const struct err *why)
{
        struct key_alarm_stream *s = xcalloc(1, sizeof *s);

        key_alarm_clear(a, stream);
        snprintf(s->recorder, sizeof s->recorder, "%s", recorder);
        snprintf(s->stream, sizeof s->stream, "%s", stream);
        s->stopped = stopped;
        s->why = *why;
        table_put(&a->streams, s->stream, s);
}

bool key_alarm_stops(const struct key_alarm *a, const char *stream)
{
        const struct key_alarm_stream *s = table_get(&a->streams, stream);

        return s && s->stopped;
}

enum fault key_alarm_fault(const struct key_alarm *a, const char *stream)
{
        const struct key_alarm_stream *s = table_get(&a->streams, stream);

        return s ? s->why.fault : FAULT_NONE;
}

/* As the recorder tells of a stream (docs/spec/link.md section 4), of one that it does not have. */
static json_t *key_alarm_stopped(const struct key_alarm_stream *s)
{
        return json_pack("{s:s, s:s, s:b, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:n, s:s, s:s, "
                         "s:s, s:s, s:n, s:s, s:s, s:s, s:s, s:s, s:n}",
                "stream", s->stream, "state", "stopped", "recording", 0, "worker", -1, "bytes",
                (json_int_t)0, "packets", (json_int_t)0, "lost_packets", (json_int_t)0, "units",
                (json_int_t)0, "connects", (json_int_t)0, "segments", (json_int_t)0, "fragments",
                (json_int_t)0, "last_durable", "protection", "open", "tls", "", "cipher", "",
                "camera_key", "", "connected", "error", s->why.text, "fault",
                fault_name(s->why.fault), "remedy", fault_remedy(s->why.fault), "transport", "",
                "carrier", "", "alarm");
}

static const char *key_alarm_name(const json_t *stream)
{
        const char *name = json_string_value(json_object_get(stream, "stream"));

        return name ? name : "";
}

/* Where it belongs in the list, by name. */
static size_t key_alarm_place(const json_t *list, const char *stream)
{
        size_t i = 0;

        while (i < json_array_size(list) &&
                strcmp(key_alarm_name(json_array_get(list, i)), stream) < 0)
                i++;
        return i;
}

void key_alarm_merge(
        const struct key_alarm *a, const char *recorder, const char *after, json_t *status)
{
        json_t *list = json_object_get(status, "streams");
        bool more = json_is_true(json_object_get(status, "more"));
        const struct key_alarm_stream *s;
        size_t at = 0;

        while (json_is_array(list) && (s = table_next(&a->streams, &at))) {
                if (strcmp(s->recorder, recorder) != 0)
                        continue;
                size_t i = key_alarm_place(list, s->stream);
                json_t *there = json_array_get(list, i);
                if (there && strcmp(key_alarm_name(there), s->stream) == 0) {
                        const char *error = json_string_value(json_object_get(there, "error"));
                        if (!error || !error[0])
                                json_object_set_new(there, "error", json_string(s->why.text));
                } else if (s->stopped && strcmp(s->stream, after) > 0 &&
                           (i < json_array_size(list) || !more)) {
                        json_array_insert_new(list, i, key_alarm_stopped(s));
                }
        }
}
