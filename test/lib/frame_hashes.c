/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What ffmpeg sees in a file: a hash of each frame or packet, one behind the other. To be included
 * behind cmocka.h. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

#define HASH_CHARS 34 /* with a comma and a space before it */

/* The sixth column; side data (how it was encrypted) may follow. */
static const char *hash_column(char *line)
{
        char *at = line;

        for (unsigned i = 0; i < 5 && at; i++)
                at = strchr(at + 1, ',');
        if (at)
                at[strcspn(at + 1, ",\n") + 1] = '\0';
        return at;
}

/* ffmpeg's list of hashes, only the column that names the content. */
static void frame_hashes(
        const char *options, const char *file, const char *map, const char *codec, struct buf *out)
{
        CLEANUP(own_freep)
        char *command = xasprintf("ffmpeg -v error %s -i '%s' -map %s %s -f framemd5 - 2>&1",
                options, file, map, codec);
        char line[1024];
        FILE *f = popen(command, "r");

        assert_non_null(f);
        while (fgets(line, sizeof line, f)) {
                if (line[0] == '#')
                        continue;
                const char *hash = hash_column(line);
                if (!hash)
                        fprintf(stderr, "ffmpeg: %s", line);
                assert_non_null(hash);
                assert_int_equal(buf_append(out, bytes_str(hash), NULL), 0);
        }
        assert_int_equal(pclose(f), 0);
}
