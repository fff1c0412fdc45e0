/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/audit_line.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/hash.h"

#define AUDIT_LINE_VERSION 1

static const char audit_line_tail[] = ",\"hash\":\"";

/* `,"hash":"<64 hex>"}` */
#define AUDIT_LINE_TAIL_BYTES (sizeof audit_line_tail - 1 + 2 * AUDIT_LINE_HASH_BYTES + 2)

static void audit_line_free_text(char **text)
{
        free(*text);
}

static json_t *audit_line_object(
        const struct audit_line_chain *chain, int64_t wall_us, const char *event, json_t *fields)
{
        char time[STR_TIME_ROOM], previous[2 * AUDIT_LINE_HASH_BYTES + 1];
        json_t *line = json_pack("{s:i, s:I, s:s, s:s}", "v", AUDIT_LINE_VERSION, "n",
                (json_int_t)(chain->n + 1), "time", str_time(time, wall_us), "event", event);

        json_object_update_missing(line, fields);
        json_object_set_new(line, "previous",
                json_string(str_hex(previous, BYTES(chain->last, sizeof chain->last))));
        return line;
}

int audit_line_format(struct audit_line_chain *chain, int64_t wall_us, const char *event,
        json_t *fields, struct buf *out, struct err *e)
{
        char hex[2 * AUDIT_LINE_HASH_BYTES + 1];
        uint8_t hash[AUDIT_LINE_HASH_BYTES];
        json_t *line = audit_line_object(chain, wall_us, event, fields);
        CLEANUP(audit_line_free_text)
        char *text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);

        json_decref(line);
        if (!text)
                return err_set(e, ERR_INTERNAL, "audit: the line cannot be written as JSON");
        size_t n = strlen(text) - 1; /* without the last brace */
        if (n + AUDIT_LINE_TAIL_BYTES > AUDIT_LINE_MAX)
                return err_set(
                        e, ERR_EXHAUSTED, "audit: a line of more than %d bytes", AUDIT_LINE_MAX);
        hash_once(BYTES(text, n), hash);
        int r = buf_printf(out, e, "%.*s%s%s\"}\n", (int)n, text, audit_line_tail,
                str_hex(hex, BYTES(hash, sizeof hash)));
        if (r < 0)
                return r;
        chain->n++;
        chain->any = true;
        memcpy(chain->last, hash, sizeof hash);
        return 0;
}

/* The line ends by its hash, in the very form in which it is written. */
static bool audit_line_ends_so(struct bytes line, const uint8_t hash[static AUDIT_LINE_HASH_BYTES])
{
        char hex[2 * AUDIT_LINE_HASH_BYTES + 1], tail[AUDIT_LINE_TAIL_BYTES + 1];

        str_hex(hex, BYTES(hash, AUDIT_LINE_HASH_BYTES));
        snprintf(tail, sizeof tail, "%s%s\"}", audit_line_tail, hex);
        return bytes_equal(bytes_sub(line, line.n - AUDIT_LINE_TAIL_BYTES, AUDIT_LINE_TAIL_BYTES),
                bytes_str(tail));
}

int audit_line_skip(struct audit_line_chain *chain,
        const uint8_t hash[static AUDIT_LINE_HASH_BYTES], struct err *e)
{
        chain->n = 0;
        chain->any = true;
        memcpy(chain->last, hash, sizeof chain->last);
        return err_set(e, ERR_CORRUPT, "not a line of this log");
}

/* What follows has to name this line, be it as it may. */
static int audit_line_broken(struct audit_line_chain *chain, struct bytes line, struct err *e)
{
        uint8_t hash[HASH_BYTES];

        hash_once(line, hash);
        return audit_line_skip(chain, hash, e);
}

struct audit_line_claims {
        json_int_t n;
        uint8_t previous[AUDIT_LINE_HASH_BYTES], hash[AUDIT_LINE_HASH_BYTES];
};

static bool audit_line_read(json_t *line, struct audit_line_claims *c)
{
        const char *event, *time, *previous, *hash;
        json_int_t version;

        return line &&
               json_unpack(line, "{s:I, s:I, s:s, s:s, s:s, s:s}", "v", &version, "n", &c->n,
                       "time", &time, "event", &event, "previous", &previous, "hash", &hash) == 0 &&
               version == AUDIT_LINE_VERSION && c->n > 0 &&
               str_unhex(c->previous, sizeof c->previous, previous, NULL) == 0 &&
               str_unhex(c->hash, sizeof c->hash, hash, NULL) == 0;
}

int audit_line_parse(struct audit_line_chain *chain, struct bytes line, json_t **ret, struct err *e)
{
        const struct audit_line_chain before = *chain;
        uint8_t hash[AUDIT_LINE_HASH_BYTES];
        struct audit_line_claims c;
        json_t *object = NULL;

        if (ret)
                *ret = NULL;
        if (line.n > AUDIT_LINE_MAX || line.n <= AUDIT_LINE_TAIL_BYTES)
                return audit_line_broken(chain, line, e);
        object = json_loadb((const char *)line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
        if (!audit_line_read(object, &c) || !audit_line_ends_so(line, c.hash)) {
                json_decref(object);
                return audit_line_broken(chain, line, e);
        }
        *chain = (struct audit_line_chain){ .n = (uint64_t)c.n, .any = true };
        memcpy(chain->last, c.hash, sizeof c.hash);
        if (ret)
                *ret = object;
        else
                json_decref(object);
        hash_once(bytes_sub(line, 0, line.n - AUDIT_LINE_TAIL_BYTES), hash);
        if (memcmp(hash, c.hash, sizeof hash) != 0)
                return err_set(e, ERR_CORRUPT, "it was changed: its hash is another");
        if (memcmp(before.last, c.previous, sizeof before.last) != 0)
                return err_set(e, ERR_CORRUPT,
                        before.any
                                ? "it does not follow the line before it: one was changed, taken "
                                  "out or put in"
                                : "it is not the first: lines before it were taken out");
        if ((before.n || !before.any) && (uint64_t)c.n != before.n + 1)
                return err_set(e, ERR_CORRUPT, "it is number %lld, behind number %llu",
                        (long long)c.n, (unsigned long long)before.n);
        return 0;
}
