/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people reach on this host: the gateway's port, asked as somebody on the network would; the
 * root that people install; the token of its figures. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "crypto/x509.h"
#include "crypto/x509_web.h"
#include "doctor/doctor_parts.h"
#include "os/file.h"

#define DOCTOR_PAGE_PATIENCE_S 3
#define DOCTOR_PAGE_PATH_ROOM (DOCTOR_PATH_MAX + 100)
#define DOCTOR_PAGE_PEM_MAX 65536
#define DOCTOR_PAGE_LISTENERS_MAX (1u << 20)
#define DOCTOR_PAGE_ALERT 21 /* RFC 8446 section 5.1 */

/* A client that speaks TLS 1.1 at most (RFC 4346 section 7.4.1.2): versions, suites that were usual
 * then, the curve that everybody has. */
static const uint8_t doctor_page_old_hello[] = { 22, 3, 1, 0, 75, 1, 0, 0, 71, 3, 2, 0x43, 0x75,
        0x73, 0x74, 0x6f, 0x73, 0x20, 0x64, 0x6f, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x61, 0x73, 0x6b,
        0x73, 0x20, 0x66, 0x6f, 0x72, 0x20, 0x31, 0x2e, 0x31, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0,
        0, 14, 0xc0, 0x09, 0xc0, 0x0a, 0xc0, 0x13, 0xc0, 0x14, 0, 0x2f, 0, 0x35, 0, 0xff, 1, 0, 0,
        16, 0, 10, 0, 6, 0, 4, 0, 0x17, 0, 0x1d, 0, 11, 0, 2, 1, 0 };

static void doctor_page_path(
        char to[static DOCTOR_PAGE_PATH_ROOM], const struct doctor *d, const char *name)
{
        snprintf(to, DOCTOR_PAGE_PATH_ROOM, "%.4096s/gateway/%.60s", d->state, name);
}

static unsigned doctor_page_number(const struct doctor *d)
{
        char path[DOCTOR_PAGE_PATH_ROOM], text[16] = "";
        CLEANUP(buf_done) struct buf content;

        doctor_page_path(path, d, "port");
        buf_init(&content, sizeof text - 1);
        if (file_read(path, sizeof text - 1, &content, NULL) < 0)
                return 0;
        memcpy(text, content.p, content.n);
        return (unsigned)strtoul(text, NULL, 10);
}

/* Where it listens: loopback where it does on all addresses, or nobody knows. */
static struct in_addr doctor_page_address(const struct doctor *d, unsigned port)
{
        struct in_addr found = { htonl(INADDR_LOOPBACK) };
        char path[DOCTOR_PAGE_PATH_ROOM], line[256];
        unsigned address, at, state;

        snprintf(path, sizeof path, "%.200s/self/net/tcp", d->proc);
        FILE *f = fopen(path, "re");
        while (f && fgets(line, sizeof line, f)) {
                if (sscanf(line, " %*u: %8x:%4x %*8x:%*4x %2x", &address, &at, &state) == 3 &&
                        state == 0x0a && at == port && address)
                        found.s_addr = address;
        }
        if (f)
                fclose(f);
        return found;
}

static int doctor_page_connect_to(const struct sockaddr *a, socklen_t n)
{
        const struct timeval patience = { .tv_sec = DOCTOR_PAGE_PATIENCE_S };
        int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -1;
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        if (connect(fd, a, n) == 0)
                return fd;
        int why = errno;
        close(fd);
        errno = why;
        return -1;
}

static int doctor_page_connect(const struct doctor *d, unsigned port)
{
        const struct sockaddr_in v4 = { .sin_family = AF_INET,
                .sin_port = htons((uint16_t)port),
                .sin_addr = doctor_page_address(d, port) };
        const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                .sin6_port = htons((uint16_t)port),
                .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        int fd = doctor_page_connect_to((const struct sockaddr *)&v4, sizeof v4);

        return fd >= 0 ? fd : doctor_page_connect_to((const struct sockaddr *)&v6, sizeof v6);
}

/* It serves: it answers. It answers as it should: not to somebody who can do no better than 1.1. */
void doctor_page_port(const struct doctor *d, struct doctor_finding *f)
{
        unsigned port = doctor_page_number(d);
        uint8_t answer = 0;

        if (!port) {
                doctor_pass(f, "none on this host");
                return;
        }
        CLEANUP(own_closep) int fd = doctor_page_connect(d, port);
        if (fd < 0) {
                doctor_say(f, DOCTOR_FAIL, "Start Custos (custos run, or custos gateway).",
                        "port %u, where the page is, does not take connections: %s", port,
                        strerror(errno));
                return;
        }
        if (send(fd, doctor_page_old_hello, sizeof doctor_page_old_hello, MSG_NOSIGNAL) < 0 ||
                recv(fd, &answer, 1, 0) != 1)
                doctor_say(f, DOCTOR_FAIL, "See the gateway's log; restart Custos.",
                        "port %u, where the page is, does not answer within %d s", port,
                        DOCTOR_PAGE_PATIENCE_S);
        else if (answer != DOCTOR_PAGE_ALERT)
                doctor_say(f, DOCTOR_FAIL,
                        "Stop Custos and look at that port: the page is served by TLS 1.2 or later.",
                        "port %u, where the page should be, takes TLS 1.1 or speaks no TLS", port);
        else
                doctor_pass(f, "port %u serves, and refuses less than TLS 1.2", port);
}

static int doctor_page_read_pem(
        const struct doctor *d, const char *name, unsigned n, struct buf *der, struct err *e)
{
        char path[DOCTOR_PAGE_PATH_ROOM];
        CLEANUP(buf_done) struct buf pem;

        doctor_page_path(path, d, name);
        buf_init(&pem, DOCTOR_PAGE_PEM_MAX);
        int r = file_read(path, DOCTOR_PAGE_PEM_MAX, &pem, e);
        return r < 0 ? r : x509_pem_parse(buf_bytes(&pem), n, der, e);
}

void doctor_page_root(const struct doctor *d, struct doctor_finding *f)
{
        CLEANUP(buf_done) struct buf root, issuer;
        char path[DOCTOR_PAGE_PATH_ROOM];
        struct err e;

        buf_init(&root, X509_CERT_MAX);
        buf_init(&issuer, X509_CERT_MAX);
        doctor_page_path(path, d, "root.crt");
        if (access(path, F_OK) < 0 && errno == ENOENT) {
                doctor_pass(f, "none on this host");
                return;
        }
        int r = doctor_page_read_pem(d, "root.crt", 0, &root, &e);
        if (r == 0)
                r = doctor_page_read_pem(d, "web.pem", 1, &issuer, &e);
        if (r == ERR_DENIED) {
                doctor_say(f, DOCTOR_UNKNOWN, "Run custos doctor as root.", "%.400s", e.text);
                return;
        }
        if (r == 0)
                r = x509_web_check_root(buf_bytes(&root), buf_bytes(&issuer), &e);
        if (r < 0)
                doctor_say(f, DOCTOR_FAIL,
                        "Do not install it. Remove root.crt, web.pem and web.key in <state>/gateway "
                        "and restart: they are made anew.",
                        "what people install as root of the page: %.400s", e.text);
        doctor_pass(f, "what people install vouches for this site's names alone");
}

void doctor_page_token(const struct doctor *d, struct doctor_finding *f)
{
        char path[DOCTOR_PAGE_PATH_ROOM], remedy[DOCTOR_REMEDY_ROOM];
        struct stat s;

        doctor_page_path(path, d, "metrics_token");
        if (lstat(path, &s) < 0 && errno == ENOENT) {
                doctor_pass(f, "none: /metrics is closed");
        } else if (lstat(path, &s) < 0) {
                doctor_say(f, DOCTOR_UNKNOWN, "Run custos doctor as root.", "%.400s: %s", path,
                        strerror(errno));
        } else if (!S_ISREG(s.st_mode) || s.st_mode & 077) {
                snprintf(remedy, sizeof remedy, "chmod 600 %.200s, and choose another token", path);
                doctor_say(f, DOCTOR_FAIL, remedy, "%.400s has mode %04o: others may read it", path,
                        s.st_mode & 07777u);
        } else {
                doctor_pass(f, "for its owner alone");
        }
}
