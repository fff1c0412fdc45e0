/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/player.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "os/clock.h"
#include "os/proc.h"
#include "recorder/confine.h"
#include "recorder/player_parts.h"

/* As the scrubber: no segment is so long. */
#define PLAYER_FILE_MAX (UINT64_C(1) << 30)
/* Of the channel to the parent: more of it waits here. */
#define PLAYER_QUEUE_MAX (512u << 10)
#define PLAYER_FRONT_MAX (1u << 20)
#define PLAYER_CONTEXT_MAX 256
#define PLAYER_NICE 5
#define PLAYER_SKEW_US (INT64_C(1000000) * CAPABILITY_SKEW_S)

/* --- the parent --- */

static void player_tell(struct player *p, uint16_t type, struct bytes body)
{
        struct err e;

        if (p->parent && chan_send(p->parent, type, body, NULL, 0, &e) < 0)
                log_warn(NULL, "player.parent_unreachable", "err=\"%s\"", e.text);
}

void player_end(struct player *p, const struct err *why)
{
        if (p->over)
                return;
        p->over = true;
        buf_clear(&p->out);
        if (why && message_not_connected_pack(0, why, &p->out, NULL) < 0)
                abort(); /* a text of an error fits */
        player_tell(p, MESSAGE_PLAYED, buf_bytes(&p->out));
}

/* Without a first grant it is over; without a later one it goes on by the one that it has. */
static void player_not_granted(struct player *p, const struct err *why)
{
        if (!p->box) {
                player_end(p, why);
                return;
        }
        buf_clear(&p->out);
        if (message_not_connected_pack(0, why, &p->out, NULL) < 0)
                abort(); /* a text of an error fits */
        player_tell(p, MESSAGE_PLAY_NOT_GRANTED, buf_bytes(&p->out));
}

static void player_close(struct player *p)
{
        play_cut_close(&p->cut);
        if (p->file)
                munmap(p->file, p->file_room);
        p->file = NULL;
        p->has_key = false;
}

void player_next(struct player *p)
{
        player_close(p);
        player_tell(p, MESSAGE_PLAY_NEXT, BYTES(NULL, 0));
}

void player_again(struct player *p)
{
        player_close(p);
        player_tell(p, MESSAGE_PLAY_AGAIN, BYTES(NULL, 0));
}

static void player_miss(struct player *p, const char *cause)
{
        struct err e;

        if (p->export) {
                if (player_export_missed(p, cause, &e) < 0)
                        player_end(p, &e);
                return;
        }
        play_cut_missed(&p->cut, cause);
        player_next(p);
}

/* --- what is shown --- */

static int player_send_part(struct player *p, struct err *e)
{
        uint8_t head[MEDIA_MESSAGE_HEADER_BYTES], aad[MEDIA_MESSAGE_HEADER_BYTES];
        struct bytes views[MEDIA_MESSAGE_PIECES_MAX];
        struct media_message *m = &p->thing.message;
        unsigned n = media_message_split(p->pieces, 2, p->part, views);

        m->flags &= (uint16_t)~MEDIA_MESSAGE_MORE;
        m->flags |= p->part + 1 < p->parts ? MEDIA_MESSAGE_MORE : 0;
        m->number = media_box_next(p->box);
        media_message_format(m, head);
        media_message_aad(m, aad);
        buf_clear(&p->out);
        int r = buf_append(&p->out, BYTES(head, sizeof head), e);
        if (r == 0)
                r = media_box_seal(p->box, BYTES(aad, sizeof aad), views, n, &p->out, e);
        if (r == 0)
                r = chan_send(p->parent, MESSAGE_PLAY_MEDIA, buf_bytes(&p->out), NULL, 0, e);
        if (r == 0) {
                p->credit -= p->out.n;
                p->part++;
        }
        return r;
}

/* Of the next message, in credit. */
static uint64_t player_cost(const struct player *p)
{
        size_t bytes = p->pieces[0].n + p->pieces[1].n;
        size_t left = bytes - p->part * MEDIA_MESSAGE_PART_MAX;

        return media_message_cost(left < MEDIA_MESSAGE_PART_MAX ? left : MEDIA_MESSAGE_PART_MAX);
}

static int player_prepare_thing(struct player *p, struct err *e)
{
        int r = 0;

        if (p->last) {
                r = play_cut_last(&p->cut, &p->thing, e);
                if (r == 0)
                        player_end(p, NULL);
        } else if (p->has_key) {
                struct err why;
                while ((r = play_cut_next(&p->cut, &p->thing, &why)) < 0) {
                        log_warn(NULL, "player.left_out", "stream=%s err=\"%s\"", p->asked.stream,
                                why.text);
                        play_cut_missed(&p->cut, "damaged");
                }
                if (r == 0)
                        player_next(p);
        }
        p->pieces[0] = buf_bytes(&p->thing.front);
        p->pieces[1] = buf_bytes(&p->thing.data);
        return r;
}

/* 1: there is a thing to send; 0: none, and what comes next was asked for; negative: it is over. */
static int player_prepare(struct player *p, struct err *e)
{
        if (p->part < p->parts)
                return 1;
        if (p->grant.expires_us + PLAYER_SKEW_US < clock_wall_us())
                return err_fault(e, ERR_DENIED, FAULT_GRANT_EXPIRED, "the grant has run out");
        int r = p->export ? player_export_prepare(p, e) : player_prepare_thing(p, e);
        if (r == 1) {
                p->part = 0;
                p->parts = media_message_parts(p->pieces[0].n + p->pieces[1].n);
        }
        return r;
}

void player_pump(struct player *p)
{
        struct err e;
        int r = 0;

        while (p->parent && !p->over && p->box && (r = player_prepare(p, &e)) > 0 &&
                p->credit >= player_cost(p) && chan_queued(p->parent) < PLAYER_QUEUE_MAX) {
                r = player_send_part(p, &e);
                if (r < 0)
                        break;
        }
        if (r < 0)
                player_end(p, &e);
}

/* --- one segment --- */

static int player_read(int fd, uint8_t *to, uint64_t n, uint64_t *ret_n)
{
        for (*ret_n = 0; *ret_n < n;) {
                ssize_t got = pread(fd, to + *ret_n, n - *ret_n, (off_t)*ret_n);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return ERR_IO;
                if (got == 0)
                        break;
                *ret_n += (uint64_t)got;
        }
        return 0;
}

/* Its own copy: nobody changes it behind the check. */
static bool player_load(struct player *p, int fd)
{
        off_t n = lseek(fd, 0, SEEK_END);

        if (n <= 0 || (uint64_t)n > PLAYER_FILE_MAX)
                return false;
        p->file_room = (uint64_t)n;
        void *at = mmap(
                NULL, p->file_room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
                return false;
        p->file = at;
        return player_read(fd, p->file, p->file_room, &p->file_n) == 0;
}

void player_want_key(struct player *p, const struct head *head, int64_t about_us)
{
        buf_clear(&p->out);
        struct pack b = pack_to(&p->out);
        pack_bytes(&b, BYTES(head->hour_key_id, 16));
        pack_i64(&b, about_us);
        player_tell(p, MESSAGE_PLAY_KEY_WANTED, buf_bytes(&p->out));
}

static void player_on_segment(struct player *p, int fd)
{
        struct err e;

        player_close(p);
        if (!player_load(p, fd)) {
                player_miss(p, "unreadable");
                return;
        }
        if (p->export) {
                if (player_export_segment(p, &e) < 0)
                        player_end(p, &e);
                return;
        }
        int r = play_cut_open(&p->cut, BYTES(p->file, p->file_n), &p->seal, &e);
        if (r < 0)
                log_warn(NULL, "player.segment_refused", "stream=%s err=\"%s\"", p->asked.stream,
                        e.text);
        if (r <= 0) { /* the index has something of that time there, and nothing good is */
                player_miss(p, "damaged");
                return;
        }
        player_want_key(p, &p->cut.segment.head, p->cut.segment.fragments[0].seal.first_arrival_us);
}

static void player_on_key_file(struct player *p, int fd)
{
        uint8_t text[KEY_STORE_FILE_MAX];
        uint64_t n = 0;
        struct bytes head = { 0 }, seal = p->seal;
        struct err e;

        if (p->cut.open)
                head = p->cut.segment.header_bytes;
        else if (!p->export || !player_export_asks(p, &head, &seal))
                return;
        if (fd < 0 || player_read(fd, text, sizeof text, &n) < 0) {
                player_miss(p, "no key");
                return;
        }
        const struct message_key_ask ask = {
                .head = head, .seal = seal, .key_file = BYTES(text, n)
        };
        buf_clear(&p->out);
        int r = message_key_ask_pack(&ask, &p->out, &e);
        if (r == 0)
                r = chan_send(p->sealer, MESSAGE_KEY_ASK, buf_bytes(&p->out), NULL, 0, &e);
        if (r < 0)
                player_end(p, &e);
}

/* --- the sealer --- */

static int player_context(
        const struct player *p, const struct capability *c, struct buf *out, struct err *e)
{
        char id[2 * sizeof c->id + 1];
        struct pack b = pack_to(out);

        pack_string(&b, "custos-media-1");
        pack_string(&b, p->asked.stream);
        pack_string(&b, str_hex(id, BYTES(c->id, sizeof c->id)));
        return b.bad ? err_set(e, ERR_EXHAUSTED, "context") : 0;
}

static enum capability_use player_use(const struct player *p)
{
        return p->asked.export ? CAPABILITY_EXPORT : CAPABILITY_PLAYBACK;
}

/* The sealer's word is not taken either. */
static int player_take_grant(struct player *p, struct bytes token, struct err *e)
{
        const struct capability_trust by = grant_trust_of(p->trust);
        uint8_t wrap[MEDIA_BOX_WRAP_BYTES];
        CLEANUP(buf_done) struct buf context;
        struct capability c;

        buf_init(&context, PLAYER_CONTEXT_MAX);
        int r = capability_parse(token, &by, clock_wall_us(), &c, e);
        if (r == 0)
                r = capability_allows(&c, player_use(p), p->asked.stream, c.from_us, e);
        /* A file says itself which time it is of: that is all granted, or it is not made. */
        if (r == 0 && p->export && (p->asked.from_us < c.from_us || p->asked.until_us > c.until_us))
                r = err_fault(e, ERR_DENIED, FAULT_NOT_GRANTED,
                        "grant: the time of the export is not all in it");
        if (r == 0 && p->box && memcmp(c.session, p->grant.session, sizeof c.session) != 0)
                r = err_set(e, ERR_INVALID, "a later grant is for the same session");
        if (r == 0)
                r = player_context(p, &c, &context, e);
        if (r == 0)
                r = p->box ? media_box_wrap(p->box, buf_bytes(&context), wrap, e)
                           : media_box_seal_new(c.session, buf_bytes(&context), &p->box, wrap, e);
        if (r < 0)
                return r;
        p->grant = c;
        p->cut.from_us = p->asked.from_us > c.from_us ? p->asked.from_us : c.from_us;
        p->cut.until_us = p->asked.until_us < c.until_us ? p->asked.until_us : c.until_us;
        player_tell(p, MESSAGE_PLAYING, BYTES(wrap, sizeof wrap));
        return 0;
}

static void player_on_granted(struct player *p, struct bytes token)
{
        bool first = !p->box;
        struct err why;

        if (player_take_grant(p, token, &why) < 0)
                player_not_granted(p, &why);
        else if (first)
                player_next(p);
}

static int player_on_not_granted(struct player *p, struct bytes body, struct err *e)
{
        struct err why;
        uint32_t zero;

        int r = message_not_connected_parse(body, &zero, &why, e);
        if (r == 0)
                player_not_granted(p, &why);
        return r;
}

static int player_on_key(struct player *p, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        uint8_t kid[16], key[16];

        unpack_copy(&u, kid, sizeof kid);
        unpack_copy(&u, key, sizeof key);
        if (p->export && unpack_complete(&u)) {
                int r = player_export_key(p, kid, key, e);
                explicit_bzero(key, sizeof key);
                return r;
        }
        if (!unpack_complete(&u) || !p->cut.open || p->has_key ||
                memcmp(kid, p->cut.segment.head.kid, sizeof kid) != 0)
                return err_set(e, ERR_PROTOCOL, "a key that was not asked for");
        play_cut_set_key(&p->cut, key);
        explicit_bzero(key, sizeof key);
        p->has_key = true;
        player_pump(p);
        return 0;
}

/* Of one segment; a grant that is none any more ends all. */
static int player_on_no_key(struct player *p, struct bytes body, struct err *e)
{
        struct err why;
        uint32_t watch;

        int r = message_not_connected_parse(body, &watch, &why, e);
        if (r < 0)
                return r;
        if (why.code == ERR_DENIED && why.fault != FAULT_NONE) {
                player_end(p, &why);
                return 0;
        }
        log_warn(NULL, "player.no_key", "stream=%s err=\"%s\"", p->asked.stream, why.text);
        player_miss(p, "no key");
        return 0;
}

static int player_on_sealer(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct player *p = owner;

        (void)c;
        if (m->fds_n)
                return err_set(e, ERR_PROTOCOL, "a descriptor from the sealer");
        if (p->over)
                return 0;
        switch (m->type) {
        case MESSAGE_KEY_GRANTED:
                player_on_granted(p, m->body);
                return 0;
        case MESSAGE_KEY_NOT_GRANTED:
                return player_on_not_granted(p, m->body, e);
        case MESSAGE_KEY:
                return player_on_key(p, m->body, e);
        case MESSAGE_NO_KEY:
                return player_on_no_key(p, m->body, e);
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from the sealer", m->type);
        }
}

/* Before it was asked for anything too: whoever asks is told. */
static void player_on_sealer_end(void *owner, struct chan *c, const struct err *e)
{
        struct player *p = owner;
        struct err why;

        log_warn(NULL, "player.sealer_gone", "err=\"%s\"", e->text);
        p->sealer = chan_free(c);
        err_set(&why, ERR_UNAVAILABLE, "media: the sealer went away: open it again");
        player_end(p, &why);
}

/* --- requests of the parent --- */

static int player_ask_grant(struct player *p, struct bytes token, struct err *e)
{
        struct message_key_grant q = { .use = (uint8_t)player_use(p), .token = token };

        if (!p->sealer) /* it is told already that it is over */
                return 0;
        memcpy(q.stream, p->asked.stream, sizeof q.stream);
        buf_clear(&p->out);
        int r = message_key_grant_pack(&q, &p->out, e);
        return r < 0 ? r : chan_send(p->sealer, MESSAGE_KEY_GRANT, buf_bytes(&p->out), NULL, 0, e);
}

static int player_on_play(struct player *p, struct bytes body, struct err *e)
{
        int r = message_play_parse(body, &p->asked, e);
        if (r < 0)
                return r;
        struct bytes token = p->asked.token;
        p->asked.token = BYTES(NULL, 0);
        p->begun = true;
        p->credit = p->asked.credit;
        play_cut_init(&p->cut, p->asked.stream, p->root);
        p->cut.keys_only = p->asked.keys_only;
        if (p->asked.export) {
                struct err why;
                p->export = player_export_new(p, &why);
                if (!p->export) {
                        player_end(p, &why);
                        return 0;
                }
        }
        return player_ask_grant(p, token, e);
}

static int player_on_credit(struct player *p, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        uint64_t bytes = unpack_u64(&u);

        if (!unpack_complete(&u))
                return err_set(e, ERR_PROTOCOL, "credit: malformed message");
        p->credit += bytes;
        player_pump(p);
        return 0;
}

static void player_on_end(struct player *p)
{
        struct err e;

        player_close(p);
        if (p->export) {
                if (player_export_all(p, &e) < 0)
                        player_end(p, &e);
        } else {
                p->last = true;
        }
        player_pump(p);
}

static int player_on_parent(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct player *p = owner;
        bool file = m->type == MESSAGE_PLAY_SEGMENT || m->type == MESSAGE_PLAY_KEY;
        bool answer = file || m->type == MESSAGE_PLAY_MISSED || m->type == MESSAGE_PLAY_END;

        (void)c;
        if (p->begun == (m->type == MESSAGE_PLAY) || (answer && (!p->box || m->body.n)) ||
                m->fds_n > file)
                return err_set(e, ERR_PROTOCOL, "message %u from the parent", m->type);
        if (p->over)
                return 0;
        switch (m->type) {
        case MESSAGE_PLAY:
                return player_on_play(p, m->body, e);
        case MESSAGE_PLAY_GRANT:
                return player_ask_grant(p, m->body, e);
        case MESSAGE_PLAY_SEGMENT:
                player_on_segment(p, m->fds_n ? m->fds[0] : -1);
                return 0;
        case MESSAGE_PLAY_MISSED:
                player_miss(p, "unavailable");
                return 0;
        case MESSAGE_PLAY_END:
                player_on_end(p);
                return 0;
        case MESSAGE_PLAY_KEY:
                player_on_key_file(p, m->fds_n ? m->fds[0] : -1);
                return 0;
        case MESSAGE_PLAY_CREDIT:
                return player_on_credit(p, m->body, e);
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from the parent", m->type);
        }
}

static void player_on_room(void *owner, struct chan *c)
{
        (void)c;
        player_pump(owner);
}

static void player_on_parent_end(void *owner, struct chan *c, const struct err *e)
{
        struct player *p = owner;

        if (e->code == ERR_PROTOCOL)
                log_warn(NULL, "player.parent_refused", "err=\"%s\"", e->text);
        p->parent = chan_free(c);
        loop_stop(p->loop);
}

/* --- begin and end --- */

/* Behind those who record: an export reads its whole range as fast as the disk gives it. Before the
 * sandbox, and before any thread. */
static void player_step_back(void)
{
        if (setpriority(PRIO_PROCESS, 0, PLAYER_NICE) < 0)
                log_warn(NULL, "player.no_nice", "err=\"%s\"", strerror(errno));
        if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
                    IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, IOPRIO_BE_NR - 1)) < 0)
                log_warn(NULL, "player.no_ioprio", "err=\"%s\"", strerror(errno));
}

static int player_read_state(struct player *p, const char *state, struct err *e)
{
        int r = grant_trust_read(state, &p->trust, e);

        if (r < 0)
                return r;
        const struct capability_trust by = grant_trust_of(p->trust);
        return x509_key_id(by.root_der, p->root, e);
}

static void player_free(struct player *p)
{
        if (p->begun) {
                player_close(p);
                play_cut_done(&p->cut);
        }
        player_export_free(p->export);
        p->sealer = chan_free(p->sealer);
        p->parent = chan_free(p->parent);
        media_box_free(p->box);
        grant_trust_free(p->trust);
        buf_done(&p->thing.front);
        buf_done(&p->thing.data);
        buf_done(&p->out);
        loop_free(p->loop);
        explicit_bzero(p, sizeof *p);
        free(p);
}

int player_main(int argc, char **argv)
{
        static const struct chan_events events = { player_on_parent, player_on_parent_end,
                player_on_room };
        static const struct chan_events by_sealer = { player_on_sealer, player_on_sealer_end };
        struct player *p = xcalloc(1, sizeof *p);
        struct role_options options;
        struct err e;

        buf_init(&p->out, CHAN_BODY_MAX);
        buf_init(&p->thing.front, PLAYER_FRONT_MAX);
        buf_init(&p->thing.data, MEDIA_MESSAGE_THING_MAX - PLAYER_FRONT_MAX);
        int r = role_start("player", argc, argv, &options, &e);
        if (r == 0)
                r = player_read_state(p, options.state, &e);
        player_step_back();
        p->loop = loop_new();
        if (r == 0) {
                p->parent = chan_new(p->loop, PROC_FIRST_FD, &events, p);
                p->sealer = chan_new(p->loop, PROC_FIRST_FD + 1, &by_sealer, p);
                r = confine_role(SANDBOX_SCRUBBER, NULL, 0, &e);
        }
        if (r == 0)
                loop_run(p->loop);
        else
                confine_failed(&e);
        player_free(p);
        return r < 0 ? 1 : 0;
}
