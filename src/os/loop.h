/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The event loop of a process: libuv, one per process, single-threaded. Thin: other modules use uv_
 * functions on loop_uv() for timers and polls. Owner frees handles by uv_close and its callback
 * (libuv's rules).
 */
#ifndef CUSTOS_OS_LOOP_H
#define CUSTOS_OS_LOOP_H

#include <uv.h>

#include "base/err.h"

struct loop;

struct loop *loop_new(void); /* aborts when there is none to be had */
/*
 * Closes the handles that are left over, waits for work in the pool and runs what is due, so
 * on_done of a write in flight is called in here at the latest: its owner must still live. Timers,
 * channels and processes are ended by their owners before; one that was forgotten is closed but its
 * memory is lost.
 */
struct loop *loop_free(struct loop *l);
uv_loop_t *loop_uv(struct loop *l);
/* Until loop_stop, or nothing is left to do. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/*
 * on_stop runs once at the first SIGTERM or SIGINT and ends what is to be ended, then calls
 * loop_stop; without on_stop the loop stops at once. A second signal ends the process with 128 +
 * its number. Does not keep the loop alive.
 */
void loop_catch_signals(struct loop *l, void (*on_stop)(void *owner), void *owner);

/* Room for one message at a time, shared by all channels of the loop (os/chan only): the bytes are
 * good until the next read of any channel. The same memory for all calls; `bytes` is the same in
 * each. */
uint8_t *loop_receive_room(struct loop *l, size_t bytes);

/* A timer owned by a struct, in place, zeroed before its first start. Repeats when repeat_ms > 0;
 * starting a running one restarts it. timer_done may be called from its callback; the memory may be
 * freed at once after timer_done (the handle is allocated apart). */
struct timer {
        void *handle;
};
void timer_start(struct timer *t, struct loop *l, uint64_t after_ms, uint64_t repeat_ms,
        void (*on_timer)(void *owner), void *owner);
void timer_done(struct timer *t);

#endif
