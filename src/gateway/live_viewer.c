/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>

#include "base/str.h"
#include "gateway/codec_text.h"
#include "gateway/live_parts.h"

#define LIVE_SOCKET_HIGH                                                                           \
        (256u << 10) /* bytes that wait in a socket, before the rest waits here                    \
                      */

static int viewer_say(struct live_viewer *v, json_t *message)
{
        char *text = json_dumps(message, JSON_COMPACT | JSON_PRESERVE_ORDER);

        json_decref(message);
        int r = text ? http_socket_send(v->socket, WEBSOCKET_TEXT, bytes_str(text), NULL) : 0;
        free(text);
        return r;
}

static int viewer_say_gap(struct live_viewer *v, struct bytes json)
{
        json_t *gap = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL);

        return gap ? viewer_say(v, json_pack("{s:o}", "gap", gap)) : 0;
}

static int viewer_say_codec(struct live_viewer *v, struct bytes header)
{
        char codec[CODEC_TEXT_ROOM];

        codec_text(header, codec);
        return viewer_say(v, json_pack("{s:s}", "codec", codec));
}

/* One message of the stream, in clear form. */
static int viewer_send(struct live_viewer *v, struct bytes message)
{
        struct media_message m;
        struct bytes body;
        int r = 0;

        if (media_message_parse(message, &m, &body, NULL) < 0)
                abort();                                             /* it was when it came */
        body = bytes_sub(body, 0, body.n - MEDIA_MESSAGE_TAG_BYTES); /* its place alone is kept */
        if (!v->in_thing && m.flags & MEDIA_MESSAGE_SKIPPED) {
                v->live->skips++;
                r = viewer_say(v, json_pack("{s:b}", "skipped", 1));
        }
        if (r == 0 && !v->in_thing && m.kind == MEDIA_MESSAGE_HEADER)
                r = viewer_say_codec(v, body);
        v->in_thing = m.flags & MEDIA_MESSAGE_MORE;
        if (r == 0 && m.kind == MEDIA_MESSAGE_GAP)
                return viewer_say_gap(v, body);
        v->live->bytes_out += body.n;
        return r < 0 ? r : http_socket_send(v->socket, WEBSOCKET_BINARY, body, NULL);
}

static void viewer_close(struct live_viewer *v)
{
        struct http_socket *socket = v->socket;
        const char *code = json_string_value(json_object_get(v->last, "code"));
        uint16_t status = code && strcmp(code, "ok") == 0            ? 1000
                          : code && strcmp(code, "unavailable") == 0 ? 1013
                                                                     : 1008;

        (void)viewer_say(v, json_pack("{s:O}", "ended", v->last));
        live_viewer_free(v);
        http_socket_close(socket, status, "");
}

/* Of recorded footage each fragment's time is said before it, also before it waits for the viewer
 * to want it: that tells him how far away it is. 1: it has its turn; 0: it waits. */
static int viewer_turn(struct live_viewer *v)
{
        const struct hub_thing *t = v->watching ? hub_reader_next(&v->reader) : NULL;
        char at[STR_TIME_ROOM];

        if (!v->playback || !t || t->kind != MEDIA_MESSAGE_FRAGMENT)
                return 1;
        int r = v->said_at ? 0 : viewer_say(v, json_pack("{s:s}", "at", str_time(at, t->time_us)));
        v->said_at = true;
        if (r == 0 && (!v->paced || t->time_us <= v->pace_us)) {
                v->said_at = false;
                r = 1;
        }
        return r;
}

void live_viewer_pump(struct live_viewer *v)
{
        struct buf *out = &v->live->message;

        while (http_socket_queued(v->socket) < LIVE_SOCKET_HIGH) {
                buf_clear(out);
                int r = viewer_turn(v);
                if (r < 0)
                        return; /* its end follows */
                if (r == 0 || !v->watching || !hub_reader_pop(&v->reader, out))
                        break;
                if (hub_reader_credit(&v->reader, out->n, NULL) < 0)
                        abort(); /* it was paid for */
                if (viewer_send(v, buf_bytes(out)) < 0)
                        return; /* its end follows */
                if (v->playback)
                        live_stream_taken(v->stream);
        }
        if (v->last && (!v->watching || hub_reader_empty(&v->reader)))
                viewer_close(v);
}

void live_viewer_push(struct live_viewer *v, struct hub_thing *t)
{
        size_t at = 0;

        if (!v->watching || v->last)
                return;
        if (t->kind == MEDIA_MESSAGE_GAP && !v->reader.begun && !v->reader.header) {
                (void)viewer_send(v, hub_thing_message(t, &at)); /* nothing stands before it */
                return;
        }
        hub_reader_push(&v->reader, t);
        live_viewer_pump(v);
}

void live_viewer_ended(struct live_viewer *v, json_t *body)
{
        if (v->last)
                return;
        v->last = json_copy(body);
        json_object_del(v->last, "subscription");
        live_viewer_pump(v);
}

void live_viewer_end(struct live_viewer *v, bool at_once, const struct err *why)
{
        json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "code", err_name(why->code), "fault",
                fault_name(why->fault), "text", why->text, "remedy", fault_remedy(why->fault));

        if (at_once && v->watching) {
                v->watching = false;
                hub_reader_done(&v->reader);
        }
        if (body)
                live_viewer_ended(v, body);
        json_decref(body);
}
