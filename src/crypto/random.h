/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's random bytes (getrandom(2)). Works inside every sandbox. Cannot fail: aborts if it
 * does. */
#ifndef CUSTOS_CRYPTO_RANDOM_H
#define CUSTOS_CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *to, size_t n);
uint64_t random_u64(void);

#endif
