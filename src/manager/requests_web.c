/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page's certificate (docs/design/web.md): by which names and addresses the page of a gateway
 * is opened, and what certificate it shows, which the gateway says.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/x509_web.h"
#include "manager/node_names.h"
#include "manager/requests_parts.h"
#include "os/clock.h"
#include "os/file.h"

#define REQUESTS_WEB_MISSING_ROOM 300

static struct db *requests_web_db(struct requests *r)
{
        return inventory_db(r->inventory);
}

/* --- names --- */

/* What this host's first start found. */
static int requests_web_host_names(struct requests *r, struct web_names *ret, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/" REQUESTS_WEB_HOST_NAMES, r->state);
        CLEANUP(buf_done) struct buf text;

        buf_init(&text, WEB_NAMES_TEXT_MAX);
        int done = file_read(path, WEB_NAMES_TEXT_MAX, &text, e);
        if (done == ERR_NOT_FOUND)
                return 0;
        if (done == 0)
                done = web_names_parse(buf_bytes(&text), ret, e);
        return done < 0 ? err_wrap(e, done, "%s", path) : 0;
}

/* "192.0.2.9:40000", "[2001:db8::1]:40000" */
static void requests_web_add_address(struct web_names *names, const char *address)
{
        char text[NODES_ADDRESS_ROOM];
        bool bracket = address[0] == '[';
        const char *from = address + bracket, *colon = strchr(from, ':');
        size_t n = bracket                                   ? strcspn(from, "]")
                   : colon && strchr(colon + 1, ':') == NULL ? (size_t)(colon - from)
                                                             : strlen(from);

        snprintf(text, sizeof text, "%.*s", (int)n, from);
        if (text[0] && web_names_add(names, text, NULL) < 0)
                log_warn(NULL, "page.no_address", "address=\"%s\"", text);
}

int requests_web_names(struct requests *r, const struct nodes_node *n, struct web_names *ret,
        bool *ret_given, struct err *e)
{
        struct web_names names = { 0 };

        int done = node_names_get(requests_web_db(r), n->role, n->name, &names, e);
        bool given = names.n > 0;
        if (done == 0 && !given && strcmp(n->name, REQUESTS_MANAGER) == 0 && n->enrolled_us == 0)
                done = requests_web_host_names(r, &names, e);
        else if (done == 0 && !given)
                requests_web_add_address(&names, n->address);
        if (done < 0)
                return done;
        *ret = names;
        *ret_given = given;
        return 0;
}

static int requests_web_take_names(const json_t *list, struct web_names *ret, struct err *e)
{
        json_t *text;
        size_t i;

        if (!json_is_array(list))
                return err_set(e, ERR_INVALID, "node.names: names is a list of texts");
        json_array_foreach(list, i, text)
        {
                /* A text with a NUL in it would be judged by its first half. */
                if (!json_is_string(text) ||
                        strlen(json_string_value(text)) != json_string_length(text))
                        return err_set(e, ERR_INVALID, "node.names: name %zu is no text", i + 1);
                int done = web_names_add(ret, json_string_value(text), e);
                if (done < 0)
                        return done;
        }
        return 0;
}

struct requests_web_all {
        struct requests *requests;
        struct web_names names;
};

/* All that the new root is to vouch for: what it did, as far as it is in use, goes on. */
static int requests_web_collect(void *owner, const struct nodes_node *n, struct err *e)
{
        struct requests_web_all *all = owner;
        struct web_names names;
        bool given;

        if (strcmp(n->role, "gateway") != 0)
                return 0;
        int done = requests_web_names(all->requests, n, &names, &given, e);
        for (unsigned i = 0; done == 0 && i < names.n; i++)
                done = web_names_add(&all->names, names.names[i].text, e);
        return done;
}

static int requests_web_make_root(struct requests *r, const struct web_names *names, struct err *e)
{
        struct requests_web_all all = { .requests = r };
        struct web_names_lists lists;

        int done = requests_web_host_names(r, &all.names, e);
        for (unsigned i = 0; done == 0 && i < names->n; i++)
                done = web_names_add(&all.names, names->names[i].text, e);
        if (done == 0)
                done = nodes_each(requests_web_db(r), requests_web_collect, &all, e);
        if (done < 0)
                return done;
        web_names_lists(&all.names, &lists);
        return site_ca_make_web(r->ca, lists.dns, lists.ip, clock_wall_us(), e);
}

static int requests_web_allow(
        struct requests *r, const struct web_names *names, bool new_root, struct err *e)
{
        struct web_names_lists lists;

        if (new_root)
                return requests_web_make_root(r, names, e);
        web_names_lists(names, &lists);
        int done = site_ca_web_allows(r->ca, lists.dns, lists.ip, e);
        if (done == ERR_DENIED && e)
                e->fault = FAULT_WEB_NAME;
        return done;
}

static json_t *requests_web_list(const struct web_names *names)
{
        json_t *list = json_array();

        for (unsigned i = 0; i < names->n; i++)
                json_array_append_new(list, json_string(names->names[i].text));
        return list;
}

static json_t *requests_web_root_of(struct requests *r)
{
        struct bytes root = site_ca_web_root(r->ca);
        uint8_t hash[32];
        char hex[65];

        if (!root.n)
                return json_null();
        x509_web_fingerprint(root, hash);
        return json_string(str_hex(hex, BYTES(hash, sizeof hash)));
}

/* The newest certificate that was made for it is no longer good. */
static bool requests_web_is_revoked(struct requests *r, const char *name)
{
        const struct issued *issued = site_ca_issued(r->ca);

        for (size_t i = issued->n; i > 0; i--) {
                const struct issued_certificate *c = &issued->certificates[i - 1];
                if (c->issuer == ISSUED_WEB && strcmp(c->subject, name) == 0)
                        return c->revoked_us != 0;
        }
        return false;
}

void requests_web_tell(struct requests *r, const char *name)
{
        struct web_names names;
        struct nodes_node n;
        struct err e;
        bool given;

        int done = nodes_get(requests_web_db(r), "gateway", name, &n, &e);
        if (done == 0)
                done = requests_web_names(r, &n, &names, &given, &e);
        if (done < 0) {
                log_warn(NULL, "page.names_unknown", "gateway=%s err=\"%s\"", name, e.text);
                return;
        }
        json_t *body = json_pack("{s:o, s:o, s:b}", "names", requests_web_list(&names), "root",
                requests_web_root_of(r), "again", requests_web_is_revoked(r, name));
        peers_tell(r->peers, "gateway", name, "web.names", body);
}

static int requests_web_tell_each(void *owner, const struct nodes_node *n, struct err *e)
{
        (void)e;
        if (strcmp(n->role, "gateway") == 0)
                requests_web_tell(owner, n->name);
        return 0;
}

/* In force at once: whoever shows a page hears of it. */
static int requests_web_tell_all(
        struct requests *r, const struct nodes_node *n, bool new_root, struct err *e)
{
        if (new_root)
                return nodes_each(requests_web_db(r), requests_web_tell_each, r, e);
        requests_web_tell(r, n->name);
        return 0;
}

/* list NULL: those that there are. */
static int requests_web_set(struct requests *r, uint64_t tag, const struct nodes_node *n,
        const json_t *list, bool new_root, struct err *e)
{
        struct web_names names = { 0 };
        bool given;

        int done = list ? requests_web_take_names(list, &names, e)
                        : requests_web_names(r, n, &names, &given, e);
        if (done == 0)
                done = requests_web_allow(r, &names, new_root, e);
        if (done == 0 && list)
                done = node_names_set(requests_web_db(r), n->role, n->name, &names, e);
        if (done < 0)
                return done;
        log_info(NULL, "node.names", "role=%s name=%s names=%u new_root=%d", n->role, n->name,
                names.n, new_root);
        done = requests_web_tell_all(r, n, new_root, e);
        int noted = requests_route_audit(r, "node.names", NULL, NULL,
                json_pack("{s:s, s:s, s:o, s:b, s:s}", "role", n->role, "node", n->name, "names",
                        requests_web_list(&names), "new_root", new_root, "by",
                        desk_by(r->desk, tag)),
                e);
        return done < 0 ? done : noted;
}

/* --- what is shown --- */

/* As the gateway said: { own, from, until, names, error }; borrowed, NULL. */
static json_t *requests_web_shown(struct requests *r, const char *name)
{
        return json_object_get(r->pages, name);
}

/* A wildcard stands for one label (RFC 6125 section 6.4.3). */
static bool requests_web_covers(const char *shown, const char *name)
{
        const char *dot = strchr(name, '.');

        return strcmp(shown, name) == 0 ||
               (shown[0] == '*' && dot && dot > name && strcmp(shown + 1, dot) == 0);
}

static void requests_web_missing(const json_t *page, const struct web_names *names, json_t *to)
{
        json_t *text;
        size_t i;

        for (unsigned n = 0; n < names->n; n++) {
                bool there = false;
                json_array_foreach(json_object_get(page, "names"), i, text) there =
                        there || requests_web_covers(json_string_value(text), names->names[n].text);
                if (!there)
                        json_array_append_new(to, json_string(names->names[n].text));
        }
}

/* null where it has not said. */
static json_t *requests_web_page(
        struct requests *r, const char *name, const struct web_names *names)
{
        json_t *page = json_deep_copy(requests_web_shown(r, name)), *missing = json_array();

        if (!page) {
                json_decref(missing);
                return json_null();
        }
        requests_web_missing(page, names, missing);
        json_object_set_new(page, "missing", missing);
        return page;
}

int requests_web_node_names(struct requests *r, uint64_t tag, json_t *body, struct err *e)
{
        const char *role, *name;
        json_t *list = NULL;
        int new_root = 0;
        struct web_names names;
        struct nodes_node n;
        json_error_t why;
        bool given = false;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s?o, s?b}", "role", &role, "name",
                    &name, "names", &list, "new_root", &new_root) < 0)
                return err_set(e, ERR_INVALID, "node.names: %s", why.text);
        if (strcmp(role, "gateway") != 0)
                return err_set(e, ERR_INVALID,
                        "only a gateway has names: the others are known to each other by their "
                        "certificates");
        int done = nodes_get(requests_web_db(r), role, name, &n, e);
        if (done == 0 && (list || new_root))
                done = requests_web_set(r, tag, &n, list, new_root, e);
        if (done == 0)
                done = requests_web_names(r, &n, &names, &given, e);
        if (done == 0)
                desk_answer(r->desk, tag,
                        json_pack("{s:o, s:b, s:o, s:o}", "names", requests_web_list(&names),
                                "given", given, "root", requests_web_root_of(r), "page",
                                requests_web_page(r, n.name, &names)));
        return done;
}

/* --- what gateways say --- */

static int requests_web_check_shown(const json_t *body, struct err *e)
{
        const char *from, *until, *error;
        json_t *names, *text;
        int own;
        json_error_t why;
        int64_t from_us, until_us;
        size_t i;

        if (json_unpack_ex((json_t *)(uintptr_t)body, &why, JSON_STRICT,
                    "{s:b, s:s, s:s, s:o, s:s}", "own", &own, "from", &from, "until", &until,
                    "names", &names, "error", &error) < 0)
                return err_set(e, ERR_INVALID, "web.certificate: %s", why.text);
        if (str_parse_time(from, &from_us, NULL) < 0 ||
                str_parse_time(until, &until_us, NULL) < 0 || strlen(error) >= ERR_TEXT_BYTES ||
                !json_is_array(names) || json_array_size(names) > 2 * X509_NAMES_MAX)
                return err_set(e, ERR_INVALID, "web.certificate: a time, a text or the names");
        json_array_foreach(names, i, text)
        {
                if (!json_is_string(text) || json_string_length(text) >= X509_WEB_NAME_ROOM)
                        return err_set(e, ERR_INVALID, "web.certificate: name %zu", i + 1);
        }
        return 0;
}

static void requests_web_judge_shown(struct requests *r, const char *gateway, const json_t *page)
{
        char error[2 * ERR_TEXT_BYTES];
        const char *why = json_string_value(json_object_get(page, "error"));
        struct web_names names = { 0 };
        struct nodes_node n;
        bool given = false;

        if (why && why[0])
                log_warn(NULL, "page.certificate_refused", "gateway=%s err=\"%s\"", gateway,
                        str_escape(error, sizeof error, bytes_str(why)));
        if (nodes_get(requests_web_db(r), "gateway", gateway, &n, NULL) < 0 ||
                requests_web_names(r, &n, &names, &given, NULL) < 0)
                return;
        json_t *missing = json_array();
        requests_web_missing(page, &names, missing);
        if (json_array_size(missing))
                log_warn(NULL, "page.names_missing", "gateway=%s n=%zu first=%s", gateway,
                        json_array_size(missing), json_string_value(json_array_get(missing, 0)));
        json_decref(missing);
}

void requests_web_on_event(
        struct requests *r, const char *gateway, const char *type, const json_t *body)
{
        struct err e;

        if (strcmp(type, "web.certificate") != 0) {
                log_warn(NULL, "role.unknown_event", "role=gateway name=%s", gateway);
                return;
        }
        if (requests_web_check_shown(body, &e) < 0) {
                log_warn(
                        NULL, "role.bad_event", "role=gateway name=%s err=\"%s\"", gateway, e.text);
                return;
        }
        json_object_set_new(r->pages, gateway, json_deep_copy(body));
        requests_web_judge_shown(r, gateway, body);
}

void requests_web_watch(struct requests *r, struct certificate_watch_look *l)
{
        const char *gateway;
        json_t *page;
        int64_t from_us, until_us;

        json_object_foreach(r->pages, gateway, page)
        {
                if (json_is_true(json_object_get(page, "own")) &&
                        str_parse_time(json_string_value(json_object_get(page, "from")), &from_us,
                                NULL) == 0 &&
                        str_parse_time(json_string_value(json_object_get(page, "until")), &until_us,
                                NULL) == 0)
                        certificate_watch_add(
                                l, "web-own", gateway, from_us, until_us, CERTIFICATE_WATCH_PEOPLE);
        }
}

/* --- the certificate --- */

int requests_web_sign(struct requests *r, const struct nodes_node *n, const struct verify_key *key,
        struct buf *leaf, struct err *e)
{
        struct web_names_lists lists;
        struct web_names names;
        bool given;

        int done = requests_web_names(r, n, &names, &given, e);
        if (done < 0)
                return done;
        if (names.n == 0)
                return err_set(e, ERR_STATE,
                        "no name or address of this gateway is known: custos node names gateway %s",
                        n->name);
        web_names_lists(&names, &lists);
        done = requests_web_allow(r, &names, false, e);
        return done < 0 ? done
                        : site_ca_issue_web(r->ca, n->name, lists.dns, lists.ip, key,
                                  clock_wall_us(), r->web_days, leaf, e);
}
