/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/secret.h"

int secret_set(struct secret *s, struct bytes value, struct err *e)
{
        if (value.n > SECRET_MAX)
                return err_set(
                        e, ERR_EXHAUSTED, "secret of %zu bytes, at most %d", value.n, SECRET_MAX);
        secret_done(s);
        s->n = value.n;
        if (value.n)
                memcpy(s->p, value.p, value.n);
        return 0;
}

void secret_done(struct secret *s)
{
        explicit_bzero(s, sizeof *s);
}

bool secret_equal(struct bytes a, struct bytes b)
{
        volatile uint8_t differ = a.n != b.n;
        size_t n = a.n < b.n ? a.n : b.n;

        for (size_t i = 0; i < n; i++)
                differ |= a.p[i] ^ b.p[i];
        return !differ;
}
