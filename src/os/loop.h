/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event loop of a process: libuv, one per process, single-threaded. Thin: other modules use uv_ functions on
 * loop_uv() for timers and polls. Owner frees handles by uv_close and its callback (libuv's rules).
 */
#ifndef CUSTOS_OS_LOOP_H
#define CUSTOS_OS_LOOP_H

#include <uv.h>

#include "base/err.h"

struct loop;

struct loop *loop_new(void); /* aborts when there is none to be had */
struct loop *loop_free(struct loop *l); /* closes what is left over */
uv_loop_t *loop_uv(struct loop *l);
/* Until loop_stop, SIGTERM or SIGINT (when loop_catch_signals was called) or nothing is left to do. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* on_stop runs once at the first SIGTERM or SIGINT; a second one ends the process. */
void loop_catch_signals(struct loop *l, void (*on_stop)(void *owner), void *owner);

/* A timer owned by a struct, in place. Repeats when repeat_ms > 0. timer_done may be called from its callback; the
 * memory may be freed at once after timer_done (the handle is allocated apart). */
struct timer {
        void *handle;
};
void timer_start(struct timer *t, struct loop *l, uint64_t after_ms, uint64_t repeat_ms, void (*on_timer)(void *owner), void *owner);
void timer_done(struct timer *t);

#endif
