/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests about the site's nodes (docs/spec/link.md section 2), and what follows from them for
 * links: who is let in, who is cut, and whether other hosts reach the manager's port at all. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/random.h"
#include "manager/requests_parts.h"
#include "os/clock.h"
#include "trust/enrol_code.h"

static struct db *requests_node_db(struct requests *r)
{
        return inventory_db(r->inventory);
}

static int requests_node_audit(struct requests *r, const char *event, const char *role,
        const char *name, json_t *fields, struct err *e)
{
        json_t *all = json_pack("{s:s, s:s}", "role", role, "node", name);

        json_object_update(all, fields);
        json_decref(fields);
        return requests_route_audit(r, event, NULL, NULL, all, e);
}

/* Showing */

static json_t *requests_node_time(int64_t us)
{
        char text[STR_TIME_ROOM];

        return us > 0 ? json_string(str_time(text, us)) : json_null();
}

static const char *requests_node_state(const struct nodes_node *n, const struct peers_state *p)
{
        if (n->revoked_us)
                return "revoked";
        if (p->up && p->refuses)
                return "refuses";
        if (p->up || strcmp(n->role, "manager") == 0)
                return "connected";
        return n->seen_us || n->enrolled_us ? "away" : "expected";
}

static json_t *requests_node_json(struct requests *r, const struct nodes_node *n)
{
        struct peers_state p = { .since_us = n->seen_us };
        int64_t now_us = clock_wall_us();

        if (!peers_find(r->peers, n->role, n->name, &p))
                p.since_us = 0;
        json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "role", n->role, "name", n->name, "state",
                requests_node_state(n, &p), "address", p.up ? p.address : n->address);
        json_object_set_new(o, "since", requests_node_time(p.since_us));
        json_object_set_new(o, "seen", requests_node_time(p.up ? now_us : n->seen_us));
        json_object_set_new(o, "added", requests_node_time(n->added_us));
        json_object_set_new(o, "enrolled", requests_node_time(n->enrolled_us));
        json_object_set_new(o, "revoked", requests_node_time(n->revoked_us));
        json_object_set_new(o, "not_after", requests_node_time(n->until_us));
        json_object_set_new(o, "code_until",
                requests_node_time(n->code_until_us > now_us ? n->code_until_us : 0));
        return o;
}

struct requests_node_walk {
        struct requests *requests;
        const char *role; /* NULL: all */
        json_t *list;
};

static int requests_node_collect(void *owner, const struct nodes_node *n, struct err *e)
{
        struct requests_node_walk *w = owner;

        (void)e;
        if (!w->role || strcmp(n->role, w->role) == 0)
                json_array_append_new(w->list, requests_node_json(w->requests, n));
        return 0;
}

int requests_node_list(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_node_walk w = { .requests = r };
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s?:s}", "role", &w.role) < 0)
                return err_set(e, ERR_INVALID, "node.list: %s", why.text);
        w.list = json_array();
        int done = nodes_each(requests_node_db(r), requests_node_collect, &w, e);
        if (done < 0)
                json_decref(w.list);
        else
                desk_answer(r->desk, tag, json_pack("{s:o}", "nodes", w.list));
        return done;
}

static int requests_node_collect_recorder(void *owner, const struct nodes_node *n, struct err *e)
{
        struct requests_node_walk *w = owner;
        struct peers_state p = { .since_us = n->seen_us };

        (void)e;
        if (strcmp(n->role, "recorder") != 0)
                return 0;
        (void)peers_find(w->requests->peers, n->role, n->name, &p);
        json_array_append_new(w->list,
                json_pack("{s:s, s:s, s:o, s:s}", "name", n->name, "state",
                        requests_node_state(n, &p), "since", requests_node_time(p.since_us),
                        "address", p.up ? p.address : n->address));
        return 0;
}

json_t *requests_node_recorders(struct requests *r)
{
        struct requests_node_walk w = { .requests = r, .list = json_array() };
        struct err e;

        if (nodes_each(requests_node_db(r), requests_node_collect_recorder, &w, &e) < 0)
                log_error(NULL, "nodes.unreadable", "err=\"%s\"", e.text);
        return w.list;
}

struct requests_node_cameras {
        const char *recorder;
        char first[64], last[64];
        unsigned n;
};

static int requests_node_count(void *owner, const struct inventory_stream *s, struct err *e)
{
        struct requests_node_cameras *c = owner;

        (void)e;
        if (strcmp(s->recorder, c->recorder) != 0 || strcmp(s->camera, c->last) == 0)
                return 0;
        snprintf(c->last, sizeof c->last, "%s", s->camera);
        if (c->n++ == 0)
                snprintf(c->first, sizeof c->first, "%s", s->camera);
        return 0;
}

static int requests_node_cameras(struct requests *r, const char *role, const char *name,
        struct requests_node_cameras *c, struct err *e)
{
        *c = (struct requests_node_cameras){ .recorder = name };
        return strcmp(role, "recorder") == 0
                       ? inventory_each(r->inventory, NULL, "", requests_node_count, c, e)
                       : 0;
}

/* role and name alone. */
static int requests_node_unpack(
        json_t *body, const char *type, const char **ret_role, const char **ret_name, struct err *e)
{
        json_error_t why;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s:s, s:s}", "role", ret_role, "name", ret_name) < 0)
                return err_set(e, ERR_INVALID, "%s: %s", type, why.text);
        return nodes_check(*ret_role, *ret_name, e);
}

int requests_node_show(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_node_cameras cameras;
        char uri[SITE_CA_URI_ROOM], key[65];
        const char *role, *name;
        struct nodes_node n;

        int done = requests_node_unpack(body, "node.show", &role, &name, e);
        if (done == 0)
                done = nodes_get(requests_node_db(r), role, name, &n, e);
        if (done == 0)
                done = requests_node_cameras(r, role, name, &cameras, e);
        if (done == 0)
                done = site_ca_uri(r->site, role, name, uri, e);
        if (done < 0)
                return done;
        json_t *o = requests_node_json(r, &n);
        json_object_set_new(o, "uri", json_string(uri));
        json_object_set_new(o, "key", json_string(str_hex(key, BYTES(n.key, sizeof n.key))));
        json_object_set_new(o, "reason", requests_text(n.reason));
        json_object_set_new(o, "code_tries", json_integer(n.code_tries));
        json_object_set_new(o, "cameras", json_integer(cameras.n));
        desk_answer(r->desk, tag, json_pack("{s:o}", "node", o));
        return 0;
}

/* The port */

static void requests_node_on_codes_end(void *owner)
{
        struct requests *r = owner;

        timer_done(&r->codes);
        requests_node_listen(r, 0, NULL);
}

/* What was asked is done; the port is told where there is one. */
static void requests_node_on_listening(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        json_t *port = json_object_get(a->body, "port");

        if (!a->body)
                log_warn(NULL, "porter.not_told", "err=\"%s\"", a->why->text);
        if (!tag)
                return;
        json_t *answer = json_copy(a->context);
        json_object_set(answer, "port", json_is_integer(port) ? port : json_null());
        desk_answer(r->desk, tag, answer);
}

void requests_node_listen(struct requests *r, uint64_t tag, json_t *context)
{
        int64_t now_us = clock_wall_us(), until_us = 0;
        bool remote = false;
        struct err e;

        if (nodes_any_code(requests_node_db(r), now_us, &until_us, &e) < 0 ||
                nodes_any_remote(requests_node_db(r), now_us, &remote, &e) < 0)
                log_error(NULL, "nodes.unreadable", "err=\"%s\"", e.text);
        timer_done(&r->codes);
        if (until_us > now_us)
                timer_start(&r->codes, r->loop, (uint64_t)(until_us - now_us) / 1000 + 1, 0,
                        requests_node_on_codes_end, r);
        requests_ask_porter(r, tag, "porter.listen",
                json_pack("{s:b}", "network", remote || until_us > now_us),
                requests_node_on_listening, context);
}

/* Taking back */

static json_t *requests_node_crls(struct requests *r)
{
        struct bytes crls = site_ca_crl(r->ca, SITE_CA_NODES);

        return json_pack("{s:o}", "crls", json_stringn(crls.n ? (const char *)crls.p : "", crls.n));
}

static void requests_node_on_crls(struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        (void)r;
        (void)tag;
        if (a->body)
                log_info(NULL, "porter.crls", "cut=%lld",
                        (long long)json_integer_value(json_object_get(a->body, "cut")));
        else
                log_warn(NULL, "porter.not_told", "err=\"%s\"", a->why->text);
}

/* Everybody hears of the list at once; who has it ends what it no longer allows. */
static void requests_node_push(struct requests *r)
{
        json_t *crls = requests_node_crls(r);

        peers_tell_all(r->peers, "link.revoked", crls);
        requests_ask_porter(r, 0, "porter.crls", crls, requests_node_on_crls, NULL);
}

/* Its certificates are no longer good, anywhere. */
static int requests_node_take_back(struct requests *r, const char *role, const char *name,
        const char *reason, unsigned *ret_n, struct err *e)
{
        int done = site_ca_revoke_node(r->ca, role, name, clock_wall_us(), ret_n, e);

        if (done < 0)
                return done;
        if (strcmp(role, "gateway") == 0)
                done = sessions_end_all(r->sessions, NULL, name, NULL, SESSIONS_REVOKED, NULL, e);
        if (done < 0)
                log_error(NULL, "sessions.not_written", "gateway=%s", name);
        peers_drop(r->peers, role, name, "it was revoked");
        requests_node_push(r);
        log_warn(NULL, "node.revoked", "role=%s name=%s certificates=%u", role, name, *ret_n);
        return nodes_revoke(requests_node_db(r), role, name, reason, clock_wall_us(), e);
}

/* With the last node of another host that has to come in, a port closes to the network. */
static void requests_node_ports(struct requests *r)
{
        requests_node_listen(r, 0, NULL);
        requests_gateway_ports(r);
}

static int requests_node_may_revoke(
        struct requests *r, const char *role, const char *name, struct err *e)
{
        struct nodes_node n;

        int done = nodes_get(requests_node_db(r), role, name, &n, e);
        if (done == 0 && strcmp(role, "manager") == 0)
                done = err_set(e, ERR_DENIED,
                        "the manager is who revokes: it cannot take its own certificate back");
        return done;
}

int requests_node_revoke(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *role, *name, *reason;
        char by[DESK_BY_ROOM]; /* who asked may be gone with the node */
        json_error_t why;
        unsigned n = 0;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s:s}", "role", &role, "name", &name,
                    "reason", &reason) < 0)
                return err_set(e, ERR_INVALID, "node.revoke: %s", why.text);
        snprintf(by, sizeof by, "%s", desk_by(r->desk, tag));
        int done = nodes_check(role, name, e);
        if (done == 0)
                done = requests_reason(reason, e);
        if (done == 0)
                done = requests_node_may_revoke(r, role, name, e);
        if (done == 0)
                done = requests_node_take_back(r, role, name, reason, &n, e);
        if (done < 0)
                return done;
        requests_node_ports(r);
        done = requests_node_audit(r, "node.revoked", role, name,
                json_pack("{s:s, s:i, s:s}", "by", by, "certificates", (int)n, "reason", reason),
                e);
        if (done == 0)
                desk_answer(r->desk, tag, json_pack("{s:i}", "revoked", (int)n));
        return done;
}

int requests_node_remove(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        struct requests_node_cameras cameras;
        const char *role, *name;
        char by[DESK_BY_ROOM];
        unsigned n = 0;

        snprintf(by, sizeof by, "%s", desk_by(r->desk, tag));
        int done = requests_node_unpack(body, "node.remove", &role, &name, e);
        if (done == 0)
                done = requests_node_cameras(r, role, name, &cameras, e);
        if (done == 0 && cameras.n)
                done = err_set(e, ERR_STATE,
                        "recorder %s has %u camera%s, such as %s. Give them to another first: custos "
                        "camera set %s --recorder NAME",
                        name, cameras.n, cameras.n == 1 ? "" : "s", cameras.first, cameras.first);
        if (done == 0)
                done = nodes_check_removable(requests_node_db(r), role, name, e);
        if (done == 0)
                done = requests_node_take_back(r, role, name, "removed", &n, e);
        if (done == 0)
                done = nodes_remove(requests_node_db(r), role, name, e);
        if (done < 0)
                return done;
        peers_remove(r->peers, role, name);
        requests_node_ports(r);
        done = requests_node_audit(r, "node.removed", role, name,
                json_pack("{s:s, s:i}", "by", by, "certificates", (int)n), e);
        if (done == 0)
                desk_answer(r->desk, tag, json_object());
        return done;
}

/* Adding */

/* The text that a person takes to the new host; what is kept of it is a hash. */
static int requests_node_make_code(struct requests *r, const char *role, const char *name,
        char to[static ENROL_CODE_ROOM], struct err *e)
{
        uint8_t hash[NODES_HASH_BYTES], fingerprint[32];
        struct enrol_code code = { 0 };

        snprintf(code.role, sizeof code.role, "%s", role);
        snprintf(code.name, sizeof code.name, "%s", name);
        site_ca_fingerprint(r->ca, fingerprint);
        memcpy(code.root, fingerprint, sizeof code.root);
        random_bytes(code.secret, sizeof code.secret);
        enrol_code_hash(code.secret, hash);
        int done = nodes_open_code(requests_node_db(r), role, name, hash, clock_wall_us(), e);
        if (done == 0)
                enrol_code_format(&code, to);
        explicit_bzero(&code, sizeof code);
        return done;
}

/* The first start made it, beside the manager, and no other host has come in its place. While it
 * runs, none is to. */
static int requests_node_check_here(
        struct requests *r, const char *role, const char *name, struct err *e)
{
        struct peers_state p;
        struct nodes_node n;

        if (strcmp(role, "recorder") != 0 || strcmp(name, INVENTORY_RECORDER_FIRST) != 0 ||
                !peers_find(r->peers, role, name, &p) || !p.up)
                return 0;
        int done = nodes_get(requests_node_db(r), role, name, &n, e);
        if (done < 0 || n.enrolled_us)
                return done;
        return err_set(e, ERR_STATE, "%s %s runs on this host. Give the new host another name",
                role, name);
}

static int requests_node_replace(
        struct requests *r, const char *role, const char *name, bool again, struct err *e)
{
        struct nodes_node n;
        unsigned revoked;

        int done = requests_node_check_here(r, role, name, e);
        if (done < 0 || !again)
                return done;
        done = nodes_get(requests_node_db(r), role, name, &n, e);
        if (done == ERR_NOT_FOUND || (done == 0 && !nodes_is_certified(&n, clock_wall_us())))
                return 0;
        return done < 0 ? done
                        : requests_node_take_back(
                                  r, role, name, "another host takes its place", &revoked, e);
}

int requests_node_add(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        char code[ENROL_CODE_ROOM], until[STR_TIME_ROOM];
        const char *role, *name;
        struct nodes_node n;
        json_error_t why;
        int again = 0;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s?:b}", "role", &role, "name",
                    &name, "again", &again) < 0)
                return err_set(e, ERR_INVALID, "node.add: %s", why.text);
        int done = nodes_check(role, name, e);
        if (done == 0 && strcmp(role, "manager") == 0)
                done = err_set(e, ERR_DENIED, "a site has one manager, which made it");
        if (done == 0)
                done = requests_node_replace(r, role, name, again, e);
        if (done == 0)
                done = requests_node_make_code(r, role, name, code, e);
        if (done == 0)
                done = nodes_get(requests_node_db(r), role, name, &n, e);
        if (done < 0)
                return done;
        str_time(until, n.code_until_us);
        done = requests_node_audit(r, "node.added", role, name,
                json_pack("{s:s, s:s, s:b}", "by", desk_by(r->desk, tag), "until", until, "again",
                        again),
                e);
        if (done == 0) {
                log_info(NULL, "node.added", "role=%s name=%s", role, name);
                peers_add(r->peers, role, name, 0);
                requests_node_listen(r, tag, json_pack("{s:s, s:s}", "code", code, "until", until));
        } else if (nodes_close_code(requests_node_db(r), role, name, NULL) < 0) {
                log_error(NULL, "node.code_open", "role=%s name=%s", role, name);
        }
        explicit_bzero(code, sizeof code);
        return done;
}

/* Links */

static int requests_node_link(void *owner, const struct nodes_node *n, struct err *e)
{
        struct requests *r = owner;

        (void)e;
        if (strcmp(n->role, "manager") == 0)
                return 0;
        peers_add(r->peers, n->role, n->name, n->seen_us);
        return 0;
}

int requests_node_open(struct requests *r, struct err *e)
{
        return nodes_each(requests_node_db(r), requests_node_link, r, e);
}

static void requests_node_note(
        struct requests *r, const char *role, const char *name, const struct nodes_sight *sight)
{
        struct err e;

        if (nodes_see(requests_node_db(r), role, name, sight, &e) < 0)
                log_error(NULL, "nodes.not_written", "err=\"%s\"", e.text);
}

static int requests_node_admit(
        struct requests *r, const struct porter_link_peer *peer, struct err *e)
{
        struct nodes_node n;

        int done = nodes_get(requests_node_db(r), peer->node.role, peer->node.name, &n, e);
        if (done < 0)
                return done;
        if (n.revoked_us) /* a certificate that is not on the list changes nothing */
                return err_fault(e, ERR_DENIED, FAULT_REVOKED, "it was revoked");
        /* There is one, and it is this process: who else shows its certificate has its key. */
        if (strcmp(n.role, "manager") == 0)
                return err_set(e, ERR_DENIED, "another manager");
        return requests_enrol_check_key(r, &n, peer->node.key, e);
}

void requests_node_on_peer(void *owner, const struct porter_link_peer *peer, int fd)
{
        struct nodes_sight sight = { .at_us = clock_wall_us(),
                .address = peer->address,
                .has_key = true,
                .until_us = peer->node.not_after_us };
        const char *role = peer->node.role, *name = peer->node.name;
        struct requests *r = owner;
        struct err e;

        memcpy(sight.key, peer->node.key, sizeof sight.key);
        int done = requests_node_admit(r, peer, &e);
        if (done < 0)
                close(fd);
        else
                done = peers_attach(r->peers, role, name, peer->address, fd, &e);
        if (done < 0) {
                requests_enrol_note(r, "peer.refused", role, name, &e);
                return;
        }
        log_info(NULL, "peer.connected", "role=%s name=%s address=%s", role, name, peer->address);
        requests_node_note(r, role, name, &sight);
        /* Behind that: its names may be where it comes from. */
        if (strcmp(role, "gateway") == 0)
                requests_web_tell(r, name);
}

void requests_node_on_up(void *owner, const char *role, const char *name)
{
        struct requests *r = owner;

        peers_tell(r->peers, role, name, "link.revoked", requests_node_crls(r));
        if (strcmp(role, "recorder") == 0)
                requests_route_on_up(r, name);
        requests_gateway_on_up(r, role, name);
}

void requests_node_on_gone(void *owner, const char *role, const char *name, const struct chan *was)
{
        struct requests *r = owner;
        struct peers_state p = { 0 };

        desk_forget(r->desk, was);
        (void)peers_find(r->peers, role, name, &p);
        requests_node_note(r, role, name,
                &(struct nodes_sight){ .at_us = clock_wall_us(), .address = p.address });
}

void requests_node_on_porter(void *owner)
{
        struct requests *r = owner;

        log_info(NULL, "porter.connected", "");
        requests_ask_porter(
                r, 0, "porter.crls", requests_node_crls(r), requests_node_on_crls, NULL);
        requests_node_listen(r, 0, NULL);
}
