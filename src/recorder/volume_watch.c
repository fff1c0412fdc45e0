/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/volume_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "os/file.h"
#include "recorder/volume_work.h"

#define VOLUME_WATCH_PROBE ".probe"
#define VOLUME_WATCH_BLOCK 4096
/* The process before this one ends when its channel does, which may be a moment after the next one
 * began. */
#define VOLUME_WATCH_LOCK_MS 1000
#define VOLUME_WATCH_LOCK_STEP_MS 50

/* errno as an error of the volume. */
static int volume_watch_failed(struct err *e, const char *doing, const char *name)
{
        int n = errno;

        err_os(e, ERR_IO, n, "%s %s", doing, name);
        e->fault = volume_fault(n);
        if (e->fault == FAULT_NONE)
                e->fault = FAULT_VOLUME_IO_ERROR;
        return e->code;
}

static int volume_watch_open_lock(struct volume_watch *w, int access, struct err *e)
{
        own_closep(&w->lock_fd);
        w->lock_fd = openat(w->dir_fd, "lock", access | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (w->lock_fd < 0 && errno == EROFS)
                w->lock_fd = openat(w->dir_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        return w->lock_fd < 0 ? volume_watch_failed(e, "open the lock of", w->path) : 0;
}

/* One writer a volume: custos vault rebuild, and the recorder of another state directory, keep away
 * while this is held. Open to read, it does not keep anybody from mounting the volume read-only;
 * over NFS it has to be open to write. */
static int volume_watch_lock(struct volume_watch *w, int wait_ms, struct err *e)
{
        int r = w->lock_fd < 0 ? volume_watch_open_lock(w, O_RDONLY, e) : 0;
        bool to_write = false;

        while (r == 0 && !w->locked) {
                if (flock(w->lock_fd, LOCK_EX | LOCK_NB) == 0) {
                        w->locked = true;
                } else if (errno == EBADF && !to_write) {
                        to_write = true;
                        r = volume_watch_open_lock(w, O_RDWR, e);
                } else if (errno != EWOULDBLOCK) {
                        r = volume_watch_failed(e, "lock", w->path);
                } else if (wait_ms <= 0) {
                        r = err_fault(e, ERR_STATE, FAULT_VOLUME_DENIED,
                                "another process writes to the volume %s", w->path);
                } else {
                        struct timespec pause = { .tv_nsec = VOLUME_WATCH_LOCK_STEP_MS * 1000000L };
                        nanosleep(&pause, NULL);
                        wait_ms -= VOLUME_WATCH_LOCK_STEP_MS;
                }
        }
        return r;
}

void volume_watch_open(struct volume_watch *w, const char *path)
{
        struct volume_identity found;
        struct stat st;
        struct err e;

        *w = (struct volume_watch){ .dir_fd = -1, .lock_fd = -1 };
        snprintf(w->path, sizeof w->path, "%s", path);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || fchdir(fd) < 0) {
                volume_watch_failed(&w->not_open, "open", path);
                own_closep(&fd);
                return;
        }
        w->dir_fd = fd;
        w->dev = st.st_dev;
        w->ino = st.st_ino;
        if (volume_read(".", &found, &e) == 0)
                (void)volume_watch_lock(w, VOLUME_WATCH_LOCK_MS, &e);
}

void volume_watch_close(struct volume_watch *w)
{
        own_closep(&w->lock_fd);
        own_closep(&w->dir_fd);
        w->lock_fd = w->dir_fd = -1;
}

/* Another directory than the one that was opened, or, where none was, one that can be. */
static bool volume_watch_moved(const struct volume_watch *w, struct err *e)
{
        struct stat st;

        if (stat(w->path, &st) < 0) {
                volume_watch_failed(e, "find", w->path);
                return w->dir_fd >= 0;
        }
        if (w->dir_fd < 0) {
                *e = w->not_open;
                return S_ISDIR(st.st_mode) && access(w->path, R_OK | W_OK | X_OK) == 0;
        }
        if (st.st_dev == w->dev && st.st_ino == w->ino)
                return false;
        err_fault(e, ERR_NOT_FOUND, FAULT_VOLUME_MISSING,
                "%s leads to another directory than before", w->path);
        return true;
}

static const char *volume_watch_fs(unsigned long type)
{
        static const struct {
                unsigned long magic;
                const char *name;
        } known[] = { { EXT4_SUPER_MAGIC, "ext4" }, { XFS_SUPER_MAGIC, "xfs" },
                { BTRFS_SUPER_MAGIC, "btrfs" }, { F2FS_SUPER_MAGIC, "f2fs" },
                { TMPFS_MAGIC, "tmpfs" }, { FUSE_SUPER_MAGIC, "fuse" },
                { MSDOS_SUPER_MAGIC, "vfat" }, { EXFAT_SUPER_MAGIC, "exfat" },
                { NFS_SUPER_MAGIC, "nfs" }, { SMB2_SUPER_MAGIC, "smb" },
                { CIFS_SUPER_MAGIC, "cifs" }, { OVERLAYFS_SUPER_MAGIC, "overlay" },
                { 0x2fc12fc1, "zfs" } };

        for (size_t i = 0; i < ARRAY_LEN(known); i++) {
                if (known[i].magic == type)
                        return known[i].name;
        }
        return "file system";
}

/* Room, and whether the mount can be written to. */
static int volume_watch_measure(
        const struct volume_watch *w, struct message_volume_state *s, struct err *e)
{
        struct statvfs room;
        struct statfs fs;

        if (fstatvfs(w->dir_fd, &room) < 0 || fstatfs(w->dir_fd, &fs) < 0)
                return volume_watch_failed(e, "measure", w->path);
        s->total_bytes = (uint64_t)room.f_blocks * room.f_frsize;
        s->free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
        if (s->total_bytes > INT64_MAX)
                s->total_bytes = INT64_MAX;
        if (s->free_bytes > s->total_bytes)
                s->free_bytes = s->total_bytes;
        snprintf(s->device, sizeof s->device, "%u:%u %s", major(w->dev), minor(w->dev),
                volume_watch_fs((unsigned long)fs.f_type));
        if (room.f_flag & ST_RDONLY)
                return err_fault(
                        e, ERR_DENIED, FAULT_VOLUME_READ_ONLY, "%s is mounted read-only", w->path);
        return 0;
}

static int volume_watch_write(int fd, struct err *e)
{
        uint8_t *block = aligned_alloc(VOLUME_WATCH_BLOCK, VOLUME_WATCH_BLOCK);

        if (!block)
                abort();
        memset(block, 0, VOLUME_WATCH_BLOCK);
        ssize_t n = pwrite(fd, block, VOLUME_WATCH_BLOCK, 0);
        if (n >= 0 && n < VOLUME_WATCH_BLOCK)
                errno = ENOSPC;
        int r = n == VOLUME_WATCH_BLOCK ? 0 : volume_watch_failed(e, "write", VOLUME_WATCH_PROBE);
        free(block);
        if (r == 0 && fsync(fd) < 0)
                r = volume_watch_failed(e, "sync", VOLUME_WATCH_PROBE);
        return r;
}

/* What a segment needs: its room, and a block that reaches the disk. */
static int volume_watch_probe(const struct volume_watch *w, struct err *e)
{
        CLEANUP(own_closep) int fd = -1;
        struct statvfs room;
        bool direct;

        if (fstatvfs(w->dir_fd, &room) < 0)
                return volume_watch_failed(e, "measure", w->path);
        (void)unlinkat(w->dir_fd, VOLUME_WATCH_PROBE, 0); /* of a process that died in here */
        int r = file_create_segment(w->dir_fd, VOLUME_WATCH_PROBE,
                volume_segment_room((uint64_t)room.f_blocks * room.f_frsize), &fd, &direct, e);
        if (r < 0) {
                e->fault = volume_fault(e->os_errno);
                if (e->fault == FAULT_NONE)
                        e->fault = FAULT_VOLUME_IO_ERROR;
                return r;
        }
        r = volume_watch_write(fd, e);
        if (unlinkat(w->dir_fd, VOLUME_WATCH_PROBE, 0) < 0 && r == 0)
                r = volume_watch_failed(e, "remove", VOLUME_WATCH_PROBE);
        return r;
}

void volume_watch_look(struct volume_watch *w, bool probe, struct volume_watch_look *ret)
{
        struct message_volume_state *s = &ret->state;
        struct err e = { 0 };

        *ret = (struct volume_watch_look){ 0 };
        ret->moved = volume_watch_moved(w, &e);
        int r = ret->moved || e.code ? ERR_NOT_FOUND : volume_read(".", &s->identity, &e);
        if (r == 0) {
                s->readable = true;
                r = volume_watch_measure(w, s, &e);
        }
        if (r == 0)
                r = volume_watch_lock(w, 0, &e);
        if (r == 0 && probe)
                r = volume_watch_probe(w, &e);
        if (r == 0)
                return;
        s->fault = (uint8_t)e.fault;
        snprintf(s->text, sizeof s->text, "%s", e.text);
}
