/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hung_memory.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void hung_memory_make(struct hung_memory *h)
{
        struct uffdio_api api = { .api = UFFD_API };

        h->n = (size_t)sysconf(_SC_PAGESIZE);
        h->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
        if (h->fd < 0) {
                fprintf(stderr, "userfaultfd is for root here\n");
                skip();
        }
        h->bytes = mmap(NULL, h->n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(h->bytes != MAP_FAILED);
        assert_int_equal(ioctl(h->fd, UFFDIO_API, &api), 0);
        struct uffdio_register all = { .range = { (uint64_t)(uintptr_t)h->bytes, h->n },
                .mode = UFFDIO_REGISTER_MODE_MISSING };
        assert_int_equal(ioctl(h->fd, UFFDIO_REGISTER, &all), 0);
}

void hung_memory_release(struct hung_memory *h)
{
        struct uffdio_zeropage zero = { .range = { (uint64_t)(uintptr_t)h->bytes, h->n } };

        assert_int_equal(ioctl(h->fd, UFFDIO_ZEROPAGE, &zero), 0);
}

void hung_memory_done(struct hung_memory *h)
{
        close(h->fd);
        munmap(h->bytes, h->n);
}
