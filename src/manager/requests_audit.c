/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit log, as an administrator reads it. */
#include <stdio.h>

#include "base/str.h"
#include "manager/requests_parts.h"

static void requests_audit_on_page(void *owner, uint64_t tag, json_t *body, const struct err *why)
{
        struct requests *r = owner;

        if (body)
                desk_answer(r->desk, tag, body);
        else
                desk_fail(r->desk, tag, why, "custos audit verify, on the manager's host.");
}

void requests_audit_start(struct requests *r)
{
        r->audit_reader = audit_reader_new(r->loop, r->audit, requests_audit_on_page, r);
}

static int requests_audit_text(
        char to[static AUDIT_READER_TEXT_MAX], const char *what, const char *text, struct err *e)
{
        if ((size_t)snprintf(to, AUDIT_READER_TEXT_MAX, "%s", text ? text : "") >=
                AUDIT_READER_TEXT_MAX)
                return err_set(
                        e, ERR_INVALID, "audit.list: there is no %s of so long a name", what);
        return 0;
}

static int requests_audit_time(
        int64_t *to, const char *what, const char *text, int64_t instead, struct err *e)
{
        *to = instead;
        int done = text ? str_parse_time(text, to, e) : 0;
        return done < 0 ? err_wrap(e, done, "audit.list: %s", what) : 0;
}

int requests_audit_list(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *person = NULL, *type = NULL, *from = NULL, *until = NULL;
        json_int_t after = 0, limit = AUDIT_READER_LIMIT;
        struct audit_reader_wish wish;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s?:I, s?:I, s?:s, s?:s, s?:s, s?:s}", "after",
                    &after, "limit", &limit, "person", &person, "type", &type, "from", &from,
                    "until", &until) < 0)
                return err_set(e, ERR_INVALID, "audit.list: %s", why.text);
        if (after < 0 || limit < 1 || limit > AUDIT_READER_LIMIT_MAX)
                return err_set(e, ERR_INVALID,
                        "audit.list: after is a place that a page gave, limit is 1 to %d",
                        AUDIT_READER_LIMIT_MAX);
        wish.after = (uint64_t)after;
        wish.limit = (unsigned)limit;
        int done = requests_audit_text(wish.person, "person", person, e);
        if (done == 0)
                done = requests_audit_text(wish.type, "event", type, e);
        if (done == 0)
                done = requests_audit_time(&wish.from_us, "from", from, 0, e);
        if (done == 0)
                done = requests_audit_time(&wish.until_us, "until", until, INT64_MAX, e);
        return done < 0 ? done : audit_reader_ask(r->audit_reader, &wish, tag, e);
}
