/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/audit_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "trust/audit_walk.h"

#define AUDIT_READER_BROKEN_MAX 20          /* that are named */
#define AUDIT_READER_PAGE_BYTES (80u << 10) /* of lines in a page: a message has room for it */
/* Lines stand as they were written. The clock may have been set back meanwhile, and a search by
 * time goes on so far behind its beginning. */
#define AUDIT_READER_CLOCK_US INT64_C(86400000000)

struct audit_reader_broken {
        uint64_t line, at;
        char why[ERR_TEXT_BYTES];
};

/* What a piece of work needs; the loop leaves it alone until it is done. */
struct audit_reader_job {
        uv_work_t work;
        struct audit_reader *reader;
        struct audit_look look;
        bool page; /* else the check alone */
        struct audit_reader_wish wish;
        uint64_t tag;
        /* Its page */
        json_t *items;
        uint64_t at;
        size_t bytes;
        int64_t seen_us; /* the last line that was looked at; 0: none */
        bool ends;       /* what is before was made before what is asked for */
        struct err why;
};

struct audit_reader {
        struct loop *loop;
        struct audit *audit;
        audit_reader_then then;
        void *owner;
        int fd; /* owned: a piece may run on behind the log's own end */
        bool running, dead;
        struct audit_reader_job job;
        struct {
                struct audit_reader_wish wish;
                uint64_t tag;
        } waiting[AUDIT_READER_WAITING];
        unsigned waiting_n;
        /* The check; the job's while it runs. */
        struct audit_walk check;
        uint64_t changes;
        struct audit_reader_broken broken[AUDIT_READER_BROKEN_MAX];
        uint64_t broken_n;
};

/* --- the check --- */

static void audit_reader_see(void *owner, const struct audit_walk_line *line)
{
        struct audit_reader *r = owner;

        if (!line->why)
                return;
        if (r->broken_n < AUDIT_READER_BROKEN_MAX) {
                struct audit_reader_broken *b = &r->broken[r->broken_n];
                b->line = line->number;
                b->at = line->at;
                snprintf(b->why, sizeof b->why, "%s", line->why->text);
        }
        r->broken_n++;
}

/* It ends otherwise than this process has written it: known while it runs, unlike what was cut off
 * before. */
static bool audit_reader_cut(const struct audit_reader *r, const struct audit_look *look)
{
        return r->check.at == look->length && look->chain.n &&
               memcmp(r->check.chain.last, look->chain.last, sizeof look->chain.last) != 0;
}

static json_t *audit_reader_chain(const struct audit_reader *r, const struct audit_look *look)
{
        const bool cut = audit_reader_cut(r, look), all = r->check.at >= look->length;
        char last[2 * AUDIT_LINE_HASH_BYTES + 1];
        json_t *broken = json_array();

        for (uint64_t i = 0; i < r->broken_n && i < AUDIT_READER_BROKEN_MAX; i++)
                json_array_append_new(broken,
                        json_pack("{s:I, s:I, s:s}", "line", (json_int_t)r->broken[i].line, "at",
                                (json_int_t)r->broken[i].at, "why", r->broken[i].why));
        if (cut)
                json_array_append_new(broken,
                        json_pack("{s:I, s:I, s:s}", "line", (json_int_t)(r->check.lines + 1), "at",
                                (json_int_t)r->check.at, "why",
                                "the log ends otherwise than it was written: its end was cut off "
                                "or made anew"));
        str_hex(last, BYTES(r->check.chain.last, sizeof r->check.chain.last));
        return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o, s:s}", "state",
                r->broken_n || cut ? "broken"
                : all              ? "whole"
                                   : "checking",
                "lines", (json_int_t)r->check.lines, "bytes", (json_int_t)r->check.at,
                "bytes_total", (json_int_t)look->length, "broken_total",
                (json_int_t)(r->broken_n + cut), "broken", broken, "last", last);
}

/* --- a page --- */

static bool audit_reader_is_of(const json_t *line, const char *person)
{
        const char *by = json_string_value(json_object_get(line, "by"));
        const char *about = json_string_value(json_object_get(line, "person"));
        size_t n = strlen(person);

        if (about && strcasecmp(about, person) == 0)
                return true;
        return by && strncasecmp(by, person, n) == 0 &&
               (by[n] == '\0' || strncmp(by + n, " (gateway ", 10) == 0);
}

static bool audit_reader_is_type(const json_t *line, const char *type)
{
        const char *event = json_string_value(json_object_get(line, "event"));
        size_t n = strlen(type);

        return event && strncmp(event, type, n) == 0 && (event[n] == '\0' || event[n] == '.');
}

/* The line as people read it; what is no line has none of it. */
static json_t *audit_reader_item(uint64_t at, json_t *line)
{
        static const char *const named[] = { "v", "n", "time", "event", "previous", "hash" };
        json_t *told = json_copy(line);
        const char *hash = json_string_value(json_object_get(line, "hash"));

        for (size_t i = 0; i < ARRAY_LEN(named); i++)
                json_object_del(told, named[i]);
        return json_pack("{s:I, s:O, s:O, s:O, s:o, s:s}", "at", (json_int_t)at, "n",
                json_object_get(line, "n"), "time", json_object_get(line, "time"), "event",
                json_object_get(line, "event"), "told", told, "hash", hash ? hash : "");
}

static json_t *audit_reader_no_line(uint64_t at)
{
        return json_pack("{s:I, s:n, s:n, s:s, s:{}, s:s}", "at", (json_int_t)at, "n", "time",
                "event", "", "told", "hash", "");
}

static bool audit_reader_take(void *owner, uint64_t at, struct bytes text)
{
        struct audit_line_chain unknown = { 0 };
        struct audit_reader_job *j = owner;
        const struct audit_reader_wish *w = &j->wish;
        json_t *line = NULL, *item = NULL;
        bool any = !w->person[0] && !w->type[0] && w->from_us == 0 && w->until_us == INT64_MAX;
        int64_t time_us = 0;

        if (json_array_size(j->items) >= w->limit || j->ends)
                return false;
        /* What is wrong with it is the check's to say. */
        if (audit_line_parse(&unknown, text, &line, NULL) < 0 && !line && !any)
                return true;
        if (line && str_parse_time(
                            json_string_value(json_object_get(line, "time")), &time_us, NULL) < 0)
                time_us = 0;
        if (line && (!w->person[0] || audit_reader_is_of(line, w->person)) &&
                (!w->type[0] || audit_reader_is_type(line, w->type)) && time_us >= w->from_us &&
                time_us <= w->until_us)
                item = audit_reader_item(at, line);
        else if (!line)
                item = audit_reader_no_line(at);
        json_decref(line);
        if (item && j->bytes + text.n > AUDIT_READER_PAGE_BYTES && json_array_size(j->items)) {
                json_decref(item);
                return false;
        }
        if (time_us) {
                j->seen_us = time_us;
                j->ends = w->from_us > AUDIT_READER_CLOCK_US &&
                          time_us < w->from_us - AUDIT_READER_CLOCK_US;
        }
        if (item) {
                j->bytes += text.n < AUDIT_LINE_MAX ? text.n : 0;
                json_array_append_new(j->items, item);
        }
        return true;
}

static json_t *audit_reader_answer(const struct audit_reader *r, struct audit_reader_job *j)
{
        bool more = j->at > 0 && !j->ends;
        char time[STR_TIME_ROOM];

        return json_pack("{s:O, s:b, s:o, s:o, s:o}", "items", j->items, "more", more, "after",
                more ? json_integer((json_int_t)j->at) : json_null(), "searched",
                j->seen_us ? json_string(str_time(time, j->seen_us)) : json_null(), "chain",
                audit_reader_chain(r, &j->look));
}

/* --- in the pool, one at a time --- */

static void audit_reader_work(uv_work_t *work)
{
        struct audit_reader_job *j = work->data;
        struct audit_reader *r = j->reader;

        int done = audit_walk_on(
                &r->check, r->fd, j->look.length, AUDIT_READER_BYTES, audit_reader_see, r, &j->why);
        if (done == 0 && j->page)
                done = audit_walk_back(
                        r->fd, &j->at, AUDIT_READER_BYTES, audit_reader_take, j, &j->why);
        if (done == 0)
                j->why.code = 0;
}

static void audit_reader_free_now(struct audit_reader *r)
{
        audit_walk_done(&r->check);
        json_decref(r->job.items);
        if (r->fd >= 0)
                close(r->fd);
        free(r);
}

static void audit_reader_go_on(struct audit_reader *r);

static void audit_reader_on_done(uv_work_t *work, int status)
{
        struct audit_reader_job *j = work->data;
        struct audit_reader *r = j->reader;
        json_t *body = NULL;

        r->running = false;
        if (r->dead) {
                audit_reader_free_now(r);
                return;
        }
        if (status < 0)
                err_set(&j->why, ERR_CANCELLED, "the log was not read: %s", uv_strerror(status));
        if (j->page && j->why.code == 0)
                body = audit_reader_answer(r, j);
        json_decref(j->items);
        j->items = NULL;
        const struct err why = j->why;
        const uint64_t tag = j->tag;
        const bool page = j->page;
        if (why.code == 0)
                audit_reader_go_on(r);
        if (page)
                r->then(r->owner, tag, body, &why);
        else if (why.code < 0)
                log_warn(NULL, "audit.not_checked", "err=\"%s\"", why.text);
        if (why.code < 0 && r->waiting_n)
                audit_reader_go_on(r);
}

static void audit_reader_look(struct audit_reader *r)
{
        struct audit_reader_job *j = &r->job;

        if (audit_see(r->audit, &j->look, &j->why) < 0)
                return;
        j->why.code = 0;
        if (r->changes == j->look.changes && r->check.at <= j->look.length)
                return;
        r->changes = j->look.changes;
        audit_walk_done(&r->check);
        r->broken_n = 0;
}

static void audit_reader_start(struct audit_reader *r, bool page)
{
        struct audit_reader_job *j = &r->job;

        j->page = page;
        if (page) {
                j->wish = r->waiting[0].wish;
                j->tag = r->waiting[0].tag;
                r->waiting_n--;
                memmove(r->waiting, r->waiting + 1, r->waiting_n * sizeof r->waiting[0]);
                j->items = json_array();
        }
        j->at = page && j->wish.after && j->wish.after < j->look.length ? j->wish.after
                                                                        : j->look.length;
        j->bytes = 0;
        j->seen_us = 0;
        j->ends = false;
        j->reader = r;
        j->work.data = j;
        r->running = true;
        uv_queue_work(loop_uv(r->loop), &j->work, audit_reader_work, audit_reader_on_done);
}

/* The next page, else what is left to check. */
static void audit_reader_go_on(struct audit_reader *r)
{
        if (r->running)
                return;
        audit_reader_look(r);
        if (r->waiting_n)
                audit_reader_start(r, true);
        else if (r->job.why.code == 0 && r->check.at < r->job.look.length)
                audit_reader_start(r, false);
}

/* --- for others --- */

struct audit_reader *audit_reader_new(
        struct loop *l, struct audit *a, audit_reader_then then, void *owner)
{
        struct audit_reader *r = xcalloc(1, sizeof *r);
        struct audit_look look;

        r->loop = l;
        r->audit = a;
        r->then = then;
        r->owner = owner;
        r->fd = audit_see(a, &look, NULL) == 0 ? fcntl(look.fd, F_DUPFD_CLOEXEC, 3) : -1;
        return r;
}

struct audit_reader *audit_reader_free(struct audit_reader *r)
{
        if (!r)
                return NULL;
        r->dead = true;
        if (!r->running)
                audit_reader_free_now(r);
        return NULL;
}

int audit_reader_ask(
        struct audit_reader *r, const struct audit_reader_wish *wish, uint64_t tag, struct err *e)
{
        struct audit_look look;

        int done = audit_see(r->audit, &look, e);
        if (done < 0)
                return done;
        if (r->fd < 0)
                return err_set(e, ERR_UNAVAILABLE, "the audit log cannot be read back");
        if (r->waiting_n == AUDIT_READER_WAITING)
                return err_set(e, ERR_UNAVAILABLE, "too many read the audit log at this moment");
        r->waiting[r->waiting_n].wish = *wish;
        r->waiting[r->waiting_n].tag = tag;
        r->waiting_n++;
        audit_reader_go_on(r);
        return 0;
}
