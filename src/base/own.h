/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ownership: small allocations that abort, scope cleanup, hand-over.
 *
 * xalloc family: for small, fixed-size things only. Anything whose size comes from a network or a
 * disk goes through buf or blob, which have a maximum and return ERR_EXHAUSTED.
 */
#ifndef CUSTOS_BASE_OWN_H
#define CUSTOS_BASE_OWN_H

#include <stddef.h>
#include <string.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Hands the pointer over: yields its value and leaves NULL behind. */
#define TAKE(p)                                                                                    \
        __extension__({                                                                            \
                __typeof__(p) *own_take_from = &(p);                                               \
                __typeof__(p) own_take_value = *own_take_from;                                     \
                __typeof__(p) own_take_null = NULL;                                                \
                memcpy(own_take_from, &own_take_null, sizeof own_take_null);                       \
                own_take_value;                                                                    \
        })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Each returns owned memory and aborts when there is none. xcalloc is zeroed. */
void *xcalloc(size_t n, size_t size) __attribute__((returns_nonnull));
void *xrealloc(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((returns_nonnull));
char *xasprintf(const char *fmt, ...) PRINTF(1, 2) __attribute__((returns_nonnull));

/* For CLEANUP() on a char * or any malloc'd pointer. */
void own_freep(void *pp);
/* For CLEANUP() on an int file descriptor; ignores negative ones. */
void own_closep(int *fd);

#endif
