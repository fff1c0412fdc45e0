/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"

#define LOG_LINE_BYTES 1024
#define LOG_REPEAT_US 1000000

static struct {
        char process[32];
        enum log_level lowest;
        long long (*wall_us)(void);
        /* The last line's event, for counting repeats. */
        char last[160];
        long long last_us;
        unsigned repeats;
} log_sink = { .process = "custos", .lowest = LOG_LEVEL_INFO };

void log_open(const char *process, enum log_level lowest, long long (*wall_us)(void))
{
        snprintf(log_sink.process, sizeof log_sink.process, "%s", process);
        log_sink.lowest = lowest;
        log_sink.wall_us = wall_us;
}

static void log_write(char *line, int n)
{
        if (n < 0)
                return;
        if (n > LOG_LINE_BYTES - 1)
                n = LOG_LINE_BYTES - 1;
        line[n] = '\n';
        /* One write a line: lines of several processes do not mix. Nothing can be done if it fails.
         */
        ssize_t done = write(STDERR_FILENO, line, (size_t)n + 1);
        (void)done;
}

static int log_prefix(char *to, size_t room, const struct log_ctx *c)
{
        int n = 0;

        if (c && c->parent)
                n = log_prefix(to, room, c->parent);
        if (c && c->prefix[0] && n >= 0 && (size_t)n < room)
                n += snprintf(to + n, room - (size_t)n, "%s ", c->prefix);
        return n;
}

/* True when the line is a repeat within the second and was only counted. */
static bool log_repeated(const char *key, long long now)
{
        /* Back too: the clock was set, and the second will not be over for hours. */
        long long since = now - log_sink.last_us;
        if (strcmp(key, log_sink.last) == 0 && since >= 0 && since < LOG_REPEAT_US) {
                log_sink.repeats++;
                return true;
        }
        if (log_sink.repeats) {
                char line[LOG_LINE_BYTES];
                char time[STR_TIME_ROOM];
                log_write(line,
                        snprintf(line, sizeof line, "%s I %s log.repeated event=\"%s\" times=%u",
                                str_time(time, now), log_sink.process, log_sink.last,
                                log_sink.repeats));
        }
        snprintf(log_sink.last, sizeof log_sink.last, "%s", key);
        log_sink.last_us = now;
        log_sink.repeats = 0;
        return false;
}

PRINTF(4, 0)
static void log_line(const struct log_ctx *c, enum log_level level, const char *event,
        const char *fmt, va_list args)
{
        static const char letters[] = "DIWE";
        char line[LOG_LINE_BYTES], prefix[256] = "", key[160], body[700], time[STR_TIME_ROOM];
        int saved = errno;

        if (level < log_sink.lowest)
                return;
        long long now = log_sink.wall_us ? log_sink.wall_us() : 0;
        log_prefix(prefix, sizeof prefix, c);
        snprintf(key, sizeof key, "%.60s%s", prefix, event);
        if (!log_repeated(key, now)) {
                vsnprintf(body, sizeof body, fmt, args);
                for (char *b = body; *b; b++) {
                        if ((unsigned char)*b < 0x20 || (unsigned char)*b >= 0x7f)
                                *b = '?';
                }
                log_write(line, snprintf(line, sizeof line, "%s %c %s %s%s%s%s",
                                        str_time(time, now), letters[level], log_sink.process,
                                        prefix, event, body[0] ? " " : "", body));
        }
        errno = saved;
}

#define LOG_FUNCTION(name, level)                                                                  \
        void name(const struct log_ctx *c, const char *event, const char *fmt, ...)                \
        {                                                                                          \
                va_list args;                                                                      \
                                                                                                   \
                va_start(args, fmt);                                                               \
                log_line(c, level, event, fmt, args);                                              \
                va_end(args);                                                                      \
        }

LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_warn, LOG_LEVEL_WARN)
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
