/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/exports.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "crypto/random.h"
#include "gateway/exports_parts.h"
#include "os/clock.h"
#include "proto/media_message.h"

#define EXPORTS_TICK_MS 1000
#define EXPORTS_GRANT_S 300
#define EXPORTS_RENEW_US INT64_C(200000000)
#define EXPORTS_AGAIN_US INT64_C(10000000) /* a renewal that failed */
#define EXPORTS_SEEN_US INT64_C(60000000)
#define EXPORTS_ID_BYTES 16
#define EXPORTS_DAMAGED                                                                            \
        "On the recorder's host: custos vault check says more, and custos export --skip-damaged "  \
        "exports the rest."

static void exports_job_forget_grant(struct export_job *j)
{
        if (j->grant)
                explicit_bzero(j->grant, strlen(j->grant));
        own_freep(&j->grant);
        j->grant = NULL;
}

static void exports_job_free(struct export_job *j)
{
        exports_feed_close(j);
        gateway_links_forget(j->exports->links, j->seen_ticket);
        *j->at = j->next;
        if (j->next)
                j->next->at = j->at;
        exports_job_forget_grant(j);
        free(j->receiver);
        free(j->purpose);
        free(j);
}

/* --- its end --- */

void exports_job_fail(struct export_job *j, const struct err *why, const char *remedy)
{
        const struct exports_reader *reader = TAKE(j->reader);
        exports_made made = TAKE(j->on_made);
        void *owner = TAKE(j->owner);

        if (!remedy || !remedy[0])
                remedy = why->code == ERR_CORRUPT ? EXPORTS_DAMAGED : fault_remedy(why->fault);
        exports_feed_close(j);
        exports_job_forget_grant(j);
        snprintf(j->error, sizeof j->error, "%s", why->text);
        snprintf(j->remedy, sizeof j->remedy, "%s", remedy);
        log_warn(NULL, "export.failed", "stream=%s bytes=%" PRIu64 " err=\"%s\"", j->stream,
                j->bytes, why->text);
        if (made) {
                exports_job_free(j);
                made(owner, why, remedy);
                return;
        }
        j->state = EXPORT_FAILED;
        if (reader)
                reader->on_end(owner, why, remedy);
}

void exports_job_done(struct export_job *j)
{
        const struct exports_reader *reader = TAKE(j->reader);
        void *owner = TAKE(j->owner);
        uint8_t hash[HASH_BYTES];

        hash_finish(j->hash, hash);
        str_hex(j->sha256, BYTES(hash, sizeof hash));
        exports_feed_close(j);
        j->state = EXPORT_DONE;
        log_info(NULL, "export.done", "stream=%s bytes=%" PRIu64 " sha256=%s", j->stream, j->bytes,
                j->sha256);
        reader->on_end(owner, NULL, "");
}

/* --- grants --- */

static void exports_job_not_granted(struct export_job *j, const struct err *why, const char *remedy)
{
        bool may_pass = why->code == ERR_UNAVAILABLE || why->code == ERR_TIMEOUT ||
                        why->code == ERR_EXHAUSTED;

        if (j->open && may_pass && clock_boot_us() < j->expires_us)
                j->renew_us = clock_boot_us() + EXPORTS_AGAIN_US;
        else
                exports_job_fail(j, why, remedy);
}

static void exports_job_on_grant(void *owner, const struct gateway_answer *a)
{
        struct export_job *j = owner;
        const char *grant = json_string_value(json_object_get(a->body, "grant"));
        struct err why;

        j->ticket = 0;
        if (!grant) {
                if (a->body)
                        err_set(&why, ERR_PROTOCOL, "the manager made no grant");
                else
                        why = *a->why;
                exports_job_not_granted(j, &why, a->body ? "" : a->remedy);
                return;
        }
        if (j->state != EXPORT_MAKING) {
                exports_job_forget_grant(j);
                j->grant = xstrdup(grant);
                j->renew_us = j->made_us + EXPORTS_RENEW_US;
                j->expires_us = j->made_us + (int64_t)EXPORTS_GRANT_S * 1000000;
                exports_feed_show(j);
                return;
        }
        /* It may be had: that was the question. Each reading has a grant of its own. */
        exports_made made = TAKE(j->on_made);
        void *maker = TAKE(j->owner);
        j->state = EXPORT_READY;
        made(maker, NULL, "");
}

static int exports_job_ask_grant(struct export_job *j, struct err *e)
{
        json_t *body = json_pack("{s:[s], s:[s], s:s, s:i, s:s, s:s, s:s, s:s}", "use", "export",
                "streams", j->stream, "session", j->exports->session, "seconds", EXPORTS_GRANT_S,
                "from", j->from, "until", j->until, "receiver", j->receiver, "purpose", j->purpose);

        j->made_us = clock_boot_us();
        j->ticket = gateway_links_ask(
                j->exports->links, j->session, "grant.make", body, exports_job_on_grant, j);
        return j->ticket ? 0 : err_set(e, ERR_EXHAUSTED, "too many requests wait for the manager");
}

/* --- making --- */

/* Which recorder has it. */
static void exports_job_on_camera(void *owner, const struct gateway_answer *a)
{
        struct export_job *j = owner;
        const char *recorder =
                json_string_value(json_object_get(json_object_get(a->body, "camera"), "recorder"));
        struct err why;
        int r = 0;

        j->ticket = 0;
        if (!a->body) {
                exports_job_fail(j, a->why, a->remedy);
                return;
        }
        if (!recorder || strlen(recorder) >= sizeof j->recorder)
                r = err_set(&why, ERR_PROTOCOL, "the manager does not say which recorder has it");
        else
                snprintf(j->recorder, sizeof j->recorder, "%s", recorder);
        if (r == 0)
                r = exports_job_ask_grant(j, &why);
        if (r < 0)
                exports_job_fail(j, &why, NULL);
}

/* stream, or camera: its main one. */
static int exports_job_read_stream(struct export_job *j, const char *stream, const char *camera,
        char ret_camera[static LIVE_PATH_ROOM], struct err *e)
{
        if (!stream == !camera)
                return err_set(e, ERR_INVALID, "either stream or camera says what is exported");
        int n = snprintf(j->stream, sizeof j->stream, "%s%s", stream ? stream : camera,
                stream ? "" : "-main");
        if (n < 0 || (size_t)n >= sizeof j->stream)
                return err_set(e, ERR_INVALID, "that is no camera's name");
        return live_camera_of(j->stream, ret_camera, e);
}

static int exports_job_read(
        struct export_job *j, json_t *asked, char ret_camera[static LIVE_PATH_ROOM], struct err *e)
{
        const char *stream = NULL, *camera = NULL, *from, *until, *receiver, *purpose;
        int64_t from_us, until_us;
        int without_audio = 0;
        json_error_t why;

        if (json_unpack_ex(asked, &why, JSON_STRICT, "{s?s, s?s, s:s, s:s, s?b, s:s, s:s}",
                    "stream", &stream, "camera", &camera, "from", &from, "until", &until,
                    "without_audio", &without_audio, "receiver", &receiver, "purpose",
                    &purpose) < 0)
                return err_set(e, ERR_INVALID, "%s", why.text);
        if (strlen(from) >= sizeof j->from || strlen(until) >= sizeof j->until)
                return err_set(e, ERR_INVALID, "from and until are times as RFC 3339 has them");
        int r = str_parse_time(from, &from_us, e);
        if (r == 0)
                r = str_parse_time(until, &until_us, e);
        if (r == 0 && from_us > until_us)
                r = err_set(e, ERR_INVALID, "from is behind until");
        if (r == 0)
                r = exports_job_read_stream(j, stream, camera, ret_camera, e);
        if (r < 0)
                return r;
        snprintf(j->from, sizeof j->from, "%s", from);
        snprintf(j->until, sizeof j->until, "%s", until);
        j->receiver = xstrdup(receiver);
        j->purpose = xstrdup(purpose);
        j->without_audio = without_audio != 0;
        return 0;
}

static int exports_admit(struct exports *x, const char *session, struct err *e)
{
        struct export_job *over = NULL, *idle = NULL; /* the oldest: own, of all */
        unsigned all = 0, own = 0;

        for (struct export_job *j = x->jobs; j; j = j->next) {
                bool busy = j->state == EXPORT_MAKING || j->state == EXPORT_RUNNING;
                bool mine = strcmp(j->session, session) == 0;
                all++;
                own += mine;
                if (!busy)
                        idle = j;
                if (mine && !busy && j->state != EXPORT_READY)
                        over = j;
        }
        if (own >= EXPORTS_OF_SESSION_MAX && !over)
                return err_set(e, ERR_EXHAUSTED,
                        "at most %d exports at once in a session: download or delete one",
                        EXPORTS_OF_SESSION_MAX);
        if (own < EXPORTS_OF_SESSION_MAX && all >= EXPORTS_MAX && !idle)
                return err_set(
                        e, ERR_EXHAUSTED, "%d exports at once: try again later", EXPORTS_MAX);
        if (own >= EXPORTS_OF_SESSION_MAX)
                exports_job_free(over);
        else if (all >=
                 EXPORTS_MAX) /* of a session that ended while the manager was away, perhaps */
                exports_job_free(idle);
        return 0;
}

int exports_make(struct exports *x, const struct exports_wish *w, exports_made made, void *owner,
        struct export_job **ret, struct err *e)
{
        struct export_job *j = xcalloc(1, sizeof *j);
        char camera[LIVE_PATH_ROOM] = "";
        uint8_t id[EXPORTS_ID_BYTES];

        j->exports = x;
        int r = exports_job_read(j, w->asked, camera, e);
        if (r == 0)
                r = exports_admit(x, w->session, e);
        if (r == 0) {
                j->ticket = gateway_links_ask(x->links, w->session, "camera.show",
                        json_pack("{s:s}", "name", camera), exports_job_on_camera, j);
                if (!j->ticket)
                        r = err_set(e, ERR_EXHAUSTED, "too many requests wait for the manager");
        }
        if (r < 0) {
                free(j->receiver);
                free(j->purpose);
                free(j);
                return r;
        }
        random_bytes(id, sizeof id);
        str_hex(j->id, BYTES(id, sizeof id));
        str_time(j->made, clock_wall_us());
        snprintf(j->session, sizeof j->session, "%s", w->session);
        snprintf(j->person, sizeof j->person, "%s", w->person);
        j->on_made = made;
        j->owner = owner;
        j->next = x->jobs;
        j->at = &x->jobs;
        if (j->next)
                j->next->at = &j->next;
        x->jobs = j;
        *ret = j;
        return 0;
}

/* --- reading --- */

int exports_read(
        struct export_job *j, const struct exports_reader *reader, void *owner, struct err *e)
{
        struct exports *x = j->exports;
        unsigned running = 0;

        for (const struct export_job *one = x->jobs; one; one = one->next)
                running += one->state == EXPORT_RUNNING;
        if (j->state == EXPORT_MAKING || j->state == EXPORT_RUNNING)
                return err_set(e, ERR_STATE, "this export is being downloaded already");
        if (running >= EXPORTS_RUNNING_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "%d exports are downloaded at once: try again when one is done",
                        EXPORTS_RUNNING_MAX);
        int r = exports_job_ask_grant(j, e);
        if (r < 0)
                return r;
        j->state = EXPORT_RUNNING;
        j->reader = reader;
        j->owner = owner;
        j->bytes = j->expected = 0;
        j->sha256[0] = j->error[0] = j->remedy[0] = '\0';
        return 0;
}

void exports_writable(struct export_job *j)
{
        exports_feed_pump(j);
}

void exports_leave(struct export_job *j)
{
        struct err why;

        if (j->state == EXPORT_MAKING) {
                exports_job_free(j);
                return;
        }
        j->reader = NULL;
        j->owner = NULL;
        err_set(&why, ERR_CANCELLED, "the download was broken off where it was read");
        exports_job_fail(j, &why, "Download it again.");
}

void exports_remove(struct export_job *j)
{
        struct err why;

        if (j->reader) {
                err_set(&why, ERR_CANCELLED, "the export was deleted");
                exports_job_fail(j, &why, "");
        }
        exports_job_free(j);
}

/* --- what is said of them --- */

struct export_job *exports_find(struct exports *x, const char *session, const char *id)
{
        for (struct export_job *j = x->jobs; j; j = j->next)
                if (j->state != EXPORT_MAKING && strcmp(j->id, id) == 0 &&
                        strcmp(j->session, session) == 0)
                        return j;
        return NULL;
}

static json_t *exports_text(const char *text)
{
        json_t *value = text[0] ? json_string(text) : NULL;

        return value ? value : json_null();
}

json_t *exports_show(const struct export_job *j)
{
        static const char *const states[] = { "making", "ready", "running", "done", "failed" };
        char name[EXPORTS_NAME_ROOM];

        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o, "
                         "s:o, s:o}",
                "id", j->id, "state", states[j->state], "stream", j->stream, "from", j->from,
                "until", j->until, "without_audio", j->without_audio, "person", j->person,
                "receiver", j->receiver, "purpose", j->purpose, "made", j->made, "name",
                exports_name(j, name), "bytes", (json_int_t)j->bytes, "bytes_expected",
                j->expected ? json_integer((json_int_t)j->expected) : json_null(), "sha256",
                exports_text(j->sha256), "error", exports_text(j->error), "remedy",
                exports_text(j->remedy));
}

json_t *exports_list(const struct exports *x, const char *session)
{
        json_t *list = json_array();

        for (const struct export_job *j = x->jobs; j; j = j->next)
                if (j->state != EXPORT_MAKING && strcmp(j->session, session) == 0)
                        json_array_append_new(list, exports_show(j));
        return list;
}

/* "2026-11-23T09-00-00Z": no colon, which file systems do not take. */
static void exports_name_time(char to[static STR_TIME_ROOM], const char *time)
{
        int64_t us = 0;

        (void)!str_parse_time(time, &us, NULL); /* it was when it was asked */
        str_time(to, us);
        to[13] = to[16] = '-';
        snprintf(to + 19, STR_TIME_ROOM - 19, "Z");
}

char *exports_name(const struct export_job *j, char to[static EXPORTS_NAME_ROOM])
{
        char from[STR_TIME_ROOM], until[STR_TIME_ROOM];

        exports_name_time(from, j->from);
        exports_name_time(until, j->until);
        snprintf(to, EXPORTS_NAME_ROOM, "%s_%.20s_%.20s.mp4", j->stream, from, until);
        return to;
}

/* --- sessions and time --- */

void exports_session_ended(struct exports *x, const char *session, const char *why)
{
        struct export_job *next;
        struct err e;

        err_fault(&e, ERR_AUTH, FAULT_NOT_SIGNED_IN, "the session has ended: %s", why);
        for (struct export_job *j = x->jobs; j; j = next) {
                next = j->next;
                if (strcmp(j->session, session) != 0)
                        continue;
                bool making = j->state == EXPORT_MAKING;
                if (making || j->reader)
                        exports_job_fail(j, &e, NULL);
                if (!making)
                        exports_job_free(j);
        }
}

static void exports_on_seen(void *owner, const struct gateway_answer *a)
{
        struct export_job *j = owner;
        char session[sizeof j->session];

        j->seen_ticket = 0;
        if (a->body || a->why->code != ERR_AUTH)
                return;
        memcpy(session, j->session, sizeof session);
        exports_session_ended(j->exports, session, "expired");
}

/* Downloading counts as a request. Of each session once; the first of its readers asks. */
void exports_see(struct exports *x)
{
        for (struct export_job *j = x->jobs; j; j = j->next) {
                const struct export_job *first = x->jobs;
                while (!first->reader || strcmp(first->session, j->session) != 0) {
                        if (first == j)
                                break;
                        first = first->next;
                }
                if (j->reader && first == j && !j->seen_ticket)
                        j->seen_ticket = gateway_links_ask(x->links, NULL, "session.seen",
                                json_pack("{s:s}", "session", j->session), exports_on_seen, j);
        }
}

static void exports_job_renew(struct export_job *j, int64_t now_us)
{
        struct err why;

        if (!j->open || !j->reader)
                return;
        if (now_us >= j->expires_us) {
                err_fault(&why, ERR_DENIED, FAULT_GRANT_EXPIRED,
                        "what allowed it has run out, and the manager has not renewed it");
                exports_job_fail(j, &why, NULL);
        } else if (now_us >= j->renew_us && !j->ticket && exports_job_ask_grant(j, &why) < 0) {
                exports_job_not_granted(j, &why, NULL);
        }
}

static void exports_on_tick(void *owner)
{
        int64_t now_us = clock_boot_us();
        struct export_job *next;
        struct exports *x = owner;

        for (struct export_job *j = x->jobs; j; j = next) {
                next = j->next;
                exports_job_renew(j, now_us);
        }
        if (now_us - x->seen_us < EXPORTS_SEEN_US)
                return;
        x->seen_us = now_us;
        exports_see(x);
}

struct exports *exports_new(struct loop *l, struct gateway_links *links)
{
        uint8_t public_key[HPKE_PUBLIC_BYTES];
        struct exports *x = xcalloc(1, sizeof *x);

        x->links = links;
        x->seen_us = clock_boot_us();
        hpke_generate(x->private_key, public_key);
        str_hex(x->session, BYTES(public_key, sizeof public_key));
        buf_init(&x->plain, MEDIA_MESSAGE_MAX);
        timer_start(&x->tick, l, EXPORTS_TICK_MS, EXPORTS_TICK_MS, exports_on_tick, x);
        return x;
}

struct exports *exports_free(struct exports *x)
{
        if (!x)
                return NULL;
        timer_done(&x->tick);
        while (x->jobs)
                exports_job_free(x->jobs);
        explicit_bzero(x->private_key, sizeof x->private_key);
        buf_done(&x->plain);
        free(x);
        return NULL;
}
