/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/volume_work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/str.h"
#include "os/file.h"
#include "vault/lock_record.h"

#define VOLUME_WORK_NAMES_MAX 1000 /* segments of one stream within one millisecond */
#define VOLUME_WORK_KEY_ID 32

void volume_work_init(struct volume_work *w)
{
        int r = uv_mutex_init(&w->dirs);

        if (r < 0)
                abort();
}

void volume_work_done(struct volume_work *w)
{
        uv_mutex_destroy(&w->dirs);
}

/* Names */

/* The stream path that the name begins with, or that stands behind skip characters. */
static bool volume_work_stream_of(const char *name, size_t skip, char to[static HEAD_PATH_MAX])
{
        size_t n = strcspn(name + skip, "/");

        if (n >= HEAD_PATH_MAX)
                return false;
        memcpy(to, name + skip, n);
        to[n] = '\0';
        return head_is_stream_path(to);
}

bool volume_work_is_segment(const char *name)
{
        char stream[HEAD_PATH_MAX];

        return volume_work_stream_of(name, 0, stream) && head_is_object_key(name, stream);
}

/* What stands behind keys/<stream>/<date>/<HH>. , or NULL. */
static const char *volume_work_behind_hour(const char *name)
{
        static const char form[] = "/dddd-dd-dd/dd.";
        char stream[HEAD_PATH_MAX];

        if (strncmp(name, "keys/", 5) != 0 || strlen(name) >= HEAD_KEY_MAX ||
                !volume_work_stream_of(name, 5, stream))
                return NULL;
        const char *rest = name + 5 + strlen(stream);
        for (const char *f = form; *f; f++, rest++) {
                if (*f == 'd' ? *rest < '0' || *rest > '9' : *rest != *f)
                        return NULL;
        }
        return rest;
}

static bool volume_work_is_key_id(const char *rest)
{
        size_t n = strspn(rest, "0123456789abcdef");

        return n == VOLUME_WORK_KEY_ID && strcmp(rest + n, ".json") == 0;
}

bool volume_work_is_key(const char *name)
{
        const char *rest = volume_work_behind_hour(name);

        return rest && volume_work_is_key_id(rest);
}

bool volume_work_is_hour(const char *name)
{
        const char *rest = volume_work_behind_hour(name);

        return rest && strcmp(rest, "*") == 0;
}

/* Directories */

static int volume_work_failed(struct err *e, const char *doing, const char *name)
{
        int n = errno;
        int r = err_os(e, n == ENOENT ? ERR_NOT_FOUND : ERR_IO, n, "cannot %s %s", doing, name);

        if (e)
                e->fault = volume_fault(n);
        return r;
}

/* The errors of os/file come without the row of the table. */
static int volume_work_blame(struct err *e, int r)
{
        if (r < 0 && e)
                e->fault = volume_fault(e->os_errno);
        return r;
}

/* One step down; a link is no directory. */
static int volume_work_step(int at, const char *name, bool make)
{
        const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int fd = openat(at, name, flags);

        if (fd >= 0 || errno != ENOENT || !make)
                return fd;
        if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
                return -1;
        return openat(at, name, flags);
}

/* The directory that name lies in. Nothing about the volume follows from one that is not there, or
 * is something else. */
static int volume_work_dir_of(const char *name, bool make, int *ret_fd, struct err *e)
{
        char part[HEAD_KEY_MAX];
        CLEANUP(own_closep) int fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

        for (const char *end; fd >= 0 && (end = strchr(name, '/')); name = end + 1) {
                snprintf(part, sizeof part, "%.*s", (int)(end - name), name);
                int below = volume_work_step(fd, part, make);
                if (below < 0 && (errno == ENOTDIR || errno == ELOOP))
                        return err_set(e, ERR_DENIED,
                                "%s is in the way on the volume: it is no directory", part);
                if (below < 0 && errno == ENOENT && !make)
                        return err_set(e, ERR_NOT_FOUND, "there is no %s on the volume", part);
                if (below < 0)
                        return volume_work_failed(e, "open", part);
                close(fd);
                fd = below;
        }
        if (fd < 0)
                return volume_work_failed(e, "open", "the volume");
        *ret_fd = fd;
        fd = -1;
        return 0;
}

static const char *volume_work_base(const char *name)
{
        const char *slash = strrchr(name, '/');

        return slash ? slash + 1 : name;
}

/* Segment files */

static int volume_work_create_in(
        const char *dir, const char *time, struct volume_work_file *f, struct err *e)
{
        char name[32];
        CLEANUP(own_closep) int dir_fd = -1;
        struct statvfs room;
        struct err why;

        int r = volume_work_dir_of(dir, true, &dir_fd, e);
        if (r < 0)
                return r;
        if (fstatvfs(dir_fd, &room) < 0)
                return volume_work_failed(e, "measure", dir);
        r = ERR_STATE;
        for (unsigned n = 0; r == ERR_STATE && n < VOLUME_WORK_NAMES_MAX; n++) {
                snprintf(name, sizeof name, "%.2s-%.6sZ.%u.mp4", time + 14, time + 17, n);
                r = file_create_segment(dir_fd, name,
                        volume_segment_room((uint64_t)room.f_blocks * room.f_frsize), &f->fd,
                        &f->direct, &why);
        }
        if (r < 0) {
                err_set(e, r, "%s", why.text);
                if (e)
                        e->fault = volume_fault(why.os_errno);
                return r;
        }
        snprintf(f->object_key, sizeof f->object_key, "%.120s%s", dir, name);
        return 0;
}

int volume_work_create(struct volume_work *w, const char *stream, int64_t wall_us,
        struct volume_work_file *ret, struct err *e)
{
        struct volume_work_file f = { .fd = -1 };
        char dir[HEAD_KEY_MAX], time[STR_TIME_ROOM];

        str_time(time, wall_us); /* 2026-11-22T15:40:01.221Z */
        int n = snprintf(dir, sizeof dir, "%s/%.10s/%.2s/", stream, time, time + 11);
        if (!head_is_stream_path(stream) || n < 0 || (size_t)n >= sizeof dir)
                return err_set(e, ERR_INVALID, "not a stream: \"%.100s\"", stream);
        uv_mutex_lock(&w->dirs);
        int r = volume_work_create_in(dir, time, &f, e);
        uv_mutex_unlock(&w->dirs);
        if (r == 0)
                *ret = f;
        return r;
}

/* Small files */

static int volume_work_put(
        struct volume_work *w, const char *path, struct bytes text, struct err *e)
{
        CLEANUP(own_closep) int dir_fd = -1;

        uv_mutex_lock(&w->dirs);
        int r = volume_work_dir_of(path, true, &dir_fd, e);
        if (r == 0)
                r = volume_work_blame(e, file_write_atomic(path, text, 0600, e));
        uv_mutex_unlock(&w->dirs);
        return r;
}

int volume_work_key(struct volume_work *w, const char *path, struct bytes text, struct err *e)
{
        if (!volume_work_is_key(path))
                return err_set(e, ERR_INVALID, "not a key file's name: \"%.160s\"", path);
        return volume_work_put(w, path, text, e);
}

int volume_work_lock(struct volume_work *w, const char *id, struct bytes text, struct err *e)
{
        char path[HEAD_KEY_MAX];
        CLEANUP(own_closep) int dir_fd = -1;

        if (!lock_record_is_id(id))
                return err_set(e, ERR_INVALID, "not a lock's id: \"%.40s\"", id);
        snprintf(path, sizeof path, "locks/%s.json", id);
        if (text.n)
                return volume_work_put(w, path, text, e);
        int r = volume_work_dir_of(path, false, &dir_fd, e);
        if (r == ERR_NOT_FOUND)
                return 0;
        if (r == 0 && unlinkat(dir_fd, volume_work_base(path), 0) < 0 && errno != ENOENT)
                r = volume_work_failed(e, "remove", path);
        return r == 0 ? volume_work_blame(e, file_sync_dir("locks", e)) : r;
}

/* Removing */

/* Upwards from the directory of name, as long as nothing is left; not `keys` itself. */
static void volume_work_prune(struct volume_work *w, const char *name)
{
        char dir[HEAD_KEY_MAX];
        char *slash;

        snprintf(dir, sizeof dir, "%s", name);
        uv_mutex_lock(&w->dirs);
        while ((slash = strrchr(dir, '/'))) {
                CLEANUP(own_closep) int above = -1;
                *slash = '\0';
                if (strcmp(dir, "keys") == 0 || volume_work_dir_of(dir, false, &above, NULL) < 0 ||
                        unlinkat(above, volume_work_base(dir), AT_REMOVEDIR) < 0)
                        break;
        }
        uv_mutex_unlock(&w->dirs);
}

static void volume_work_closedirp(DIR **dir)
{
        if (*dir)
                closedir(*dir);
}

/* The key files of that hour in the directory; names of another form are not ours. */
static int volume_work_remove_keys(int dir_fd, const char *name, struct err *e)
{
        const char *hour = volume_work_base(name); /* "HH.*" */
        int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP(volume_work_closedirp) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *entry;

        if (!dir) {
                int r = volume_work_failed(e, "list", name);
                if (fd >= 0)
                        close(fd);
                return r;
        }
        while ((errno = 0, entry = readdir(dir))) {
                if (strncmp(entry->d_name, hour, 3) != 0 ||
                        !volume_work_is_key_id(entry->d_name + 3))
                        continue;
                if (unlinkat(dir_fd, entry->d_name, 0) < 0 && errno != ENOENT)
                        return volume_work_failed(e, "remove", entry->d_name);
        }
        return errno ? volume_work_failed(e, "list", name) : 0;
}

static int volume_work_remove_one(struct volume_work *w, const char *name, struct err *e)
{
        CLEANUP(own_closep) int dir_fd = -1;
        bool hour = volume_work_is_hour(name);

        if (!hour && !volume_work_is_segment(name) && !volume_work_is_key(name))
                return err_set(
                        e, ERR_INVALID, "neither a segment nor a key file: \"%.160s\"", name);
        int r = volume_work_dir_of(name, false, &dir_fd, e);
        if (r == ERR_NOT_FOUND)
                return 0;
        if (r < 0)
                return r;
        if (hour)
                r = volume_work_remove_keys(dir_fd, name, e);
        else if (unlinkat(dir_fd, volume_work_base(name), 0) < 0 && errno != ENOENT)
                r = volume_work_failed(e, "remove", name);
        if (r < 0)
                return r;
        volume_work_prune(w, name);
        return 0;
}

int volume_work_remove(
        struct volume_work *w, const char (*names)[HEAD_KEY_MAX], unsigned n, struct err *e)
{
        int first = 0;

        for (unsigned i = 0; i < n; i++) {
                struct err why;
                int r = volume_work_remove_one(w, names[i], &why);
                if (r < 0 && first == 0) {
                        first = r;
                        if (e)
                                *e = why;
                }
        }
        return first;
}

/* Reading */

/* O_NONBLOCK so that a FIFO put in a segment's place cannot hold us up. */
int volume_work_read(const char *object_key, struct volume_work_file *ret, struct err *e)
{
        struct volume_work_file f = { 0 };
        CLEANUP(own_closep) int dir_fd = -1;
        struct stat st;

        if (!volume_work_is_segment(object_key) && !volume_work_is_key(object_key))
                return err_set(
                        e, ERR_INVALID, "neither a segment nor a key file: \"%.160s\"", object_key);
        int r = volume_work_dir_of(object_key, false, &dir_fd, e);
        if (r < 0)
                return r;
        CLEANUP(own_closep)
        int fd = openat(dir_fd, volume_work_base(object_key),
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
                bool of_the_file = errno == ENOENT || errno == ELOOP;
                r = volume_work_failed(e, "open", object_key);
                if (of_the_file && e)
                        e->fault = FAULT_NONE;
                return r;
        }
        if (!S_ISREG(st.st_mode))
                return err_set(e, ERR_DENIED, "%s is not a file", object_key);
        snprintf(f.object_key, sizeof f.object_key, "%s", object_key);
        f.fd = fd;
        fd = -1;
        *ret = f;
        return 0;
}

int volume_work_tail(const char *stream, const char *object_key, bool alone,
        const struct vault_tail_known *known, struct message_volume_tail *ret, struct err *e)
{
        struct message_volume_tail m = { 0 };
        CLEANUP(own_closep) int dir_fd = -1;
        struct vault_tail tail;
        int r = 0;

        if (!head_is_stream_path(stream) ||
                ((*object_key || alone) && !head_is_object_key(object_key, stream)))
                return err_set(
                        e, ERR_INVALID, "\"%.160s\" is not a segment of %s", object_key, stream);
        if (*object_key)
                r = volume_work_dir_of(object_key, false, &dir_fd, e);
        if (r < 0 && r != ERR_NOT_FOUND) /* it may be in another hour */
                return r;
        r = alone ? vault_tail_read_one(".", stream, object_key, &tail, e)
                  : vault_tail_read(".", stream, object_key, known, &tail, e);
        if (r < 0)
                return volume_work_blame(e, r);
        /* What is in memory alone may be gone when the disk is there again: no end to go on from.
         */
        if (tail.unmended) {
                errno = tail.unmended;
                return volume_work_failed(e, "mend", "the end of a stream");
        }
        m.empty = tail.empty;
        snprintf(m.object_key, sizeof m.object_key, "%s", tail.object_key);
        m.last = tail.last;
        m.first_arrival_us = tail.first_arrival_us;
        m.last_arrival_us = tail.last_arrival_us;
        m.bytes = tail.bytes;
        m.cut_bytes = tail.cut_bytes;
        m.fragments = tail.fragments;
        m.closed = tail.closed;
        m.damaged = tail.damaged;
        *ret = m;
        return 0;
}

int volume_work_sync(int dir_fd, struct err *e)
{
        int r;

        do
                r = syncfs(dir_fd);
        while (r < 0 && errno == EINTR);
        return r < 0 ? volume_work_failed(e, "sync", "the volume") : 0;
}
