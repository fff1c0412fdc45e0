/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/password.h"

#include <argon2.h>
#include <stdio.h>

#include "crypto/random.h"

#define PASSWORD_SALT_BYTES 16
#define PASSWORD_HASH_BYTES 32
#define PASSWORD_LANES 1
#define PASSWORD_COST_MAX 4 /* times what is made now: what the database says has a limit too */

struct password_cost {
        unsigned memory_kib, passes, lanes;
        int n; /* length of what says so */
};

static bool password_read(const char *kept, struct password_cost *ret)
{
        struct password_cost c = { 0 };

        if (sscanf(kept, "$argon2id$v=19$m=%9u,t=%9u,p=%9u$%n", &c.memory_kib, &c.passes, &c.lanes,
                    &c.n) != 3 ||
                c.n == 0)
                return false;
        *ret = c;
        return true;
}

static int password_failed(int r, struct err *e)
{
        return err_set(e, r == ARGON2_MEMORY_ALLOCATION_ERROR ? ERR_EXHAUSTED : ERR_INTERNAL,
                "Argon2id: %s", argon2_error_message(r));
}

int password_hash(struct bytes password, char to[static PASSWORD_ROOM], struct err *e)
{
        uint8_t salt[PASSWORD_SALT_BYTES];
        char made[PASSWORD_ROOM];

        random_bytes(salt, sizeof salt);
        int r = argon2id_hash_encoded(PASSWORD_PASSES, PASSWORD_MEMORY_KIB, PASSWORD_LANES,
                password.p, password.n, salt, sizeof salt, PASSWORD_HASH_BYTES, made, sizeof made);
        if (r != ARGON2_OK)
                return password_failed(r, e);
        memcpy(to, made, sizeof made);
        return 0;
}

int password_verify(const char *kept, struct bytes password, struct err *e)
{
        struct password_cost c;

        if (!password_read(kept, &c) || c.lanes != PASSWORD_LANES ||
                c.memory_kib > PASSWORD_COST_MAX * PASSWORD_MEMORY_KIB ||
                c.passes > PASSWORD_COST_MAX * PASSWORD_PASSES)
                return err_set(e, ERR_CORRUPT, "what is kept of the password is not readable");
        int r = argon2id_verify(kept, password.p, password.n);
        if (r == ARGON2_OK)
                return 1;
        if (r == ARGON2_VERIFY_MISMATCH)
                return 0;
        return r == ARGON2_MEMORY_ALLOCATION_ERROR
                       ? password_failed(r, e)
                       : err_set(e, ERR_CORRUPT, "what is kept of the password: %s",
                                 argon2_error_message(r));
}

bool password_is_current(const char *kept)
{
        struct password_cost c;

        return password_read(kept, &c) && c.memory_kib == PASSWORD_MEMORY_KIB &&
               c.passes == PASSWORD_PASSES && c.lanes == PASSWORD_LANES;
}
