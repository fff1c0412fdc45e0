/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line an event, logfmt, stable event name first. Only ingest/, role folders and main call
 * this.
 *
 *     log_warn(&cam->log, "camera.lost", "err=\"%s\" after_ms=%u", e.msg, ms);
 *     2026-11-22T15:40:01.221Z W worker.0 cam=7 camera.lost err="SPS: width 0" after_ms=1200
 *
 * Text from outside goes through str_escape first (struct err texts are escaped here). A repeated
 * event of one context is counted and summarised once a second. errno is preserved. No secrets.
 */
#ifndef CUSTOS_BASE_LOG_H
#define CUSTOS_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_ctx {
        const struct log_ctx *parent; /* borrowed; may be NULL */
        char prefix[96];              /* "cam=lobby-main"; may be empty */
};

/* The process's name in every line ("worker.0"), the lowest level printed, and the clock (wall,
 * us); the one mutable global of the project. Lines go to stderr. */
void log_open(const char *process, enum log_level lowest, long long (*wall_us)(void));

void log_debug(const struct log_ctx *c, const char *event, const char *fmt, ...) PRINTF(3, 4);
void log_info(const struct log_ctx *c, const char *event, const char *fmt, ...) PRINTF(3, 4);
void log_warn(const struct log_ctx *c, const char *event, const char *fmt, ...) PRINTF(3, 4);
void log_error(const struct log_ctx *c, const char *event, const char *fmt, ...) PRINTF(3, 4);

#endif
