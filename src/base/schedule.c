/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/schedule.h"

#include <assert.h>

#include "base/str.h"

/* As tm_wday counts. */
static const char *const schedule_days[7] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

static int schedule_find_day(struct bytes name)
{
        for (int i = 0; i < 7; i++) {
                if (bytes_equal(name, bytes_str(schedule_days[i])))
                        return i;
        }
        return -1;
}

static bool schedule_parse_days(struct bytes text, unsigned *ret_first, unsigned *ret_n)
{
        if (bytes_equal(text, bytes_str("daily"))) {
                *ret_first = 0;
                *ret_n = 7;
                return true;
        }
        int first = schedule_find_day(bytes_sub(text, 0, 3));
        int last = first;
        if (text.n == 7 && text.p[3] == '-')
                last = schedule_find_day(bytes_sub(text, 4, 3));
        else if (text.n != 3)
                return false;
        if (first < 0 || last < 0)
                return false;
        *ret_first = (unsigned)first;
        *ret_n = (unsigned)((last - first + 7) % 7 + 1);
        return true;
}

static int schedule_digits(const uint8_t *p)
{
        bool both = p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9';

        return both ? (p[0] - '0') * 10 + (p[1] - '0') : -1;
}

/* Minutes of HH:MM, 24:00 included, or -1. */
static int schedule_parse_time(const uint8_t *p)
{
        int hour = schedule_digits(p), minute = schedule_digits(p + 3);

        if (hour < 0 || minute < 0 || p[2] != ':' || minute > 59 || hour > 24 ||
                (hour == 24 && minute > 0))
                return -1;
        return hour * 60 + minute;
}

static bool schedule_parse_span(struct bytes text, unsigned *ret_from, unsigned *ret_n)
{
        if (text.n != 11 || text.p[5] != '-')
                return false;
        int from = schedule_parse_time(text.p), to = schedule_parse_time(text.p + 6);
        if (from < 0 || to < 0 || from == (int)SCHEDULE_DAY_MINUTES || from == to)
                return false;
        if (to < from)
                to += (int)SCHEDULE_DAY_MINUTES;
        *ret_from = (unsigned)from;
        *ret_n = (unsigned)(to - from);
        return true;
}

static void schedule_mark(struct schedule *s, unsigned from, unsigned n)
{
        for (unsigned i = from; i < from + n; i++) {
                unsigned at = i % SCHEDULE_WEEK_MINUTES;
                s->bits[at / 8] |= (uint8_t)(1u << at % 8);
        }
}

static int schedule_parse_entry(struct schedule *s, struct bytes entry, struct err *e)
{
        struct bytes rest = entry;
        struct bytes days = str_trim_blanks(str_cut(&rest, ' '));
        unsigned first, days_n, from, n;
        char shown[64];

        if (!schedule_parse_days(days, &first, &days_n) ||
                !schedule_parse_span(str_trim_blanks(rest), &from, &n))
                return err_set(e, ERR_INVALID,
                        "schedule: \"%s\" is not DAYS HH:MM-HH:MM, as in \"mon-fri 08:00-18:00, "
                        "daily 22:00-05:30\"; days are mon tue wed thu fri sat sun or daily",
                        str_escape(shown, sizeof shown, entry));
        for (unsigned i = 0; i < days_n; i++)
                schedule_mark(s, (first + i) % 7 * SCHEDULE_DAY_MINUTES + from, n);
        return 0;
}

int schedule_parse(const char *text, struct schedule *ret, struct err *e)
{
        struct bytes rest = str_trim_blanks(bytes_str(text));
        struct schedule s = { 0 };

        if (rest.n == 0)
                memset(s.bits, 0xff, sizeof s.bits);
        while (rest.n) {
                bool more = memchr(rest.p, ',', rest.n) != NULL;
                int r = schedule_parse_entry(&s, str_trim_blanks(str_cut(&rest, ',')), e);
                if (r < 0)
                        return r;
                if (more && rest.n == 0)
                        return err_set(e, ERR_INVALID, "schedule: nothing behind the last comma");
        }
        *ret = s;
        return 0;
}

static bool schedule_bit(const struct schedule *s, unsigned at)
{
        return s->bits[at / 8] >> at % 8 & 1;
}

bool schedule_inside(const struct schedule *s, unsigned weekday, unsigned minute)
{
        assert(weekday < 7 && minute < SCHEDULE_DAY_MINUTES);
        return schedule_bit(s, weekday * SCHEDULE_DAY_MINUTES + minute);
}

unsigned schedule_next_change(const struct schedule *s, unsigned weekday, unsigned minute)
{
        bool now = schedule_inside(s, weekday, minute);
        unsigned at = weekday * SCHEDULE_DAY_MINUTES + minute;

        for (unsigned n = 1; n < SCHEDULE_WEEK_MINUTES; n++) {
                if (schedule_bit(s, (at + n) % SCHEDULE_WEEK_MINUTES) != now)
                        return n;
        }
        return 0;
}
