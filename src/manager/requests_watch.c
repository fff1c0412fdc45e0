/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The certificate watch's looks: at the manager's start, a minute later (recorders are there by
 * then), each hour, and whenever somebody asks. The site's own are known here; what cameras showed,
 * each recorder that is there says, one after another. context: recorder (its number), after,
 * cameras: list of [stream, from, until].
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509.h"
#include "manager/requests_parts.h"
#include "os/clock.h"

#define REQUESTS_WATCH_FIRST_MS UINT64_C(60000)
#define REQUESTS_WATCH_EACH_MS UINT64_C(3600000)
#define REQUESTS_WATCH_PAGE 200

static void requests_watch_ask(struct requests *r, uint64_t tag, json_t *context);

static void requests_watch_add_der(
        struct certificate_watch_look *l, const char *what, const char *subject, struct bytes der)
{
        int64_t from_us, until_us;

        if (x509_not_before(der, &from_us, NULL) == 0 && x509_not_after(der, &until_us, NULL) == 0)
                certificate_watch_add(
                        l, what, subject, from_us, until_us, CERTIFICATE_WATCH_PEOPLE);
}

/* What the site's issuers made, but for cameras: a camera is judged by what it shows. */
static void requests_watch_add_issued(struct requests *r, struct certificate_watch_look *l)
{
        const struct issued *issued = site_ca_issued(r->ca);

        for (size_t i = 0; i < issued->n; i++) {
                const struct issued_certificate *c = &issued->certificates[i];
                size_t n = strlen(c->subject);
                bool grants = n > 7 && strcmp(c->subject + n - 7, "/grants") == 0;
                if (c->revoked_us || c->issuer == ISSUED_CAMERAS)
                        continue;
                certificate_watch_add(l,
                        grants                      ? "grants"
                        : c->issuer == ISSUED_NODES ? "node"
                        : c->issuer == ISSUED_SEALS ? "seal"
                                                    : "web",
                        c->subject, c->from_us, c->until_us,
                        grants                      ? CERTIFICATE_WATCH_USE
                        : c->issuer == ISSUED_SEALS ? CERTIFICATE_WATCH_PEOPLE
                                                    : CERTIFICATE_WATCH_NODE);
        }
}

static void requests_watch_add_cameras(struct certificate_watch_look *l, const json_t *cameras)
{
        json_t *one;
        size_t i;

        json_array_foreach(cameras, i, one)
                certificate_watch_add(l, "camera", json_string_value(json_array_get(one, 0)),
                        json_integer_value(json_array_get(one, 1)),
                        json_integer_value(json_array_get(one, 2)), CERTIFICATE_WATCH_PEOPLE);
}

static int requests_watch_tell(void *owner, const char *what, const char *subject, int64_t until_us,
        const char *warning, struct err *e)
{
        struct requests *r = owner;
        char until[STR_TIME_ROOM];

        str_time(until, until_us);
        log_warn(NULL, "certificate.due", "what=%s subject=\"%s\" until=%s warning=\"%s\"", what,
                subject, until, warning);
        return requests_route_audit(r, "certificate.due", NULL, NULL,
                json_pack("{s:s, s:s, s:s, s:s}", "what", what, "subject", subject, "not_after",
                        until, "warning", warning),
                e);
}

static void requests_watch_answer(struct requests *r, uint64_t tag, size_t after)
{
        bool more;
        json_t *list = certificate_watch_list(
                r->watch, after, REQUESTS_WATCH_PAGE, clock_wall_us(), &more);

        desk_answer(r->desk, tag, json_pack("{s:o, s:b}", "certificates", list, "more", more));
}

static void requests_watch_end(struct requests *r, uint64_t tag, const json_t *cameras)
{
        struct certificate_watch_look *l = certificate_watch_begin();
        struct err e;

        requests_watch_add_der(l, "root", r->site, site_ca_root(r->ca));
        if (site_ca_web_root(r->ca).n)
                requests_watch_add_der(l, "root", "web", site_ca_web_root(r->ca));
        for (unsigned i = 0; i < SITE_CA_ISSUERS; i++)
                requests_watch_add_der(l, "issuer", issued_issuer_name((enum issued_issuer)i),
                        site_ca_issuer_cert(r->ca, (enum site_ca_issuer)i));
        requests_watch_add_issued(r, l);
        requests_watch_add_cameras(l, cameras);
        requests_web_watch(r, l);
        if (certificate_watch_end(r->watch, l, clock_wall_us(), requests_watch_tell, r, &e) < 0)
                log_error(NULL, "certificate.not_told", "err=\"%s\"", e.text);
        if (tag)
                requests_watch_answer(r, tag, 0);
}

/* --- cameras --- */

static void requests_watch_take(json_t *context, const json_t *stream)
{
        const char *path = json_string_value(json_object_get(stream, "stream"));
        const char *from = json_string_value(json_object_get(stream, "certificate_from"));
        const char *until = json_string_value(json_object_get(stream, "certificate_until"));
        int64_t from_us, until_us;

        if (path && from && until && str_parse_time(from, &from_us, NULL) == 0 &&
                str_parse_time(until, &until_us, NULL) == 0)
                json_array_append_new(json_object_get(context, "cameras"),
                        json_pack("[s, I, I]", path, (json_int_t)from_us, (json_int_t)until_us));
        json_object_set(context, "after", json_object_get(stream, "stream"));
}

static void requests_watch_on_streams(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        json_t *streams = json_object_get(a->body, "streams"), *stream;
        size_t i;

        json_array_foreach(streams, i, stream) requests_watch_take(a->context, stream);
        if (json_array_size(streams) == 0 || !json_is_true(json_object_get(a->body, "more"))) {
                json_int_t n = json_integer_value(json_object_get(a->context, "recorder"));
                json_object_set_new(a->context, "recorder", json_integer(n + 1));
                json_object_set_new(a->context, "after", json_string(""));
        }
        requests_watch_ask(r, tag, json_incref(a->context));
}

/* The next page, of the next recorder that is there; behind the last of them the look is over.
 * Takes context. */
static void requests_watch_ask(struct requests *r, uint64_t tag, json_t *context)
{
        unsigned n = (unsigned)json_integer_value(json_object_get(context, "recorder"));
        struct peers_state recorder;

        while (peers_nth(r->peers, "recorder", n, &recorder) && !recorder.up)
                n++;
        json_object_set_new(context, "recorder", json_integer(n));
        if (!peers_nth(r->peers, "recorder", n, &recorder)) {
                requests_watch_end(r, tag, json_object_get(context, "cameras"));
                json_decref(context);
                return;
        }
        requests_ask(r, tag, recorder.name, "status.get",
                json_pack("{s:O, s:i}", "after", json_object_get(context, "after"), "limit",
                        REQUESTS_WATCH_PAGE),
                requests_watch_on_streams, context);
}

static void requests_watch_look(struct requests *r, uint64_t tag)
{
        requests_watch_ask(
                r, tag, json_pack("{s:i, s:s, s:[]}", "recorder", 0, "after", "", "cameras"));
}

/* --- when --- */

static void requests_watch_on_time(void *owner)
{
        requests_watch_look(owner, 0);
}

void requests_watch_start(struct requests *r)
{
        r->watch = certificate_watch_new(inventory_db(r->inventory));
        requests_watch_look(r, 0);
        timer_start(&r->watching, r->loop, REQUESTS_WATCH_FIRST_MS, REQUESTS_WATCH_EACH_MS,
                requests_watch_on_time, r);
}

/* The first page looks anew; the others are of that look. */
int requests_watch_list(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        json_error_t why;
        json_int_t after = 0;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s?:I}", "after", &after) < 0)
                return err_set(e, ERR_INVALID, "certificate.watch: %s", why.text);
        if (after < 0 || after > CERTIFICATE_WATCH_MAX)
                return err_set(e, ERR_INVALID, "certificate.watch: after is 0 to %d",
                        CERTIFICATE_WATCH_MAX);
        if (after)
                requests_watch_answer(r, tag, (size_t)after);
        else
                requests_watch_look(r, tag);
        return 0;
}
