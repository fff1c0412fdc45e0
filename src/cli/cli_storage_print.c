/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_storage_print.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/str.h"
#include "cli/cli.h"

#define CLI_STORAGE_BYTES_ROOM 16
#define CLI_STORAGE_STATE_ROOM 64
#define CLI_STORAGE_TEXT_ROOM 1100
#define CLI_STORAGE_NEAR_DAYS 7.0 /* from when on a forecast is a trouble */

/* As disks are sold: "980 MB", "12.3 GB"; "-" where it is not known. */
static const char *cli_storage_bytes(
        char to[static CLI_STORAGE_BYTES_ROOM], const json_t *object, const char *key)
{
        static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
        const json_t *number = json_object_get(object, key);
        double value = json_number_value(number);
        size_t unit = 0;

        if (!json_is_number(number)) {
                snprintf(to, CLI_STORAGE_BYTES_ROOM, "-");
                return to;
        }
        while (value >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
                value /= 1000;
                unit++;
        }
        snprintf(to, CLI_STORAGE_BYTES_ROOM, unit < 3 ? "%.0f %s" : "%.1f %s", value, units[unit]);
        return to;
}

static long long cli_storage_number(const json_t *object, const char *key)
{
        return (long long)json_integer_value(json_object_get(object, key));
}

static const char *cli_storage_shown(
        char to[static CLI_STORAGE_TEXT_ROOM], const json_t *object, const char *key)
{
        return str_escape(to, CLI_STORAGE_TEXT_ROOM, bytes_str(cli_text(object, key)));
}

static bool cli_storage_is_retired(const json_t *volume)
{
        return json_is_true(json_object_get(volume, "retired"));
}

static bool cli_storage_is_healthy(const json_t *volume)
{
        return strcmp(cli_text(volume, "state"), "healthy") == 0;
}

bool cli_storage_print_is_good(const json_t *volume)
{
        return (cli_storage_is_healthy(volume) || cli_storage_is_retired(volume)) &&
               cli_storage_number(volume, "damaged") == 0;
}

static const char *cli_storage_state(char to[static CLI_STORAGE_STATE_ROOM], const json_t *volume)
{
        bool retired = cli_storage_is_retired(volume), healthy = cli_storage_is_healthy(volume);

        snprintf(to, CLI_STORAGE_STATE_ROOM, "%s%s%s", retired ? "retired" : "",
                retired && !healthy ? ", " : "",
                retired && healthy ? "" : cli_text(volume, "state"));
        return to;
}

void cli_storage_print_list(const json_t *volumes)
{
        char state[CLI_STORAGE_STATE_ROOM], free_bytes[CLI_STORAGE_BYTES_ROOM],
                total[CLI_STORAGE_BYTES_ROOM], footage[CLI_STORAGE_BYTES_ROOM],
                path[CLI_STORAGE_TEXT_ROOM];
        json_t *v;
        size_t i;

        printf("%-16s %-20s %6s %10s %10s %10s  %s\n", "NAME", "STATE", "WEIGHT", "FREE", "TOTAL",
                "FOOTAGE", "PATH");
        json_array_foreach(volumes, i, v)
        {
                printf("%-16s %-20s %6lld %10s %10s %10s  %s\n", cli_text(v, "name"),
                        cli_storage_state(state, v), cli_storage_number(v, "weight"),
                        cli_storage_bytes(free_bytes, v, "free_bytes"),
                        cli_storage_bytes(total, v, "total_bytes"),
                        cli_storage_bytes(footage, v, "footage_bytes"),
                        cli_storage_shown(path, v, "path"));
        }
        printf("%zu volume%s\n", i, i == 1 ? "" : "s");
}

void cli_storage_print_room(const json_t *volume)
{
        char free_bytes[CLI_STORAGE_BYTES_ROOM], total[CLI_STORAGE_BYTES_ROOM],
                device[CLI_STORAGE_TEXT_ROOM];

        printf("%s: %s of %s are free (%s).\n", cli_text(volume, "name"),
                cli_storage_bytes(free_bytes, volume, "free_bytes"),
                cli_storage_bytes(total, volume, "total_bytes"),
                cli_storage_shown(device, volume, "device"));
}

/* What is wrong with it, and what to do about it. */
static void cli_storage_print_cause(const json_t *volume)
{
        char text[CLI_STORAGE_TEXT_ROOM];

        if (cli_storage_is_healthy(volume))
                return;
        if (cli_text(volume, "text")[0])
                printf("  cause     %s\n", cli_storage_shown(text, volume, "text"));
        if (cli_text(volume, "remedy")[0])
                printf("  to do     %s\n", cli_storage_shown(text, volume, "remedy"));
}

static void cli_storage_print_forecast(const json_t *volume)
{
        const json_t *full = json_object_get(volume, "full_in_days");
        const json_t *keeps = json_object_get(volume, "keeps_days");
        char keeping[64] = "";

        if (json_is_number(keeps))
                snprintf(keeping, sizeof keeping, "; at this rate it keeps %.1f days",
                        json_number_value(keeps));
        if (!json_is_number(full) && !json_is_number(keeps))
                printf("  forecast  nothing is recorded here at present\n");
        else if (!json_is_number(full))
                printf("  forecast  does not fill%s\n", keeping);
        else if (json_number_value(full) > 0)
                printf("  forecast  full in %.1f days%s\n", json_number_value(full), keeping);
        else
                printf("  forecast  full: the oldest is removed%s\n", keeping);
}

static void cli_storage_print_volume(const json_t *v)
{
        char state[CLI_STORAGE_STATE_ROOM], a[CLI_STORAGE_BYTES_ROOM], b[CLI_STORAGE_BYTES_ROOM],
                c[CLI_STORAGE_BYTES_ROOM], text[CLI_STORAGE_TEXT_ROOM];
        const char *oldest = cli_text(v, "oldest"), *checked = cli_text(v, "checked");
        long long damaged = cli_storage_number(v, "damaged");

        printf("%s: %s since %s\n", cli_text(v, "name"), cli_storage_state(state, v),
                cli_text(v, "since"));
        cli_storage_print_cause(v);
        printf("  path      %s", cli_storage_shown(text, v, "path"));
        printf(" (%s), weight %lld\n", cli_storage_shown(text, v, "device"),
                cli_storage_number(v, "weight"));
        printf("  room      %s free of %s; %s of it is kept free\n",
                cli_storage_bytes(a, v, "free_bytes"), cli_storage_bytes(b, v, "total_bytes"),
                cli_storage_bytes(c, v, "reserve_bytes"));
        printf("  footage   %s in %lld segment%s%s%s, %s locked; streams recorded here: %lld\n",
                cli_storage_bytes(a, v, "footage_bytes"), cli_storage_number(v, "segments"),
                cli_storage_number(v, "segments") == 1 ? "" : "s", oldest[0] ? " since " : "",
                oldest, cli_storage_bytes(b, v, "locked_bytes"), cli_storage_number(v, "streams"));
        cli_storage_print_forecast(v);
        printf("  checked   %s%s\n", checked[0] ? "all since " : "not all of it yet", checked);
        if (damaged)
                printf("  DAMAGED   segments that are no longer what was sealed: %lld (custos "
                       "storage damage)\n",
                        damaged);
}

static bool cli_storage_is_below(const json_t *stream)
{
        return json_is_true(json_object_get(stream, "below_minimum"));
}

static size_t cli_storage_count_below(const json_t *storage)
{
        size_t i, below = 0;
        json_t *s;

        json_array_foreach(json_object_get(storage, "streams"), i, s) below +=
                cli_storage_is_below(s);
        return below;
}

static void cli_storage_print_streams(const json_t *streams)
{
        char total[CLI_STORAGE_BYTES_ROOM], a_day[CLI_STORAGE_BYTES_ROOM];
        json_t *s;
        size_t i;

        if (json_array_size(streams) == 0)
                return;
        printf("\n%-28s %10s %10s %10s  %s\n", "STREAM", "FOOTAGE", "A DAY", "DAYS KEPT", "OLDEST");
        json_array_foreach(streams, i, s)
        {
                printf("%-28s %10s %10s %10.1f  %s%s\n", cli_text(s, "stream"),
                        cli_storage_bytes(total, s, "bytes"),
                        cli_storage_bytes(a_day, s, "bytes_a_day"),
                        json_number_value(json_object_get(s, "days_kept")), cli_text(s, "oldest"),
                        cli_storage_is_below(s) ? "  BELOW ITS MINIMUM" : "");
        }
}

/* What will be wrong with all volumes together, in how many days; only what is near, where days are
 * not 0. */
static void cli_storage_print_foreseen(const json_t *storage, const char *head, double days)
{
        const json_t *forecast = json_object_get(storage, "forecast");
        const json_t *minimum = json_object_get(forecast, "minimum_in_days");
        const json_t *stops = json_object_get(forecast, "stops_in_days");

        if (json_is_number(minimum) && (days == 0 || json_number_value(minimum) < days))
                printf("%sin %.1f days there is no room left for the minimum days. %s\n", head,
                        json_number_value(minimum), fault_remedy(FAULT_BELOW_MINIMUM));
        if (json_is_number(stops) && (days == 0 || json_number_value(stops) < days))
                printf("%sin %.1f days recording stops, because nearly all that is kept is locked. "
                       "%s\n",
                        head, json_number_value(stops), fault_remedy(FAULT_VOLUME_FULL));
}

static bool cli_storage_clock_is_wrong(const json_t *clock)
{
        return json_is_false(json_object_get(clock, "synchronized"));
}

static bool cli_storage_clock_is_ahead(const json_t *clock)
{
        const char *state = json_string_value(json_object_get(clock, "state"));

        return state && strcmp(state, fault_name(FAULT_CLOCK_STEPPED)) == 0;
}

static void cli_storage_print_clock(const json_t *clock)
{
        const json_t *synchronized = json_object_get(clock, "synchronized");
        const json_t *offset = json_object_get(clock, "offset_us");
        const json_t *drift = json_object_get(clock, "drift_ppm");
        const json_t *steps = json_object_get(clock, "last_steps");
        const json_t *last = json_array_get(steps, json_array_size(steps) - 1);

        if (!json_is_object(clock))
                return;
        printf("\nclock  %s", json_is_true(synchronized) ? "synchronized"
                              : cli_storage_clock_is_wrong(clock)
                                      ? "NOT SYNCHRONIZED"
                                      : "not known whether it is synchronized");
        if (json_is_number(offset))
                printf(", off by %+.3f s", json_number_value(offset) / 1e6);
        if (json_is_number(drift))
                printf(", drift %+.1f ppm", json_number_value(drift));
        printf(", %lld steps", cli_storage_number(clock, "steps"));
        if (last)
                printf(" (the last at %s by %+.3f s)", cli_text(last, "time"),
                        json_number_value(json_object_get(last, "step_us")) / 1e6);
        printf("\n");
        if (cli_storage_clock_is_ahead(clock))
                printf("       %s %s\n", fault_text(FAULT_CLOCK_STEPPED),
                        fault_remedy(FAULT_CLOCK_STEPPED));
        if (cli_storage_clock_is_wrong(clock))
                printf("       %s\n", fault_remedy(FAULT_CLOCK_NOT_SYNCHRONIZED));
}

void cli_storage_print_troubles(const json_t *storage)
{
        const json_t *clock = json_object_get(storage, "clock");
        char state[CLI_STORAGE_STATE_ROOM], remedy[CLI_STORAGE_TEXT_ROOM];
        size_t i, below = cli_storage_count_below(storage);
        json_t *v;

        json_array_foreach(json_object_get(storage, "volumes"), i, v)
        {
                if (!cli_storage_is_healthy(v) && !cli_storage_is_retired(v))
                        printf("STORAGE      volume %s: %s since %s. %s\n", cli_text(v, "name"),
                                cli_storage_state(state, v), cli_text(v, "since"),
                                cli_storage_shown(remedy, v, "remedy"));
                if (cli_storage_number(v, "damaged"))
                        printf("STORAGE      volume %s: damaged segments: %lld. %s\n",
                                cli_text(v, "name"), cli_storage_number(v, "damaged"),
                                fault_remedy(FAULT_VOLUME_DAMAGED));
        }
        if (below)
                printf("STORAGE      %zu stream%s kept for less than the minimum days. %s\n", below,
                        below == 1 ? " is" : "s are", fault_remedy(FAULT_BELOW_MINIMUM));
        cli_storage_print_foreseen(storage, "STORAGE      ", CLI_STORAGE_NEAR_DAYS);
        if (cli_storage_clock_is_ahead(clock))
                printf("CLOCK        %s %s\n", fault_text(FAULT_CLOCK_STEPPED),
                        fault_remedy(FAULT_CLOCK_STEPPED));
        if (cli_storage_clock_is_wrong(clock))
                printf("CLOCK        not synchronized, %lld steps. %s\n",
                        cli_storage_number(clock, "steps"),
                        fault_remedy(FAULT_CLOCK_NOT_SYNCHRONIZED));
}

bool cli_storage_print_status(const json_t *storage)
{
        size_t i, below = cli_storage_count_below(storage);
        bool good = true;
        json_t *v;

        json_array_foreach(json_object_get(storage, "volumes"), i, v)
        {
                cli_storage_print_volume(v);
                good &= cli_storage_print_is_good(v);
        }
        cli_storage_print_streams(json_object_get(storage, "streams"));
        if (below)
                printf("%s\n%s\n", fault_text(FAULT_BELOW_MINIMUM),
                        fault_remedy(FAULT_BELOW_MINIMUM));
        cli_storage_print_foreseen(storage, "\nforecast: ", 0);
        cli_storage_print_clock(json_object_get(storage, "clock"));
        return good && below == 0;
}
