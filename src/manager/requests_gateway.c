/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How gateways find recorders (docs/spec/link.md section 7): a recorder is told whether other hosts
 * have to reach it (link.listen) and answers its port; gateways are told all of them
 * (link.recorders).
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "manager/requests_parts.h"

/* Of "10.0.0.7:41002" or "[2001:db8::7]:41002" the host; "" where it is this one. */
static void requests_gateway_host(const char *address, char to[static NODES_ADDRESS_ROOM])
{
        bool brackets = address[0] == '[';
        const char *end = strrchr(address, ':');
        size_t n = end ? (size_t)(end - address) : strlen(address);

        snprintf(to, NODES_ADDRESS_ROOM, "%.*s", (int)(n < 2 * brackets ? 0 : n - 2 * brackets),
                address + brackets);
        if (strncmp(to, "127.", 4) == 0 || strcmp(to, "::1") == 0)
                to[0] = '\0';
}

static struct requests_recorder_port *requests_gateway_port(
        struct requests *r, const char *recorder)
{
        struct requests_recorder_port *unused = NULL;
        struct peers_state state;

        for (unsigned i = 0; i < NODES_MAX; i++) {
                struct requests_recorder_port *p = &r->recorder_ports[i];
                if (strcmp(p->recorder, recorder) == 0)
                        return p;
                if (p->recorder[0] == '\0' ||
                        !peers_find(r->peers, "recorder", p->recorder, &state))
                        unused = p;
        }
        if (unused) {
                *unused = (struct requests_recorder_port){ 0 };
                snprintf(unused->recorder, sizeof unused->recorder, "%s", recorder);
        }
        return unused;
}

/* host "": that of the manager, as the gateway reaches it. port 0: it has not been here since this
 * manager began; a gateway that knows it from before leaves it as it is. */
static json_t *requests_gateway_recorders(struct requests *r)
{
        json_t *list = json_array();
        struct peers_state state;

        for (unsigned i = 0; peers_nth(r->peers, "recorder", i, &state); i++) {
                const struct requests_recorder_port *p = requests_gateway_port(r, state.name);
                json_array_append_new(list, json_pack("{s:s, s:s, s:i}", "name", state.name, "host",
                                                    p ? p->host : "", "port", p ? p->port : 0));
        }
        return json_pack("{s:o}", "recorders", list);
}

static void requests_gateway_tell_all(struct requests *r)
{
        struct peers_state state;

        for (unsigned i = 0; peers_nth(r->peers, "gateway", i, &state); i++)
                peers_tell(r->peers, "gateway", state.name, "link.recorders",
                        requests_gateway_recorders(r));
}

/* --- a recorder's port --- */

static void requests_gateway_on_listening(
        struct requests *r, uint64_t tag, const struct requests_answer *a)
{
        const char *name = json_string_value(json_object_get(a->context, "recorder"));
        json_int_t port = json_integer_value(json_object_get(a->body, "port"));
        struct requests_recorder_port *p = requests_gateway_port(r, name);
        struct peers_state state;

        (void)tag;
        if (!a->body) {
                log_warn(NULL, "recorder.port_unknown", "recorder=%s err=\"%s\"", name,
                        a->why->text);
                return;
        }
        if (!p || !peers_find(r->peers, "recorder", name, &state) || port < 1 || port > 65535)
                return;
        p->port = (int)port;
        requests_gateway_host(state.address, p->host);
        requests_gateway_tell_all(r);
}

static int requests_gateway_is_elsewhere(void *owner, const struct nodes_node *n, struct err *e)
{
        bool *elsewhere = owner;

        (void)e;
        *elsewhere |= strcmp(n->role, "gateway") == 0 && n->enrolled_us && !n->revoked_us;
        return 0;
}

/* Other hosts reach it where it lives on another one, or a gateway does. */
static void requests_gateway_ask(struct requests *r, const char *recorder)
{
        struct peers_state state;
        char host[NODES_ADDRESS_ROOM];
        bool network = false;
        struct err e;

        if (!peers_find(r->peers, "recorder", recorder, &state) || !state.up)
                return;
        if (nodes_each(inventory_db(r->inventory), requests_gateway_is_elsewhere, &network, &e) < 0)
                log_error(NULL, "nodes.not_read", "err=\"%s\"", e.text);
        requests_gateway_host(state.address, host);
        network |= host[0] != '\0';
        requests_ask(r, 0, recorder, "link.listen", json_pack("{s:b}", "network", network),
                requests_gateway_on_listening, json_pack("{s:s}", "recorder", recorder));
}

void requests_gateway_ports(struct requests *r)
{
        struct peers_state state;

        for (unsigned i = 0; peers_nth(r->peers, "recorder", i, &state); i++)
                requests_gateway_ask(r, state.name);
}

void requests_gateway_on_up(struct requests *r, const char *role, const char *name)
{
        if (strcmp(role, "recorder") == 0) {
                requests_gateway_ask(r, name);
        } else if (strcmp(role, "gateway") == 0) {
                peers_tell(r->peers, role, name, "link.recorders", requests_gateway_recorders(r));
                requests_gateway_ports(r);
        }
}
