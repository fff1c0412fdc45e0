/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * index_figures STATE N: makes <STATE>/storage/index.sqlite with N segments (a minute each, of 100
 * streams) by the functions that the recorder uses, and prints as JSON what it weighs and what
 * opening it and seeking in it takes. A figure of the benchmark, no test.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/str.h"
#include "os/file.h"
#include "vault/index.h"

#define STREAMS 100
#define MINUTE_US INT64_C(60000000)
#define BEGIN_US INT64_C(1767225600000000) /* 2026-01-01 */
#define BATCH 10000
#define SEEKS 10000

static double now_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int r, const struct err *e)
{
        if (r >= 0)
                return;
        fprintf(stderr, "index_figures: %s\n", e->text);
        exit(1);
}

static void stream_name(unsigned stream, char to[static HEAD_PATH_MAX])
{
        snprintf(to, HEAD_PATH_MAX, "camera%02u-main", stream);
}

static void add(struct index *ix, uint64_t n)
{
        int64_t at_us = BEGIN_US + (int64_t)(n / STREAMS) * MINUTE_US;
        struct segment_writer_report r = { .end = 30u << 20,
                .first_arrival_us = at_us,
                .last_arrival_us = at_us + MINUTE_US - 40000,
                .sequence = 60 * (n / STREAMS + 1),
                .fragment = 60,
                .last = true };
        char stream[HEAD_PATH_MAX], time[STR_TIME_ROOM];
        struct err e;

        stream_name((unsigned)(n % STREAMS), stream);
        str_time(time, at_us);
        snprintf(r.object_key, sizeof r.object_key, "%s/%.10s/%.2s/%.2s-%.6sZ.0.mp4", stream, time,
                time + 11, time + 14, time + 17);
        must(index_created(ix, 0, stream, r.object_key, at_us, &e), &e);
        must(index_durable(ix, stream, &r, &e), &e);
}

static void fill(const char *directory, uint64_t n)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", directory, INDEX_NAME);
        struct index *ix;
        struct err e;

        must(file_make_dirs(directory, 0700, &e), &e);
        must(index_create(path, &ix, &e), &e);
        for (uint64_t i = 0; i < n; i++) {
                if (i % BATCH == 0)
                        must(index_begin(ix, &e), &e);
                add(ix, i);
                if (i % BATCH == BATCH - 1 || i + 1 == n)
                        must(index_commit(ix, &e), &e);
        }
        index_free(ix);
}

static int count(void *owner, const struct index_segment *s, struct err *e)
{
        (void)s;
        (void)e;
        (*(unsigned *)owner)++;
        return 0;
}

/* What a start asks: what was being written, and the newest of each stream. */
static double open_s(const char *directory, struct index **ret)
{
        struct index_segment newest;
        char stream[HEAD_PATH_MAX];
        unsigned unclosed = 0;
        struct err e;
        double start = now_s();

        must(index_open(directory, ret, &e), &e);
        must(index_unclosed(*ret, count, &unclosed, &e), &e);
        for (unsigned i = 0; i < STREAMS; i++) {
                stream_name(i, stream);
                must(index_newest(*ret, stream, &newest, &e), &e);
        }
        return now_s() - start;
}

static double seek_s(struct index *ix, uint64_t n)
{
        uint64_t minutes = n / STREAMS, at = 1;
        char stream[HEAD_PATH_MAX];
        unsigned found = 0;
        struct err e;
        double start = now_s();

        for (unsigned i = 0; i < SEEKS; i++) {
                at = at * 6364136223846793005u + 1442695040888963407u;
                int64_t from_us = BEGIN_US + (int64_t)((at >> 16) % minutes) * MINUTE_US + 1;
                stream_name((unsigned)(at >> 50) % STREAMS, stream);
                must(index_search(ix, stream, from_us, from_us + 1000000, count, &found, &e), &e);
        }
        if (found != SEEKS) {
                fprintf(stderr, "index_figures: %u of %d seeks found a segment\n", found, SEEKS);
                exit(1);
        }
        return (now_s() - start) / SEEKS;
}

int main(int argc, char **argv)
{
        uint64_t n = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
        struct index *ix;
        struct stat st;

        if (n < STREAMS) {
                fprintf(stderr, "usage: index_figures STATE N (at least %d)\n", STREAMS);
                return 64;
        }
        CLEANUP(own_freep) char *directory = xasprintf("%s/storage", argv[1]);
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", directory, INDEX_NAME);
        double start = now_s();
        fill(directory, n);
        double filled = now_s();
        double opened_s = open_s(directory, &ix);
        double sought_s = seek_s(ix, n);
        index_free(ix);
        if (stat(path, &st) < 0)
                return 1;
        printf("{\"segments\": %" PRIu64 ", \"bytes for a camera and minute\": %.0f, "
               "\"rows written, µs each\": %.1f, \"opening it, ms\": %.1f, "
               "\"seeking by time, µs\": %.1f}\n",
                n, (double)st.st_size / (double)n, (filled - start) / (double)n * 1e6,
                opened_s * 1e3, sought_s * 1e6);
        return 0;
}
