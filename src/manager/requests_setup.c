/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first person, by the code that was shown on the manager's host (setup_code.h). There is no
 * account before, and none that is known to anybody else. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "manager/password_rule.h"
#include "manager/requests_parts.h"
#include "manager/setup_code.h"
#include "os/clock.h"

static struct db *requests_setup_db(struct requests *r)
{
        return inventory_db(r->inventory);
}

/* ERR_STATE where there are people. */
static int requests_setup_needed(struct requests *r, struct err *e)
{
        bool any = false;

        int done = people_any(requests_setup_db(r), &any, e);
        return done == 0 && any
                       ? err_fault(e, ERR_STATE, FAULT_SETUP_DONE, "the site has people already")
                       : done;
}

int requests_setup_state(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        bool any = false;

        if (json_object_size(body))
                return err_set(e, ERR_INVALID, "setup.state: nothing goes with it");
        int done = people_any(requests_setup_db(r), &any, e);
        if (done == 0)
                desk_answer(r->desk, tag, json_pack("{s:b}", "needed", !any));
        return done;
}

int requests_setup_code(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        char code[SETUP_CODE_ROOM], until[STR_TIME_ROOM];
        int64_t until_us = 0;
        json_error_t why;
        int remote = 0;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s?:b}", "remote", &remote) < 0)
                return err_set(e, ERR_INVALID, "setup.code: %s", why.text);
        int done = requests_setup_needed(r, e);
        if (done == 0)
                done = requests_route_announce(r, "setup.code", NULL, NULL,
                        json_pack("{s:b, s:s}", "remote", remote, "by", desk_by(r->desk, tag)), e);
        if (done == 0)
                done = setup_code_make(
                        requests_setup_db(r), remote, clock_wall_us(), code, &until_us, e);
        if (done < 0)
                return done;
        log_info(NULL, "setup.code", "until=%s remote=%d", str_time(until, until_us), remote);
        desk_answer(r->desk, tag,
                json_pack("{s:s, s:s, s:b}", "code", code, "until", until, "remote", remote));
        explicit_bzero(code, sizeof code);
        return 0;
}

struct requests_setup_entry {
        uint64_t tag;
        char name[PEOPLE_NAME_ROOM], gateway[NODES_NAME_ROOM];
        struct requests_session_from from;
};

/* The person, the line in the audit log, and the end of the code, in one step. */
static int requests_setup_write(
        struct requests *r, const struct requests_setup_entry *s, const char *made, struct err *e)
{
        struct people_person p = { .role = PEOPLE_ADMINISTRATOR, .added_us = clock_wall_us() };
        struct db *d = requests_setup_db(r);

        p.password_us = p.added_us;
        snprintf(p.name, sizeof p.name, "%s", s->name);
        snprintf(p.password, sizeof p.password, "%s", made);
        int done = requests_setup_needed(r, e); /* another may have been quicker */
        if (done == 0)
                done = db_begin(d, e);
        if (done < 0)
                return done;
        done = people_add(d, &p, e);
        if (done == 0)
                done = setup_code_close(d, e);
        if (done == 0)
                done = requests_route_announce(r, "person.added", NULL, NULL,
                        json_pack("{s:s, s:s, s:s, s:s, s:s}", "person", p.name, "role",
                                people_role_name(p.role), "by", "setup code", "gateway", s->gateway,
                                "address", s->from.text),
                        e);
        if (done == 0)
                done = db_commit(d, e);
        if (done < 0)
                db_rollback(d);
        return done;
}

static void requests_setup_on_hashed(
        void *owner, void *context, const struct hash_queue_result *result)
{
        struct requests_setup_entry *s = context;
        struct requests *r = owner;
        struct err e = result->why;
        int done = e.code;

        if (done == 0)
                done = requests_setup_write(r, s, result->made, &e);
        if (done == 0)
                done = requests_session_start(
                        r, s->tag, s->name, PEOPLE_ADMINISTRATOR, &s->from, &e);
        if (done < 0)
                desk_fail(r->desk, s->tag, &e, fault_remedy(e.fault));
        free(s);
}

struct requests_setup_asked {
        const char *code, *name, *address, *agent;
        json_t *password;
        int loopback;
};

/* Whether the code is the one that was shown, and what comes with it can be taken. */
static int requests_setup_check(struct requests *r, const struct requests_setup_asked *q,
        struct requests_setup_entry *s, struct hash_queue_job *job, struct err *e)
{
        int done = requests_people_take(q->password, &job->fresh, e);

        if (done == 0)
                done = requests_session_read_from(q->address, q->agent, &s->from, e);
        if (done == 0)
                done = requests_setup_needed(r, e);
        if (done < 0)
                return done;
        done = setup_code_check(requests_setup_db(r), q->code, q->loopback, clock_wall_us(), e);
        if (done == ERR_AUTH || done == ERR_DENIED)
                requests_session_note(r, "setup.refused", "", s->gateway, s->from.text, e);
        if (done == 0)
                done = people_check_name(q->name, e);
        if (done == 0)
                done = password_rule_check(secret_bytes(&job->fresh), q->name, r->site, e);
        if (done == 0)
                snprintf(s->name, sizeof s->name, "%s", q->name);
        return done;
}

int requests_setup_finish(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct hash_queue_job job = { .then = requests_setup_on_hashed };
        struct requests_setup_asked q;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s:o, s:s, s:b, s:s}", "code",
                    &q.code, "name", &q.name, "password", &q.password, "address", &q.address,
                    "loopback", &q.loopback, "agent", &q.agent) < 0)
                return err_set(e, ERR_INVALID, "setup.finish: %s", why.text);
        struct requests_setup_entry *s = xcalloc(1, sizeof *s);
        s->tag = tag;
        snprintf(s->gateway, sizeof s->gateway, "%s", desk_who(r->desk, tag)->gateway);
        job.context = s;
        int done = requests_setup_check(r, &q, s, &job, e);
        if (done == 0)
                done = hash_queue_add(r->hashes, &job, e);
        secret_done(&job.fresh);
        if (done < 0)
                free(s);
        return done;
}
