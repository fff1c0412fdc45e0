/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Grants (docs/design/grants.md, docs/spec/link.md section 9): made in the audit log first. In a
 * session they are for its person and its gateway, and end with it at the latest; on this host
 * whoever asks says for whom. Which person may see what is decided here later; now everybody who
 * may watch may watch all. */
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/random.h"
#include "manager/requests_parts.h"
#include "os/clock.h"

#define REQUESTS_GRANT_SECOND_US INT64_C(1000000)
#define REQUESTS_GRANT_SECONDS 300 /* where nobody says */

struct requests_grant_asked {
        const char *person, *gateway, *session, *receiver, *purpose;
        json_t *use, *streams, *from, *until;
        json_int_t seconds;
};

static int requests_grant_use(const json_t *list, unsigned *ret, struct err *e)
{
        static const char *const names[] = { "live", "playback", "export" };
        static const enum capability_use uses[] = { CAPABILITY_LIVE, CAPABILITY_PLAYBACK,
                CAPABILITY_EXPORT };
        const json_t *one;
        size_t i;

        *ret = 0;
        json_array_foreach(list, i, one)
        {
                unsigned use = 0;
                for (size_t k = 0; json_is_string(one) && k < ARRAY_LEN(names); k++) {
                        if (strcmp(json_string_value(one), names[k]) == 0)
                                use = uses[k];
                }
                if (use == 0)
                        return err_set(e, ERR_INVALID,
                                "grant.make: use is a list of live, playback, export");
                *ret |= use;
        }
        return 0;
}

static int requests_grant_streams(const json_t *list, struct capability *c, struct err *e)
{
        const json_t *one;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > CAPABILITY_STREAMS_MAX)
                return err_set(e, ERR_INVALID, "grant.make: streams is a list of 1 to %d paths",
                        CAPABILITY_STREAMS_MAX);
        json_array_foreach(list, i, one)
        {
                const char *path = json_string_value(one);
                if (!path || strlen(path) >= sizeof c->streams[0])
                        return err_set(
                                e, ERR_INVALID, "grant.make: a stream is a path CAMERA-STREAM");
                snprintf(c->streams[c->streams_n++], sizeof c->streams[0], "%s", path);
        }
        return 0;
}

/* Of an export, for the logs: who gets it and what for. The grant's own rules are judged where it
 * is made. */
static int requests_grant_receiver(
        const struct requests_grant_asked *q, struct capability *c, struct err *e)
{
        bool export = c->use & CAPABILITY_EXPORT;

        if (!export && (q->receiver || q->purpose))
                return err_set(
                        e, ERR_INVALID, "grant.make: receiver and purpose go with export alone");
        if (!export)
                return 0;
        if (!q->receiver || !q->receiver[0] || strlen(q->receiver) >= sizeof c->receiver)
                return err_set(e, ERR_INVALID,
                        "grant.make: receiver says in 1 to %zu bytes who gets the export",
                        sizeof c->receiver - 1);
        if (!q->purpose || !q->purpose[0] || strlen(q->purpose) >= sizeof c->purpose)
                return err_set(e, ERR_INVALID,
                        "grant.make: purpose says in 1 to %zu bytes what the export is for",
                        sizeof c->purpose - 1);
        snprintf(c->receiver, sizeof c->receiver, "%s", q->receiver);
        snprintf(c->purpose, sizeof c->purpose, "%s", q->purpose);
        return 0;
}

/* Left out, or null: none. */
static int requests_grant_time(const json_t *text, int64_t *ret_us, struct err *e)
{
        if (!text || json_is_null(text))
                return 0;
        return json_is_string(text) ? str_parse_time(json_string_value(text), ret_us, e)
                                    : err_set(e, ERR_INVALID, "from and until are times or null");
}

static int requests_grant_times(
        const struct requests_grant_asked *q, struct capability *c, struct err *e)
{
        int r = requests_grant_time(q->from, &c->from_us, e);

        if (r == 0)
                r = requests_grant_time(q->until, &c->until_us, e);
        if (r == 0 && (q->seconds < 1 || q->seconds > CAPABILITY_LIFE_S))
                r = err_set(e, ERR_INVALID, "seconds is 1 to %d", CAPABILITY_LIFE_S);
        if (r < 0)
                return err_wrap(e, ERR_INVALID, "grant.make");
        c->issued_us = clock_wall_us() / REQUESTS_GRANT_SECOND_US * REQUESTS_GRANT_SECOND_US;
        c->expires_us = c->issued_us + q->seconds * REQUESTS_GRANT_SECOND_US;
        return 0;
}

/* Whom it is for: in a session that is not for the asker to say. */
static int requests_grant_whose(const struct requests *r, const struct desk_who *who,
        const struct requests_grant_asked *q, struct capability *c, struct err *e)
{
        char uri[SITE_CA_URI_ROOM];
        bool session = who->session[0];

        if (session && q->person)
                return err_set(e, ERR_INVALID,
                        "grant.make: whom it is for is said by the session, not by person");
        if (!session && !q->person)
                return err_set(e, ERR_INVALID, "grant.make: person is missing");
        int done = session ? site_ca_uri(r->site, "gateway", who->gateway, uri, e) : 0;
        if (done < 0)
                return done;
        if (session && q->gateway && strcmp(uri, q->gateway) != 0)
                return err_set(e, ERR_DENIED, "grant.make: a gateway asks for itself alone");
        const char *person = session ? who->person : q->person;
        if (strlen(person) >= sizeof c->person)
                return err_set(e, ERR_INVALID, "grant.make: a person is named in at most %zu bytes",
                        sizeof c->person - 1);
        snprintf(c->person, sizeof c->person, "%s", person);
        snprintf(c->gateway, sizeof c->gateway, "%s", session ? uri : q->gateway ? q->gateway : "");
        return 0;
}

/* What a viewer sees stays where it is seen: an export leaves with its keys. */
static int requests_grant_may(const struct desk_who *who, const struct capability *c, struct err *e)
{
        if (who->role < PEOPLE_ADMINISTRATOR && (c->use & CAPABILITY_EXPORT))
                return err_fault(e, ERR_DENIED, FAULT_NOT_ALLOWED, "a %s may not export",
                        people_role_name(who->role));
        return 0;
}

/* A session's grants end with it. */
static int requests_grant_bound(const struct desk_who *who, struct capability *c, struct err *e)
{
        int64_t end_us = who->until_us / REQUESTS_GRANT_SECOND_US * REQUESTS_GRANT_SECOND_US;
        if (who->session[0] && c->expires_us > end_us)
                c->expires_us = end_us;
        return c->expires_us > c->issued_us
                       ? 0
                       : err_fault(e, ERR_AUTH, FAULT_NOT_SIGNED_IN, "the session ends now");
}

static int requests_grant_read(const struct requests *r, json_t *body, const struct desk_who *who,
        struct capability *c, struct err *e)
{
        struct requests_grant_asked q = { .seconds = REQUESTS_GRANT_SECONDS };
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT,
                    "{s?:s, s?:s, s:o, s:o, s?:o, s?:o, s:s, s?:I, s?:s, s?:s}", "person",
                    &q.person, "gateway", &q.gateway, "use", &q.use, "streams", &q.streams, "from",
                    &q.from, "until", &q.until, "session", &q.session, "seconds", &q.seconds,
                    "receiver", &q.receiver, "purpose", &q.purpose) < 0)
                return err_set(e, ERR_INVALID, "grant.make: %s", why.text);
        snprintf(c->site, sizeof c->site, "%s", r->site);
        random_bytes(c->id, sizeof c->id);
        int done = requests_grant_whose(r, who, &q, c, e);
        if (done == 0)
                done = requests_grant_use(q.use, &c->use, e);
        if (done == 0)
                done = requests_grant_may(who, c, e);
        if (done == 0)
                done = requests_grant_streams(q.streams, c, e);
        if (done == 0 && str_unhex(c->session, sizeof c->session, q.session, NULL) < 0)
                done = err_set(
                        e, ERR_INVALID, "grant.make: session is a public key, 130 hex digits");
        if (done == 0)
                done = requests_grant_receiver(&q, c, e);
        if (done == 0)
                done = requests_grant_times(&q, c, e);
        return done < 0 ? done : requests_grant_bound(who, c, e);
}

static json_t *requests_grant_fields(const struct capability *c, json_t *body, const char *by)
{
        char id[2 * sizeof c->id + 1], time[STR_TIME_ROOM];
        json_t *fields = json_pack("{s:s, s:s, s:s, s:O, s:O, s:s, s:s}", "grant",
                str_hex(id, BYTES(c->id, sizeof c->id)), "person", c->person, "gateway", c->gateway,
                "use", json_object_get(body, "use"), "streams", json_object_get(body, "streams"),
                "expires", str_time(time, c->expires_us), "by", by);

        if (c->use & CAPABILITY_EXPORT) {
                json_object_set_new(fields, "receiver", json_string(c->receiver));
                json_object_set_new(fields, "purpose", json_string(c->purpose));
        }
        if (c->until_us) {
                json_object_set_new(fields, "from", json_string(str_time(time, c->from_us)));
                json_object_set_new(fields, "until", json_string(str_time(time, c->until_us)));
        }
        return fields;
}

int requests_grant_make(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        CLEANUP(own_freep) struct capability *c = xcalloc(1, sizeof *c);
        struct buf token;

        int done = requests_grant_read(r, body, desk_who(r->desk, tag), c, e);
        if (done < 0)
                return done;
        buf_init(&token, CAPABILITY_TOKEN_MAX);
        done = grant_maker_make(r->grants, c, clock_wall_us(), &token, e);
        if (done == 0)
                done = requests_route_announce(r, "grant.made", NULL, NULL,
                        requests_grant_fields(c, body, desk_by(r->desk, tag)), e);
        if (done == 0)
                desk_answer(r->desk, tag,
                        json_pack("{s:o}", "grant", json_stringn((const char *)token.p, token.n)));
        buf_done(&token);
        return done;
}
