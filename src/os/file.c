/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "os/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file_ops.h"

static int file_code(int os_errno)
{
        switch (os_errno) {
        case ENOENT:
        case ENOTDIR:
                return ERR_NOT_FOUND;
        case EACCES:
        case EPERM:
        case EROFS:
        case ELOOP: /* a link where none is followed */
                return ERR_DENIED;
        case ENOSPC:
        case EDQUOT:
        case EMFILE:
        case ENFILE:
                return ERR_EXHAUSTED;
        case EEXIST:
                return ERR_STATE;
        default:
                return ERR_IO;
        }
}

static int file_fail(struct err *e, const char *doing, const char *path)
{
        int n = errno;

        return err_os(e, file_code(n), n, "%s %s", doing, path);
}

/* A regular file, or an error; O_NONBLOCK so that a FIFO put in its place cannot hold us up. */
static int file_open(const char *path, struct stat *ret_st, struct err *e)
{
        struct stat st;
        CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

        if (fd < 0 && errno == ELOOP)
                return err_set(e, ERR_DENIED,
                        "%s is a symbolic link, which is not followed: name the file itself", path);
        if (fd < 0)
                return file_fail(e, "open", path);
        if (fstat(fd, &st) < 0)
                return file_fail(e, "stat", path);
        if (!S_ISREG(st.st_mode))
                return err_set(e, ERR_INVALID, "%s is not a regular file", path);
        *ret_st = st;
        int given = fd;
        fd = -1;
        return given;
}

/*
 * The rest of fd, at most max bytes. Room is made in one piece, and the end is found with a byte of
 * its own, so that no growing leaves a copy of a secret behind in freed memory.
 */
static int file_read_rest(
        int fd, const char *path, size_t size, size_t max, struct buf *ret, struct err *e)
{
        size_t left = max;

        if (size > max)
                return err_set(e, ERR_EXHAUSTED, "%s has %zu bytes; at most %zu are read", path,
                        size, max);
        if (!buf_reserve(ret, size))
                return err_set(e, ERR_EXHAUSTED, "%s: no room for %zu bytes", path, size);
        for (;;) {
                uint8_t probe;
                size_t room = ret->room - ret->n < left ? ret->room - ret->n : left;
                ssize_t n = read(fd, room ? ret->p + ret->n : &probe, room ? room : 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return file_fail(e, "read", path);
                if (n == 0)
                        return 0;
                if (room)
                        ret->n += (size_t)n;
                else if (left == 0)
                        return err_set(e, ERR_EXHAUSTED, "%s has more than %zu bytes", path, max);
                else if (buf_append(ret, BYTES(&probe, 1), e) < 0)
                        return err_wrap(e, ERR_EXHAUSTED, "read %s", path);
                left -= (size_t)n;
        }
}

static int file_read_whole(
        int fd, const char *path, const struct stat *st, size_t max, struct buf *ret, struct err *e)
{
        size_t before = ret->n;
        int r = file_read_rest(fd, path, (size_t)st->st_size, max, ret, e);

        if (r < 0)
                ret->n = before;
        return r;
}

int file_read(const char *path, size_t max, struct buf *ret, struct err *e)
{
        struct stat st;
        CLEANUP(own_closep) int fd = file_open(path, &st, e);

        if (fd < 0)
                return fd;
        return file_read_whole(fd, path, &st, max, ret, e);
}

/* The owner's name, or its number where the name cannot be had (a sandbox). */
static void file_owner(uid_t uid, char *to, size_t room)
{
        struct passwd pw, *found = NULL;
        char text[1024];

        if (getpwuid_r(uid, &pw, text, sizeof text, &found) == 0 && found)
                snprintf(to, room, "%s", pw.pw_name);
        else
                snprintf(to, room, "uid %lu", (unsigned long)uid);
}

/* The file is there and this user may not open it: whose it is, and the command that mends it. */
static int file_explain_denied(const char *path, struct err *e)
{
        struct stat st;
        char user[64], owner[64];

        file_owner(geteuid(), user, sizeof user);
        if (lstat(path, &st) < 0)
                return err_set(e, ERR_DENIED,
                        "Cannot read %s as user %s: a directory above it is closed to that user. "
                        "Fix: give the directory to %s (chown), or run this as its owner.",
                        path, user, user);
        file_owner(st.st_uid, owner, sizeof owner);
        if (st.st_uid == geteuid())
                return err_set(e, ERR_DENIED,
                        "Cannot read %s as user %s (mode %04o, owner %s). Fix: chmod 600 %s", path,
                        user, (unsigned)st.st_mode & 07777, owner, path);
        return err_set(e, ERR_DENIED,
                "Cannot read %s as user %s (mode %04o, owner %s). Fix: chown %s %s", path, user,
                (unsigned)st.st_mode & 07777, owner, user, path);
}

/* The file system's root user may have anything anyway: what is his is nobody else's. */
static int file_check_owner(const char *path, const struct stat *st, struct err *e)
{
        char user[64], owner[64];

        if (st->st_uid == geteuid() || st->st_uid == 0)
                return 0;
        file_owner(geteuid(), user, sizeof user);
        file_owner(st->st_uid, owner, sizeof owner);
        return err_set(e, ERR_DENIED,
                "%s (owner %s, mode %04o) holds a secret of user %s and belongs to another user. "
                "Fix: chown %s %s",
                path, owner, (unsigned)st->st_mode & 07777, user, user, path);
}

static char *file_dir_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        if (!slash)
                return xstrdup(".");
        if (slash == path)
                return xstrdup("/");
        return xasprintf("%.*s", (int)(slash - path), path);
}

enum file_secret { FILE_SECRET_ANY, FILE_SECRET_OWN, FILE_SECRET_SHARED };

static bool file_is_shared(const char *path, const struct stat *st)
{
        CLEANUP(own_freep) char *name = file_dir_of(path);
        struct stat dir;

        return (st->st_mode & 07777) == 0640 && st->st_gid == getegid() && stat(name, &dir) == 0 &&
               dir.st_uid == st->st_uid && dir.st_gid == st->st_gid && (dir.st_mode & 077) == 070;
}

static int file_read_private(
        const char *path, enum file_secret kind, size_t max, struct buf *ret, struct err *e)
{
        struct err why = { 0 };
        struct stat st;
        char owner[64];
        CLEANUP(own_closep) int fd = file_open(path, &st, &why);

        if (fd < 0 && why.os_errno == EACCES)
                return file_explain_denied(path, e);
        if (fd < 0) {
                if (e)
                        *e = why;
                return fd;
        }
        if (kind == FILE_SECRET_SHARED && file_is_shared(path, &st))
                return file_read_whole(fd, path, &st, max, ret, e);
        int r = kind == FILE_SECRET_ANY ? 0 : file_check_owner(path, &st, e);
        if (r < 0)
                return r;
        if (st.st_mode & 077) {
                file_owner(st.st_uid, owner, sizeof owner);
                return err_set(e, ERR_DENIED,
                        "%s (owner %s, mode %04o) holds a secret and is open to others. "
                        "Fix: chmod 600 %s",
                        path, owner, (unsigned)st.st_mode & 07777, path);
        }
        return file_read_whole(fd, path, &st, max, ret, e);
}

int file_read_secret(const char *path, size_t max, struct buf *ret, struct err *e)
{
        return file_read_private(path, FILE_SECRET_ANY, max, ret, e);
}

int file_read_own_secret(const char *path, size_t max, struct buf *ret, struct err *e)
{
        return file_read_private(path, FILE_SECRET_OWN, max, ret, e);
}

int file_read_shared_secret(const char *path, size_t max, struct buf *ret, struct err *e)
{
        return file_read_private(path, FILE_SECRET_SHARED, max, ret, e);
}

int file_write_at(int fd, const char *path, struct bytes content, uint64_t offset, struct err *e)
{
        while (content.n) {
                struct iovec iov = { (void *)(uintptr_t)content.p, content.n };
                ssize_t n = file_ops->pwritev(fd, &iov, 1, (off_t)offset);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n == 0)
                        errno = ENOSPC;
                if (n <= 0)
                        return file_fail(e, "write", path);
                content = bytes_sub(content, (size_t)n, content.n);
                offset += (uint64_t)n;
        }
        return 0;
}

/* The directory that path lies in; owned. */
static int file_write_temp(int fd, const char *temp, const char *path, struct bytes content,
        unsigned mode, struct err *e)
{
        int r = file_write_at(fd, path, content, 0, e);

        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0)
                return file_fail(e, "set the mode of", temp);
        if (file_ops->fsync(fd) < 0)
                return file_fail(e, "sync", temp);
        return file_rename(temp, path, e);
}

int file_write_atomic(const char *path, struct bytes content, unsigned mode, struct err *e)
{
        /* mkostemp makes it 0600 and exclusively, so a secret is never open to others on the way.
         */
        CLEANUP(own_freep) char *temp = xasprintf("%s.XXXXXX", path);
        CLEANUP(own_freep) char *dir = file_dir_of(path);
        CLEANUP(own_closep) int fd = file_ops->create_unique(temp);

        if (fd < 0)
                return file_fail(e, "create", path);
        int r = file_write_temp(fd, temp, path, content, mode, e);
        if (r < 0) {
                file_ops->unlinkat(AT_FDCWD, temp, 0);
                return r;
        }
        return file_sync_dir(dir, e);
}

static int file_make_dir(const char *path, unsigned mode, struct err *e)
{
        struct stat st;

        if (file_ops->mkdir(path, mode) == 0)
                return 0;
        if (errno != EEXIST)
                return file_fail(e, "make directory", path);
        if (stat(path, &st) < 0)
                return file_fail(e, "stat", path);
        if (!S_ISDIR(st.st_mode))
                return err_set(e, ERR_STATE, "%s is in the way: it is not a directory", path);
        return 0;
}

int file_make_dirs(const char *path, unsigned mode, struct err *e)
{
        CLEANUP(own_freep) char *part = xstrdup(path);

        if (!*path)
                return err_set(e, ERR_INVALID, "a directory's name is missing");
        for (char *c = part + 1; *c; c++) {
                if (*c != '/')
                        continue;
                *c = '\0';
                int r = file_make_dir(part, mode, e);
                if (r < 0)
                        return r;
                *c = '/';
        }
        return file_make_dir(part, mode, e);
}

bool file_exists(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0;
}

int file_sync_dir(const char *path, struct err *e)
{
        CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return file_fail(e, "open directory", path);
        if (file_ops->fsync(fd) < 0)
                return file_fail(e, "sync directory", path);
        return 0;
}

int file_unlink(const char *path, struct err *e)
{
        return file_ops->unlinkat(AT_FDCWD, path, 0) < 0 ? file_fail(e, "delete", path) : 0;
}

int file_rename(const char *from, const char *to, struct err *e)
{
        return file_ops->rename(from, to) < 0 ? file_fail(e, "rename to", to) : 0;
}

int file_set_length(int fd, const char *path, uint64_t bytes, struct err *e)
{
        int r;

        do
                r = file_ops->ftruncate(fd, (off_t)bytes);
        while (r < 0 && errno == EINTR);
        return r < 0 ? file_fail(e, "set the length of", path) : 0;
}

int file_sync_data(int fd, const char *path, struct err *e)
{
        return file_ops->fdatasync(fd) < 0 ? file_fail(e, "sync", path) : 0;
}

int file_map_open(const char *path, struct file_map *ret, struct err *e)
{
        struct stat st;
        CLEANUP(own_closep) int fd = file_open(path, &st, e);

        if (fd < 0)
                return fd;
        if (st.st_size == 0) { /* mmap refuses nothing */
                *ret = (struct file_map){ 0 };
                return 0;
        }
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
                return file_fail(e, "map", path);
        ret->bytes = BYTES(p, (size_t)st.st_size);
        return 0;
}

void file_map_done(struct file_map *m)
{
        if (m->bytes.n)
                munmap((void *)(uintptr_t)m->bytes.p, m->bytes.n);
        *m = (struct file_map){ 0 };
}

/* Takes the file away again when there is no room. */
static int file_set_aside(int dir_fd, int fd, const char *name, uint64_t reserve, struct err *e)
{
        int r;

        if (reserve == 0)
                return 0;
        do
                r = file_ops->fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)reserve);
        while (r < 0 && errno == EINTR);
        /* A file system without it writes as well, only slower. */
        if (r == 0 || errno == EOPNOTSUPP || errno == ENOSYS)
                return 0;
        int code = file_fail(e, "set room aside for", name);
        file_ops->unlinkat(dir_fd, name, 0);
        return code;
}

int file_create_segment(int dir_fd, const char *name, uint64_t reserve, int *ret_fd,
        bool *ret_direct, struct err *e)
{
        if (!*name || strchr(name, '/') || reserve > INT64_MAX)
                return err_set(e, ERR_INVALID, "not a segment's name or size: \"%s\"", name);
        CLEANUP(own_closep)
        int fd = file_ops->create(dir_fd, name, O_RDWR | O_EXCL | O_NOFOLLOW, 0600);
        if (fd < 0)
                return file_fail(e, "create", name);
        int r = file_set_aside(dir_fd, fd, name, reserve, e);
        if (r < 0)
                return r;
        /* Asked for after opening: with O_DIRECT in open, a volume that has none makes the file and
         * then refuses. */
        int flags = fcntl(fd, F_GETFL);
        *ret_direct = flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0;
        *ret_fd = fd;
        fd = -1;
        return 0;
}

/* --- in the pool --- */

#define FILE_WRITE_BATCH 64

struct file_work {
        uv_work_t uv;
        int fd;
        const struct iovec *iov;
        unsigned iov_n;
        uint64_t offset;
        int64_t length; /* before a close; negative: as it is */
        void (*on_done)(void *owner, int result, const struct err *e);
        void *owner;
        atomic_bool stop;
        int result;
        struct err err;
};

/* As many parts as fit a batch, beginning `skip` bytes into the first. */
static unsigned file_batch(struct iovec *to, const struct iovec *iov, unsigned iov_n, size_t skip)
{
        unsigned n = iov_n < FILE_WRITE_BATCH ? iov_n : FILE_WRITE_BATCH;

        memcpy(to, iov, n * sizeof *to);
        to[0].iov_base = (uint8_t *)to[0].iov_base + skip;
        to[0].iov_len -= skip;
        return n;
}

static int file_write_all(const struct file_work *w, struct err *e)
{
        const struct iovec *iov = w->iov;
        unsigned left = w->iov_n;
        uint64_t at = w->offset;
        size_t skip = 0;

        while (left) {
                struct iovec batch[FILE_WRITE_BATCH];
                if (skip == iov->iov_len) {
                        iov++;
                        left--;
                        skip = 0;
                        continue;
                }
                if (atomic_load(&w->stop))
                        return err_set(e, ERR_CANCELLED, "the write was given up");
                unsigned n = file_batch(batch, iov, left, skip);
                ssize_t done = file_ops->pwritev(w->fd, batch, (int)n, (off_t)at);
                if (done < 0 && errno == EINTR)
                        continue;
                if (done <= 0)
                        return err_os(e, file_code(done ? errno : ENOSPC), done ? errno : ENOSPC,
                                "write at byte %llu", (unsigned long long)at);
                at += (uint64_t)done;
                skip += (size_t)done;
                for (; left > 1 && skip >= iov->iov_len; iov++, left--)
                        skip -= iov->iov_len;
        }
        return 0;
}

static void file_work_write(uv_work_t *uv)
{
        struct file_work *w = uv->data;

        w->result = file_write_all(w, &w->err);
}

static void file_work_append(uv_work_t *uv)
{
        struct file_work *w = uv->data;

        w->result = file_write_all(w, &w->err);
        if (w->result == 0)
                w->result = file_sync_data(w->fd, "the file", &w->err);
        /* Where even that fails the rest stays, for whoever checks the file to find. */
        if (w->result < 0)
                (void)file_ops->ftruncate(w->fd, (off_t)w->offset);
}

static void file_work_set_length(uv_work_t *uv)
{
        struct file_work *w = uv->data;

        w->result = file_set_length(w->fd, "the file", w->offset, &w->err);
}

static void file_work_close(uv_work_t *uv)
{
        struct file_work *w = uv->data;
        struct stat st;

        /* Never longer: what a reader has cut off meanwhile must not come back as zeros. */
        if (w->length >= 0 && !atomic_load(&w->stop) && fstat(w->fd, &st) == 0 &&
                st.st_size >= w->length && file_ops->ftruncate(w->fd, (off_t)w->length) < 0)
                errno = 0;
        close(w->fd);
}

static void file_work_sync(uv_work_t *uv)
{
        struct file_work *w = uv->data;
        int r;

        do
                r = file_ops->syncfs(w->fd);
        while (r < 0 && errno == EINTR);
        if (r < 0)
                w->result = err_os(&w->err, file_code(errno), errno, "sync the volume");
}

static void file_work_done(uv_work_t *uv, int status)
{
        struct file_work *w = uv->data;

        if (status < 0) {
                if (uv->work_cb == file_work_close)
                        close(w->fd);
                w->result = err_set(&w->err, ERR_CANCELLED, "the write was given up");
        }
        w->on_done(w->owner, w->result, &w->err);
        free(w);
}

static struct file_work *file_work_start(
        struct loop *l, const struct file_work *work, uv_work_cb run)
{
        struct file_work *w = xcalloc(1, sizeof *w);

        w->fd = work->fd;
        w->iov = work->iov;
        w->iov_n = work->iov_n;
        w->offset = work->offset;
        w->length = work->length;
        w->on_done = work->on_done;
        w->owner = work->owner;
        w->uv.data = w;
        int r = uv_queue_work(loop_uv(l), &w->uv, run, file_work_done);
        assert(r == 0); /* fails only without a callback */
        (void)r;
        return w;
}

struct file_work *file_write_start(struct loop *l, int fd, const struct iovec *iov, unsigned iov_n,
        uint64_t offset, void (*on_done)(void *owner, int result, const struct err *e), void *owner)
{
        struct file_work w = { .fd = fd,
                .iov = iov,
                .iov_n = iov_n,
                .offset = offset,
                .on_done = on_done,
                .owner = owner };

        return file_work_start(l, &w, file_work_write);
}

struct file_work *file_append_start(struct loop *l, int fd, const struct iovec *iov, unsigned iov_n,
        uint64_t end, void (*on_done)(void *owner, int result, const struct err *e), void *owner)
{
        struct file_work w = { .fd = fd,
                .iov = iov,
                .iov_n = iov_n,
                .offset = end,
                .on_done = on_done,
                .owner = owner };

        return file_work_start(l, &w, file_work_append);
}

struct file_work *file_set_length_start(struct loop *l, int fd, uint64_t bytes,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner)
{
        struct file_work w = { .fd = fd, .offset = bytes, .on_done = on_done, .owner = owner };

        return file_work_start(l, &w, file_work_set_length);
}

struct file_work *file_close_start(struct loop *l, int fd, int64_t length,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner)
{
        struct file_work w = { .fd = fd, .length = length, .on_done = on_done, .owner = owner };

        return file_work_start(l, &w, file_work_close);
}

void file_sync_start(struct loop *l, int fd,
        void (*on_done)(void *owner, int result, const struct err *e), void *owner)
{
        struct file_work w = { .fd = fd, .on_done = on_done, .owner = owner };

        (void)file_work_start(l, &w, file_work_sync);
}

void file_work_stop(struct file_work *w)
{
        atomic_store(&w->stop, true);
        (void)uv_cancel((uv_req_t *)&w->uv); /* of use only where no thread has it yet */
}
