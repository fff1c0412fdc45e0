/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One stream in a worker: the camera session, the segment writer and the seal channel, tied
 * together.
 *
 * Life: assigned (with a seal channel) -> recording -> when the seal channel breaks, the writer
 * drains and the parent is told "released"; with a new channel it records on, on the same camera
 * connection -> ended by the parent.
 */
#ifndef CUSTOS_RECORDER_WORKER_STREAM_H
#define CUSTOS_RECORDER_WORKER_STREAM_H

#include "recorder/message.h"
#include "recorder/worker.h"
#include "recorder/worker_live.h"

struct worker_stream;

/* Takes seal_fd. */
int worker_stream_new(struct worker *w, const struct message_assign *a, int seal_fd,
        struct worker_stream **ret, struct err *e) MUST_USE;
/* Gives up whatever is not finished. */
struct worker_stream *worker_stream_free(struct worker_stream *t);
/* Stops the camera, seals and writes what is there, tells "released", then worker_forget. */
void worker_stream_stop(struct worker_stream *t);
/* A new seal channel (taken) after the last one broke, and the gap that lies between. */
void worker_stream_reseal(
        struct worker_stream *t, int seal_fd, unsigned gap_cause, int64_t gap_from_us);
/* From now on its camera is what a says: the connection ends, another is made; the segment writer
 * and the seal channel stay. */
void worker_stream_reassign(struct worker_stream *t, const struct message_assign *a);
/* What is recorded from now on. */
void worker_stream_set_gate(struct worker_stream *t, enum message_gate gate, uint32_t keep_ms);
/* Answers of the parent. fd is taken. */
void worker_stream_socket(struct worker_stream *t, int fd);
void worker_stream_datagrams(
        struct worker_stream *t, const int fds[static 2], uint16_t port); /* takes both */
void worker_stream_no_socket(struct worker_stream *t, const struct err *why);
void worker_stream_file(
        struct worker_stream *t, int fd, uint32_t volume, bool direct, const char *object_key);
void worker_stream_no_file(struct worker_stream *t, const struct err *why);
/* The volume is not to be used any more: where the stream has a segment there, its writer stops. */
void worker_stream_leave(struct worker_stream *t, uint32_t volume);
/* For worker_load, once a second; name is borrowed. */
void worker_stream_load(struct worker_stream *t, struct worker_load_stream *ret);
/* From now on key frames alone are recorded, or all again. */
void worker_stream_shed(struct worker_stream *t, bool shed);
/* Notices the beginning and the end of frames being dropped; every two seconds. */
void worker_stream_watch_overload(struct worker_stream *t);
/* Who watches it; borrowed. */
struct worker_live *worker_stream_live(struct worker_stream *t);
/* Sends MESSAGE_STATE when something changed since the last one. */
void worker_stream_report(struct worker_stream *t);

#endif
