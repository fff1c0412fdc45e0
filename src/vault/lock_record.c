/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/lock_record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define LOCK_RECORD_MEMBERS 8

static void lock_record_json_freep(json_t **j)
{
        json_decref(*j);
}

bool lock_record_is_id(const char *s)
{
        return strlen(s) == LOCK_RECORD_ID_ROOM - 1 &&
               strspn(s, "0123456789abcdef") == LOCK_RECORD_ID_ROOM - 1;
}

static bool lock_record_is_text(const char *s)
{
        for (; *s; s++) {
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        return false;
        }
        return true;
}

static int lock_record_check(const struct lock_record *l, int code, struct err *e)
{
        if (!lock_record_is_id(l->id))
                return err_set(e, code, "a lock's id is 32 hex digits in lower case");
        if (!head_is_stream_path(l->stream))
                return err_set(e, code, "a lock's stream is not <camera>-<stream>");
        if (l->from_us > l->to_us)
                return err_set(e, code, "a lock ends before it begins");
        if (!lock_record_is_text(l->by) || !lock_record_is_text(l->reason))
                return err_set(e, code, "who made a lock, or why, has control characters");
        return 0;
}

static int lock_record_get_text(
        const json_t *object, const char *member, char *to, size_t room, struct err *e)
{
        const json_t *value = json_object_get(object, member);
        const char *text = json_string_value(value);

        if (!text || json_string_length(value) != strlen(text) || strlen(text) >= room)
                return err_set(
                        e, ERR_CORRUPT, "a lock's \"%s\" is missing, too long or no text", member);
        snprintf(to, room, "%s", text);
        return 0;
}

static int lock_record_get_time(
        const json_t *object, const char *member, int64_t *to, struct err *e)
{
        const json_t *value = json_object_get(object, member);

        if (!json_is_integer(value))
                return err_set(e, ERR_CORRUPT, "a lock's \"%s\" is missing or no time", member);
        *to = json_integer_value(value);
        return 0;
}

int lock_record_parse(struct bytes text, struct lock_record *ret, struct err *e)
{
        struct lock_record l = { 0 };
        json_error_t why;

        if (text.n > LOCK_RECORD_FILE_MAX)
                return err_set(
                        e, ERR_CORRUPT, "a lock has more than %d bytes", LOCK_RECORD_FILE_MAX);
        CLEANUP(lock_record_json_freep)
        json_t *object = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &why);
        const json_t *version = json_object_get(object, "version");
        if (!json_is_object(object) || json_object_size(object) != LOCK_RECORD_MEMBERS ||
                !json_is_integer(version) || json_integer_value(version) != 1)
                return err_set(e, ERR_CORRUPT, "not a lock of version 1");
        int r = lock_record_get_text(object, "id", l.id, sizeof l.id, e);
        if (r == 0)
                r = lock_record_get_text(object, "stream", l.stream, sizeof l.stream, e);
        if (r == 0)
                r = lock_record_get_time(object, "from_us", &l.from_us, e);
        if (r == 0)
                r = lock_record_get_time(object, "to_us", &l.to_us, e);
        if (r == 0)
                r = lock_record_get_time(object, "made_us", &l.made_us, e);
        if (r == 0)
                r = lock_record_get_text(object, "by", l.by, sizeof l.by, e);
        if (r == 0)
                r = lock_record_get_text(object, "reason", l.reason, sizeof l.reason, e);
        if (r == 0)
                r = lock_record_check(&l, ERR_CORRUPT, e);
        if (r == 0)
                *ret = l;
        return r;
}

int lock_record_format(const struct lock_record *l, struct buf *out, struct err *e)
{
        int r = lock_record_check(l, ERR_INVALID, e);
        if (r < 0)
                return r;
        CLEANUP(lock_record_json_freep)
        json_t *object = json_pack("{s:i, s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "version", 1, "id",
                l->id, "stream", l->stream, "from_us", (json_int_t)l->from_us, "to_us",
                (json_int_t)l->to_us, "made_us", (json_int_t)l->made_us, "by", l->by, "reason",
                l->reason);
        CLEANUP(own_freep) char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
        if (!text)
                return err_set(e, ERR_INVALID, "who made a lock, or why, is not UTF-8");
        return buf_printf(out, e, "%s\n", text) < 0 ? ERR_EXHAUSTED : 0;
}
