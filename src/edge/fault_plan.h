/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the camera role is to do wrong on purpose, so that a recorder can be tried against a bad
 * camera: the table of faults, and those that were asked for, as read from the command line:
 *
 *     [STREAM=]NAME[:PARAMETER][@TIME]
 *
 * STREAM: of that stream only (or one camera of it). TIME counts from each PLAY: "2s", "0.5s", or a
 * frame's number of the first track. Pure.
 *
 * Not here: doing it (fault_tweak.h for what is said, fault_media.h for what is sent).
 */
#ifndef CUSTOS_EDGE_FAULT_PLAN_H
#define CUSTOS_EDGE_FAULT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define FAULT_PLAN_MAX 128
#define FAULT_PLAN_TEXT_ROOM 256
#define FAULT_PLAN_STREAM_ROOM 64
#define FAULT_PLAN_METHOD_ROOM 32

enum fault_plan_kind {
        FAULT_PLAN_CLOSE,
        FAULT_PLAN_STALL,
        FAULT_PLAN_HALF_OPEN,
        FAULT_PLAN_SLOW_ANSWER,
        FAULT_PLAN_NO_ANSWER,
        FAULT_PLAN_ONE_BYTE_WRITES,
        FAULT_PLAN_STATUS,
        FAULT_PLAN_REDIRECT,
        FAULT_PLAN_WRONG_CSEQ,
        FAULT_PLAN_NO_SESSION,
        FAULT_PLAN_BAD_CONTENT_BASE,
        FAULT_PLAN_OTHER_HOST,
        FAULT_PLAN_OTHER_CHANNELS,
        FAULT_PLAN_PLAIN_SDP,
        FAULT_PLAN_PLAIN_SETUP,
        FAULT_PLAN_HUGE_SDP,
        FAULT_PLAN_THOUSAND_TRACKS,
        FAULT_PLAN_BASIC,
        FAULT_PLAN_BASIC_AFTER_DIGEST,
        FAULT_PLAN_SHA256_ONLY,
        FAULT_PLAN_MD5_ONLY,
        FAULT_PLAN_STALE_LOOP,
        FAULT_PLAN_GARBAGE,
        FAULT_PLAN_JUMP,
        FAULT_PLAN_SEQUENCE_JUMP,
        FAULT_PLAN_WRAP,
        FAULT_PLAN_SSRC_CHANGE,
        FAULT_PLAN_DUPLICATE,
        FAULT_PLAN_REORDER,
        FAULT_PLAN_LATE,
        FAULT_PLAN_LOST,
        FAULT_PLAN_TRUNCATED_FU,
        FAULT_PLAN_NO_MARKER,
        FAULT_PLAN_EXTRA_MARKER,
        FAULT_PLAN_CHANGED_PARAMETERS,
        FAULT_PLAN_REPLAY,
        FAULT_PLAN_BIT_RATE_BOMB,
        FAULT_PLAN_WRONG_CLOCK,
        FAULT_PLAN_OLD_CLOCK,
        FAULT_PLAN_NO_RTCP,
        FAULT_PLAN_BYE,
        FAULT_PLAN_KINDS, /* how many there are; no kind */
};

enum fault_plan_unit { FAULT_PLAN_AT_START, FAULT_PLAN_AT_US, FAULT_PLAN_AT_FRAME };

struct fault_plan_fault {
        enum fault_plan_kind kind;
        char stream[FAULT_PLAN_STREAM_ROOM]; /* empty: of all */
        int64_t number;                      /* the parameter, or its default */
        char text[FAULT_PLAN_TEXT_ROOM];     /* likewise, where it is a text */
        char method[FAULT_PLAN_METHOD_ROOM]; /* of status and no-answer */
        enum fault_plan_unit unit;
        int64_t at; /* microseconds, or a frame's number */
};

struct fault_plan {
        struct fault_plan_fault faults[FAULT_PLAN_MAX];
        unsigned n;
};

/* Adds one; ERR_INVALID says what is wrong with the text. */
int fault_plan_add(struct fault_plan *p, const char *text, struct err *e) MUST_USE;
/* The first of that kind for a camera of a stream, or NULL. */
const struct fault_plan_fault *fault_plan_find(const struct fault_plan *p, const char *stream,
        const char *camera, enum fault_plan_kind kind);

/* "lost:PERCENT", "close", ...: how it is written; static. */
const char *fault_plan_usage(enum fault_plan_kind kind);
const char *fault_plan_help(enum fault_plan_kind kind); /* what the camera then does */
/* "lost" */
const char *fault_plan_name(enum fault_plan_kind kind);

#endif
