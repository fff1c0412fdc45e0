/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/network.h"

#include <arpa/inet.h>

#include "base/str.h"

#define NETWORK_TEXT_MAX 64

static const uint8_t network_mapped[12] = { [10] = 0xff, [11] = 0xff };

/* Returns the bits of an address of that kind before which the prefix of a mapped one begins, or a
 * negative code. */
static int network_parse_address(const char *text, uint8_t to[static NETWORK_ADDRESS_BYTES])
{
        if (inet_pton(AF_INET, text, to + sizeof network_mapped) == 1) {
                memcpy(to, network_mapped, sizeof network_mapped);
                return 96;
        }
        return inet_pton(AF_INET6, text, to) == 1 ? 0 : ERR_INVALID;
}

int network_address_parse(
        const char *text, uint8_t ret[static NETWORK_ADDRESS_BYTES], struct err *e)
{
        uint8_t address[NETWORK_ADDRESS_BYTES];

        if (network_parse_address(text, address) < 0)
                return err_set(e, ERR_INVALID, "not an address");
        memcpy(ret, address, sizeof address);
        return 0;
}

char *network_address_format(
        const uint8_t address[static NETWORK_ADDRESS_BYTES], char to[static NETWORK_ADDRESS_ROOM])
{
        bool four = memcmp(address, network_mapped, sizeof network_mapped) == 0;

        inet_ntop(four ? AF_INET : AF_INET6, four ? address + sizeof network_mapped : address, to,
                NETWORK_ADDRESS_ROOM);
        return to;
}

/* Bit i of the address, from the left. */
static bool network_bit(const uint8_t *address, unsigned i)
{
        return address[i / 8] >> (7 - i % 8) & 1;
}

static int network_parse(const char *text, struct network *ret, struct err *e)
{
        char shown[NETWORK_TEXT_MAX + 1], address[NETWORK_TEXT_MAX + 1];
        const char *slash = strchr(text, '/');
        size_t n = slash ? (size_t)(slash - text) : strlen(text);
        struct network net = { .bits = 128 };
        uint64_t bits;

        str_escape(shown, sizeof shown, bytes_str(text));
        memcpy(address, text, n);
        address[n] = '\0';
        int before = network_parse_address(address, net.address);
        if (before < 0)
                return err_set(e, ERR_INVALID,
                        "%s is no network: write 192.0.2.0/24, 2001:db8::/32 or an address", shown);
        if (slash) {
                if (str_uint(slash + 1, 0, (uint64_t)(128 - before), &bits, NULL) < 0)
                        return err_set(
                                e, ERR_INVALID, "%s: the prefix is 0 to %d", shown, 128 - before);
                net.bits = (uint8_t)(bits + (unsigned)before);
        }
        for (unsigned i = net.bits; i < 128; i++) {
                if (network_bit(net.address, i))
                        return err_set(e, ERR_INVALID,
                                "%s: the address has bits behind the prefix: is it the address of "
                                "one machine? Write it without the slash",
                                shown);
        }
        *ret = net;
        return 0;
}

int network_list_parse(const char *text, struct network_list *ret, struct err *e)
{
        static const char between[] = ", \t";
        struct network_list list = { 0 };

        for (text += strspn(text, between); *text; text += strspn(text, between)) {
                char one[NETWORK_TEXT_MAX + 1];
                size_t n = strcspn(text, between);
                if (n >= sizeof one)
                        return err_set(e, ERR_INVALID, "a network of %zu characters", n);
                if (list.n == NETWORK_LIST_MAX)
                        return err_set(e, ERR_EXHAUSTED, "more than %d networks", NETWORK_LIST_MAX);
                memcpy(one, text, n);
                one[n] = '\0';
                int r = network_parse(one, &list.networks[list.n], e);
                if (r < 0)
                        return r;
                list.n++;
                text += n;
        }
        *ret = list;
        return 0;
}

bool network_has(const struct network *n, const uint8_t address[static NETWORK_ADDRESS_BYTES])
{
        for (unsigned i = 0; i < n->bits; i++) {
                if (network_bit(n->address, i) != network_bit(address, i))
                        return false;
        }
        return true;
}

bool network_list_has(
        const struct network_list *l, const uint8_t address[static NETWORK_ADDRESS_BYTES])
{
        for (unsigned i = 0; i < l->n; i++) {
                if (network_has(&l->networks[i], address))
                        return true;
        }
        return false;
}
