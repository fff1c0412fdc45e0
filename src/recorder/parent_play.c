/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_play.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "os/chan.h"
#include "recorder/parent_storage.h"
#include "trust/capability.h"
#include "vault/index.h"

/* A segment is no longer: where the next one is looked for begins behind the last one. */
#define PARENT_PLAY_BACK_US INT64_C(120000000)
/* Of a key file: that of its segment, the one before, the one behind. */
#define PARENT_PLAY_HOURS 3
#define HOUR_US INT64_C(3600000000)

struct parent_play {
        struct parent *parent;
        uint32_t number;
        struct message_play asked; /* without its token */
        struct buf token;          /* until the player has it */
        const struct parent_play_events *events;
        void *owner;
        struct chan *player; /* NULL until the supervisor has begun it */
        struct timer idle;
        bool over;
        bool reading; /* a volume opens a file for it */
        /* What it is fed with. */
        bool any;
        struct index_segment segment; /* the last one; any: there was one */
        uint8_t key_id[16];
        int64_t key_us;
        unsigned key_try;
};

/* --- its end --- */

static void parent_play_over(struct parent_play *y, const struct err *why)
{
        if (y->over)
                return;
        y->over = true;
        timer_done(&y->idle);
        y->events->on_over(y->owner, why); /* y may be gone */
}

static void parent_play_on_idle(void *owner)
{
        struct err why;

        err_set(&why, ERR_TIMEOUT, "media: nothing was asked for within %d s: open it again",
                PARENT_PLAY_IDLE_MS / 1000);
        parent_play_over(owner, &why);
}

static void parent_play_busy(struct parent_play *y)
{
        timer_start(&y->idle, y->parent->loop, PARENT_PLAY_IDLE_MS, 0, parent_play_on_idle, y);
}

static void parent_play_tell(struct parent_play *y, uint16_t type, struct bytes body, int fd)
{
        struct err e;

        if (y->player && chan_send(y->player, type, body, &fd, fd >= 0, &e) < 0)
                log_warn(NULL, "player.unreachable", "message=%u err=\"%s\"", type, e.text);
}

/* --- segments --- */

static int parent_play_on_found(void *owner, const struct index_segment *s, struct err *e)
{
        struct parent_play *y = owner;

        (void)e;
        if (y->any && s->id <= y->segment.id)
                return 0;
        y->segment = *s;
        y->any = true;
        return 1;
}

static void parent_play_on_segment(void *owner, int fd, const struct err *e)
{
        struct parent_play *y = owner;

        y->reading = false;
        if (fd < 0)
                log_warn(NULL, "player.no_segment", "segment=%s err=\"%s\"", y->segment.object_key,
                        e->text);
        parent_play_tell(
                y, fd < 0 ? MESSAGE_PLAY_MISSED : MESSAGE_PLAY_SEGMENT, BYTES(NULL, 0), fd);
        if (fd >= 0)
                close(fd);
}

static int parent_play_on_next(struct parent_play *y, struct bytes body, struct err *e)
{
        int64_t from_us = y->asked.from_us;
        struct err why;

        if (body.n || y->reading)
                return err_set(e, ERR_PROTOCOL, "a segment that cannot be asked for");
        parent_play_busy(y);
        if (y->any && y->segment.first_us - PARENT_PLAY_BACK_US > from_us)
                from_us = y->segment.first_us - PARENT_PLAY_BACK_US;
        int r = index_search(y->parent->index, y->asked.stream, from_us, y->asked.until_us,
                parent_play_on_found, y, &why);
        y->key_try = 0;
        if (r < 0) {
                parent_play_over(y, &why);
        } else if (r == 0) {
                parent_play_tell(y, MESSAGE_PLAY_END, BYTES(NULL, 0), -1);
        } else if (parent_storage_volume(y->parent->storage, y->segment.volume)) {
                y->reading = true;
                parent_storage_read(y->parent->storage, y->segment.volume, y->segment.object_key,
                        parent_play_on_segment, y);
        } else {
                parent_play_tell(y, MESSAGE_PLAY_MISSED, BYTES(NULL, 0), -1);
        }
        return 0;
}

/* An export looks at its segments, and then takes them. */
static int parent_play_on_again(struct parent_play *y, struct bytes body, struct err *e)
{
        if (!y->asked.export || y->reading)
                return err_set(e, ERR_PROTOCOL, "segments that cannot be asked for again");
        y->any = false;
        return parent_play_on_next(y, body, e);
}

/* --- key files: on the segment's volume first, then on the others --- */

static void parent_play_key(struct parent_play *y);

static void parent_play_on_key(void *owner, int fd, const struct err *e)
{
        struct parent_play *y = owner;

        (void)e;
        y->reading = false;
        if (fd < 0) {
                parent_play_key(y);
                return;
        }
        parent_play_tell(y, MESSAGE_PLAY_KEY, BYTES(NULL, 0), fd);
        close(fd);
}

/* The n-th volume to be asked, from 0: the segment's, then the others; NULL behind the last. */
static const struct parent_volume *parent_play_volume(const struct parent_play *y, unsigned n)
{
        struct parent_storage *s = y->parent->storage;
        const struct parent_volume *v;

        if (n == 0)
                return parent_storage_volume(s, y->segment.volume);
        for (unsigned i = 0; (v = parent_storage_each(s, i)); i++)
                if (v->entry.number != y->segment.volume && --n == 0)
                        return v;
        return NULL;
}

static void parent_play_key(struct parent_play *y)
{
        static const int64_t around_us[PARENT_PLAY_HOURS] = { 0, -HOUR_US, HOUR_US };
        unsigned try = y->key_try++;
        const struct parent_volume *v = parent_play_volume(y, try / PARENT_PLAY_HOURS);
        char hour[KEY_STORE_HOUR_ROOM], path[HEAD_KEY_MAX];

        if (!v) {
                parent_play_tell(y, MESSAGE_PLAY_KEY, BYTES(NULL, 0), -1);
                return;
        }
        key_store_hour(y->key_us + around_us[try % PARENT_PLAY_HOURS], hour);
        key_store_path(y->asked.stream, hour, y->key_id, path, sizeof path);
        y->reading = true;
        parent_storage_read(y->parent->storage, v->entry.number, path, parent_play_on_key, y);
}

static int parent_play_on_key_wanted(struct parent_play *y, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);

        unpack_copy(&u, y->key_id, sizeof y->key_id);
        y->key_us = unpack_i64(&u);
        if (!unpack_complete(&u) || !y->any || y->reading || y->key_try || y->key_us < HOUR_US ||
                y->key_us > INT64_MAX / 2)
                return err_set(e, ERR_PROTOCOL, "a key file that cannot be asked for");
        parent_play_key(y);
        return 0;
}

/* --- the player --- */

static int parent_play_on_not_granted(struct parent_play *y, struct bytes body, struct err *e)
{
        struct err why;
        uint32_t zero;

        int r = message_not_connected_parse(body, &zero, &why, e);
        if (r == 0)
                y->events->on_not_granted(y->owner, &why);
        return r;
}

static int parent_play_on_played(struct parent_play *y, struct bytes body, struct err *e)
{
        struct err why;
        uint32_t zero;

        if (body.n == 0) {
                parent_play_over(y, NULL);
                return 0;
        }
        int r = message_not_connected_parse(body, &zero, &why, e);
        if (r == 0)
                parent_play_over(y, &why);
        return r;
}

static int parent_play_on_player(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct parent_play *y = owner;

        (void)c;
        if (m->fds_n)
                return err_set(e, ERR_PROTOCOL, "a descriptor from a player");
        switch (m->type) {
        case MESSAGE_PLAYING:
                if (m->body.n != MEDIA_BOX_WRAP_BYTES)
                        return err_set(e, ERR_PROTOCOL, "playing: malformed message");
                y->events->on_wrap(y->owner, m->body.p);
                return 0;
        case MESSAGE_PLAY_NOT_GRANTED:
                return parent_play_on_not_granted(y, m->body, e);
        case MESSAGE_PLAY_NEXT:
                return parent_play_on_next(y, m->body, e);
        case MESSAGE_PLAY_AGAIN:
                return parent_play_on_again(y, m->body, e);
        case MESSAGE_PLAY_KEY_WANTED:
                return parent_play_on_key_wanted(y, m->body, e);
        case MESSAGE_PLAY_MEDIA:
                parent_play_busy(y);
                return y->events->on_media(y->owner, m->body, e);
        case MESSAGE_PLAYED:
                return parent_play_on_played(y, m->body, e);
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from a player", m->type);
        }
}

static void parent_play_on_player_end(void *owner, struct chan *c, const struct err *e)
{
        struct parent_play *y = owner;
        struct err why;

        log_warn(NULL, "player.gone", "stream=%s err=\"%s\"", y->asked.stream, e->text);
        y->player = chan_free(c);
        err_set(&why, ERR_UNAVAILABLE, "media: the player ended: open it again");
        parent_play_over(y, &why);
}

void parent_play_attach(struct parent_play *y, int fd)
{
        static const struct chan_events events = { .on_message = parent_play_on_player,
                .on_end = parent_play_on_player_end };
        struct buf *out = &y->parent->out;
        struct message_play play = y->asked;
        struct err e;

        if (y->player) {
                close(fd);
                return;
        }
        y->player = chan_new(y->parent->loop, fd, &events, y);
        play.token = buf_bytes(&y->token);
        buf_clear(out);
        int r = message_play_pack(&play, out, &e);
        buf_done(&y->token);
        if (r < 0)
                parent_play_over(y, &e);
        else
                parent_play_tell(y, MESSAGE_PLAY, buf_bytes(out), -1);
}

/* --- the parent --- */

static int parent_play_want(struct parent_play *y, struct err *e)
{
        struct parent *p = y->parent;

        if (!p->supervisor)
                return err_set(e, ERR_UNAVAILABLE, "media: nobody can begin a player");
        buf_clear(&p->out);
        struct pack b = pack_to(&p->out);
        pack_u32(&b, y->number);
        return chan_send(p->supervisor, MESSAGE_PLAYER_WANTED, buf_bytes(&p->out), NULL, 0, e);
}

/* It is counted already. */
static int parent_play_may(const struct parent *p, bool export, struct err *e)
{
        if (export && p->plays[1] > PARENT_PLAY_EXPORTS_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "media.open: %d exports at once: try again when one is done",
                        PARENT_PLAY_EXPORTS_MAX);
        if (p->plays[0] + p->plays[1] > PARENT_PLAY_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "media.open: %d players at once: close one, or ask again later",
                        PARENT_PLAY_MAX);
        return 0;
}

int parent_play_new(struct parent *p, uint32_t number, const struct message_play *asked,
        const struct parent_play_events *events, void *owner, struct parent_play **ret,
        struct err *e)
{
        struct parent_play *y = xcalloc(1, sizeof *y);

        *y = (struct parent_play){
                .parent = p, .number = number, .asked = *asked, .events = events, .owner = owner
        };
        y->asked.token = BYTES(NULL, 0);
        p->plays[asked->export]++;
        buf_init(&y->token, CAPABILITY_TOKEN_MAX);
        int r = parent_play_may(p, asked->export, e);
        if (r == 0)
                r = p->sealer ? buf_append(&y->token, asked->token, e)
                              : err_set(e, ERR_UNAVAILABLE, "media: the sealer is away: ask again");
        if (r == 0)
                r = parent_play_want(y, e);
        if (r < 0) {
                parent_play_free(y);
                return r;
        }
        parent_play_busy(y);
        *ret = y;
        return 0;
}

struct parent_play *parent_play_free(struct parent_play *y)
{
        if (!y)
                return NULL;
        y->parent->plays[y->asked.export]--;
        parent_storage_forget(y->parent->storage, y);
        timer_done(&y->idle);
        chan_free(y->player);
        buf_done(&y->token);
        free(y);
        return NULL;
}

void parent_play_grant(struct parent_play *y, struct bytes token)
{
        parent_play_busy(y);
        parent_play_tell(y, MESSAGE_PLAY_GRANT, token, -1);
}

void parent_play_credit(struct parent_play *y, uint64_t bytes)
{
        struct buf *out = &y->parent->out;

        parent_play_busy(y);
        buf_clear(out);
        struct pack b = pack_to(out);
        pack_u64(&b, bytes);
        parent_play_tell(y, MESSAGE_PLAY_CREDIT, buf_bytes(out), -1);
}

bool parent_play_exports(const struct parent_play *y)
{
        return y->asked.export;
}

void parent_play_hold(struct parent_play *y, bool held)
{
        if (y->player)
                chan_hold(y->player, held);
}
