/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of a watched stream on their way to the parent: sealed once for a session, for nobody
 * behind the end of a grant, and left out before they take the room of what must not be lost. The
 * source is included: the camera is this test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "recorder/worker_live.c"

#define START INT64_C(1795400000000000)
#define CAMERA ((struct camera *)&camera_here)

static int camera_here;
static unsigned camera_paced = 40;
static const struct media_config picture = { .codec = MEDIA_H264,
        .clock_rate = 90000,
        .width = 640,
        .height = 480,
        .parameters = { 1, 66, 0, 30, 255, 224, 0, 0 },
        .parameters_n = 8 };

const struct media_config *camera_config(const struct camera *c, unsigned track)
{
        assert_ptr_equal(c, CAMERA);
        return track == 0 ? &picture : NULL;
}

void camera_pace(struct camera *c, unsigned interval_ms)
{
        assert_ptr_equal(c, CAMERA);
        camera_paced = interval_ms;
}

/* A worker with one stream; this test is the parent, at fd. */
struct bed {
        struct worker worker;
        struct worker_live live;
        int fd;
        unsigned frames;
};

static int on_message(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        (void)owner, (void)c, (void)m, (void)e;
        return 0;
}

static void on_end(void *owner, struct chan *c, const struct err *e)
{
        (void)owner, (void)c, (void)e;
}

static void bed_init(struct bed *b)
{
        static const struct chan_events events = { .on_message = on_message, .on_end = on_end };
        int fds[2];

        *b = (struct bed){ 0 };
        camera_paced = 40;
        assert_int_equal(chan_pair(fds, NULL), 0);
        b->worker.loop = loop_new();
        b->worker.parent = chan_new(b->worker.loop, fds[0], &events, b);
        b->fd = fds[1];
        buf_init(&b->worker.out, CHAN_BODY_MAX);
        worker_live_init(&b->live, &b->worker, "cam-main");
        b->live.pace_ms = 40;
}

static void bed_done(struct bed *b)
{
        worker_live_done(&b->live);
        chan_free(b->worker.parent);
        close(b->fd);
        buf_done(&b->worker.out);
        loop_free(b->worker.loop);
}

/* As worker_watch_granted leaves it. Returns the wrap's receiver. */
static struct media_box *granted(struct bed *b, unsigned at, const uint8_t *session,
        const uint8_t *private_key, int64_t until_us, uint32_t *ret_group)
{
        struct worker_watch_grant *g = &b->live.watch.grants[at];
        uint8_t wrap[MEDIA_BOX_WRAP_BYTES];
        struct media_box *box = NULL;
        CLEANUP(buf_done) struct buf context;

        g->watch = at + 1;
        memset(g->id, (int)at, sizeof g->id);
        memcpy(g->session, session, sizeof g->session);
        g->until_us = until_us;
        b->live.watch.n++;
        assert_int_equal(worker_live_granted(&b->live, g, ret_group, wrap, NULL), 0);
        buf_init(&context, 256);
        assert_int_equal(live_context("cam-main", g, &context), 0);
        assert_int_equal(media_box_open_new(private_key, buf_bytes(&context), wrap, &box, NULL), 0);
        return box;
}

static void unit_of(struct bed *b, size_t bytes, bool key)
{
        CLEANUP(own_freep) uint8_t *data = xcalloc(1, bytes);
        struct access_unit u = { .data = BYTES(data, bytes),
                .pts = 3600 * (int64_t)b->frames,
                .key = key,
                .arrival_us = START + 40000 * (int64_t)b->frames,
                .sender_us = INT64_MIN };

        b->frames++;
        if (b->live.watch.n) /* as the stream does */
                worker_live_unit(&b->live, CAMERA, 0, &u);
}

struct heard {
        uint32_t group;
        struct media_message m;
        struct buf sealed;
};

/* The next message to the parent, if there is one. */
static bool hear(struct bed *b, struct heard *ret)
{
        int fds[CHAN_FDS_MAX];
        CLEANUP(buf_done) struct buf body;
        char stream[HEAD_PATH_MAX];
        struct bytes sealed;
        uint16_t type;

        buf_init(&body, CHAN_BODY_MAX);
        int r;
        while ((r = chan_read_blocking(b->fd, 0, &type, &body, fds, NULL)) == ERR_TIMEOUT &&
                chan_queued(b->worker.parent))
                uv_run(loop_uv(b->worker.loop), UV_RUN_NOWAIT);
        if (r < 0)
                return false;
        struct unpack u = unpack_of(buf_bytes(&body));
        assert_int_equal(type, MESSAGE_MEDIA);
        unpack_string(&u, stream, sizeof stream);
        assert_string_equal(stream, "cam-main");
        ret->group = unpack_u32(&u);
        assert_int_equal(media_message_parse(unpack_rest(&u), &ret->m, &sealed, NULL), 0);
        assert_int_equal(ret->m.subscription, 0);
        buf_init(&ret->sealed, MEDIA_MESSAGE_MAX);
        assert_int_equal(buf_append(&ret->sealed, sealed, NULL), 0);
        return true;
}

/* The next message is of this kind and group, and opens. Returns its flags. */
static unsigned opens(struct bed *b, struct media_box *box, uint32_t group, unsigned kind)
{
        uint8_t aad[MEDIA_MESSAGE_HEADER_BYTES];
        CLEANUP(buf_done) struct buf plain;
        struct heard h;

        assert_true(hear(b, &h));
        assert_int_equal(h.group, group);
        assert_int_equal(h.m.kind, kind);
        media_message_aad(&h.m, aad);
        buf_init(&plain, MEDIA_MESSAGE_MAX);
        assert_int_equal(media_box_open(box, h.m.number, BYTES(aad, sizeof aad),
                                 buf_bytes(&h.sealed), &plain, NULL),
                0);
        assert_null(
                memmem(h.sealed.p, h.sealed.n, kind == MEDIA_MESSAGE_HEADER ? "moov" : "moof", 4));
        assert_non_null(
                memmem(plain.p, plain.n, kind == MEDIA_MESSAGE_HEADER ? "moov" : "moof", 4));
        buf_done(&h.sealed);
        return h.m.flags;
}

static void quiet(struct bed *b)
{
        struct heard h;

        assert_false(hear(b, &h));
}

static void once_for_a_session(void **state)
{
        uint8_t key[2][HPKE_PRIVATE_BYTES], session[2][HPKE_PUBLIC_BYTES];
        uint32_t first, again, other;
        struct bed b;

        (void)state;
        bed_init(&b);
        unit_of(&b, 100, true);
        quiet(&b);
        assert_null(b.live.mux); /* nobody watches: nothing is there */
        for (unsigned i = 0; i < 2; i++)
                hpke_generate(key[i], session[i]);
        struct media_box *box = granted(&b, 0, session[0], key[0], INT64_MAX, &first);
        struct media_box *more = granted(&b, 1, session[0], key[0], INT64_MAX, &again);
        struct media_box *theirs = granted(&b, 2, session[1], key[1], INT64_MAX, &other);
        assert_int_equal(first, again);
        assert_int_not_equal(first, other);
        unit_of(&b, 100, false); /* waits for a key frame */
        quiet(&b);
        assert_int_equal(camera_paced, 0); /* read as it comes */
        unit_of(&b, 100, true);
        opens(&b, box, first, MEDIA_MESSAGE_HEADER);
        opens(&b, theirs, other, MEDIA_MESSAGE_HEADER);
        assert_int_equal(opens(&b, box, first, MEDIA_MESSAGE_FRAGMENT), MEDIA_MESSAGE_KEY);
        assert_int_equal(opens(&b, theirs, other, MEDIA_MESSAGE_FRAGMENT), MEDIA_MESSAGE_KEY);
        quiet(&b);
        unit_of(&b, 100, false);
        assert_int_equal(opens(&b, more, first, MEDIA_MESSAGE_FRAGMENT), 0); /* its wrap too */
        opens(&b, theirs, other, MEDIA_MESSAGE_FRAGMENT);
        /* A large frame goes in parts, in order. */
        unit_of(&b, 250000, false);
        struct heard h;
        unsigned parts[2] = { 0 };
        while (hear(&b, &h)) {
                parts[h.group == other]++;
                buf_done(&h.sealed);
        }
        assert_true(parts[0] == 3 && parts[1] == 3);
        /* One grant of a session ends, the other goes on; then nobody is there. */
        worker_live_end(&b.live, 1);
        worker_live_end(&b.live, 3);
        unit_of(&b, 100, true);
        assert_true(hear(&b, &h) && h.group == first);
        buf_done(&h.sealed);
        quiet(&b);
        worker_live_end(&b.live, 2);
        assert_null(b.live.mux);
        assert_int_equal(camera_paced, 40);
        unit_of(&b, 100, true);
        quiet(&b);
        media_box_free(box);
        media_box_free(more);
        media_box_free(theirs);
        bed_done(&b);
}

/* Also in the second before the grants are judged again. */
static void nothing_behind_the_end(void **state)
{
        uint8_t key[HPKE_PRIVATE_BYTES], session[HPKE_PUBLIC_BYTES];
        uint32_t group;
        struct bed b;

        (void)state;
        bed_init(&b);
        hpke_generate(key, session);
        struct media_box *box =
                granted(&b, 0, session, key, clock_wall_us() + 60 * INT64_C(1000000), &group);
        unit_of(&b, 100, true);
        opens(&b, box, group, MEDIA_MESSAGE_HEADER);
        opens(&b, box, group, MEDIA_MESSAGE_FRAGMENT);
        b.live.watch.grants[0].until_us = clock_wall_us();
        unit_of(&b, 100, false);
        unit_of(&b, 100, true);
        quiet(&b);
        media_box_free(box);
        bed_done(&b);
}

/* A parent that does not read: half of the channel's queue at most is media's, and what came behind
 * is left out in whole groups. */
static void room_for_what_must_not_be_lost(void **state)
{
        uint8_t key[HPKE_PRIVATE_BYTES], session[HPKE_PUBLIC_BYTES];
        unsigned sent = 0, skipped = 0, heard = 0;
        uint64_t next = 0, holes = 0;
        uint32_t group;
        struct heard h;
        struct bed b;

        (void)state;
        bed_init(&b);
        hpke_generate(key, session);
        struct media_box *box = granted(&b, 0, session, key, INT64_MAX, &group);
        for (unsigned i = 0; i < 400; i++)
                unit_of(&b, 60000, i % 10 == 0);
        assert_true(chan_queued(b.worker.parent) <= WORKER_LIVE_QUEUE_MAX);
        assert_true(chan_queued(b.worker.parent) > WORKER_LIVE_QUEUE_MAX / 2);
        assert_int_equal(
                chan_send(b.worker.parent, MESSAGE_WRITTEN, BYTES(session, 65), NULL, 0, NULL), 0);
        uint8_t body[HPKE_PUBLIC_BYTES + 2];
        while (chan_queued(b.worker.parent)) {
                (void)!read(b.fd, body, sizeof body); /* and the rest of the message is dropped */
                uv_run(loop_uv(b.worker.loop), UV_RUN_NOWAIT);
                sent++;
        }
        while (recv(b.fd, body, sizeof body, MSG_DONTWAIT) > 0)
                sent++;
        assert_true(sent < 400);
        for (unsigned i = 0; i < 30; i++) {
                unit_of(&b, 1000, i % 10 == 5);
                while (hear(&b, &h)) {
                        bool said = h.m.flags & MEDIA_MESSAGE_SKIPPED;
                        if (skipped == 0)
                                assert_true(said && h.m.flags & MEDIA_MESSAGE_KEY);
                        skipped += said;
                        holes += next && h.m.number != next;
                        next = h.m.number + 1;
                        heard++;
                        buf_done(&h.sealed);
                }
        }
        assert_int_equal(skipped, 1);
        assert_int_equal(holes, 0);
        /* What was left out took numbers: nobody in between can say that nothing was. */
        assert_true(next > sent + heard + 10);
        media_box_free(box);
        bed_done(&b);
}

/* Another connection of the camera, another camera: it goes on with a header. */
static void goes_on_with_another_connection(void **state)
{
        uint8_t key[HPKE_PRIVATE_BYTES], session[HPKE_PUBLIC_BYTES];
        uint32_t group;
        struct bed b;

        (void)state;
        bed_init(&b);
        hpke_generate(key, session);
        struct media_box *box = granted(&b, 0, session, key, INT64_MAX, &group);
        for (unsigned i = 0; i < 3; i++) {
                unit_of(&b, 100, true);
                opens(&b, box, group, MEDIA_MESSAGE_HEADER);
                opens(&b, box, group, MEDIA_MESSAGE_FRAGMENT);
                unit_of(&b, 100, false);
                opens(&b, box, group, MEDIA_MESSAGE_FRAGMENT);
                camera_paced = 40;
                if (i == 1)
                        worker_live_camera_gone(&b.live);
                else
                        worker_live_disconnected(&b.live);
        }
        unit_of(&b, 100, false);
        quiet(&b);
        assert_int_equal(camera_paced, 0);
        media_box_free(box);
        bed_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(once_for_a_session),
                cmocka_unit_test(nothing_behind_the_end),
                cmocka_unit_test(room_for_what_must_not_be_lost),
                cmocka_unit_test(goes_on_with_another_connection),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
