/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The names and addresses that a page is opened by, as its certificate has them: DNS names in lower
 * case, without wildcards; IPv4 and IPv6 addresses in their one form (RFC 5952). As text a line
 * each. Pure.
 */
#ifndef CUSTOS_TRUST_WEB_NAMES_H
#define CUSTOS_TRUST_WEB_NAMES_H

#include "base/buf.h"
#include "base/err.h"

#define WEB_NAMES_MAX 32 /* names and addresses together; as one certificate has them */
#define WEB_NAMES_ROOM 254
#define WEB_NAMES_TEXT_MAX (WEB_NAMES_MAX * WEB_NAMES_ROOM)

struct web_names {
        unsigned n;
        struct web_names_name {
                bool is_address;
                char text[WEB_NAMES_ROOM];
        } names[WEB_NAMES_MAX];
};

/* One that is there already is not added again. ERR_INVALID with the reason; ERR_EXHAUSTED. */
int web_names_add(struct web_names *w, const char *text, struct err *e) MUST_USE;
bool web_names_has(const struct web_names *w, const char *text);

/* Borrowed from w; each NULL-terminated. */
struct web_names_lists {
        const char *dns[WEB_NAMES_MAX + 1], *ip[WEB_NAMES_MAX + 1];
};
void web_names_lists(const struct web_names *w, struct web_names_lists *ret);

int web_names_parse(struct bytes text, struct web_names *ret, struct err *e) MUST_USE;
/* Appends. */
int web_names_format(const struct web_names *w, struct buf *out, struct err *e) MUST_USE;

#endif
