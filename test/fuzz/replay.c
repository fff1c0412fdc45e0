/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a fuzz target over files: arguments are files or directories. Fails when it was given none
 * that exist. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static unsigned replay_file(const char *path)
{
        FILE *f = fopen(path, "rb");
        struct stat st;

        if (!f || fstat(fileno(f), &st) < 0) {
                perror(path);
                exit(1);
        }
        /* Exactly as large as the input, so that a sanitizer sees a read past its end. */
        uint8_t *data = malloc(st.st_size ? (size_t)st.st_size : 1);
        size_t n = fread(data, 1, (size_t)st.st_size, f);
        fclose(f);
        LLVMFuzzerTestOneInput(data, n);
        free(data);
        return 1;
}

static unsigned replay_path(const char *path)
{
        struct stat st;
        unsigned count = 0;

        if (stat(path, &st) < 0)
                return 0;
        if (!S_ISDIR(st.st_mode))
                return replay_file(path);
        DIR *d = opendir(path);
        for (struct dirent *entry; d && (entry = readdir(d));) {
                char child[4096];
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
                count += replay_path(child);
        }
        if (d)
                closedir(d);
        return count;
}

int main(int argc, char **argv)
{
        unsigned count = 0;

        for (int i = 1; i < argc; i++)
                count += replay_path(argv[i]);
        printf("%u inputs replayed\n", count);
        return count ? 0 : 1;
}
