/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/connect_policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <strings.h>

struct connect_policy_rule {
        const char *network, *why;
};

/* In their order: the first that holds an address says why it is refused. */
static const struct connect_policy_rule connect_policy_never[] = {
        { "0.0.0.0/8", "it is no machine's address (RFC 1122)" },
        { "::/128", "it is no machine's address" },
        { "224.0.0.0/4", "it is a multicast group" },
        { "ff00::/8", "it is a multicast group" },
        { "240.0.0.0/4", "it is reserved or broadcast" },
        { "169.254.169.254/32", "it is where clouds keep a machine's credentials" },
        { "fd00:ec2::254/128", "it is where clouds keep a machine's credentials" },
};

static const char *const connect_policy_loopback[] = { "127.0.0.0/8", "::1/128" };

/* Forms of IPv6 that carry an IPv4 address, which then counts: RFC 4291 (compatible), RFC 6052
 * (NAT64), RFC 3056 (6to4). */
static const struct {
        const char *network;
        unsigned at; /* where the four bytes stand */
} connect_policy_carriers[] = { { "::/96", 12 }, { "64:ff9b::/96", 12 }, { "2002::/16", 2 } };

int connect_policy_init(struct connect_policy *p, const struct settings *s, struct err *e)
{
        return network_list_parse(settings_text(s, SETTINGS_CAMERA_NETWORKS), &p->allowed, e);
}

bool connect_policy_is_literal(const char *host)
{
        uint8_t address[NETWORK_ADDRESS_BYTES];

        return strcasecmp(host, "localhost") == 0 ||
               network_address_parse(host, address, NULL) == 0;
}

static bool connect_policy_in(const char *network, const uint8_t *address)
{
        struct network_list list;

        return network_list_parse(network, &list, NULL) == 0 && network_list_has(&list, address);
}

static bool connect_policy_is_loopback(const uint8_t *address)
{
        return connect_policy_in(connect_policy_loopback[0], address) ||
               connect_policy_in(connect_policy_loopback[1], address);
}

static int connect_policy_unmap(
        const struct sockaddr *a, uint8_t to[static NETWORK_ADDRESS_BYTES], uint16_t *ret_port)
{
        if (a->sa_family == AF_INET) {
                struct sockaddr_in v4;
                memcpy(&v4, a, sizeof v4);
                memset(to, 0, 10);
                memset(to + 10, 0xff, 2);
                memcpy(to + 12, &v4.sin_addr, 4);
                *ret_port = ntohs(v4.sin_port);
                return 0;
        }
        if (a->sa_family != AF_INET6)
                return ERR_INVALID;
        struct sockaddr_in6 v6;
        memcpy(&v6, a, sizeof v6);
        memcpy(to, &v6.sin6_addr, NETWORK_ADDRESS_BYTES);
        *ret_port = ntohs(v6.sin6_port);
        return 0;
}

/* NULL, or why this address is never connected to. */
static const char *connect_policy_forbids(const uint8_t *address)
{
        for (size_t i = 0; i < ARRAY_LEN(connect_policy_never); i++) {
                if (connect_policy_in(connect_policy_never[i].network, address))
                        return connect_policy_never[i].why;
        }
        return NULL;
}

/* The same for an IPv4 address within an IPv6 one, where loopback has no business either. */
static const char *connect_policy_forbids_carried(const uint8_t *address)
{
        uint8_t inner[NETWORK_ADDRESS_BYTES] = { [10] = 0xff, [11] = 0xff };

        if (connect_policy_is_loopback(address))
                return NULL; /* ::1 is not an IPv4 address in disguise */
        for (size_t i = 0; i < ARRAY_LEN(connect_policy_carriers); i++) {
                if (!connect_policy_in(connect_policy_carriers[i].network, address))
                        continue;
                memcpy(inner + 12, address + connect_policy_carriers[i].at, 4);
                if (connect_policy_is_loopback(inner))
                        return "it carries a loopback address";
                return connect_policy_forbids(inner);
        }
        return NULL;
}

static int connect_policy_refuse(const uint8_t *address, const char *why, struct err *e)
{
        bool v4 = connect_policy_in("::ffff:0:0/96", address);
        char text[INET6_ADDRSTRLEN];

        if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + 12 : address, text, sizeof text))
                text[0] = '\0';
        return err_fault(e, ERR_DENIED, FAULT_ADDRESS_NOT_ALLOWED,
                "not connected to %s: %s. Check the camera's address, or what its name resolves to",
                text, why);
}

int connect_policy_check(
        const struct connect_policy *p, const struct sockaddr *a, bool literal, struct err *e)
{
        uint8_t address[NETWORK_ADDRESS_BYTES];
        uint16_t port;

        if (connect_policy_unmap(a, address, &port) < 0)
                return err_fault(e, ERR_DENIED, FAULT_ADDRESS_NOT_ALLOWED,
                        "an address that is neither IPv4 nor IPv6");
        if (port == 0)
                return connect_policy_refuse(address, "port 0 is none", e);
        const char *why = connect_policy_forbids(address);
        if (!why)
                why = connect_policy_forbids_carried(address);
        if (why)
                return connect_policy_refuse(address, why, e);
        if (p->allowed.n)
                return network_list_has(&p->allowed, address)
                               ? 0
                               : connect_policy_refuse(
                                         address, "camera_networks does not hold it", e);
        if (!literal && connect_policy_is_loopback(address))
                return connect_policy_refuse(address,
                        "it is this machine itself, which a camera's name must not resolve to", e);
        return 0;
}
