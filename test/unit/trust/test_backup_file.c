/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Backups: what goes in comes out, the committed one of version 1 is read for ever, and whatever is
 * done to the bytes is refused.
 *
 *     test_backup_file --make DIR     writes site.backup anew
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "os/file.h"
#include "trust/backup_file.h"

#define GOLDEN TEST_SOURCE_ROOT "/test/data/golden/backup-1/site.backup"
#define MADE_US (INT64_C(1795000000) * 1000000)
#define HEADER 165
#define CHUNK (BACKUP_FILE_CHUNK_BYTES + 16)
#define BIG 150001

/* Of the kit; known to everybody who reads this. */
static const uint8_t kit[HPKE_PRIVATE_BYTES] = { [31] = 7 };

struct seen {
        char text[600]; /* "name size;" of each */
        struct buf data;
        int fail_at; /* on_entry of this number fails */
};

static int on_entry(void *owner, const char *name, uint64_t n, struct err *e)
{
        struct seen *s = owner;
        size_t at = strlen(s->text);

        if (s->fail_at && --s->fail_at == 0)
                return err_set(e, ERR_CANCELLED, "enough");
        snprintf(s->text + at, sizeof s->text - at, "%s %llu;", name, (unsigned long long)n);
        return 0;
}

static int on_data(void *owner, struct bytes data, struct err *e)
{
        struct seen *s = owner;

        return buf_append(&s->data, data, e);
}

static int sink(void *owner, struct bytes bytes, struct err *e)
{
        return buf_append(owner, bytes, e);
}

static const struct backup_file_events events = { on_entry, on_data };

static int read_with(struct bytes file, const uint8_t *key, struct seen *s, struct err *e)
{
        *s = (struct seen){ .fail_at = s->fail_at };
        buf_init(&s->data, 1u << 20);
        return backup_file_read(file, key, &events, s, e);
}

static void refused(struct bytes file, const uint8_t *key, int code, const char *text)
{
        struct seen s = { 0 };
        struct err e = { 0 };

        assert_int_equal(read_with(file, key, &s, &e), code);
        if (!strstr(e.text, text))
                fail_msg("%s", e.text);
        buf_done(&s.data);
}

static void write_one(const size_t *sizes, unsigned n, struct buf *out)
{
        uint8_t recipient[HPKE_PUBLIC_BYTES], *content = xcalloc(1, BIG);
        struct backup_writer *w = NULL;
        struct err e;

        for (size_t i = 0; i < BIG; i++)
                content[i] = (uint8_t)(i * 7 + i / 251);
        buf_init(out, 1u << 20);
        assert_int_equal(hpke_public_of(kit, recipient, NULL), 0);
        assert_int_equal(backup_writer_open(recipient, MADE_US, sink, out, &w, &e), 0);
        for (unsigned i = 0; i < n; i++) {
                char name[32];
                snprintf(name, sizeof name, "site/file-%u.key", i);
                assert_int_equal(backup_writer_entry(w, name, sizes[i], &e), 0);
                for (size_t at = 0; at < sizes[i]; at += 1000) {
                        size_t left = sizes[i] - at;
                        assert_int_equal(
                                backup_writer_data(
                                        w, BYTES(content + at, left < 1000 ? left : 1000), &e),
                                0);
                }
        }
        assert_int_equal(backup_writer_end(w, &e), 0);
        backup_writer_free(w);
        free(content);
}

/* Sizes around the ends of chunks among them. */
static void out_comes_what_went_in(void **state)
{
        static const size_t sizes[][3] = { { 0, 0, 0 }, { 1, 0, 5 }, { BIG, 3, 1 },
                { BACKUP_FILE_CHUNK_BYTES - 26, 0, 0 }, { BACKUP_FILE_CHUNK_BYTES - 25, 1, 0 },
                { 2 * BACKUP_FILE_CHUNK_BYTES - 52, 7, 9 } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                struct seen s = { 0 };
                struct buf file;
                struct err e;
                char want[200];
                size_t at = 0;
                write_one(sizes[i], 3, &file);
                if (read_with(buf_bytes(&file), kit, &s, &e) < 0)
                        fail_msg("%s", e.text);
                snprintf(want, sizeof want,
                        "site/file-0.key %zu;site/file-1.key %zu;site/file-2.key %zu;", sizes[i][0],
                        sizes[i][1], sizes[i][2]);
                assert_string_equal(s.text, want);
                for (unsigned k = 0; k < 3; k++) {
                        for (size_t b = 0; b < sizes[i][k]; b++)
                                if (s.data.p[at++] != (uint8_t)(b * 7 + b / 251))
                                        fail_msg("byte %zu of file %u", b, k);
                }
                assert_int_equal(at, s.data.n);
                buf_done(&s.data);
                buf_done(&file);
        }
}

static void every_byte_counts(void **state)
{
        const uint8_t other[HPKE_PRIVATE_BYTES] = { [31] = 8 };
        const size_t size = BIG;
        struct buf file, moved;

        (void)state;
        write_one(&size, 1, &file);
        refused(buf_bytes(&file), other, ERR_DENIED, "another");
        for (size_t at = 0; at < file.n; at += at < HEADER + 20 ? 1 : 4999) {
                file.p[at] ^= 0x10;
                int code = at < 8 ? ERR_INVALID : at < 12 ? ERR_STATE : ERR_AUTH;
                if (at >= 20 && at < 52)
                        code = ERR_DENIED; /* whose it is */
                refused(buf_bytes(&file), kit, code, "");
                file.p[at] ^= 0x10;
        }
        for (size_t n = 0; n < file.n; n += n < HEADER + 40 ? 1 : 997) {
                struct seen s = { 0 };
                assert_true(read_with(bytes_sub(buf_bytes(&file), 0, n), kit, &s, NULL) < 0);
                buf_done(&s.data);
        }
        refused(bytes_sub(buf_bytes(&file), 0, HEADER + CHUNK), kit, ERR_AUTH, "cut off");
        refused(bytes_sub(buf_bytes(&file), 0, HEADER + 2 * CHUNK), kit, ERR_AUTH, "cut off");
        assert_int_equal(buf_append(&file, BYTES(kit, 1), NULL), 0);
        refused(buf_bytes(&file), kit, ERR_AUTH, "");
        file.n--;
        /* Whole chunks in another order. */
        buf_init(&moved, 1u << 20);
        struct bytes all = buf_bytes(&file);
        assert_int_equal(buf_append(&moved, bytes_sub(all, 0, HEADER), NULL), 0);
        assert_int_equal(buf_append(&moved, bytes_sub(all, HEADER + CHUNK, CHUNK), NULL), 0);
        assert_int_equal(buf_append(&moved, bytes_sub(all, HEADER, CHUNK), NULL), 0);
        assert_int_equal(buf_append(&moved, bytes_sub(all, HEADER + 2 * CHUNK, file.n), NULL), 0);
        refused(buf_bytes(&moved), kit, ERR_AUTH, "changed, at 0 KiB");
        buf_done(&moved);
        buf_done(&file);
}

static void names(void **state)
{
        static const char *const good[] = { "a", "site/root.key", "manifest.json", "a/b/c", "-x" };
        static const char *const bad[] = { "", "/a", "a/", "a//b", "..", "a/../b", ".a", "a/.b",
                "a/b/c/d", "a b", "a\n", "a\\b" };
        struct backup_writer *w = NULL;
        uint8_t recipient[HPKE_PUBLIC_BYTES];
        struct buf out;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(good); i++)
                assert_true(backup_file_is_name(good[i]));
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_false(backup_file_is_name(bad[i]));
        buf_init(&out, 1u << 20);
        assert_int_equal(hpke_public_of(kit, recipient, NULL), 0);
        assert_int_equal(backup_writer_open(recipient, MADE_US, sink, &out, &w, NULL), 0);
        assert_int_equal(backup_writer_entry(w, "../x", 1, NULL), ERR_STATE);
        assert_int_equal(backup_writer_entry(w, "x", 2, NULL), 0);
        assert_int_equal(backup_writer_data(w, BYTES(kit, 3), NULL), ERR_STATE);
        assert_int_equal(backup_writer_entry(w, "y", 2, NULL), ERR_STATE);
        assert_int_equal(backup_writer_end(w, NULL), ERR_STATE);
        backup_writer_free(w);
        buf_done(&out);
}

static void the_committed_one(void **state)
{
        struct seen s = { 0 };
        struct buf file;
        struct err e;

        (void)state;
        buf_init(&file, 1u << 20);
        if (file_read(GOLDEN, 1u << 20, &file, &e) < 0 ||
                read_with(buf_bytes(&file), kit, &s, &e) < 0)
                fail_msg("%s", e.text);
        assert_string_equal(s.text, "site/file-0.key 10;site/file-1.key 0;site/file-2.key 65536;");
        assert_int_equal(s.data.n, 10 + 65536);
        for (size_t i = 0; i < 65536; i++)
                assert_int_equal(s.data.p[10 + i], (uint8_t)(i * 7 + i / 251));
        buf_done(&s.data);
        s = (struct seen){ .fail_at = 2 };
        assert_int_equal(read_with(buf_bytes(&file), kit, &s, &e), ERR_CANCELLED);
        buf_done(&s.data);
        buf_done(&file);
}

static int make(const char *dir)
{
        static const size_t sizes[] = { 10, 0, 65536 };
        char path[1000];
        struct buf file;

        write_one(sizes, 3, &file);
        snprintf(path, sizeof path, "%s/site.backup", dir);
        int r = file_write_atomic(path, buf_bytes(&file), 0644, NULL);
        buf_done(&file);
        return r < 0;
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(out_comes_what_went_in),
                cmocka_unit_test(every_byte_counts),
                cmocka_unit_test(names),
                cmocka_unit_test(the_committed_one),
        };

        if (argc == 3 && strcmp(argv[1], "--make") == 0)
                return make(argv[2]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
