/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests about the site's people. Each change is in the audit log in the same step: where it
 * cannot be written, nothing was changed. Passwords are hashed in the pool first. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "manager/password_rule.h"
#include "manager/requests_parts.h"
#include "os/clock.h"

static struct db *requests_people_db(struct requests *r)
{
        return inventory_db(r->inventory);
}

int requests_people_take(json_t *value, struct secret *ret, struct err *e)
{
        if (!json_is_string(value))
                return err_set(e, ERR_INVALID, "a password is a text");
        char *text = (char *)(uintptr_t)json_string_value(value);
        size_t n = json_string_length(value);

        int done = secret_set(ret, BYTES((const uint8_t *)text, n), e);
        explicit_bzero(text, n);
        return done < 0 ? err_set(e, ERR_INVALID, "a password has at most %d bytes", SECRET_MAX)
                        : 0;
}

/* What is to be done once the password was hashed. */
struct requests_people_change {
        uint64_t tag;
        char by[DESK_BY_ROOM], session[LINK_SESSION_ROOM];
        char name[PEOPLE_NAME_ROOM];
        char kept[PASSWORD_ROOM]; /* of person.password */
        enum people_role role;    /* PEOPLE_NOBODY: as it is */
        int disabled;             /* negative: as it is */
        bool add, own;
        struct sign_in_try try; /* of person.password; its name is that above */
};

static struct requests_people_change *requests_people_change(
        struct requests *r, uint64_t tag, const char *name)
{
        struct requests_people_change *c = xcalloc(1, sizeof *c);

        c->tag = tag;
        c->disabled = -1;
        snprintf(c->by, sizeof c->by, "%s", desk_by(r->desk, tag));
        snprintf(c->session, sizeof c->session, "%s", desk_who(r->desk, tag)->session);
        snprintf(c->name, sizeof c->name, "%s", name);
        return c;
}

static json_t *requests_people_row(struct requests *r, const struct people_person *p)
{
        char added[STR_TIME_ROOM], set[STR_TIME_ROOM], seen[STR_TIME_ROOM];
        int64_t now_us = clock_wall_us();
        const struct session *s;
        int n = 0;

        for (s = sessions_behind(r->sessions, "", now_us); s;
                s = sessions_behind(r->sessions, s->id, now_us))
                n += strcmp(s->person, p->name) == 0;
        json_t *row = json_pack("{s:s, s:s, s:b, s:s, s:s, s:i}", "name", p->name, "role",
                people_role_name(p->role), "disabled", p->disabled, "added",
                str_time(added, p->added_us), "password_set", str_time(set, p->password_us),
                "sessions", n);
        json_object_set_new(
                row, "seen", p->seen_us ? json_string(str_time(seen, p->seen_us)) : json_null());
        return row;
}

/* In one step with its line in the audit log. what: people_add or people_set. */
static int requests_people_write(struct requests *r, const char *event,
        int (*what)(struct db *d, const struct people_person *p, struct err *e),
        const struct people_person *p, json_t *fields, struct err *e)
{
        struct db *d = requests_people_db(r);

        int done = db_begin(d, e);
        if (done < 0) {
                json_decref(fields);
                return done;
        }
        done = what(d, p, e);
        if (done == 0)
                done = requests_route_announce(r, event, NULL, NULL, json_incref(fields), e);
        if (done == 0)
                done = db_commit(d, e);
        if (done < 0)
                db_rollback(d);
        json_decref(fields);
        return done;
}

static json_t *requests_people_fields(const struct people_person *p, const char *by, bool password)
{
        return json_pack("{s:s, s:s, s:b, s:b, s:s}", "person", p->name, "role",
                people_role_name(p->role), "disabled", p->disabled, "password", password, "by", by);
}

static int requests_people_apply_add(struct requests *r, const struct requests_people_change *c,
        const char *made, struct people_person *p, struct err *e)
{
        *p = (struct people_person){ .role = c->role, .added_us = clock_wall_us() };
        p->password_us = p->added_us;
        snprintf(p->name, sizeof p->name, "%s", c->name);
        snprintf(p->password, sizeof p->password, "%s", made);
        return requests_people_write(
                r, "person.added", people_add, p, requests_people_fields(p, c->by, true), e);
}

/* The sessions that do not outlive the change; of who makes it, the one that it is made by does. */
static int requests_people_end_sessions(struct requests *r, const struct requests_people_change *c,
        const struct people_person *p, bool password, struct err *e)
{
        if (p->disabled)
                return sessions_end_all(
                        r->sessions, p->name, NULL, NULL, SESSIONS_DISABLED, NULL, e);
        return password ? sessions_end_all(r->sessions, p->name, NULL, c->session,
                                  SESSIONS_PASSWORD, NULL, e)
                        : 0;
}

static int requests_people_apply_set(struct requests *r, const struct requests_people_change *c,
        const char *made, struct people_person *p, struct err *e)
{
        int done = people_get(requests_people_db(r), c->name, p, e);

        if (done < 0)
                return done;
        if (c->own && strcmp(p->password, c->kept) != 0)
                return err_set(e, ERR_STATE, "the password was changed meanwhile");
        if (c->role != PEOPLE_NOBODY)
                p->role = c->role;
        if (c->disabled >= 0)
                p->disabled = c->disabled;
        if (made[0]) {
                snprintf(p->password, sizeof p->password, "%s", made);
                p->password_us = clock_wall_us();
        }
        done = requests_people_write(
                r, "person.changed", people_set, p, requests_people_fields(p, c->by, made[0]), e);
        return done < 0 ? done : requests_people_end_sessions(r, c, p, made[0] != '\0', e);
}

static int requests_people_apply(
        struct requests *r, const struct requests_people_change *c, const char *made, struct err *e)
{
        struct people_person p;

        int done = c->add ? requests_people_apply_add(r, c, made, &p, e)
                          : requests_people_apply_set(r, c, made, &p, e);
        if (done < 0)
                return done;
        log_info(NULL, c->add ? "person.added" : "person.changed", "role=%s disabled=%d",
                people_role_name(p.role), p.disabled);
        desk_answer(r->desk, c->tag, json_pack("{s:o}", "person", requests_people_row(r, &p)));
        return 0;
}

static void requests_people_on_hashed(
        void *owner, void *context, const struct hash_queue_result *result)
{
        struct requests_people_change *c = context;
        struct requests *r = owner;
        struct err e = result->why;
        int done = e.code;

        if (done < 0) {
                done = err_wrap(&e, done, "the password was not hashed");
        } else if (c->own && !result->same) {
                done = err_fault(
                        &e, ERR_AUTH, FAULT_WRONG_SIGN_IN, "the old password is another one");
        } else {
                if (c->own)
                        sign_in_succeeded(r->sign_in, &c->try);
                done = requests_people_apply(r, c, result->made, &e);
        }
        if (done < 0)
                desk_fail(r->desk, c->tag, &e, fault_remedy(e.fault));
        free(c);
}

/* Takes c where it does not fail. */
static int requests_people_hash(struct requests *r, struct requests_people_change *c,
        json_t *password, struct hash_queue_job *job, struct err *e)
{
        int done = requests_people_take(password, &job->fresh, e);

        if (done == 0)
                done = password_rule_check(secret_bytes(&job->fresh), c->name, r->site, e);
        if (done < 0) {
                secret_done(&job->fresh);
                secret_done(&job->password);
                return done;
        }
        job->then = requests_people_on_hashed;
        job->context = c;
        return hash_queue_add(r->hashes, job, e);
}

int requests_people_add(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct hash_queue_job job = { .compare = false };
        struct people_person there;
        const char *name, *role;
        json_t *password;
        json_error_t why;
        enum people_role wanted;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:o, s:s}", "name", &name, "password",
                    &password, "role", &role) < 0)
                return err_set(e, ERR_INVALID, "person.add: %s", why.text);
        int done = people_check_name(name, e);
        if (done == 0)
                done = people_role_parse(role, &wanted, e);
        if (done == 0 && people_get(requests_people_db(r), name, &there, NULL) == 0)
                done = err_set(e, ERR_STATE, "there is a person of that name already");
        if (done < 0)
                return done;
        struct requests_people_change *c = requests_people_change(r, tag, name);
        c->add = true;
        c->role = wanted;
        done = requests_people_hash(r, c, password, &job, e);
        if (done < 0)
                free(c);
        return done;
}

int requests_people_set(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct hash_queue_job job = { .compare = false };
        enum people_role wanted = PEOPLE_NOBODY;
        const char *name, *role = NULL;
        struct people_person p;
        json_t *password = NULL;
        json_error_t why;
        int disabled = -1;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s?:s, s?:b, s?:o}", "name", &name,
                    "role", &role, "disabled", &disabled, "password", &password) < 0)
                return err_set(e, ERR_INVALID, "person.set: %s", why.text);
        if (!role && disabled < 0 && !password)
                return err_set(e, ERR_INVALID,
                        "person.set: say what to change (role, disabled, password)");
        int done = role ? people_role_parse(role, &wanted, e) : 0;
        if (done == 0)
                done = people_get(requests_people_db(r), name, &p, e);
        if (done < 0)
                return done;
        struct requests_people_change *c = requests_people_change(r, tag, p.name);
        c->role = wanted;
        c->disabled = disabled;
        if (password) {
                done = requests_people_hash(r, c, password, &job, e);
                if (done < 0)
                        free(c);
                return done;
        }
        done = requests_people_apply(r, c, "", e);
        free(c);
        return done;
}

/* Guessing the old one is no other than guessing at the door. */
static int requests_people_admit(
        struct requests *r, struct requests_people_change *c, struct err *e)
{
        const struct session *s = sessions_of(r->sessions, c->session, clock_wall_us());
        uint8_t address[NETWORK_ADDRESS_BYTES] = { 0 };
        unsigned wait_s;

        if (s && network_address_parse(s->address, address, e) < 0)
                return ERR_INTERNAL;
        c->try.name = c->name;
        c->try.known = true;
        sign_in_place(address, c->try.address);
        return sign_in_admit(r->sign_in, &c->try, clock_boot_us(), &wait_s, e);
}

int requests_people_password(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const struct desk_who *who = desk_who(r->desk, tag);
        struct hash_queue_job job = { .compare = true };
        json_t *old, *fresh;
        struct people_person p;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:o, s:o}", "old", &old, "new", &fresh) < 0)
                return err_set(e, ERR_INVALID, "person.password: %s", why.text);
        if (!who->session[0])
                return err_set(e, ERR_INVALID,
                        "person.password is for who is signed in; on this host: person.set");
        int done = people_get(requests_people_db(r), who->person, &p, e);
        if (done < 0)
                return done;
        struct requests_people_change *c = requests_people_change(r, tag, p.name);
        c->own = true;
        snprintf(c->kept, sizeof c->kept, "%s", p.password);
        job.kept = c->kept;
        done = requests_people_take(old, &job.password, e);
        if (done == 0)
                done = requests_people_admit(r, c, e);
        if (done == 0) {
                done = requests_people_hash(r, c, fresh, &job, e);
                if (done < 0) /* the old one was not looked at */
                        sign_in_take_back(r->sign_in, &c->try);
        }
        if (done < 0) {
                secret_done(&job.password);
                free(c);
        }
        return done;
}

struct requests_people_rows {
        struct requests *r;
        json_t *list;
};

static int requests_people_on_one(void *owner, const struct people_person *p, struct err *e)
{
        struct requests_people_rows *l = owner;

        (void)e;
        json_array_append_new(l->list, requests_people_row(l->r, p));
        return 0;
}

int requests_people_list(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_people_rows l = { r, json_array() };

        int done = json_object_size(body)
                           ? err_set(e, ERR_INVALID, "person.list: nothing goes with it")
                           : people_each(requests_people_db(r), requests_people_on_one, &l, e);
        if (done < 0)
                json_decref(l.list);
        else
                desk_answer(r->desk, tag, json_pack("{s:o}", "people", l.list));
        return done;
}

static int requests_people_forget(struct db *d, const struct people_person *p, struct err *e)
{
        return people_remove(d, p->name, e);
}

int requests_people_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct people_person p;
        const char *name;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s}", "name", &name) < 0)
                return err_set(e, ERR_INVALID, "person.remove: %s", why.text);
        int done = people_get(requests_people_db(r), name, &p, e);
        if (done == 0)
                done = requests_people_write(r, "person.removed", requests_people_forget, &p,
                        requests_people_fields(&p, desk_by(r->desk, tag), false), e);
        if (done == 0)
                done = sessions_end_all(r->sessions, p.name, NULL, NULL, SESSIONS_REMOVED, NULL, e);
        if (done == 0)
                desk_answer(r->desk, tag, json_object());
        return done;
}
