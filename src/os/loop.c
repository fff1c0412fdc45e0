/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct loop {
        uv_loop_t uv;
        uv_signal_t term, intr;
        void (*on_stop)(void *owner);
        void *owner;
        unsigned signals; /* seen so far */
        uint8_t *receive_room;
        size_t receive_bytes;
};

static void loop_check(int r, const char *what)
{
        if (r < 0) {
                fprintf(stderr, "custos: %s: %s\n", what, uv_strerror(r));
                abort();
        }
}

struct loop *loop_new(void)
{
        struct loop *l = xcalloc(1, sizeof *l);

        loop_check(uv_loop_init(&l->uv), "event loop");
        return l;
}

static void loop_close_left(uv_handle_t *h, void *arg)
{
        (void)arg;
        if (!uv_is_closing(h))
                uv_close(h, NULL);
}

struct loop *loop_free(struct loop *l)
{
        if (!l)
                return NULL;
        /* Callbacks of the last rounds may open new handles, so this goes on until none is left. */
        while (uv_loop_close(&l->uv) == UV_EBUSY) {
                uv_walk(&l->uv, loop_close_left, NULL);
                uv_run(&l->uv, UV_RUN_DEFAULT);
        }
        free(l->receive_room);
        free(l);
        return NULL;
}

uv_loop_t *loop_uv(struct loop *l)
{
        return &l->uv;
}

void loop_run(struct loop *l)
{
        uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
        uv_stop(&l->uv);
}

static void loop_on_signal(uv_signal_t *handle, int number)
{
        struct loop *l = handle->data;

        if (l->signals++)
                _exit(128 + number);
        if (l->on_stop)
                l->on_stop(l->owner);
        else
                loop_stop(l);
}

static void loop_catch(struct loop *l, uv_signal_t *handle, int number)
{
        loop_check(uv_signal_init(&l->uv, handle), "signal handle");
        handle->data = l;
        loop_check(uv_signal_start(handle, loop_on_signal, number), "signal handler");
        uv_unref((uv_handle_t *)handle);
}

void loop_catch_signals(struct loop *l, void (*on_stop)(void *owner), void *owner)
{
        bool first = l->term.data == NULL;

        l->on_stop = on_stop;
        l->owner = owner;
        if (!first)
                return;
        loop_catch(l, &l->term, SIGTERM);
        loop_catch(l, &l->intr, SIGINT);
}

uint8_t *loop_receive_room(struct loop *l, size_t bytes)
{
        if (!l->receive_room) {
                l->receive_room = xcalloc(1, bytes);
                l->receive_bytes = bytes;
        }
        assert(bytes == l->receive_bytes);
        return l->receive_room;
}

struct timer_handle {
        uv_timer_t uv;
        void (*on_timer)(void *owner);
        void *owner;
};

static void timer_fire(uv_timer_t *uv)
{
        struct timer_handle *h = uv->data;

        h->on_timer(h->owner);
}

void timer_start(struct timer *t, struct loop *l, uint64_t after_ms, uint64_t repeat_ms,
        void (*on_timer)(void *owner), void *owner)
{
        struct timer_handle *h = t->handle;

        if (!h) {
                h = xcalloc(1, sizeof *h);
                loop_check(uv_timer_init(&l->uv, &h->uv), "timer");
                h->uv.data = h;
                t->handle = h;
        }
        h->on_timer = on_timer;
        h->owner = owner;
        loop_check(uv_timer_start(&h->uv, timer_fire, after_ms, repeat_ms), "timer");
}

static void timer_closed(uv_handle_t *uv)
{
        free(uv->data);
}

void timer_done(struct timer *t)
{
        struct timer_handle *h = TAKE(t->handle);

        if (h)
                uv_close((uv_handle_t *)&h->uv, timer_closed);
}
