/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/sealer_grants.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "os/clock.h"
#include "os/file.h"
#include "trust/audit_file.h"

#define SEALER_GRANTS_WAITING_MAX 64
#define SEALER_GRANTS_KNOWN_MAX 1024
#define SEALER_GRANTS_SKEW_US (INT64_C(1000000) * CAPABILITY_SKEW_S)
#define SEALER_GRANTS_STREAM_ROOM 96

/* What is asked and waits for its line. */
struct sealer_grants_job {
        struct sealer_grants_job *next;
        uint32_t watch;
        char stream[SEALER_GRANTS_STREAM_ROOM];
        enum capability_use use;
        struct capability c;
        struct buf token;
        sealer_grants_on_taken on_taken;
        void *owner;
};

/* What is in the log already, for as long as it is good. */
struct sealer_grants_known {
        uint8_t id[16];
        char stream[SEALER_GRANTS_STREAM_ROOM];
        enum capability_use use; /* 0: free */
        int64_t until_us;
};

struct sealer_grants {
        struct loop *loop;
        struct grant_trust *trust; /* NULL: untrusted says why */
        struct audit_file log;     /* fd 0: unlogged says why */
        struct err untrusted, unlogged;
        struct sealer_grants_job *waiting, **waiting_tail, *batch;
        unsigned waiting_n;
        struct buf lines; /* of the batch */
        struct iovec iov;
        struct audit_line_chain before; /* the batch */
        struct sealer_grants_known known[SEALER_GRANTS_KNOWN_MAX];
        unsigned known_next;
        bool freed;
};

struct sealer_grants *sealer_grants_open(const char *state, struct loop *l)
{
        struct sealer_grants *g = xcalloc(1, sizeof *g);
        struct err broken = { 0 };
        char path[4200];

        g->loop = l;
        g->waiting_tail = &g->waiting;
        buf_init(&g->lines, SEALER_GRANTS_WAITING_MAX * (AUDIT_LINE_MAX + 2));
        if (grant_trust_read(state, &g->trust, &g->untrusted) < 0)
                log_error(NULL, "grants.untrusted", "effect=\"nothing is shown\" err=\"%s\"",
                        g->untrusted.text);
        snprintf(path, sizeof path, "%.4000s/recorder/grants.log", state);
        if (audit_file_open(path, &g->log, &broken, &g->unlogged) < 0)
                log_error(NULL, "grants.not_logged", "effect=\"nothing is shown\" err=\"%s\"",
                        g->unlogged.text);
        if (broken.code < 0)
                log_error(NULL, "grants.broken",
                        "line=last err=\"%s\" check=\"custos audit verify %s\"", broken.text, path);
        return g;
}

static void sealer_grants_job_free(struct sealer_grants_job *job)
{
        buf_done(&job->token);
        free(job);
}

static void sealer_grants_tell(
        struct sealer_grants_job *job, const struct capability *c, const struct err *why)
{
        const struct sealer_grants_answer a = { .watch = job->watch,
                .stream = job->stream,
                .token = buf_bytes(&job->token),
                .c = c,
                .why = why };

        job->on_taken(job->owner, &a);
        sealer_grants_job_free(job);
}

/* All of a list: taken where why is NULL. */
static void sealer_grants_tell_all(struct sealer_grants_job *job, const struct err *why)
{
        while (job) {
                struct sealer_grants_job *next = job->next;
                sealer_grants_tell(job, why ? NULL : &job->c, why);
                job = next;
        }
}

static void sealer_grants_release(struct sealer_grants *g)
{
        audit_file_close(&g->log);
        grant_trust_free(g->trust);
        buf_done(&g->lines);
        free(g);
}

struct sealer_grants *sealer_grants_free(struct sealer_grants *g)
{
        const struct err why = { .code = ERR_CANCELLED, .text = "the sealer ends" };

        if (!g)
                return NULL;
        bool writing = g->batch != NULL;
        sealer_grants_tell_all(TAKE(g->batch), &why);
        sealer_grants_tell_all(TAKE(g->waiting), &why);
        g->freed = true;
        if (!writing) /* else with the write */
                sealer_grants_release(g);
        return NULL;
}

int sealer_grants_crls(struct sealer_grants *g, struct bytes crls_pem, struct err *e)
{
        if (!g->trust) {
                *e = g->untrusted;
                return e->code;
        }
        return grant_trust_crls(g->trust, crls_pem, e);
}

/* --- the log --- */

static bool sealer_grants_is_known(
        const struct sealer_grants *g, const struct sealer_grants_job *job, int64_t now_us)
{
        for (unsigned i = 0; i < SEALER_GRANTS_KNOWN_MAX; i++) {
                const struct sealer_grants_known *k = &g->known[i];
                if (k->use == job->use && k->until_us > now_us &&
                        memcmp(k->id, job->c.id, sizeof k->id) == 0 &&
                        strcmp(k->stream, job->stream) == 0)
                        return true;
        }
        return false;
}

/* The oldest one goes: at worst a grant has two lines. */
static void sealer_grants_know(struct sealer_grants *g, const struct sealer_grants_job *job)
{
        struct sealer_grants_known *k = &g->known[g->known_next++ % SEALER_GRANTS_KNOWN_MAX];

        memcpy(k->id, job->c.id, sizeof k->id);
        memcpy(k->stream, job->stream, sizeof k->stream);
        k->use = job->use;
        k->until_us = job->c.expires_us + SEALER_GRANTS_SKEW_US;
}

static const char *sealer_grants_use(enum capability_use use)
{
        return use == CAPABILITY_LIVE ? "live" : use == CAPABILITY_PLAYBACK ? "playback" : "export";
}

static json_t *sealer_grants_fields(const struct sealer_grants_job *job)
{
        const struct capability *c = &job->c;
        char id[2 * sizeof c->id + 1], time[STR_TIME_ROOM];
        json_t *fields = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "grant",
                str_hex(id, BYTES(c->id, sizeof c->id)), "person", c->person, "gateway", c->gateway,
                "use", sealer_grants_use(job->use), "stream", job->stream, "expires",
                str_time(time, c->expires_us));

        if (job->use == CAPABILITY_LIVE)
                return fields;
        json_object_set_new(fields, "from", json_string(str_time(time, c->from_us)));
        json_object_set_new(fields, "until", json_string(str_time(time, c->until_us)));
        if (job->use == CAPABILITY_EXPORT) {
                json_object_set_new(fields, "receiver", json_string(c->receiver));
                json_object_set_new(fields, "purpose", json_string(c->purpose));
        }
        return fields;
}

static int sealer_grants_format(struct sealer_grants *g, struct err *e)
{
        const int64_t now_us = clock_wall_us();
        int r = 0;

        buf_clear(&g->lines);
        g->before = g->log.chain;
        for (const struct sealer_grants_job *job = g->batch; job && r == 0; job = job->next) {
                json_t *fields = sealer_grants_fields(job);
                r = audit_line_format(&g->log.chain, now_us, "grant.taken", fields, &g->lines, e);
                json_decref(fields);
        }
        return r;
}

static void sealer_grants_begin(struct sealer_grants *g);

/* The batch is durable, or why it is not. */
static void sealer_grants_settle(struct sealer_grants *g, const struct err *failed)
{
        struct sealer_grants_job *batch = TAKE(g->batch);
        struct err why;

        if (!failed) {
                for (const struct sealer_grants_job *job = batch; job; job = job->next)
                        sealer_grants_know(g, job);
                g->log.length += g->lines.n;
        } else {
                g->log.chain = g->before;
                log_error(NULL, "grants.not_logged", "effect=\"nothing is shown\" err=\"%s\"",
                        failed->text);
                err_fault(&why, ERR_IO, FAULT_GRANT_NOT_LOGGED, "the log of grants: %s",
                        failed->text);
        }
        /* The next ones first: whoever is told may ask for more. */
        sealer_grants_begin(g);
        sealer_grants_tell_all(batch, failed ? &why : NULL);
}

static void sealer_grants_on_written(void *owner, int result, const struct err *e)
{
        struct sealer_grants *g = owner;

        if (g->freed)
                sealer_grants_release(g);
        else
                sealer_grants_settle(g, result < 0 ? e : NULL);
}

/* All that waits, in one write and one sync. */
static void sealer_grants_begin(struct sealer_grants *g)
{
        struct err e;

        if (g->batch || !g->waiting)
                return;
        g->batch = TAKE(g->waiting);
        g->waiting_tail = &g->waiting;
        g->waiting_n = 0;
        if (sealer_grants_format(g, &e) < 0) {
                sealer_grants_settle(g, &e);
                return;
        }
        g->iov = (struct iovec){ .iov_base = g->lines.p, .iov_len = g->lines.n };
        (void)file_append_start(
                g->loop, g->log.fd, &g->iov, 1, g->log.length, sealer_grants_on_written, g);
}

/* --- taking --- */

static int sealer_grants_check(struct sealer_grants *g, struct sealer_grants_job *job,
        struct bytes token, int64_t now_us, struct err *e)
{
        if (!g->trust)
                return err_set(e, ERR_UNAVAILABLE, "%s", g->untrusted.text);
        const struct capability_trust by = grant_trust_of(g->trust);
        int r = capability_parse(token, &by, now_us, &job->c, e);
        /* Of footage each segment's own time is asked when its key is. */
        if (r == 0)
                r = capability_allows(&job->c, job->use, job->stream, job->c.from_us, e);
        if (r < 0)
                return r;
        if (g->log.fd == 0)
                return err_fault(e, ERR_IO, FAULT_GRANT_NOT_LOGGED, "the log of grants: %s",
                        g->unlogged.text);
        return g->waiting_n < SEALER_GRANTS_WAITING_MAX
                       ? 0
                       : err_set(e, ERR_EXHAUSTED, "too many grants wait for the log");
}

void sealer_grants_take(struct sealer_grants *g, uint32_t watch, const char *stream,
        enum capability_use use, struct bytes token, int64_t now_us,
        sealer_grants_on_taken on_taken, void *owner)
{
        struct sealer_grants_job *job = xcalloc(1, sizeof *job);
        struct err why;

        *job = (struct sealer_grants_job){
                .watch = watch, .use = use, .on_taken = on_taken, .owner = owner
        };
        snprintf(job->stream, sizeof job->stream, "%s", stream);
        buf_init(&job->token, CAPABILITY_TOKEN_MAX);
        int r = sealer_grants_check(g, job, token, now_us, &why);
        if (r == 0)
                r = buf_append(&job->token, token, &why);
        if (r < 0) {
                log_warn(NULL, "grant.refused", "stream=%s fault=%s err=\"%s\"", job->stream,
                        fault_name(why.fault), why.text);
                sealer_grants_tell(job, NULL, &why);
        } else if (sealer_grants_is_known(g, job, now_us)) {
                sealer_grants_tell(job, &job->c, NULL);
        } else {
                *g->waiting_tail = job;
                g->waiting_tail = &job->next;
                g->waiting_n++;
                sealer_grants_begin(g);
        }
}
