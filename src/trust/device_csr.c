/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/device_csr.h"

#include <stdio.h>
#include <strings.h>

#include "base/network.h"
#include "base/str.h"

#define DEVICE_CSR_DNS_MAX 253 /* RFC 1035 section 2.3.4, as text */
#define DEVICE_CSR_LABEL_MAX 63

/* Letters, digits, '-' and '_' (devices have them), in labels. */
static bool device_csr_is_dns(const char *name)
{
        size_t label = 0, n = strlen(name);

        if (n == 0 || n > DEVICE_CSR_DNS_MAX)
                return false;
        for (size_t i = 0; i < n; i++) {
                char c = name[i];
                bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '_';
                if (c == '.' ? label == 0 || name[i - 1] == '-' : !word && (c != '-' || label == 0))
                        return false;
                label = c == '.' ? 0 : label + 1;
                if (label > DEVICE_CSR_LABEL_MAX)
                        return false;
        }
        return label > 0 && name[n - 1] != '-';
}

static int device_csr_check_dns(const char *name, struct err *e)
{
        uint8_t address[NETWORK_ADDRESS_BYTES];
        char shown[X509_CSR_NAME_ROOM];

        str_escape(shown, sizeof shown, bytes_str(name));
        if (strchr(name, '*'))
                return err_set(e, ERR_INVALID,
                        "%s is a wildcard: whoever has that key could pass for every device there. "
                        "Give the one name of this device",
                        shown);
        if (network_address_parse(name, address, NULL) == 0)
                return err_set(e, ERR_INVALID, "%s is an address and no DNS name", shown);
        return device_csr_is_dns(name) ? 0
                                       : err_set(e, ERR_INVALID, "\"%s\" is no DNS name", shown);
}

int device_csr_check(
        const struct x509_csr *csr, const struct device_csr_names *names, struct err *e)
{
        uint8_t address[NETWORK_ADDRESS_BYTES];
        char shown[X509_CSR_NAME_ROOM];
        int r = 0;

        if (csr->asks_ca)
                return err_set(e, ERR_INVALID,
                        "the request asks to be a certification authority (CA:TRUE), which no "
                        "device is: make one without that");
        for (unsigned i = 0; i < csr->dns_n; i++) {
                if (strchr(csr->dns[i], '*'))
                        return err_set(e, ERR_INVALID,
                                "the request asks for the wildcard %s: whoever has that key could "
                                "pass for every device there. Make one for this device alone",
                                str_escape(shown, sizeof shown, bytes_str(csr->dns[i])));
        }
        if (!names->dns[0] && !names->ip[0])
                return err_set(e, ERR_INVALID,
                        "no name at all: the certificate needs the DNS name or the address that the "
                        "device is reached by");
        for (unsigned i = 0; r == 0 && names->dns[i]; i++)
                r = device_csr_check_dns(names->dns[i], e);
        for (unsigned i = 0; r == 0 && names->ip[i]; i++) {
                if (network_address_parse(names->ip[i], address, NULL) < 0)
                        r = err_set(e, ERR_INVALID, "\"%s\" is no address",
                                str_escape(shown, sizeof shown, bytes_str(names->ip[i])));
        }
        return r;
}

void device_csr_asked(const struct x509_csr *csr, struct device_csr_names *ret)
{
        *ret = (struct device_csr_names){ 0 };
        for (unsigned i = 0; i < csr->dns_n; i++)
                ret->dns[i] = csr->dns[i];
        for (unsigned i = 0; i < csr->ip_n; i++)
                ret->ip[i] = csr->ip[i];
}

static bool device_csr_has_dns(const struct device_csr_names *names, const char *name)
{
        for (unsigned i = 0; names->dns[i]; i++) {
                if (strcasecmp(names->dns[i], name) == 0)
                        return true;
        }
        return false;
}

static bool device_csr_has_ip(const struct device_csr_names *names, const char *ip)
{
        uint8_t wanted[NETWORK_ADDRESS_BYTES], given[NETWORK_ADDRESS_BYTES];

        if (network_address_parse(ip, wanted, NULL) < 0)
                return false;
        for (unsigned i = 0; names->ip[i]; i++) {
                if (network_address_parse(names->ip[i], given, NULL) == 0 &&
                        memcmp(wanted, given, sizeof wanted) == 0)
                        return true;
        }
        return false;
}

/* Names that did not fit are in the count. */
static void device_csr_tell(
        char *to, size_t room, unsigned *n, const char *kind, const char *name, const char *behind)
{
        size_t at = strlen(to);
        int more = snprintf(to + at, room - at, "%s%s%s%s", at ? ", " : "", kind, name, behind);

        if (more < 0 || (size_t)more >= room - at)
                to[at] = '\0';
        (*n)++;
}

unsigned device_csr_left_out(
        const struct x509_csr *csr, const struct device_csr_names *names, char *to, size_t room)
{
        unsigned n = 0;
        char count[16];

        to[0] = '\0';
        for (unsigned i = 0; i < csr->dns_n; i++) {
                if (!device_csr_has_dns(names, csr->dns[i]))
                        device_csr_tell(to, room, &n, "DNS ", csr->dns[i], "");
        }
        for (unsigned i = 0; i < csr->ip_n; i++) {
                if (!device_csr_has_ip(names, csr->ip[i]))
                        device_csr_tell(to, room, &n, "IP ", csr->ip[i], "");
        }
        for (unsigned i = 0; i < csr->uris_n; i++)
                device_csr_tell(to, room, &n, "URI ", csr->uris[i], "");
        if (csr->others_n) {
                snprintf(count, sizeof count, "%u", csr->others_n);
                device_csr_tell(to, room, &n, count, "", csr->others_n == 1 ? " other" : " others");
                n += csr->others_n - 1;
        }
        return n;
}
