/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Signing in and out (docs/design/web.md), and in whose name a gateway asks. A gateway can say
 * nothing of a person but the handle of a session that was opened through itself: who that is and
 * what is allowed is known here alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "manager/requests_parts.h"
#include "os/clock.h"

#define REQUESTS_SESSION_SWEEP_MS 5000
#define REQUESTS_SESSION_MINUTE_US INT64_C(60000000)
#define REQUESTS_SESSION_LINES 20 /* of refused attempts in the audit log, in a minute */
#define REQUESTS_SESSION_PAGE 200
#define REQUESTS_SESSION_TOKEN_ROOM STR_BASE64_ROOM(SESSIONS_TOKEN_BYTES)

static struct db *requests_session_db(struct requests *r)
{
        return inventory_db(r->inventory);
}

/* --- ends --- */

static void requests_session_tell(struct requests *r, const struct session *s, const char *reason)
{
        struct peers_state p;

        for (unsigned i = 0; peers_nth(r->peers, "gateway", i, &p); i++)
                peers_tell(r->peers, p.role, p.name, "session.ended",
                        json_pack("{s:s, s:s}", "session", s->id, "reason", reason));
}

static void requests_session_on_end(
        void *owner, const struct session *s, enum sessions_reason reason)
{
        const char *why = sessions_reason_name(reason);
        struct requests *r = owner;
        struct err e;

        log_info(NULL, "session.ended", "session=%s reason=\"%s\"", s->id, why);
        requests_session_tell(r, s, why);
        if (requests_route_audit(r, "session.ended", NULL, NULL,
                    json_pack("{s:s, s:s, s:s, s:s}", "session", s->id, "person", s->person,
                            "gateway", s->gateway, "reason", why),
                    &e) < 0)
                log_error(NULL, "session.not_audited", "err=\"%s\"", e.text);
}

static void requests_session_on_sweep(void *owner)
{
        struct requests *r = owner;
        struct err e;

        if (sessions_sweep(r->sessions, clock_wall_us(), &e) < 0)
                log_error(NULL, "sessions.not_written", "err=\"%s\"", e.text);
}

int requests_session_load(struct requests *r, const struct requests_options *o, struct err *e)
{
        const struct sessions_terms terms = {
                .life_us = o->session_hours * 60 * REQUESTS_SESSION_MINUTE_US,
                .idle_us = o->session_idle_minutes * REQUESTS_SESSION_MINUTE_US,
                .on_end = requests_session_on_end,
                .owner = r,
        };

        r->sign_in = sign_in_new();
        r->hashes = hash_queue_new(r->loop, r);
        int done = sessions_open(requests_session_db(r), &terms, &r->sessions, e);
        if (done == 0)
                timer_start(&r->sweep, r->loop, REQUESTS_SESSION_SWEEP_MS,
                        REQUESTS_SESSION_SWEEP_MS, requests_session_on_sweep, r);
        return done;
}

static void requests_session_free_context(void *context)
{
        free(context);
}

void requests_session_close_all(struct requests *r)
{
        timer_done(&r->sweep);
        r->hashes = hash_queue_free(r->hashes, requests_session_free_context);
        r->sessions = sessions_free(r->sessions);
        r->sign_in = sign_in_free(r->sign_in);
}

/* --- in whose name --- */

static int requests_session_none(struct err *e)
{
        return err_fault(e, ERR_AUTH, FAULT_NOT_SIGNED_IN,
                "nobody is signed in by that, or not "
                "any more");
}

/* Whoever is signed in by a session of this gateway, as the person is now. */
static int requests_session_person(struct requests *r, const struct session *s, const char *gateway,
        struct people_person *ret, struct err *e)
{
        if (!s || strcmp(s->gateway, gateway) != 0)
                return requests_session_none(e);
        int done = people_get(requests_session_db(r), s->person, ret, e);
        if (done == ERR_NOT_FOUND || (done == 0 && ret->disabled))
                return requests_session_none(e);
        return done;
}

static int requests_session_who(struct requests *r, const char *gateway, const char *id,
        struct desk_who *who, struct err *e)
{
        const struct session *s = sessions_of(r->sessions, id, clock_wall_us());
        struct people_person p;

        int done = requests_session_person(r, s, gateway, &p, e);
        if (done < 0)
                return done;
        snprintf(who->person, sizeof who->person, "%s", p.name);
        snprintf(who->session, sizeof who->session, "%s", s->id);
        who->role = p.role;
        who->until_us = s->until_us;
        sessions_see(r->sessions, id, NULL, clock_wall_us());
        return 0;
}

void requests_session_on_gateway(
        struct requests *r, const char *gateway, struct chan *from, const struct link_message *m)
{
        struct desk_who who = { .role = PEOPLE_NOBODY };
        struct err why, e;
        uint64_t tag = 0;

        snprintf(who.gateway, sizeof who.gateway, "%s", gateway);
        int done = m->session[0] ? requests_session_who(r, gateway, m->session, &who, &why) : 0;
        if (done == 0)
                tag = desk_ask(r->desk, from, m->id, &who);
        if (tag) {
                requests_run_asked(r, tag, m);
                return;
        }
        if (done == 0)
                err_set(&why, ERR_EXHAUSTED, "too many questions are open");
        if (link_send_failure(from, m->id, &why, fault_remedy(why.fault), &e) < 0)
                log_warn(NULL, "asker.gone", "err=\"%s\"", e.text);
}

/* --- signing in --- */

int requests_session_read_from(
        const char *address, const char *agent, struct requests_session_from *ret, struct err *e)
{
        uint8_t bytes[NETWORK_ADDRESS_BYTES];

        if (strlen(address) >= sizeof ret->text || network_address_parse(address, bytes, e) < 0)
                return err_set(e, ERR_INVALID, "address is that of who asks, without a port");
        sign_in_place(bytes, ret->place);
        snprintf(ret->text, sizeof ret->text, "%s", address);
        str_escape(ret->agent, sizeof ret->agent, bytes_str(agent));
        return 0;
}

void requests_session_note(struct requests *r, const char *event, const char *person,
        const char *gateway, const char *address, const struct err *why)
{
        struct requests_attempts *a = &r->sign_ins;
        int64_t now_us = clock_boot_us();
        struct err e;

        log_warn(NULL, event, "gateway=%s address=%s err=\"%s\"", gateway, address, why->text);
        if (a->from_us == 0 || now_us - a->from_us >= REQUESTS_SESSION_MINUTE_US) {
                a->from_us = now_us;
                a->n = 0;
        }
        if (a->n >= REQUESTS_SESSION_LINES) {
                a->left_out++;
                return;
        }
        a->n++;
        json_t *fields = json_pack("{s:s, s:s, s:s, s:s, s:i}", "person", person, "gateway",
                gateway, "address", address, "text", why->text, "left_out", (int)a->left_out);
        if (requests_route_audit(r, event, NULL, NULL, fields, &e) == 0)
                a->left_out = 0;
}

int requests_session_start(struct requests *r, uint64_t tag, const char *person,
        enum people_role role, const struct requests_session_from *from, struct err *e)
{
        const struct desk_who *who = desk_who(r->desk, tag);
        uint8_t token[SESSIONS_TOKEN_BYTES];
        char text[REQUESTS_SESSION_TOKEN_ROOM], time[STR_TIME_ROOM];
        const struct session *s = NULL;
        struct session what = { 0 };

        if (!who->gateway[0]) /* its link ended: nobody could use it */
                return err_set(e, ERR_CANCELLED, "the gateway that asked is gone");
        snprintf(what.person, sizeof what.person, "%s", person);
        snprintf(what.gateway, sizeof what.gateway, "%s", who->gateway);
        snprintf(what.address, sizeof what.address, "%s", from->text);
        snprintf(what.agent, sizeof what.agent, "%s", from->agent);
        int done = sessions_add(r->sessions, &what, clock_wall_us(), token, &s, e);
        if (done < 0)
                return done;
        done = requests_route_announce(r, "session.opened", NULL, NULL,
                json_pack("{s:s, s:s, s:s, s:s, s:s}", "session", s->id, "person", person,
                        "gateway", what.gateway, "address", what.address, "agent", what.agent),
                e);
        if (done == 0)
                done = people_note_place(
                        requests_session_db(r), person, from->place, s->opened_us, e);
        if (done < 0) {
                snprintf(what.id, sizeof what.id, "%s", s->id);
                explicit_bzero(token, sizeof token);
                (void)!sessions_end(r->sessions, what.id, SESSIONS_REVOKED, NULL);
                return done;
        }
        log_info(NULL, "session.opened", "session=%s gateway=%s", s->id, s->gateway);
        str_base64url(text, BYTES(token, sizeof token));
        desk_answer(r->desk, tag,
                json_pack("{s:s, s:s, s:s, s:s, s:s}", "session", s->id, "token", text, "person",
                        person, "role", people_role_name(role), "expires",
                        str_time(time, s->until_us)));
        explicit_bzero(text, sizeof text);
        explicit_bzero(token, sizeof token);
        return 0;
}

/* What is known until the password was hashed. */
struct requests_session_entry {
        uint64_t tag;
        char name[PEOPLE_NAME_ROOM]; /* as typed */
        char kept[PASSWORD_ROOM];    /* "": of nobody */
        char gateway[NODES_NAME_ROOM];
        struct sign_in_try try; /* its name is that above */
        struct requests_session_from from;
};

static void requests_session_refuse(
        struct requests *r, const struct requests_session_entry *s, const char *person)
{
        struct err why;

        err_fault(&why, ERR_AUTH, FAULT_WRONG_SIGN_IN, "name and password do not go together");
        requests_session_note(r, "session.refused", person, s->gateway, s->from.text, &why);
        desk_fail(r->desk, s->tag, &why, fault_remedy(why.fault));
}

/* Kept with another cost than it is made with now. */
static void requests_session_keep(
        struct requests *r, const struct people_person *p, const char *made)
{
        struct people_person now = *p;
        struct err e;

        snprintf(now.password, sizeof now.password, "%s", made);
        if (people_set(requests_session_db(r), &now, &e) < 0)
                log_error(NULL, "person.not_written", "err=\"%s\"", e.text);
}

static void requests_session_on_hashed(
        void *owner, void *context, const struct hash_queue_result *result)
{
        struct requests_session_entry *s = context;
        struct people_person p = { 0 };
        struct requests *r = owner;
        struct err e = { 0 };

        int done = result->why.code < 0 ? result->why.code
                                        : people_get(requests_session_db(r), s->name, &p, &e);
        if (done < 0 && done != ERR_NOT_FOUND) {
                sign_in_take_back(r->sign_in, &s->try);
                desk_fail(r->desk, s->tag, e.code < 0 ? &e : &result->why, "");
        } else if (!result->same || p.disabled || strcmp(p.password, s->kept) != 0) {
                requests_session_refuse(r, s, p.name);
        } else {
                sign_in_succeeded(r->sign_in, &s->try);
                if (result->made[0])
                        requests_session_keep(r, &p, result->made);
                if (requests_session_start(r, s->tag, p.name, p.role, &s->from, &e) < 0)
                        desk_fail(r->desk, s->tag, &e, fault_remedy(e.fault));
        }
        free(s);
}

/* Whose it may be: a name that nobody has takes the same way. */
static int requests_session_look_up(
        struct requests *r, const char *name, struct requests_session_entry *s, struct err *e)
{
        struct people_person p = { 0 };

        snprintf(s->name, sizeof s->name, "%s", name);
        s->try.name = s->name;
        memcpy(s->try.address, s->from.place, sizeof s->try.address);
        int done = people_get(requests_session_db(r), s->name, &p, e);
        if (done < 0)
                return done == ERR_NOT_FOUND ? 0 : done;
        snprintf(s->kept, sizeof s->kept, "%s", p.password);
        return people_knows_place(requests_session_db(r), s->name, s->from.place, &s->try.known, e);
}

static int requests_session_begin(struct requests *r, const char *name, json_t *password,
        struct requests_session_entry *s, struct err *e)
{
        struct hash_queue_job job = {
                .compare = true, .kept = s->kept, .then = requests_session_on_hashed, .context = s
        };
        unsigned wait_s = 0;

        int done = requests_people_take(password, &job.password, e);
        if (done == 0)
                done = requests_session_look_up(r, name, s, e);
        if (done == 0)
                done = sign_in_admit(r->sign_in, &s->try, clock_boot_us(), &wait_s, e);
        if (done == 0) {
                done = hash_queue_add(r->hashes, &job, e);
                if (done < 0)
                        sign_in_take_back(r->sign_in, &s->try);
                return done;
        }
        secret_done(&job.password);
        if (wait_s) {
                desk_fail_later(r->desk, s->tag, e, wait_s);
                free(s);
                return 0;
        }
        return done;
}

int requests_session_open(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_session_entry *s = xcalloc(1, sizeof *s);
        const char *name, *address, *agent;
        json_t *password = NULL;
        json_error_t why;
        int done = 0;

        s->tag = tag;
        snprintf(s->gateway, sizeof s->gateway, "%s", desk_who(r->desk, tag)->gateway);
        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:o, s:s, s:s}", "name", &name,
                    "password", &password, "address", &address, "agent", &agent) < 0)
                done = err_set(e, ERR_INVALID, "session.open: %s", why.text);
        if (done == 0)
                done = requests_session_read_from(address, agent, &s->from, e);
        if (done == 0 && strlen(name) >= sizeof s->name)
                done = err_fault(e, ERR_AUTH, FAULT_WRONG_SIGN_IN,
                        "name and password do not go together"); /* nobody has such a name */
        if (done == 0)
                done = requests_session_begin(r, name, password, s, e);
        if (done < 0)
                free(s);
        return done;
}

/* --- using --- */

static json_t *requests_session_shown(
        const struct session *s, const struct people_person *p, const char *expires)
{
        return json_pack("{s:s, s:s, s:s, s:s}", "session", s->id, "person", p->name, "role",
                people_role_name(p->role), "expires", expires);
}

int requests_session_check(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *token, *address, *gateway = desk_who(r->desk, tag)->gateway;
        uint8_t bytes[SESSIONS_TOKEN_BYTES];
        struct requests_session_from from;
        char time[STR_TIME_ROOM];
        struct people_person p;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s}", "token", &token, "address",
                    &address) < 0)
                return err_set(e, ERR_INVALID, "session.check: %s", why.text);
        int done = requests_session_read_from(address, "", &from, e);
        if (done < 0)
                return done;
        if (str_unbase64url(bytes, sizeof bytes, bytes_str(token), NULL) != sizeof bytes)
                return requests_session_none(e);
        const struct session *s = sessions_of_token(r->sessions, bytes, clock_wall_us());
        explicit_bzero(bytes, sizeof bytes);
        done = requests_session_person(r, s, gateway, &p, e);
        if (done < 0)
                return done;
        sessions_see(r->sessions, s->id, from.text, clock_wall_us());
        desk_answer(r->desk, tag, requests_session_shown(s, &p, str_time(time, s->until_us)));
        return 0;
}

/* The living session that the body names, where it is one of the gateway that asks. */
static int requests_session_named(struct requests *r, uint64_t tag, json_t *body, const char *type,
        const struct session **ret, struct err *e)
{
        const char *id;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "session", &id) < 0)
                return err_set(e, ERR_INVALID, "%s: %s", type, why.text);
        *ret = sessions_of(r->sessions, id, clock_wall_us());
        return *ret && strcmp((*ret)->gateway, desk_who(r->desk, tag)->gateway) == 0
                       ? 0
                       : requests_session_none(e);
}

int requests_session_seen(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const struct session *s = NULL;

        int done = requests_session_named(r, tag, body, "session.seen", &s, e);
        if (done < 0)
                return done;
        sessions_see(r->sessions, s->id, NULL, clock_wall_us());
        desk_answer(r->desk, tag, json_object());
        return 0;
}

int requests_session_close(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        char id[LINK_SESSION_ROOM];
        const struct session *s = NULL;

        int done = requests_session_named(r, tag, body, "session.close", &s, e);
        if (done < 0)
                return done;
        snprintf(id, sizeof id, "%s", s->id);
        done = sessions_end(r->sessions, id, SESSIONS_SIGNED_OUT, e);
        if (done == 0)
                desk_answer(r->desk, tag, json_object());
        return done;
}

/* --- all of them --- */

static json_t *requests_session_row(const struct session *s)
{
        char opened[STR_TIME_ROOM], seen[STR_TIME_ROOM], expires[STR_TIME_ROOM];

        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "session", s->id, "person",
                s->person, "gateway", s->gateway, "address", s->address, "agent", s->agent,
                "opened", str_time(opened, s->opened_us), "seen", str_time(seen, s->seen_us),
                "expires", str_time(expires, s->until_us));
}

int requests_session_list(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        int64_t now_us = clock_wall_us();
        int limit = REQUESTS_SESSION_PAGE;
        const struct session *s;
        const char *after = "";
        json_error_t why;
        size_t bytes = 0;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s?:s, s?:i}", "after", &after, "limit", &limit) < 0)
                return err_set(e, ERR_INVALID, "session.list: %s", why.text);
        if (limit < 1 || limit > REQUESTS_SESSION_PAGE)
                return err_set(
                        e, ERR_INVALID, "session.list: limit is 1 to %d", REQUESTS_SESSION_PAGE);
        json_t *list = json_array();
        for (s = sessions_behind(r->sessions, after, now_us);
                s && limit-- > 0 && bytes < LINK_PAGE_BYTES;
                s = sessions_behind(r->sessions, s->id, now_us)) {
                json_t *row = requests_session_row(s);
                bytes += link_json_bytes(row);
                json_array_append_new(list, row);
        }
        desk_answer(r->desk, tag, json_pack("{s:o, s:b}", "sessions", list, "more", s != NULL));
        return 0;
}

int requests_session_revoke(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *id = NULL, *person = NULL;
        struct people_person p;
        json_error_t why;
        unsigned n = 0;
        int done = 0;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s?:s, s?:s}", "session", &id, "person", &person) < 0)
                return err_set(e, ERR_INVALID, "session.revoke: %s", why.text);
        if ((id != NULL) == (person != NULL))
                return err_set(e, ERR_INVALID, "session.revoke: say either session or person");
        if (id && !sessions_of(r->sessions, id, clock_wall_us()))
                return err_set(e, ERR_NOT_FOUND, "there is no session of that handle");
        if (person)
                done = people_get(requests_session_db(r), person, &p, e);
        if (done == 0)
                done = requests_route_announce(r, "session.revoked", NULL, NULL,
                        json_pack("{s:s, s:s}", id ? "session" : "person", id ? id : person, "by",
                                desk_by(r->desk, tag)),
                        e);
        if (done == 0 && id)
                done = sessions_end(r->sessions, id, SESSIONS_REVOKED, e);
        else if (done == 0)
                done = sessions_end_all(r->sessions, person, NULL, NULL, SESSIONS_REVOKED, &n, e);
        if (done == 0)
                desk_answer(r->desk, tag, json_pack("{s:i}", "revoked", id ? 1 : (int)n));
        return done;
}
