/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A short secret (key, password) of its own type, so that no formatter, log or JSON writer takes it
 * by accident. Wiped by secret_done. Processes that hold one have no core dumps and cannot be
 * traced (os/proc).
 */
#ifndef CUSTOS_BASE_SECRET_H
#define CUSTOS_BASE_SECRET_H

#include "base/bytes.h"
#include "base/err.h"

#define SECRET_MAX 256

struct secret {
        size_t n;
        uint8_t p[SECRET_MAX];
};

int secret_set(struct secret *s, struct bytes value, struct err *e) MUST_USE;
void secret_done(struct secret *s);
static inline struct bytes secret_bytes(const struct secret *s)
{
        return BYTES(s->p, s->n);
}
/* Constant time. */
bool secret_equal(struct bytes a, struct bytes b);

#endif
