/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TLS memory in a file, written whole or not at all. */
#ifndef CUSTOS_TRUST_TLS_MEMORY_STORE_H
#define CUSTOS_TRUST_TLS_MEMORY_STORE_H

#include "trust/tls_memory.h"

/* Without a file: an empty memory, as at the first start. A file that cannot be read or understood
 * is an error and never an empty memory: forgetting is what a downgrade needs. */
int tls_memory_store_load(const char *path, struct tls_memory **ret, struct err *e) MUST_USE;
int tls_memory_store_save(const char *path, const struct tls_memory *m, struct err *e) MUST_USE;

#endif
