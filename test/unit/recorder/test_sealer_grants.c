/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sealer's log of grants: nothing is taken before its line is durable, and where it cannot be
 * written nothing is taken at all. */
#include "grant_site.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file_ops.h"
#include "recorder/sealer_grants.h"
#include "trust/audit_line.h"

static struct loop *loop;
static struct sealer_grants *grants;

static int begin(void **state)
{
        (void)state;
        loop = loop_new();
        grants = sealer_grants_open(grant_state, loop);
        return 0;
}

static int end(void **state)
{
        (void)state;
        file_ops = &file_ops_kernel;
        grants = sealer_grants_free(grants);
        loop = loop_free(loop);
        grant_remove("recorder/grants.log");
        return 0;
}

static struct {
        unsigned n, taken;
        uint32_t watch;
        char stream[96];
        struct err why;
} told;

static size_t log_bytes(void)
{
        CLEANUP(own_freep) char *path = grant_path("recorder/grants.log");
        struct stat st;

        return stat(path, &st) < 0 ? 0 : (size_t)st.st_size;
}

static void on_taken(void *owner, const struct sealer_grants_answer *a)
{
        assert_ptr_equal(owner, &told);
        told.n++;
        told.watch = a->watch;
        snprintf(told.stream, sizeof told.stream, "%s", a->stream);
        if (a->c) {
                told.taken++;
                assert_true(log_bytes() > 0); /* first the line */
                assert_true(a->token.n > 0);
        } else {
                told.why = *a->why;
        }
}

static void take(
        uint32_t watch, const struct capability *c, enum capability_use use, const char *stream)
{
        struct buf token = grant_token(c);

        sealer_grants_take(
                grants, watch, stream, use, buf_bytes(&token), grant_now, on_taken, &told);
        buf_done(&token); /* its own copy is kept */
}

static void forget(void)
{
        memset(&told, 0, sizeof told);
}

/* Lines of the log, each checked to follow the one before; object i is the caller's. */
static unsigned lines(json_t **ret, unsigned room)
{
        CLEANUP(own_freep) char *path = grant_path("recorder/grants.log");
        struct audit_line_chain chain = { 0 };
        struct buf text;
        struct err e;
        unsigned n = 0;

        buf_init(&text, 1u << 20);
        assert_true(file_read(path, 1u << 20, &text, NULL) >= 0);
        for (struct bytes rest = buf_bytes(&text); rest.n;) {
                const uint8_t *feed = memchr(rest.p, '\n', rest.n);
                assert_non_null(feed);
                json_t *line = NULL;
                if (audit_line_parse(&chain, BYTES(rest.p, (size_t)(feed - rest.p)), &line, &e) < 0)
                        fail_msg("%s", e.text);
                if (ret && n < room)
                        ret[n] = line;
                else
                        json_decref(line);
                n++;
                rest = bytes_sub(rest, (size_t)(feed - rest.p) + 1, rest.n);
        }
        buf_done(&text);
        return n;
}

static const char *text_of(json_t *line, const char *key)
{
        const char *text = json_string_value(json_object_get(line, key));

        return text ? text : "(none)";
}

static void logged_first(void **state)
{
        struct capability c = grant_of(0xab, 7, 60), back;
        json_t *seen[4] = { 0 };

        (void)state;
        forget();
        take(3, &c, CAPABILITY_LIVE, "lobby-main");
        assert_int_equal(told.n, 0); /* not before the disk has it */
        loop_run(loop);
        assert_int_equal(told.taken, 1);
        assert_int_equal(told.watch, 3);
        assert_string_equal(told.stream, "lobby-main");
        assert_int_equal(lines(seen, 4), 1);
        assert_string_equal(text_of(seen[0], "event"), "grant.taken");
        assert_string_equal(text_of(seen[0], "grant"), "abababababababababababababababab");
        assert_string_equal(text_of(seen[0], "person"), "tester");
        assert_string_equal(text_of(seen[0], "gateway"), "custos://berlin/gateway/front");
        assert_string_equal(text_of(seen[0], "use"), "live");
        assert_string_equal(text_of(seen[0], "stream"), "lobby-main");
        assert_string_equal(text_of(seen[0], "from"), "(none)");
        json_decref(seen[0]);
        /* Once for each grant, stream and use; then from within the call. */
        take(4, &c, CAPABILITY_LIVE, "lobby-main");
        assert_int_equal(told.taken, 2);
        assert_int_equal(told.watch, 4);
        take(5, &c, CAPABILITY_LIVE, "street-main");
        assert_int_equal(told.taken, 2);
        loop_run(loop);
        assert_int_equal(told.taken, 3);
        assert_int_equal(lines(NULL, 0), 2);
        /* Of footage the span is told. */
        c = grant_of(0xcd, 7, 60);
        c.use = CAPABILITY_LIVE | CAPABILITY_PLAYBACK;
        c.from_us = grant_now - DAY;
        c.until_us = grant_now;
        take(6, &c, CAPABILITY_LIVE, "lobby-main");
        take(7, &c, CAPABILITY_PLAYBACK, "lobby-main");
        loop_run(loop);
        assert_int_equal(told.taken, 5);
        assert_int_equal(lines(seen, 4), 4);
        assert_string_equal(text_of(seen[3], "use"), "playback");
        assert_int_equal(str_parse_time(text_of(seen[3], "from"), &back.from_us, NULL), 0);
        assert_int_equal(back.from_us, c.from_us);
        for (unsigned i = 0; i < 4; i++)
                json_decref(seen[i]);
        /* A sealer that begins again goes on behind it. */
        sealer_grants_free(grants);
        grants = sealer_grants_open(grant_state, loop);
        take(8, &c, CAPABILITY_LIVE, "lobby-main");
        loop_run(loop);
        assert_int_equal(told.taken, 6);
        assert_int_equal(lines(NULL, 0), 5);
}

static void refused_with_its_reason(void **state)
{
        struct capability c = grant_of(1, 7, 60);

        (void)state;
        forget();
        take(1, &c, CAPABILITY_PLAYBACK, "lobby-main");
        assert_int_equal(told.why.fault, FAULT_NOT_GRANTED);
        take(1, &c, CAPABILITY_LIVE, "yard-main");
        assert_int_equal(told.why.fault, FAULT_NOT_GRANTED);
        c.issued_us -= 400 * SECOND;
        c.expires_us -= 400 * SECOND;
        take(1, &c, CAPABILITY_LIVE, "lobby-main");
        assert_int_equal(told.why.fault, FAULT_GRANT_EXPIRED);
        sealer_grants_take(grants, 1, "lobby-main", CAPABILITY_LIVE, BYTES("x", 1), grant_now,
                on_taken, &told);
        assert_int_equal(told.why.fault, FAULT_GRANT_REFUSED);
        assert_int_equal(told.n, 4);
        assert_int_equal(told.taken, 0);
        loop_run(loop);
        assert_int_equal(log_bytes(), 0);
}

/* --- a disk that does not take it --- */

static int failures; /* calls of this kind that fail from now on; negative: all */

static bool fails(void)
{
        if (failures == 0)
                return false;
        failures -= failures > 0;
        errno = ENOSPC;
        return true;
}

static int failing_fdatasync(int fd)
{
        return fails() ? -1 : file_ops_kernel.fdatasync(fd);
}

/* A part is written before it fails. */
static ssize_t failing_pwritev(int fd, const struct iovec *iov, int iov_n, off_t offset)
{
        if (failures == 0)
                return file_ops_kernel.pwritev(fd, iov, iov_n, offset);
        if (failures > 1) {
                failures--;
                return file_ops_kernel.pwritev(
                        fd, &(struct iovec){ iov[0].iov_base, 17 }, 1, offset);
        }
        fails();
        return -1;
}

static void nothing_without_its_line(struct file_ops ops, int n)
{
        struct capability c = grant_of(1, 7, 60), d = grant_of(2, 7, 60);

        forget();
        take(1, &c, CAPABILITY_LIVE, "lobby-main");
        loop_run(loop);
        assert_int_equal(told.taken, 1);
        const size_t before = log_bytes();
        file_ops = &ops;
        failures = n;
        take(2, &d, CAPABILITY_LIVE, "lobby-main");
        loop_run(loop);
        assert_int_equal(told.taken, 1);
        assert_int_equal(told.n, 2);
        assert_int_equal(told.why.code, ERR_IO);
        assert_int_equal(told.why.fault, FAULT_GRANT_NOT_LOGGED);
        assert_int_equal(log_bytes(), before); /* and no half line */
        /* What is in it is good to go on; what is not is asked again. */
        failures = n;
        take(3, &c, CAPABILITY_LIVE, "lobby-main");
        assert_int_equal(told.taken, 2);
        failures = 0;
        take(4, &d, CAPABILITY_LIVE, "lobby-main");
        loop_run(loop);
        assert_int_equal(told.taken, 3);
        assert_int_equal(lines(NULL, 0), 2);
}

static void a_sync_that_fails(void **state)
{
        struct file_ops ops = file_ops_kernel;

        (void)state;
        ops.fdatasync = failing_fdatasync;
        nothing_without_its_line(ops, 1);
}

static void a_write_that_fails(void **state)
{
        struct file_ops ops = file_ops_kernel;

        (void)state;
        ops.pwritev = failing_pwritev;
        nothing_without_its_line(ops, 2);
}

/* Those that come while one is written go together, in their order; and too many are refused. */
static void all_that_wait_at_once(void **state)
{
        (void)state;
        forget();
        for (unsigned i = 0; i < 70; i++) {
                struct capability c = grant_of((uint8_t)i, 7, 60);
                take(i + 1, &c, CAPABILITY_LIVE, "lobby-main");
        }
        assert_int_equal(told.n, 5); /* one is written, 64 wait */
        assert_int_equal(told.why.code, ERR_EXHAUSTED);
        loop_run(loop);
        assert_int_equal(told.taken, 65);
        assert_int_equal(lines(NULL, 0), 65);
        /* A batch that fails takes nobody in, and the chain goes on where it was. */
        struct file_ops ops = file_ops_kernel;
        ops.fdatasync = failing_fdatasync;
        file_ops = &ops;
        failures = -1;
        for (unsigned i = 0; i < 3; i++) {
                struct capability c = grant_of((uint8_t)(100 + i), 7, 60);
                take(i + 1, &c, CAPABILITY_LIVE, "lobby-main");
        }
        loop_run(loop);
        assert_int_equal(told.taken, 65);
        failures = 0;
        for (unsigned i = 0; i < 3; i++) {
                struct capability c = grant_of((uint8_t)(100 + i), 7, 60);
                take(i + 1, &c, CAPABILITY_LIVE, "lobby-main");
        }
        loop_run(loop);
        assert_int_equal(told.taken, 68);
        assert_int_equal(lines(NULL, 0), 68);
}

static void freed_while_it_writes(void **state)
{
        struct capability c = grant_of(1, 7, 60), d = grant_of(2, 7, 60);

        (void)state;
        forget();
        take(1, &c, CAPABILITY_LIVE, "lobby-main");
        take(2, &d, CAPABILITY_LIVE, "lobby-main");
        grants = sealer_grants_free(grants);
        assert_int_equal(told.n, 2);
        assert_int_equal(told.taken, 0);
        assert_int_equal(told.why.code, ERR_CANCELLED);
        loop_run(loop);
}

/* The log is no file, or the root is not there: sealing goes on, and nothing is taken. */
static void what_cannot_be_opened(void **state)
{
        CLEANUP(own_freep) char *path = grant_path("recorder/grants.log");
        struct capability c = grant_of(1, 7, 60);

        (void)state;
        sealer_grants_free(grants);
        grant_remove("recorder/grants.log");
        assert_int_equal(mkdir(path, 0700), 0);
        grants = sealer_grants_open(grant_state, loop);
        forget();
        take(1, &c, CAPABILITY_LIVE, "lobby-main");
        assert_int_equal(told.taken, 0);
        assert_int_equal(told.why.fault, FAULT_GRANT_NOT_LOGGED);
        assert_int_equal(rmdir(path), 0);
        sealer_grants_free(grants);
        grants = sealer_grants_open("/nowhere", loop);
        take(1, &c, CAPABILITY_LIVE, "lobby-main");
        assert_int_equal(told.taken, 0);
        assert_int_equal(told.why.code, ERR_UNAVAILABLE);
        sealer_grants_free(grants);
        grants = sealer_grants_open(grant_state, loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(logged_first, begin, end),
                cmocka_unit_test_setup_teardown(refused_with_its_reason, begin, end),
                cmocka_unit_test_setup_teardown(a_sync_that_fails, begin, end),
                cmocka_unit_test_setup_teardown(a_write_that_fails, begin, end),
                cmocka_unit_test_setup_teardown(all_that_wait_at_once, begin, end),
                cmocka_unit_test_setup_teardown(freed_while_it_writes, begin, end),
                cmocka_unit_test_setup_teardown(what_cannot_be_opened, begin, end),
        };

        return cmocka_run_group_tests(tests, grant_set_up, grant_tear_down);
}
