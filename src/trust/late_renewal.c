/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/late_renewal.h"

#include <stdio.h>

#include "base/str.h"

static const char late_renewal_context[] = "custos-late-renewal-1"; /* with its 0 */

static int late_renewal_signed(
        const char *uri, struct bytes csr_der, struct buf *out, struct err *e)
{
        int r = csr_der.n > LATE_RENEWAL_CSR_MAX
                        ? err_set(e, ERR_INVALID, "a request of %zu bytes", csr_der.n)
                        : buf_append(
                                  out, BYTES(late_renewal_context, sizeof late_renewal_context), e);

        if (r == 0)
                r = buf_append(out, BYTES(uri, strlen(uri) + 1), e);
        return r < 0 ? r : buf_append(out, csr_der, e);
}

static void late_renewal_buf(struct buf *b)
{
        buf_init(b, sizeof late_renewal_context + LATE_RENEWAL_URI_ROOM + LATE_RENEWAL_CSR_MAX);
}

int late_renewal_format(const char *uri, struct sign_key *key, struct bytes csr_der,
        char to[static LATE_RENEWAL_ROOM], struct err *e)
{
        CLEANUP(verify_key_freep) struct verify_key *public = sign_key_public(key);
        CLEANUP(buf_done) struct buf message, spki;
        char key_text[STR_BASE64_ROOM(SIGN_SPKI_MAX)], signature_text[STR_BASE64_ROOM(SIGN_BYTES)];
        uint8_t signature[SIGN_BYTES];

        late_renewal_buf(&message);
        buf_init(&spki, SIGN_SPKI_MAX);
        if (strlen(uri) >= LATE_RENEWAL_URI_ROOM)
                return err_set(e, ERR_INVALID, "a URI of %zu characters", strlen(uri));
        int r = verify_key_format(public, &spki, e);
        if (r == 0)
                r = late_renewal_signed(uri, csr_der, &message, e);
        if (r == 0)
                r = sign_make(key, buf_bytes(&message), signature, e);
        if (r < 0)
                return r;
        snprintf(to, LATE_RENEWAL_ROOM, LATE_RENEWAL_SCHEME "%s %s %s", uri,
                str_base64(key_text, buf_bytes(&spki)),
                str_base64(signature_text, BYTES(signature, sizeof signature)));
        return 0;
}

int late_renewal_parse(struct bytes value, struct late_renewal *ret, struct err *e)
{
        const size_t scheme = sizeof LATE_RENEWAL_SCHEME - 1;
        uint8_t spki[SIGN_SPKI_MAX], signature[SIGN_BYTES];
        struct verify_key *key = NULL;

        if (value.n >= LATE_RENEWAL_ROOM || value.n <= scheme ||
                memcmp(value.p, LATE_RENEWAL_SCHEME, scheme) != 0)
                return err_set(e, ERR_INVALID, "not a request with an old key");
        struct bytes rest = bytes_sub(value, scheme, value.n), uri = str_cut(&rest, ' '),
                     key_text = str_cut(&rest, ' ');
        if (uri.n == 0 || uri.n >= LATE_RENEWAL_URI_ROOM || memchr(uri.p, '\0', uri.n))
                return err_set(e, ERR_INVALID, "a request with an old key names no node");
        int n = str_unbase64(spki, sizeof spki, key_text, e);
        if (n < 0)
                return err_wrap(e, ERR_INVALID, "the old key");
        int signature_n = str_unbase64(signature, sizeof signature, rest, e);
        if (signature_n < 0)
                return err_wrap(e, ERR_INVALID, "the old key's signature");
        if (signature_n != SIGN_BYTES)
                return err_set(e, ERR_INVALID, "the old key's signature has %d bytes", signature_n);
        if (verify_key_parse(BYTES(spki, (size_t)n), &key, e) < 0)
                return err_wrap(e, ERR_INVALID, "the old key");
        *ret = (struct late_renewal){ .key = key };
        memcpy(ret->uri, uri.p, uri.n);
        memcpy(ret->signature, signature, sizeof signature);
        return 0;
}

bool late_renewal_check(const struct late_renewal *l, struct bytes csr_der)
{
        CLEANUP(buf_done) struct buf message;

        late_renewal_buf(&message);
        return late_renewal_signed(l->uri, csr_der, &message, NULL) == 0 &&
               sign_check(l->key, buf_bytes(&message), l->signature);
}

void late_renewal_done(struct late_renewal *l)
{
        l->key = verify_key_free(l->key);
}
