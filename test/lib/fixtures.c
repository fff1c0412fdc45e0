/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixtures.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#ifndef FIXTURES
#define FIXTURES TEST_SOURCE_ROOT "/../shared/fixtures/protocol/"
#endif

void fixtures_or_skip(void)
{
        struct stat st;

        if (stat(FIXTURES, &st) == 0)
                return;
        print_message("skipped: %s is not there\n", FIXTURES);
        skip();
}

struct bytes fixtures_load(const char *file, uint8_t *to, size_t room)
{
        char path[1024];

        snprintf(path, sizeof path, FIXTURES "%s", file);
        FILE *f = fopen(path, "rb");
        if (!f)
                fail_msg("%s: no such fixture; the row that names it is to go", file);
        size_t n = fread(to, 1, room - 1, f);
        bool whole = fgetc(f) == EOF;
        fclose(f);
        if (!whole)
                fail_msg("%s: larger than %zu bytes", file, room);
        to[n] = '\0';
        return BYTES(to, n);
}

static bool fixtures_is_named(const char *file, const char *const *rows, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(file, rows[i]) == 0)
                        return true;
        return false;
}

void fixtures_all_named(const char *folder, bool (*belongs)(const char *name),
        const char *const *rows, size_t n, unsigned expected)
{
        char path[1024];
        unsigned files = 0;

        snprintf(path, sizeof path, FIXTURES "%s", folder);
        DIR *d = opendir(path);
        if (!d)
                fail_msg("%s: no such folder of fixtures", folder);
        for (struct dirent *entry; (entry = readdir(d));) {
                struct stat st;

                if (entry->d_name[0] == '.' || (belongs && !belongs(entry->d_name)))
                        continue;
                snprintf(path, sizeof path, FIXTURES "%s/%s", folder, entry->d_name);
                if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                        continue;
                files++;
                if (!fixtures_is_named(path + strlen(FIXTURES), rows, n))
                        fail_msg("%s/%s: no row of this table reads it", folder, entry->d_name);
        }
        closedir(d);
        if (files != expected)
                fail_msg("%s: %u fixtures, not %u", folder, files, expected);
}
