/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_record.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"

json_t *cli_record_asked(const struct cli_args *a)
{
        static const struct {
                enum cli_args_option option;
                const char *key;
                bool number;
        } all[] = { { CLI_ARGS_RECORD, "mode", false }, { CLI_ARGS_BETWEEN, "between", false },
                { CLI_ARGS_SCHEDULE, "schedule", false }, { CLI_ARGS_PRE, "pre_s", true },
                { CLI_ARGS_POST, "post_s", true }, { CLI_ARGS_MIN_DAYS, "min_days", true },
                { CLI_ARGS_MAX_DAYS, "max_days", true }, { CLI_ARGS_QUOTA, "quota_mb", true } };
        json_t *record = NULL;

        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
                if (!cli_args_has(a, all[i].option))
                        continue;
                if (!record)
                        record = json_object();
                if (all[i].number)
                        json_object_set_new(record, all[i].key,
                                json_integer((json_int_t)a->numbers[all[i].option]));
                else
                        cli_put(record, all[i].key, a->values[all[i].option]);
        }
        return record;
}

/* Appends, cut at the end of the room. */
static void cli_record_add(char to[static CLI_RECORD_ROOM], const char *fmt, ...) PRINTF(2, 3);

static void cli_record_add(char to[static CLI_RECORD_ROOM], const char *fmt, ...)
{
        size_t n = strlen(to);
        va_list args;

        va_start(args, fmt);
        vsnprintf(to + n, CLI_RECORD_ROOM - n, fmt, args);
        va_end(args);
}

static long long cli_record_number(const json_t *record, const char *key)
{
        return (long long)json_integer_value(json_object_get(record, key));
}

static void cli_record_add_kept(char to[static CLI_RECORD_ROOM], const json_t *record)
{
        long long min = cli_record_number(record, "min_days");
        long long max = cli_record_number(record, "max_days");
        long long quota = cli_record_number(record, "quota_mb");

        if (min && max)
                cli_record_add(to, "; kept %lld to %lld days", min, max);
        else if (min)
                cli_record_add(to, "; kept %lld days at least", min);
        else if (max)
                cli_record_add(to, "; kept %lld days at most", max);
        if (quota)
                cli_record_add(to, "; %lld MB at most", quota);
}

const char *cli_record_text(char to[static CLI_RECORD_ROOM], const json_t *record)
{
        const char *mode = cli_text(record, "mode"), *schedule = cli_text(record, "schedule");
        char shown[280];

        snprintf(to, CLI_RECORD_ROOM, "%s", mode);
        if (strcmp(mode, "schedule") == 0 || strcmp(mode, "event") == 0) {
                if (schedule[0])
                        cli_record_add(
                                to, " (%s)", str_escape(shown, sizeof shown, bytes_str(schedule)));
                cli_record_add(to, ", %lld s before and %lld s behind an event",
                        cli_record_number(record, "pre_s"), cli_record_number(record, "post_s"));
                if (strcmp(cli_text(record, "between"), "key-frames") == 0)
                        cli_record_add(to, ", key frames between");
        }
        cli_record_add_kept(to, record);
        return to;
}
