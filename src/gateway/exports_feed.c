/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subscription of an export at its recorder. */
#include <stdlib.h>

#include "base/log.h"
#include "gateway/exports_parts.h"
#include "gateway/grant_key.h"
#include "net/link.h"

#define EXPORT_FEED_PART (256u << 10) /* to the reader at once */

static void exports_feed_tell(struct export_job *j, const char *type, json_t *body)
{
        /* Nobody waits for it; where the link is full, its end follows. */
        if (!gateway_links_ask_recorder(j->exports->links, j->recorder, type, body, NULL, NULL))
                log_warn(NULL, "recorder.not_told", "recorder=%s message=%s", j->recorder, type);
}

void exports_feed_close(struct export_job *j)
{
        gateway_links_forget(j->exports->links, j->ticket);
        j->ticket = 0;
        if (j->open ||
                j->shown) /* where it was asked and has not answered, it may have opened it */
                exports_feed_tell(j, "media.close",
                        json_pack("{s:I}", "subscription", (json_int_t)j->subscription));
        j->open = false;
        own_freep(&j->shown);
        j->shown = NULL;
        j->box = media_box_free(j->box);
        j->hash = hash_free(j->hash);
        buf_done(&j->waits);
}

/* --- grants before the recorder --- */

static void exports_feed_on_shown(void *owner, const struct gateway_answer *a)
{
        struct export_job *j = owner;
        CLEANUP(own_freep) char *shown = TAKE(j->shown);
        struct err why;
        int r = 0;

        j->ticket = 0;
        if (!a->body) {
                exports_job_fail(j, a->why, a->remedy);
                return;
        }
        if (!j->open) {
                j->open = true;
                r = grant_key_open(j->exports->private_key, j->stream, shown,
                        json_string_value(json_object_get(a->body, "wrap")), &j->box, &why);
        }
        if (r < 0)
                exports_job_fail(j, &why, NULL);
}

static json_t *exports_feed_question(const struct export_job *j)
{
        json_t *body = json_pack(
                "{s:I, s:s}", "subscription", (json_int_t)j->subscription, "grant", j->shown);

        if (j->open)
                return body;
        json_object_set_new(body, "use", json_string("export"));
        json_object_set_new(body, "stream", json_string(j->stream));
        json_object_set_new(body, "credit", json_integer(EXPORTS_WINDOW));
        json_object_set_new(body, "from", json_string(j->from));
        json_object_set_new(body, "until", json_string(j->until));
        json_object_set_new(body, "without_audio", json_boolean(j->without_audio));
        return body;
}

void exports_feed_show(struct export_job *j)
{
        struct exports *x = j->exports;
        struct err why;

        if (!j->open) {
                x->subscriptions =
                        (x->subscriptions + 1) % (INT32_MAX - EXPORTS_SUBSCRIPTION_FIRST);
                j->subscription = EXPORTS_SUBSCRIPTION_FIRST + x->subscriptions;
                j->parts = (struct export_text_parts){ 0 };
                j->owed = 0;
                j->hash = hash_new();
                hash_start(j->hash);
                buf_init(&j->waits, EXPORTS_WINDOW);
        }
        j->shown = TAKE(j->grant);
        j->ticket = gateway_links_ask_recorder(x->links, j->recorder,
                j->open ? "media.grant" : "media.open", exports_feed_question(j),
                exports_feed_on_shown, j);
        if (j->ticket)
                return;
        own_freep(&j->shown);
        j->shown = NULL;
        err_fault(&why, ERR_UNAVAILABLE, FAULT_NO_CONNECTION,
                "recorder %s is not connected to this gateway at the moment", j->recorder);
        exports_job_fail(j, &why, NULL);
}

/* --- to the reader --- */

static void exports_feed_pay(struct export_job *j)
{
        if (j->owed < EXPORTS_WINDOW / 4 || !j->open)
                return;
        exports_feed_tell(j, "media.credit",
                json_pack("{s:I, s:I}", "subscription", (json_int_t)j->subscription, "bytes",
                        (json_int_t)j->owed));
        j->owed = 0;
}

void exports_feed_pump(struct export_job *j)
{
        size_t gone = 0;
        struct err e;

        while (j->reader && gone < j->waits.n) {
                struct bytes part = bytes_sub(buf_bytes(&j->waits), gone, EXPORT_FEED_PART);
                int r = j->reader->on_part(j->owner, part, &e);
                if (r == ERR_EXHAUSTED)
                        break;
                if (r < 0) {
                        exports_job_fail(j, &e, NULL);
                        return;
                }
                hash_update(j->hash, part);
                gone += part.n;
        }
        if (!j->reader)
                return;
        buf_consume(&j->waits, gone);
        j->bytes += gone;
        if (j->expected && j->bytes == j->expected)
                exports_job_done(j);
        else if (j->waits.n == 0) /* else it waits for who reads */
                exports_feed_pay(j);
}

/* --- what comes --- */

static struct export_job *exports_feed_of(
        struct exports *x, const char *recorder, json_int_t subscription)
{
        for (struct export_job *j = x->jobs; j; j = j->next)
                if (j->reader && j->subscription == subscription &&
                        strcmp(j->recorder, recorder) == 0)
                        return j;
        return NULL;
}

static int exports_feed_take(
        struct export_job *j, const struct media_message *m, struct bytes plain, struct err *e)
{
        int r = export_text_take(&j->parts, m, plain, e);

        if (r == 1) {
                j->expected = j->parts.bytes;
                j->reader->on_begin(j->owner, j->expected);
        }
        return r == 0 ? buf_append(&j->waits, plain, e) : r < 0 ? r : 0;
}

int exports_on_media(struct exports *x, const char *recorder, struct bytes message, struct err *e)
{
        uint8_t aad[MEDIA_MESSAGE_HEADER_BYTES];
        struct media_message m;
        struct bytes sealed;
        struct err why;

        int r = media_message_parse(message, &m, &sealed, e);
        if (r < 0)
                return r;
        struct export_job *j = exports_feed_of(x, recorder, m.subscription);
        if (!j || !j->box)
                return 0; /* it was closed just now */
        media_message_aad(&m, aad);
        buf_clear(&x->plain);
        r = media_box_open(j->box, m.number, BYTES(aad, sizeof aad), sealed, &x->plain, &why);
        if (r == 0)
                r = exports_feed_take(j, &m, buf_bytes(&x->plain), &why);
        if (r < 0) {
                exports_job_fail(j, &why, "Try again; the recorder's log may say more.");
                return 0;
        }
        j->owed += message.n;
        exports_feed_pump(j);
        return 0;
}

bool exports_is_theirs(struct bytes message)
{
        struct media_message m;
        struct bytes sealed;

        return media_message_parse(message, &m, &sealed, NULL) == 0 &&
               m.subscription >= EXPORTS_SUBSCRIPTION_FIRST;
}

/* Whole it is by its length alone; whoever says the end says it about what is not. */
static void exports_feed_ended(struct export_job *j, const json_t *body)
{
        const char *code = json_string_value(json_object_get(body, "code"));
        const char *fault = json_string_value(json_object_get(body, "fault"));
        const char *text = json_string_value(json_object_get(body, "text"));
        const char *remedy = json_string_value(json_object_get(body, "remedy"));
        struct err why;

        j->open = false; /* there is nothing to close */
        if (code && strcmp(code, "ok") == 0 && j->expected && j->parts.received == j->expected)
                return; /* the rest waits for who reads */
        if (code && strcmp(code, "ok") == 0)
                err_set(&why, ERR_PROTOCOL, "the recorder ended before the file was whole");
        else
                err_fault(&why, link_code(code ? code : ""), fault_find(fault ? fault : ""), "%s",
                        text ? text : "the recorder says no reason");
        exports_job_fail(j, &why, remedy);
}

void exports_on_recorder_event(
        struct exports *x, const char *recorder, const char *type, json_t *body)
{
        if (strcmp(type, "media.ended") != 0)
                return;
        struct export_job *j = exports_feed_of(
                x, recorder, json_integer_value(json_object_get(body, "subscription")));
        if (j)
                exports_feed_ended(j, body);
}

void exports_on_recorder_gone(struct exports *x, const char *recorder)
{
        struct export_job *next;
        struct err why;

        for (struct export_job *j = x->jobs; j; j = next) {
                next = j->next;
                if (!j->reader || strcmp(j->recorder, recorder) != 0)
                        continue;
                j->open = false;
                err_fault(&why, ERR_UNAVAILABLE, FAULT_NO_CONNECTION,
                        "the recorder is not connected any more");
                exports_job_fail(j, &why, NULL);
        }
}
