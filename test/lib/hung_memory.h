/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory that hangs whoever reads it, in the kernel too, until it is released: a write from it is
 * to its program what a write to a disk that does not answer is (userfaultfd(2)). A test includes
 * hung_memory.c behind cmocka.h.
 */
#ifndef CUSTOS_TEST_HUNG_MEMORY_H
#define CUSTOS_TEST_HUNG_MEMORY_H

#include <stddef.h>

struct hung_memory {
        int fd;
        unsigned char *bytes;
        size_t n; /* a page */
};

/* skip()s the test where the kernel does not give this to an ordinary user. */
void hung_memory_make(struct hung_memory *h);
void hung_memory_release(struct hung_memory *h); /* it reads as zeros from now on */
void hung_memory_done(struct hung_memory *h);

#endif
