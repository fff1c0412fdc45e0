/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/login.h"

#include "base/str.h"
#include "crypto/random.h"

int login_answer(struct login *l, const char *method, const char *uri,
        char to[static DIGEST_ANSWER_ROOM], struct err *e)
{
        static const struct secret none = { 0 };
        uint8_t random[16];
        char cnonce[33];
        int r;

        if (!l->user || !digest_client_ready(l->auth))
                return 0;
        random_bytes(random, sizeof random);
        r = digest_client_answer(l->auth, method, uri, l->user, l->password ? l->password : &none,
                str_hex(cnonce, BYTES(random, sizeof random)), to, e);
        return r < 0 ? r : 1;
}

int login_challenge(struct login *l, const struct bytes *values, unsigned values_n, struct err *e)
{
        int r;

        if (!l->user)
                return err_fault(e, ERR_AUTH, FAULT_NO_CREDENTIALS,
                        "401 Unauthorized: the camera asks for a user and a password, and none is "
                        "set");
        if (l->tries >= LOGIN_TRIES_MAX)
                return err_fault(e, ERR_AUTH, FAULT_WRONG_PASSWORD, "401 Unauthorized, %u times",
                        l->tries + 1);
        r = digest_client_challenge(l->auth, values, values_n, e);
        if (r < 0)
                return err_wrap(e, r, "401 Unauthorized");
        l->tries++;
        return 0;
}
