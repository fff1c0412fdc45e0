/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/host_names.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

#define HOST_NAMES_ROOM 256

/* A host's name may be anything; what no certificate can have is left out. */
static void host_names_try(struct web_names *names, const char *text)
{
        if (web_names_add(names, text, NULL) < 0)
                return;
}

static bool host_names_is_useful(const struct ifaddrs *i)
{
        const struct sockaddr_in6 *six = (const void *)i->ifa_addr;

        if (!i->ifa_addr || !(i->ifa_flags & IFF_UP))
                return false;
        return i->ifa_addr->sa_family == AF_INET ||
               (i->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr));
}

static void host_names_interfaces(struct web_names *names)
{
        struct ifaddrs *all = NULL;
        char text[INET6_ADDRSTRLEN];

        if (getifaddrs(&all) < 0)
                return;
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
                if (!host_names_is_useful(i))
                        continue;
                const void *address =
                        i->ifa_addr->sa_family == AF_INET
                                ? (const void *)&(
                                          (const struct sockaddr_in *)(const void *)i->ifa_addr)
                                          ->sin_addr
                                : (const void *)&(
                                          (const struct sockaddr_in6 *)(const void *)i->ifa_addr)
                                          ->sin6_addr;
                if (inet_ntop(i->ifa_addr->sa_family, address, text, sizeof text))
                        host_names_try(names, text);
        }
        freeifaddrs(all);
}

/* The host name may carry its domain; its first label is what others in the house type. */
static void host_names_own(struct web_names *names)
{
        char name[HOST_NAMES_ROOM], full[HOST_NAMES_ROOM + 8];

        if (gethostname(name, sizeof name) < 0)
                return;
        name[sizeof name - 1] = '\0';
        host_names_try(names, name);
        char *dot = strchr(name, '.');
        if (dot)
                *dot = '\0';
        host_names_try(names, name);
        snprintf(full, sizeof full, "%s.local", name); /* RFC 6762 */
        host_names_try(names, full);
}

void host_names_find(struct web_names *ret)
{
        *ret = (struct web_names){ 0 };
        host_names_own(ret);
        host_names_try(ret, "localhost");
        host_names_try(ret, "127.0.0.1");
        host_names_try(ret, "::1");
        host_names_interfaces(ret);
}
