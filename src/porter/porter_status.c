/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "os/clock.h"
#include "porter/porter_parts.h"

#define PORTER_STATUS_REFUSALS_US INT64_C(1000000)

static json_t *porter_status_string(const char *text)
{
        json_t *value = json_string(text);

        return value ? value : json_string("(unprintable)");
}

void porter_status_refused(struct porter *p, const char *address, const struct err *why)
{
        int64_t now_us = clock_boot_us();

        log_warn(NULL, "link.refused", "address=%s fault=%s err=\"%s\"", address,
                fault_name(why->fault), why->text);
        if (p->told_refusal_us && now_us - p->told_refusal_us < PORTER_STATUS_REFUSALS_US)
                return;
        p->told_refusal_us = now_us;
        porter_tell(p, "porter.refused",
                json_pack("{s:s, s:s, s:o}", "address", address, "fault", fault_name(why->fault),
                        "text", porter_status_string(why->text)));
}

void porter_status_not_let_in(const struct porter_target *t)
{
        porter_tell(t->porter, "porter.not_let_in",
                json_pack("{s:s, s:s, s:s, s:o}", "role", t->role, "name", t->name, "fault",
                        fault_name(t->last.fault), "text", porter_status_string(t->last.text)));
}

json_t *porter_status_certificate(struct porter *p)
{
        char from[STR_TIME_ROOM], until[STR_TIME_ROOM], next[STR_TIME_ROOM];

        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:o}", "uri", p->uri, "not_before",
                str_time(from, p->identity.not_before_us), "not_after",
                str_time(until, p->identity.not_after_us), "renewal",
                str_time(next, porter_renew_next_us(p->renew)), "error",
                porter_status_string(porter_renew_error(p->renew)));
        if (p->web)
                json_object_set_new(o, "page",
                        json_pack("{s:s, s:s, s:s, s:o}", "not_before",
                                str_time(from, p->page.cert.not_before_us), "not_after",
                                str_time(until, p->page.cert.not_after_us), "renewal",
                                str_time(next, porter_renew_next_us(p->web)), "error",
                                porter_status_string(porter_renew_error(p->web))));
        return o;
}

/* One that is wanted and not there. */
static json_t *porter_status_target(const struct porter *p, const struct porter_target *t)
{
        char uri[TLS_ROLE_URI_ROOM];

        snprintf(uri, sizeof uri, "custos://%s/%s/%s", p->identity.site, t->role, t->name);
        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s, s:o}", "uri", uri, "role",
                t->role, "name", t->name, "address", t->host, "accepted", 0, "state",
                t->refused ? "refused" : "connecting", "fault", fault_name(t->last.fault), "text",
                porter_status_string(t->last.text));
        json_t *none = json_pack("{s:s, s:s, s:n, s:n, s:i, s:i, s:i, s:i, s:i, s:i}", "tls", "",
                "cipher", "", "since", "not_after", "rekeys_in", 0, "rekeys_out", 0, "handshakes",
                0, "bytes_in", 0, "bytes_out", 0, "plaintext_bytes", 0);
        json_object_update(o, none);
        json_decref(none);
        return o;
}

json_t *porter_status_links(struct porter *p)
{
        json_t *links = porter_peer_list(p, json_array());

        for (const struct porter_target *t = p->targets; t; t = t->next) {
                if (!t->peer)
                        json_array_append_new(links, porter_status_target(p, t));
        }
        return json_pack("{s:o, s:o}", "links", links, "certificate", porter_status_certificate(p));
}
