/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_stopped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/str.h"
#include "base/table.h"
#include "os/file.h"
#include "seal/head.h"

struct parent_stopped {
        int fd;
        struct table streams; /* the value is the name itself, owned */
};

static void parent_stopped_put(struct parent_stopped *s, const char *stream)
{
        if (!table_get(&s->streams, stream))
                table_put(&s->streams, stream, xasprintf("%s", stream));
}

/* Lines that are no names are left out: the file decides nothing but a word. */
static void parent_stopped_parse(struct parent_stopped *s, char *text)
{
        char *rest = text;

        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                if (strlen(line) < HEAD_PATH_MAX)
                        parent_stopped_put(s, line);
        }
}

static int parent_stopped_load(struct parent_stopped *s, const char *path, struct err *e)
{
        CLEANUP(own_freep) char *text = xcalloc(1, PARENT_STOPPED_MAX + 1);

        s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (s->fd < 0)
                return err_os(e, ERR_IO, errno, "cannot open %s", path);
        ssize_t n = pread(s->fd, text, PARENT_STOPPED_MAX, 0);
        if (n < 0)
                return err_os(e, ERR_IO, errno, "cannot read %s", path);
        parent_stopped_parse(s, text);
        int r = file_set_length(s->fd, path, 0, e);
        /* Synced, or a power cut brings it back, and what it did is said to be an operator's. */
        return r < 0 || n == 0 ? r : file_sync_data(s->fd, path, e);
}

int parent_stopped_open(const char *state, struct parent_stopped **ret, struct err *e)
{
        struct parent_stopped *s = xcalloc(1, sizeof *s);
        char path[4200];

        s->fd = -1;
        snprintf(path, sizeof path, "%.4000s/storage/stopped", state);
        int r = parent_stopped_load(s, path, e);
        if (r < 0) {
                parent_stopped_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

struct parent_stopped *parent_stopped_free(struct parent_stopped *s)
{
        void *name;
        size_t at = 0;

        if (!s)
                return NULL;
        while ((name = table_next(&s->streams, &at)))
                free(name);
        table_done(&s->streams);
        own_closep(&s->fd);
        free(s);
        return NULL;
}

static int parent_stopped_save(struct parent_stopped *s, struct buf *text, struct err *e)
{
        const char *name;
        size_t at = 0;
        int r = 0;

        while (r == 0 && (name = table_next(&s->streams, &at))) {
                r = buf_append(text, bytes_str(name), e);
                if (r == 0)
                        r = buf_append(text, BYTES("\n", 1), e);
        }
        if (r == 0)
                r = file_write_at(s->fd, "storage/stopped", buf_bytes(text), 0, e);
        return r < 0 ? r : file_set_length(s->fd, "storage/stopped", text->n, e);
}

void parent_stopped_note(struct parent_stopped *s, const char *stream)
{
        struct buf text;
        struct err e;

        parent_stopped_put(s, stream);
        buf_init(&text, PARENT_STOPPED_MAX);
        if (parent_stopped_save(s, &text, &e) < 0)
                log_warn(NULL, "stopped.not_saved",
                        "err=\"%s\" effect=\"the gap will be called an unclean stop\"", e.text);
        buf_done(&text);
}

bool parent_stopped_take(struct parent_stopped *s, const char *stream)
{
        void *name = table_take(&s->streams, stream);

        free(name);
        return name != NULL;
}
