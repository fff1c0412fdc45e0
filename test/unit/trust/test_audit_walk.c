/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A log read in pieces: forwards every line is judged, backwards every line is there, whatever
 * stands between them and however little is read at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "trust/audit_walk.h"

#define NOW (INT64_C(1795000000) * 1000000)
#define LINES 3000 /* some blocks */

struct seen {
        uint64_t n, broken[8], broken_n, at[LINES + 8];
        size_t back_n;
        uint64_t stop; /* takes so many backwards; 0: all */
};

static int made(struct buf *all)
{
        FILE *f = tmpfile();

        assert_non_null(f);
        int fd = dup(fileno(f));
        assert_int_equal(write(fd, all->p, all->n), all->n);
        fclose(f);
        return fd;
}

static void log_of(struct buf *all, unsigned lines)
{
        struct audit_line_chain c = { 0 };

        buf_init(all, 16u << 20);
        for (unsigned i = 0; i < lines; i++) {
                json_t *fields = json_pack("{s:i}", "camera", i);
                assert_int_equal(audit_line_format(&c, NOW + i, "test.line", fields, all, NULL), 0);
                json_decref(fields);
        }
}

static void see(void *owner, const struct audit_walk_line *line)
{
        struct seen *s = owner;

        assert_int_equal(line->number, s->n + 1);
        if (line->why)
                s->broken[s->broken_n++ % 8] = line->number;
        s->at[s->n++] = line->at;
}

static bool take(void *owner, uint64_t at, struct bytes text)
{
        struct seen *s = owner;

        (void)text;
        if (s->stop && s->back_n == s->stop)
                return false;
        s->back_n++;
        assert_int_equal(s->at[s->n - s->back_n], at);
        return true;
}

/* Forwards and backwards, so many bytes at once. */
static struct seen *both(int fd, uint64_t length, uint64_t bytes)
{
        struct seen *s = calloc(1, sizeof *s);
        struct audit_walk w = { 0 };
        uint64_t at = length, before;
        struct err e;

        for (int i = 0; w.at < length; i++) {
                assert_in_range(i, 0, 100000);
                if (audit_walk_on(&w, fd, length, bytes, see, s, &e) < 0)
                        fail_msg("%s", e.text);
        }
        assert_int_equal(w.lines, s->n);
        audit_walk_done(&w);
        do {
                before = at;
                if (audit_walk_back(fd, &at, bytes, take, s, &e) < 0)
                        fail_msg("%s", e.text);
        } while (at > 0 && (at < before || s->stop));
        assert_int_equal(at, 0);
        assert_int_equal(s->back_n, s->n);
        return s;
}

static void whole(void **state)
{
        struct buf all;

        (void)state;
        log_of(&all, LINES);
        int fd = made(&all);
        for (uint64_t bytes = 1; bytes < 1u << 22; bytes *= 64) {
                struct seen *s = both(fd, all.n, bytes);
                assert_int_equal(s->n, LINES);
                assert_int_equal(s->broken_n, 0);
                free(s);
        }
        close(fd);
        buf_done(&all);
}

/* What is no line, and longer than a block: one line, broken; the one behind it names its hash. */
static void long_ones(void **state)
{
        static const size_t lengths[] = { 1, AUDIT_LINE_MAX, AUDIT_LINE_MAX + 1, 65535, 65536,
                65537, 131072, 300000 };

        (void)state;
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
                struct audit_line_chain c = { 0 };
                struct buf all;
                log_of(&all, 300);
                size_t before = all.n, n = lengths[i];
                memset(buf_reserve(&all, n), 'x', n);
                all.n += n;
                /* As the manager goes on behind it. */
                (void)!audit_line_parse(&c, bytes_sub(buf_bytes(&all), before, n), NULL, NULL);
                assert_int_equal(buf_append(&all, BYTES("\n", 1), NULL), 0);
                assert_int_equal(audit_line_format(&c, NOW, "test.line", NULL, &all, NULL), 0);
                int fd = made(&all);
                for (uint64_t bytes = 1; bytes < 1u << 20; bytes *= 64) {
                        struct seen *s = both(fd, all.n, bytes);
                        assert_int_equal(s->n, 302);
                        assert_int_equal(s->broken_n, 1);
                        assert_int_equal(s->broken[0], 301);
                        assert_int_equal(s->at[300], before);
                        free(s);
                }
                close(fd);
                buf_done(&all);
        }
}

static void torn(void **state)
{
        struct buf all;

        (void)state;
        log_of(&all, 200);
        all.n -= 10;
        int fd = made(&all);
        struct seen *s = both(fd, all.n, 1);
        assert_int_equal(s->n, 200);
        assert_int_equal(s->broken[0], 200);
        free(s);
        close(fd);
        buf_done(&all);
}

/* Backwards in pages: none is lost between two. */
static void pages(void **state)
{
        struct seen *s = calloc(1, sizeof *s);
        struct audit_walk w = { 0 };
        struct buf all;

        (void)state;
        log_of(&all, LINES);
        int fd = made(&all);
        uint64_t at = all.n;
        assert_int_equal(audit_walk_on(&w, fd, all.n, UINT64_MAX, see, s, NULL), 0);
        audit_walk_done(&w);
        for (s->stop = 7; at > 0; s->stop += 7)
                assert_int_equal(audit_walk_back(fd, &at, UINT64_MAX, take, s, NULL), 0);
        assert_int_equal(s->back_n, LINES);
        free(s);
        close(fd);
        buf_done(&all);
}

/* A file that became shorter is said, and read no further. */
static void shorter(void **state)
{
        struct audit_walk w = { 0 };
        struct seen s = { 0 };
        struct buf all;
        struct err e;

        (void)state;
        log_of(&all, 3);
        int fd = made(&all);
        uint64_t at = all.n + 100;
        assert_int_equal(audit_walk_on(&w, fd, all.n + 100, UINT64_MAX, see, &s, &e), ERR_IO);
        assert_int_equal(audit_walk_back(fd, &at, UINT64_MAX, take, &s, &e), ERR_IO);
        audit_walk_done(&w);
        close(fd);
        buf_done(&all);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(whole), cmocka_unit_test(long_ones),
                cmocka_unit_test(torn), cmocka_unit_test(pages), cmocka_unit_test(shorter) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
