/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Grants. The first byte says what the rest is: a whole token; or the JSON of a payload or of a
 * header, which is signed as a manager would, so that what lies behind the signature is reached
 * too. What is taken can be made again, and is taken then.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "trust/capability.h"

#define NOW (INT64_C(1795000000) * 1000000)
#define DAY (INT64_C(86400) * 1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct sign_key *keys[3];
static struct buf certs[3]; /* root, nodes issuer, manager */
static char header[8192];   /* of a token that is good */

static void begin(void)
{
        static const struct x509_request requests[] = { { .purpose = X509_ROOT,
                                                                .common_name = "berlin root" },
                { .purpose = X509_ISSUER, .common_name = "berlin nodes" },
                { .purpose = X509_GRANT,
                        .common_name = "main",
                        .uri = "custos://berlin/manager/main" } };
        char chain[2][STR_BASE64_ROOM(X509_CERT_MAX)];

        for (unsigned i = 0; i < 3; i++) {
                struct x509_request r = requests[i];
                r.not_before_us = NOW - DAY;
                r.not_after_us = NOW + DAY;
                keys[i] = sign_key_generate();
                buf_init(&certs[i], X509_CERT_MAX);
                if (x509_issue(&r, keys[i], i ? buf_bytes(&certs[i - 1]) : BYTES(NULL, 0),
                            keys[i ? i - 1 : 0], &certs[i], NULL) < 0)
                        abort();
        }
        if (snprintf(header, sizeof header,
                    "{\"alg\":\"ES256\",\"typ\":\"custos-grant-1\",\"x5c\":[\"%s\",\"%s\"]}",
                    str_base64(chain[0], buf_bytes(&certs[2])),
                    str_base64(chain[1], buf_bytes(&certs[1]))) >= (int)sizeof header)
                abort();
}

static void sign(struct bytes head, struct bytes payload, struct buf *out)
{
        char *digits = malloc(STR_BASE64_ROOM(head.n + payload.n + SIGN_BYTES));
        uint8_t signature[SIGN_BYTES];

        if (buf_printf(out, NULL, "%s.", str_base64url(digits, head)) == 0 &&
                buf_append(out, bytes_str(str_base64url(digits, payload)), NULL) == 0 &&
                sign_make(keys[2], buf_bytes(out), signature, NULL) == 0 &&
                buf_printf(out, NULL, ".%s",
                        str_base64url(digits, BYTES(signature, sizeof signature))) < 0)
                abort();
        free(digits);
}

static void judge(struct bytes token)
{
        const struct capability_trust by = { .site = "berlin", .root_der = buf_bytes(&certs[0]) };
        struct capability c, again;
        struct buf out;

        if (capability_parse(token, &by, NOW, &c, NULL) < 0)
                return;
        buf_init(&out, CAPABILITY_TOKEN_MAX);
        if (capability_format(&c, keys[2], buf_bytes(&certs[2]), buf_bytes(&certs[1]), &out, NULL) <
                        0 ||
                capability_parse(buf_bytes(&out), &by, NOW, &again, NULL) < 0 ||
                memcmp(c.id, again.id, sizeof c.id) != 0 || c.until_us != again.until_us ||
                c.streams_n != again.streams_n || strcmp(c.person, again.person) != 0)
                __builtin_trap();
        buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct bytes rest = BYTES(data + 1, n ? n - 1 : 0);
        struct buf token;

        if (n == 0 || n > CAPABILITY_TOKEN_MAX)
                return 0;
        if (!keys[0])
                begin();
        buf_init(&token, 4 * CAPABILITY_TOKEN_MAX);
        switch (data[0]) {
        case 'p':
                sign(bytes_str(header), rest, &token);
                judge(buf_bytes(&token));
                break;
        case 'h':
                sign(rest, bytes_str("{}"), &token);
                judge(buf_bytes(&token));
                break;
        default:
                judge(rest);
        }
        buf_done(&token);
        return 0;
}
