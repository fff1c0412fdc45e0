/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_tweak.h"

#include <stdio.h>
#include <strings.h>

#include "base/str.h"

#define SCHEME "Basic "

/* Another nonce of the same length. */
static void next_nonce(char *nonce)
{
        for (size_t i = strlen(nonce); i-- > 0;) {
                if (nonce[i] != 'f') {
                        nonce[i] = nonce[i] == '9' ? 'a' : (char)(nonce[i] + 1);
                        return;
                }
                nonce[i] = '0';
        }
}

int rtsp_tweak_challenge(const struct rtsp_tweak *t, struct digest_server *digest, bool answered,
        char ret[static RTSP_TWEAK_CHALLENGES_MAX][RTSP_TWEAK_CHALLENGE_ROOM], struct err *e)
{
        const bool stale = t->auth == RTSP_TWEAK_AUTH_STALE_LOOP && answered;
        int n = 0, r = 0;

        if (t->auth == RTSP_TWEAK_AUTH_BASIC ||
                (t->auth == RTSP_TWEAK_AUTH_DOWNGRADE && answered)) {
                snprintf(ret[0], RTSP_TWEAK_CHALLENGE_ROOM, "Basic realm=\"%s\"", digest->realm);
                return 1;
        }
        if (stale)
                next_nonce(digest->nonce);
        if (t->auth != RTSP_TWEAK_AUTH_MD5)
                r = digest_server_challenge(
                        digest, DIGEST_SHA256, stale, ret[n++], RTSP_TWEAK_CHALLENGE_ROOM, e);
        if (r >= 0 && t->auth != RTSP_TWEAK_AUTH_SHA256)
                r = digest_server_challenge(
                        digest, DIGEST_MD5, stale, ret[n++], RTSP_TWEAK_CHALLENGE_ROOM, e);
        return r < 0 ? r : n;
}

bool rtsp_tweak_basic_fits(
        struct bytes authorization, const char *user, const struct secret *password)
{
        uint8_t given[DIGEST_USER_MAX + SECRET_MAX + 1], want[DIGEST_USER_MAX + SECRET_MAX + 1];
        const size_t user_n = strlen(user), want_n = user_n + 1 + password->n;
        const size_t scheme_n = strlen(SCHEME);
        bool fits;
        int n;

        if (authorization.n < scheme_n || user_n > DIGEST_USER_MAX ||
                strncasecmp((const char *)authorization.p, SCHEME, scheme_n) != 0)
                return false;
        n = str_unbase64(
                given, sizeof given, bytes_sub(authorization, scheme_n, authorization.n), NULL);
        memcpy(want, user, user_n);
        want[user_n] = ':';
        memcpy(want + user_n + 1, password->p, password->n);
        fits = n >= 0 && secret_equal(BYTES(given, (size_t)n), BYTES(want, want_n));
        explicit_bzero(given, sizeof given);
        explicit_bzero(want, sizeof want);
        return fits;
}

bool rtsp_tweak_names(const char *method_or_all, const struct rtsp_message *m)
{
        return method_or_all &&
               (strcmp(method_or_all, "*") == 0 || rtsp_method_is(m, method_or_all));
}
