/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/node_peers.h"

#include <jansson.h>
#include <stdio.h>

#include "base/str.h"
#include "trust/site_ca.h"

#define NODE_PEERS_VERSION 1

/* What may stand in an address: printable, and nothing that needs escaping anywhere. */
static bool node_peers_is_host(const char *host)
{
        for (const char *c = host; *c; c++) {
                if (*c <= ' ' || *c > '~' || strchr("\"\\'/@[]", *c))
                        return false;
        }
        return true;
}

/* Takes a text where it fits. */
static bool node_peers_copy(char *to, size_t room, const char *text)
{
        if (strlen(text) >= room)
                return false;
        memcpy(to, text, strlen(text) + 1);
        return true;
}

static int node_peers_check(const struct node_identity *n, int code, struct err *e)
{
        char uri[SITE_CA_URI_ROOM];

        if (site_ca_uri(n->site, n->role, n->name, uri, e) < 0)
                return err_wrap(e, code, "site, role, name");
        if (!str_is_camera(n->manager.name))
                return err_set(e, code, "the manager's name is not one of a node");
        if (!node_peers_is_host(n->manager.host) ||
                (n->manager.host[0] == '\0') != (n->manager.port == 0))
                return err_set(e, code, "the manager's host and port are no address");
        return 0;
}

static int node_peers_take(json_t *root, struct node_identity *n, struct err *e)
{
        const char *site = NULL, *role = NULL, *name = NULL, *manager = NULL, *host = NULL;
        json_int_t version = 0, port = 0;

        /* First alone: a later version may have other keys. */
        if (json_unpack(root, "{s:I}", "version", &version) != 0)
                return err_set(e, ERR_CORRUPT, "no version");
        if (version != NODE_PEERS_VERSION)
                return err_set(e, ERR_CORRUPT,
                        "version %" JSON_INTEGER_FORMAT "; this program knows version %d", version,
                        NODE_PEERS_VERSION);
        if (json_unpack(root, "{s:I, s:s, s:s, s:s, s:{s:s, s:s, s:I !} !}", "version", &version,
                    "site", &site, "role", &role, "name", &name, "manager", "name", &manager,
                    "host", &host, "port", &port) != 0)
                return err_set(
                        e, ERR_CORRUPT, "not version, site, role, name and manager, as expected");
        if (port < 0 || port > UINT16_MAX)
                return err_set(e, ERR_CORRUPT, "the manager's port is none");
        if (!node_peers_copy(n->site, sizeof n->site, site) ||
                !node_peers_copy(n->role, sizeof n->role, role) ||
                !node_peers_copy(n->name, sizeof n->name, name) ||
                !node_peers_copy(n->manager.name, sizeof n->manager.name, manager) ||
                !node_peers_copy(n->manager.host, sizeof n->manager.host, host))
                return err_set(e, ERR_CORRUPT, "a text that is too long");
        n->manager.port = (uint16_t)port;
        return node_peers_check(n, ERR_CORRUPT, e);
}

int node_peers_parse(struct bytes json, struct node_identity *n, struct err *e)
{
        struct node_identity taken = { 0 };
        json_error_t where;

        if (json.n > NODE_PEERS_FILE_MAX)
                return err_set(
                        e, ERR_CORRUPT, "%zu bytes, at most %d", json.n, NODE_PEERS_FILE_MAX);
        json_t *root = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, &where);
        if (!root)
                return err_set(e, ERR_CORRUPT, "not JSON at line %d", where.line);
        int r = node_peers_take(root, &taken, e);
        json_decref(root);
        if (r < 0)
                return r;
        memcpy(n->site, taken.site, sizeof n->site);
        memcpy(n->role, taken.role, sizeof n->role);
        memcpy(n->name, taken.name, sizeof n->name);
        n->manager = taken.manager;
        return 0;
}

int node_peers_format(const struct node_identity *n, struct buf *out, struct err *e)
{
        int r = node_peers_check(n, ERR_INVALID, e);

        /* Every text was checked: none needs escaping. */
        return r < 0 ? r
                     : buf_printf(out, e,
                               "{\n  \"version\": %d,\n  \"site\": \"%s\",\n  \"role\": \"%s\",\n"
                               "  \"name\": \"%s\",\n  \"manager\": { \"name\": \"%s\", "
                               "\"host\": \"%s\", \"port\": %u }\n}\n",
                               NODE_PEERS_VERSION, n->site, n->role, n->name, n->manager.name,
                               n->manager.host, n->manager.port);
}
