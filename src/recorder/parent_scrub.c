/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_scrub.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "net/link.h"
#include "os/chan.h"
#include "os/clock.h"
#include "recorder/message_volume.h"
#include "seal/verdict.h"
#include "vault/index_scrub.h"

#define IDLE_MS 10000              /* nothing was due */
#define PAUSE_US INT64_C(60000000) /* of a volume, or a file, that could not be read */
#define MISSING_MAX 64
#define PAGE_MAX 200

struct parent_scrub {
        struct loop *loop;
        struct index *index;
        struct parent_storage *storage;
        uint64_t bytes_a_second;
        struct chan *scrubber; /* NULL: none */
        struct timer next;
        struct buf out;
        uint32_t id; /* of the last question */
        bool asked;  /* one segment is opened or read */
        bool given;  /* it is read */
        struct index_segment segment;
        char crashed[HEAD_KEY_MAX]; /* what a scrubber was reading when it ended */
        /* Not there when they were to be read: retention may just have taken them. A ring. */
        char missing[MISSING_MAX][HEAD_KEY_MAX];
        unsigned missing_at;
        struct {
                uint32_t number;
                int64_t until_us; /* clock_boot_us */
        } pauses[VOLUME_MAX];
};

static void parent_scrub_turn(void *owner);

static void parent_scrub_later(struct parent_scrub *s, unsigned ms)
{
        s->asked = s->given = false;
        timer_start(&s->next, s->loop, ms, 0, parent_scrub_turn, s);
}

/* --- which one --- */

static int64_t *pause_of(struct parent_scrub *s, uint32_t number)
{
        size_t unused = 0;

        for (size_t i = 0; i < ARRAY_LEN(s->pauses); i++) {
                if (s->pauses[i].until_us && s->pauses[i].number == number)
                        return &s->pauses[i].until_us;
                if (s->pauses[i].until_us <= s->pauses[unused].until_us)
                        unused = i;
        }
        s->pauses[unused].number = number;
        s->pauses[unused].until_us = 0;
        return &s->pauses[unused].until_us;
}

/* A disk that is sick has other things to do, and what is read there says nothing. */
static bool can_be_read(struct parent_scrub *s, const struct parent_volume *v)
{
        bool answers = v->fault == FAULT_NONE || v->fault == FAULT_VOLUME_FULL ||
                       v->fault == FAULT_VOLUME_READ_ONLY;

        return v->chan && answers && *pause_of(s, v->entry.number) < clock_boot_us();
}

/* The segment that was looked at longest ago, of all volumes that answer. */
static bool find_next(struct parent_scrub *s, struct index_segment *ret)
{
        int64_t before_us = clock_wall_us() - PARENT_SCRUB_AGE_US;
        const struct parent_volume *v;
        struct index_segment found;
        bool any = false;

        for (unsigned i = 0; (v = parent_storage_each(s->storage, i)); i++) {
                int64_t checked_us;
                if (!can_be_read(s, v) || index_scrub_next(s->index, v->entry.number, before_us,
                                                  &found, &checked_us, NULL) < 0)
                        continue;
                any = true;
                before_us = checked_us;
                *ret = found;
        }
        return any;
}

/* --- what was found --- */

static void note(struct parent_scrub *s, int64_t checked_us, const char *damage)
{
        struct err e;

        if (index_scrub_set(s->index, s->segment.object_key, checked_us, damage, &e) < 0)
                log_error(NULL, "scrub.index", "err=\"%s\"", e.text);
}

/* at_us: of the fragment; unknown where it is the whole file. */
static void note_damage(
        struct parent_scrub *s, enum verdict_kind verdict, int64_t at_us, const char *text)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM], at[STR_TIME_ROOM] = "",
                                                     damage[INDEX_SCRUB_TEXT_MAX + 1];
        const struct parent_volume *v = parent_storage_volume(s->storage, s->segment.volume);
        struct log_ctx log = { 0 }; /* of its own: of a rotten disk each line counts */

        snprintf(log.prefix, sizeof log.prefix, "check=%u", s->id);
        if (at_us > 0)
                str_time(at, at_us);
        snprintf(damage, sizeof damage, "%s%s%s: %s", verdict_name(verdict), at[0] ? " at " : "",
                at, text);
        note(s, clock_wall_us(), damage);
        log_error(&log, "scrub.damaged", "fault=%s volume=%s segment=%s from=%s to=%s found=\"%s\"",
                fault_name(FAULT_VOLUME_DAMAGED), v ? v->entry.name : "?", s->segment.object_key,
                str_time(from, s->segment.first_us), str_time(to, s->segment.last_us), damage);
}

static bool take_missing(struct parent_scrub *s, const char *object_key)
{
        for (unsigned i = 0; i < MISSING_MAX; i++) {
                if (strcmp(s->missing[i], object_key) != 0)
                        continue;
                s->missing[i][0] = '\0';
                return true;
        }
        snprintf(s->missing[s->missing_at++ % MISSING_MAX], HEAD_KEY_MAX, "%s", object_key);
        return false;
}

/* Whoever removes a segment removes the file first and the row after it: what is missing twice, a
 * minute apart, was not removed by us. */
static void on_missing(struct parent_scrub *s)
{
        if (take_missing(s, s->segment.object_key))
                note_damage(s, VERDICT_REMOVED, SEAL_UNKNOWN_US, "the file is not there");
        else
                note(s, clock_wall_us() - PARENT_SCRUB_AGE_US + PAUSE_US, NULL);
}

static void on_result(struct parent_scrub *s, const struct message_scrubbed *m)
{
        const struct parent_volume *v = parent_storage_volume(s->storage, s->segment.volume);

        /* A disk that went away meanwhile: nothing was found out about the segment. */
        if (m->verdict == VERDICT_CANNOT_TELL && (!v || !can_be_read(s, v)))
                return;
        if (m->verdict == VERDICT_AUTHENTIC)
                note(s, clock_wall_us(), NULL);
        else
                note_damage(s, (enum verdict_kind)m->verdict, m->at_us, m->text);
}

/* --- one after the other --- */

static void give(struct parent_scrub *s, int fd)
{
        struct message_scrub m = { .id = ++s->id, .bytes_a_second = s->bytes_a_second };
        struct err e;

        memcpy(m.stream, s->segment.stream, sizeof m.stream);
        memcpy(m.object_key, s->segment.object_key, sizeof m.object_key);
        memcpy(m.last_hash, s->segment.last_hash, sizeof m.last_hash);
        buf_clear(&s->out);
        int r = message_scrub_pack(&m, &s->out, &e);
        if (r == 0 && s->scrubber)
                r = chan_send(s->scrubber, MESSAGE_SCRUB, buf_bytes(&s->out), &fd, 1, &e);
        s->given = r == 0 && s->scrubber;
        if (!s->given)
                parent_scrub_later(s, IDLE_MS);
}

static void on_file(void *owner, int fd, const struct err *why)
{
        struct parent_scrub *s = owner;

        if (fd >= 0) {
                give(s, fd);
                close(fd);
                return;
        }
        if (why->code == ERR_NOT_FOUND)
                on_missing(s);
        else
                *pause_of(s, s->segment.volume) = clock_boot_us() + PAUSE_US;
        parent_scrub_later(s, 0);
}

static void parent_scrub_turn(void *owner)
{
        struct parent_scrub *s = owner;

        if (!s->scrubber || s->asked)
                return;
        if (!find_next(s, &s->segment)) {
                parent_scrub_later(s, IDLE_MS);
                return;
        }
        s->asked = true;
        parent_storage_read(s->storage, s->segment.volume, s->segment.object_key, on_file, s);
}

/* --- the scrubber --- */

static int on_scrubber(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct parent_scrub *s = owner;
        struct message_scrubbed result;

        (void)c;
        if (m->type != MESSAGE_SCRUBBED || m->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u from the scrubber", m->type);
        int r = message_scrubbed_parse(m->body, &result, e);
        if (r < 0)
                return r;
        if (!s->given || result.id != s->id)
                return err_set(e, ERR_PROTOCOL, "an answer to no question");
        s->crashed[0] = '\0';
        on_result(s, &result);
        parent_scrub_later(s, 0);
        return 0;
}

/* Once may be a kill; what ends two in a row does it by itself. */
static void on_scrubber_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent_scrub *s = owner;

        log_info(NULL, "scrub.scrubber_gone", "err=\"%s\"", e->text);
        s->scrubber = chan_free(c);
        if (s->given && strcmp(s->crashed, s->segment.object_key) == 0) {
                s->crashed[0] = '\0';
                note_damage(s, VERDICT_CANNOT_TELL, SEAL_UNKNOWN_US,
                        "what looks at it ends at it, again and again");
        } else if (s->given) {
                snprintf(s->crashed, sizeof s->crashed, "%s", s->segment.object_key);
        }
        if (s->given)
                s->asked = s->given = false;
}

void parent_scrub_attach(struct parent_scrub *s, int fd)
{
        static const struct chan_events events = { on_scrubber, on_scrubber_end };

        if (s->bytes_a_second == 0) {
                close(fd);
                return;
        }
        if (s->given)
                s->asked = s->given = false;
        chan_free(s->scrubber);
        s->scrubber = chan_new(s->loop, fd, &events, s);
        if (!s->asked)
                parent_scrub_later(s, 0);
}

struct parent_scrub *parent_scrub_new(
        struct loop *loop, struct index *index, struct parent_storage *storage, unsigned mb_s)
{
        struct parent_scrub *s = xcalloc(1, sizeof *s);

        s->loop = loop;
        s->index = index;
        s->storage = storage;
        s->bytes_a_second = mb_s * UINT64_C(1000000);
        buf_init(&s->out, CHAN_BODY_MAX);
        return s;
}

struct parent_scrub *parent_scrub_free(struct parent_scrub *s)
{
        if (!s)
                return NULL;
        parent_storage_forget(s->storage, s);
        timer_done(&s->next);
        chan_free(s->scrubber);
        buf_done(&s->out);
        free(s);
        return NULL;
}

/* --- storage.damage --- */

struct damage_page {
        const struct parent_scrub *scrub;
        json_t *list;
        size_t bytes, limit;
        bool more;
};

static json_t *time_json(int64_t us)
{
        char text[STR_TIME_ROOM];

        return us > 0 ? json_string(str_time(text, us)) : json_null();
}

static int on_damage(void *owner, const struct index_scrub_damage *d, struct err *e)
{
        struct damage_page *page = owner;
        const struct parent_volume *v =
                parent_storage_volume(page->scrub->storage, d->segment.volume);

        (void)e;
        if (json_array_size(page->list) == page->limit || page->bytes >= LINK_PAGE_BYTES) {
                page->more = true;
                return 1;
        }
        json_t *o = json_pack("{s:I, s:s, s:s, s:s, s:o, s:o, s:s, s:o}", "number",
                (json_int_t)d->segment.id, "volume", v ? v->entry.name : "", "object_key",
                d->segment.object_key, "stream", d->segment.stream, "from",
                time_json(d->segment.first_us), "to", time_json(d->segment.last_us), "text",
                d->text, "checked", time_json(d->checked_us));
        page->bytes += link_json_bytes(o);
        json_array_append_new(page->list, o);
        return 0;
}

int parent_scrub_damage(const struct parent_scrub *s, json_t *body, json_t **ret, struct err *e)
{
        struct damage_page page = { .scrub = s };
        json_int_t after = 0, limit = PAGE_MAX;
        json_error_t why;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s?:I, s?:I}", "after", &after, "limit", &limit) < 0)
                return err_set(e, ERR_INVALID, "storage.damage: %s", why.text);
        if (limit < 1 || limit > PAGE_MAX)
                return err_set(e, ERR_INVALID, "storage.damage: limit is 1 to %d", PAGE_MAX);
        page.limit = (size_t)limit;
        page.list = json_array();
        int r = index_scrub_damaged(s->index, after, (unsigned)limit + 1, on_damage, &page, e);
        if (r < 0) {
                json_decref(page.list);
                return r;
        }
        *ret = json_pack("{s:o, s:b}", "segments", page.list, "more", page.more);
        return 0;
}
