/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * memory_scan PID < NEEDLES: which of the needles stand in the memory of that process. A needle is
 * a line "NAME HEX", of 8 to 128 bytes; what is found is printed as "NAME ADDRESS OF-WHAT", once
 * for each place. Every page that is present or swapped out is looked at, those that a core dump
 * would leave out too; the process goes on meanwhile. Needs what ptrace needs. Exit 1: it cannot be
 * read.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096u
#define CHUNK (256 * PAGE)
#define NEEDLES_MAX 512
#define NEEDLE_MAX 128

struct needle {
        struct needle *next;
        char name[96];
        size_t n;
        uint8_t p[NEEDLE_MAX];
};

static struct needle needles[NEEDLES_MAX];
static struct needle *table[65536];
static size_t needles_n;
static uint64_t looked_at;

static void die(const char *what)
{
        perror(what);
        exit(1);
}

static void read_needles(void)
{
        char line[512], hex[2 * NEEDLE_MAX + 2];

        while (fgets(line, sizeof line, stdin)) {
                if (needles_n == NEEDLES_MAX)
                        exit(2);
                struct needle *d = &needles[needles_n++];
                if (sscanf(line, "%95s %257s", d->name, hex) != 2)
                        exit(2);
                d->n = strlen(hex) / 2;
                if (d->n < 8 || d->n > NEEDLE_MAX)
                        exit(2);
                for (size_t i = 0; i < d->n; i++)
                        if (sscanf(hex + 2 * i, "%2hhx", &d->p[i]) != 1)
                                exit(2);
                struct needle **at = &table[d->p[0] << 8 | d->p[1]];
                d->next = *at;
                *at = d;
        }
}

static void look(const uint8_t *p, size_t n, size_t room, uint64_t address, const char *what)
{
        for (size_t i = 0; i < n && i + 1 < room; i++)
                for (const struct needle *d = table[p[i] << 8 | p[i + 1]]; d; d = d->next)
                        if (d->n <= room - i && memcmp(p + i, d->p, d->n) == 0)
                                printf("%s %llx %s\n", d->name, (unsigned long long)(address + i),
                                        what);
}

/* Pages that follow each other are looked at together, so that a needle may lie across them. */
static void look_run(int memory, uint64_t from, uint64_t to, const char *what)
{
        static uint8_t room[CHUNK + NEEDLE_MAX];

        for (uint64_t at = from; at < to; at += CHUNK) {
                size_t n = to - at < CHUNK ? (size_t)(to - at) : CHUNK;
                size_t more = to - at - n < NEEDLE_MAX ? (size_t)(to - at - n) : NEEDLE_MAX;
                ssize_t got = pread(memory, room, n + more, (off_t)at);
                if (got > 0)
                        look(room, (size_t)got < n ? (size_t)got : n, (size_t)got, at, what);
                looked_at += got > 0 ? (uint64_t)got : 0;
        }
}

static void look_area(int memory, int pagemap, uint64_t from, uint64_t to, const char *what)
{
        static uint64_t entries[65536];
        uint64_t run = 0;

        for (uint64_t at = from; at < to;) {
                uint64_t pages = (to - at) / PAGE < 65536 ? (to - at) / PAGE : 65536;
                ssize_t got = pread(pagemap, entries, pages * 8, (off_t)(at / PAGE * 8));
                if (got <= 0)
                        break;
                for (uint64_t i = 0; i < (uint64_t)got / 8; i++, at += PAGE) {
                        bool there = entries[i] >> 62; /* present, or swapped out */
                        if (there && !run)
                                run = at;
                        if (!there && run) {
                                look_run(memory, run, at, what);
                                run = 0;
                        }
                }
        }
        if (run)
                look_run(memory, run, to, what);
}

/* The shadow of an address sanitizer is terabytes of nothing: no data are in it. */
static bool is_shadow(uint64_t from, uint64_t to)
{
        return to - from > (UINT64_C(1) << 38);
}

int main(int argc, char **argv)
{
        char path[64], line[512], what[256];

        if (argc != 2)
                return 2;
        read_needles();
        snprintf(path, sizeof path, "/proc/%.20s/mem", argv[1]);
        int memory = open(path, O_RDONLY | O_CLOEXEC);
        snprintf(path, sizeof path, "/proc/%.20s/pagemap", argv[1]);
        int pagemap = open(path, O_RDONLY | O_CLOEXEC);
        snprintf(path, sizeof path, "/proc/%.20s/maps", argv[1]);
        FILE *maps = fopen(path, "re");
        if (memory < 0 || pagemap < 0 || !maps)
                die(path);
        while (fgets(line, sizeof line, maps)) {
                unsigned long long from, to;
                char mode[8];
                snprintf(what, sizeof what, "(anonymous)");
                if (sscanf(line, "%llx-%llx %7s %*s %*s %*s %255s", &from, &to, mode, what) >= 3 &&
                        mode[0] == 'r' && strcmp(what, "[vsyscall]") != 0 && !is_shadow(from, to))
                        look_area(memory, pagemap, from, to, what);
        }
        printf("looked-at %llx bytes\n", (unsigned long long)looked_at);
        return 0;
}
