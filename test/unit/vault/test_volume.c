/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "os/file.h"
#include "vault/volume.h"

#define RECORDER "custos://site/recorder/main"

static char folder[64];

static char *in(const char *name)
{
        return xasprintf("%s/%s", folder, name);
}

static void put(const char *name, const char *text)
{
        CLEANUP(own_freep) char *path = in(name);

        assert_int_equal(file_write_atomic(path, bytes_str(text), 0600, NULL), 0);
}

static int set_up(void **state)
{
        (void)state;
        snprintf(folder, sizeof folder, "/tmp/custos-volume-XXXXXX");
        return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
        CLEANUP(own_freep) char *command = xasprintf("rm -rf %s", folder);

        (void)state;
        return system(command);
}

static void test_claimed(void **state)
{
        CLEANUP(own_freep) char *path = in("new"), *file = in("new/volume.json");
        struct volume_identity v, found, other;
        struct stat st;
        struct err e;

        (void)state;
        assert_int_equal(volume_read(path, &found, &e), ERR_NOT_FOUND);
        assert_int_equal(e.fault, FAULT_VOLUME_MISSING);
        assert_int_equal(volume_claim(path, "second", RECORDER, &v, &e), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(volume_read(path, &found, &e), 0);
        assert_memory_equal(&v, &found, sizeof v);
        assert_string_equal(found.name, "second");
        assert_string_equal(found.recorder, RECORDER);

        /* Never twice, and another is another. */
        assert_int_equal(volume_claim(path, "second", RECORDER, &other, &e), ERR_STATE);
        CLEANUP(own_freep) char *beside = in("beside");
        assert_int_equal(volume_claim(beside, "second", RECORDER, &other, &e), 0);
        assert_true(memcmp(other.id, v.id, 16) != 0 && memcmp(other.session, v.session, 16) != 0);

        memset(found.session, 0xab, sizeof found.session);
        assert_int_equal(volume_identity_write(path, &found, &e), 0);
        assert_int_equal(volume_read(path, &v, &e), 0);
        assert_memory_equal(&v, &found, sizeof v);
}

/* lost+found belongs to a fresh file system, and a claim that was interrupted may begin again; all
 * else was somebody's. */
static void test_only_what_is_empty(void **state)
{
        CLEANUP(own_freep)
        char *path = in("disk"),
             *lost = in("disk/lost+found"), *deep = in("no/such");
        struct volume_identity v;
        struct err e;

        (void)state;
        assert_int_equal(volume_claim(deep, "second", RECORDER, &v, &e), ERR_NOT_FOUND);
        assert_int_equal(e.fault, FAULT_VOLUME_MISSING);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(mkdir(lost, 0700), 0);
        static const char *const strange[] = { "photo.jpg", ".hidden", "volume.json.1234567",
                "Volume.json" };
        for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
                CLEANUP(own_freep) char *name = xasprintf("disk/%s", strange[i]);
                CLEANUP(own_freep) char *file = in(name);
                put(name, "x");
                assert_int_equal(volume_claim(path, "second", RECORDER, &v, &e), ERR_STATE);
                assert_int_equal(e.fault, FAULT_VOLUME_FOREIGN);
                assert_non_null(strstr(e.text, "not empty"));
                assert_true(file_exists(file));
                assert_int_equal(volume_read(path, &v, &e), ERR_NOT_FOUND);
                unlink(file);
        }
        put("disk/volume.json.abc123", "{");
        assert_int_equal(volume_claim(path, "second", RECORDER, &v, &e), 0);
        CLEANUP(own_freep) char *left = in("disk/volume.json.abc123");
        assert_false(file_exists(left));
        assert_true(file_exists(lost));

        put("file", "x");
        CLEANUP(own_freep) char *file = in("file");
        assert_true(volume_claim(file, "second", RECORDER, &v, &e) < 0);
        assert_int_equal(volume_claim(path, "Not A Name", RECORDER, &v, &e), ERR_INVALID);
}

static void test_foreign(void **state)
{
        static const char *const texts[] = { "", "{}", "rubbish",
                "{\"version\":1,\"name\":\"a b\",\"id\":\"00000000000000000000000000000001\","
                "\"recorder\":\"r\",\"session\":\"00000000000000000000000000000001\"}",
                "{\"version\":1,\"name\":\"a\",\"id\":\"0000000000000000000000000000001\","
                "\"recorder\":\"r\",\"session\":\"00000000000000000000000000000001\"}",
                "{\"version\":2,\"name\":\"a\",\"id\":\"00000000000000000000000000000001\","
                "\"recorder\":\"r\",\"session\":\"00000000000000000000000000000001\"}",
                "{\"version\":1,\"name\":\"a\",\"id\":\"00000000000000000000000000000001\","
                "\"recorder\":\"r\\u0000\",\"session\":\"00000000000000000000000000000001\"}",
                "{\"version\":1,\"name\":\"a\",\"id\":\"00000000000000000000000000000001\","
                "\"recorder\":\"r\",\"session\":\"00000000000000000000000000000001\",\"x\":1}" };
        CLEANUP(own_freep)
        char *path = in("disk"),
             *file = in("disk/volume.json"), *elsewhere = in("elsewhere");
        struct volume_identity v;
        struct err e;

        (void)state;
        assert_int_equal(mkdir(path, 0700), 0);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                put("disk/volume.json", texts[i]);
                assert_int_equal(volume_read(path, &v, &e), ERR_CORRUPT);
                assert_int_equal(e.fault, FAULT_VOLUME_FOREIGN);
        }
        /* Not through a link, to whatever it leads. */
        assert_int_equal(rename(file, elsewhere), 0);
        assert_int_equal(symlink(elsewhere, file), 0);
        assert_true(volume_read(path, &v, &e) < 0);
        assert_int_equal(e.fault, FAULT_VOLUME_FOREIGN);
}

static void test_what_errors_say(void **state)
{
        (void)state;
        assert_int_equal(volume_fault(EROFS), FAULT_VOLUME_READ_ONLY);
        assert_int_equal(volume_fault(ENOSPC), FAULT_VOLUME_FULL);
        assert_int_equal(volume_fault(EIO), FAULT_VOLUME_IO_ERROR);
        assert_int_equal(volume_fault(EACCES), FAULT_VOLUME_DENIED);
        assert_int_equal(volume_fault(ENOTCONN), FAULT_VOLUME_MISSING);
        assert_int_equal(volume_fault(EMFILE), FAULT_NONE);
        assert_int_equal(volume_fault(0), FAULT_NONE);
}

static void test_list(void **state)
{
        CLEANUP(own_freep) char *file = in("storage/volumes.json");
        CLEANUP(own_freep) char *absolute = realpath(folder, NULL);
        struct volume_list *l = xcalloc(1, sizeof *l), *again = xcalloc(1, sizeof *again);
        char path[VOLUME_PATH_MAX];
        struct err e;

        (void)state;
        /* Before there is one: main alone. */
        assert_int_equal(volume_list_read(folder, l, &e), 0);
        snprintf(path, sizeof path, "%s/vault", absolute);
        assert_int_equal(l->n, 1);
        assert_string_equal(l->entries[0].name, "main");
        assert_string_equal(l->entries[0].path, path);
        assert_true(
                l->entries[0].weight == 100 && !l->entries[0].retired && l->entries[0].number == 0);
        for (unsigned i = 1; i < VOLUME_MAX; i++) {
                struct volume_entry *v = &l->entries[l->n++];
                *v = (struct volume_entry){ .number = i * 7, .weight = i, .retired = i & 1 };
                snprintf(v->name, sizeof v->name, "disk-%u", i);
                snprintf(v->path, sizeof v->path, "/srv/%0*u", VOLUME_PATH_MAX - 8, i);
                memset(v->id, (int)i, sizeof v->id);
                memset(v->session, (int)(i + 1), sizeof v->session);
                memset(v->coming, (int)(i + 2), sizeof v->coming);
        }
        assert_int_equal(volume_list_write(folder, l, &e), 0);
        assert_int_equal(volume_list_read(folder, again, &e), 0);
        assert_memory_equal(l, again, sizeof *l);
        assert_ptr_equal(volume_list_find(l, 21), &l->entries[3]);
        assert_null(volume_list_find(l, 22));

        /* A list that says otherwise than it was written is not gone on with. */
        l->entries[2].number = l->entries[3].number;
        assert_int_equal(volume_list_write(folder, l, &e), 0);
        assert_int_equal(volume_list_read(folder, again, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, "twice"));
        put("storage/volumes.json", "{\"version\":1,\"volumes\":[{}]}");
        assert_int_equal(volume_list_read(folder, again, &e), ERR_CORRUPT);
        put("storage/volumes.json", "");
        assert_int_equal(volume_list_read(folder, again, &e), ERR_CORRUPT);
        unlink(file);
        free(l);
        free(again);
}

static void test_judged(void **state)
{
        static struct volume_list l;
        struct volume_identity found = { .name = "a", .id = { 1 }, .session = { 10 } };

        (void)state;
        l.n = 2;
        l.entries[0] =
                (struct volume_entry){ .number = 0, .name = "a", .id = { 1 }, .session = { 10 } };
        l.entries[1] =
                (struct volume_entry){ .number = 1, .name = "b", .id = { 2 }, .session = { 20 } };
        assert_int_equal(volume_judge(&l, &l.entries[0], &found), FAULT_NONE);
        assert_int_equal(volume_judge(&l, &l.entries[1], &found), FAULT_VOLUME_SWAPPED);
        found.session[0] = 9; /* an older copy */
        assert_int_equal(volume_judge(&l, &l.entries[0], &found), FAULT_VOLUME_STALE);
        l.entries[0].coming[0] = 9; /* or one that was written, and the end of that not noted */
        assert_int_equal(volume_judge(&l, &l.entries[0], &found), FAULT_NONE);
        /* Without a coming one, zeros are a session like any other. */
        memset(l.entries[0].coming, 0, 16);
        memset(found.session, 0, 16);
        assert_int_equal(volume_judge(&l, &l.entries[0], &found), FAULT_VOLUME_STALE);
        found.id[0] = 3;
        assert_int_equal(volume_judge(&l, &l.entries[0], &found), FAULT_VOLUME_FOREIGN);
        /* Claimed, and that not noted. */
        memset(l.entries[0].id, 0, 16);
        assert_int_equal(volume_judge(&l, &l.entries[0], &found), FAULT_NONE);
        snprintf(found.name, sizeof found.name, "c");
        assert_int_equal(volume_judge(&l, &l.entries[0], &found), FAULT_VOLUME_FOREIGN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_claimed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_only_what_is_empty, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_foreign, set_up, tear_down),
                cmocka_unit_test(test_what_errors_say),
                cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
                cmocka_unit_test(test_judged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
