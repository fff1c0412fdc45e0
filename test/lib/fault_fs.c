/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file system that fails on demand: FUSE, passing everything through to another directory.
 *
 *     fault_fs BACKING MOUNTPOINT CONTROL
 *
 * stays in the foreground until it is unmounted or told `gone`. CONTROL is a SOCK_SEQPACKET Unix
 * socket that it makes; each packet is one command, answered by "ok" once it is in force:
 *
 *     CLASS errno NAME    EIO, ENOSPC, EROFS, ...: every call of the class fails so
 *     CLASS after N NAME  so many calls are still well, then they fail so
 *     CLASS delay MS      every call of the class takes that long more
 *     CLASS hang          calls of the class do not come back
 *     CLASS well          as before; those that hang go on
 *     well                all classes
 *     counts              answers "read N write N sync N ..."
 *     gone                ends at once: whoever has it open gets ENOTCONN
 *
 * Classes: read, write (fallocate and truncate too), sync (fsync, and flush at close), open (of
 * files that are there), change (create, mkdir, unlink, rmdir, rename, chmod), look (getattr,
 * readdir, statfs), all.
 *
 * The kernel does not pass syncfs(2) on to FUSE: put an ext4 image on it, mounted through a loop
 * device, where that is to fail or to hang (disks.py).
 */
#define FUSE_USE_VERSION 312
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define THREADS 64 /* calls that may hang before others wait behind them */

enum call {
        CALL_READ,
        CALL_WRITE,
        CALL_SYNC,
        CALL_OPEN,
        CALL_CHANGE,
        CALL_LOOK,
        CALLS,
};
static const char *const names[CALLS] = { "read", "write", "sync", "open", "change", "look" };

static struct fault {
        int error; /* errno, or 0 */
        long after, delay_ms, count;
        bool hang;
} faults[CALLS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int backing; /* the directory behind */

/* 0, or the negative errno that this call is to fail with. */
static int pass(enum call c)
{
        pthread_mutex_lock(&lock);
        struct fault *f = &faults[c];
        f->count++;
        while (f->hang)
                pthread_cond_wait(&changed, &lock);
        long delay_ms = f->delay_ms;
        int error = f->error && f->after-- <= 0 ? f->error : 0;
        pthread_mutex_unlock(&lock);
        if (delay_ms) {
                struct timespec t = { .tv_sec = delay_ms / 1000,
                        .tv_nsec = delay_ms % 1000 * 1000000 };
                nanosleep(&t, NULL);
        }
        return -error;
}

/* Relative to the backing directory. */
static const char *at(const char *path)
{
        return path[1] ? path + 1 : ".";
}

static int result(int r)
{
        return r < 0 ? -errno : 0;
}

#define PASS(c)                                                                                    \
        do {                                                                                       \
                int pass_r = pass(c);                                                              \
                if (pass_r < 0)                                                                    \
                        return pass_r;                                                             \
        } while (0)

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
        PASS(CALL_LOOK);
        return result(
                fi ? fstat((int)fi->fh, st) : fstatat(backing, at(path), st, AT_SYMLINK_NOFOLLOW));
}

static int fs_readlink(const char *path, char *to, size_t room)
{
        PASS(CALL_LOOK);
        ssize_t n = readlinkat(backing, at(path), to, room - 1);
        if (n < 0)
                return -errno;
        to[n] = '\0';
        return 0;
}

static int fs_readdir(const char *path, void *to, fuse_fill_dir_t fill, off_t offset,
        struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
        (void)offset;
        (void)fi;
        (void)flags;
        PASS(CALL_LOOK);
        int fd = openat(backing, at(path), O_RDONLY | O_DIRECTORY);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir)
                return -errno;
        for (struct dirent *d; (d = readdir(dir));)
                fill(to, d->d_name, NULL, 0, 0);
        closedir(dir);
        return 0;
}

static int fs_statfs(const char *path, struct statvfs *st)
{
        (void)path;
        PASS(CALL_LOOK);
        return result(fstatvfs(backing, st));
}

static int fs_mkdir(const char *path, mode_t mode)
{
        PASS(CALL_CHANGE);
        return result(mkdirat(backing, at(path), mode));
}

static int fs_unlink(const char *path)
{
        PASS(CALL_CHANGE);
        return result(unlinkat(backing, at(path), 0));
}

static int fs_rmdir(const char *path)
{
        PASS(CALL_CHANGE);
        return result(unlinkat(backing, at(path), AT_REMOVEDIR));
}

static int fs_symlink(const char *target, const char *path)
{
        PASS(CALL_CHANGE);
        return result(symlinkat(target, backing, at(path)));
}

static int fs_rename(const char *from, const char *to, unsigned flags)
{
        PASS(CALL_CHANGE);
        return result(renameat2(backing, at(from), backing, at(to), flags));
}

static int fs_chmod(const char *path, mode_t mode, struct fuse_file_info *fi)
{
        (void)fi;
        PASS(CALL_CHANGE);
        return result(fchmodat(backing, at(path), mode, 0));
}

static int fs_chown(const char *path, uid_t user, gid_t group, struct fuse_file_info *fi)
{
        (void)fi;
        PASS(CALL_CHANGE);
        return result(fchownat(backing, at(path), user, group, AT_SYMLINK_NOFOLLOW));
}

static int fs_utimens(const char *path, const struct timespec t[2], struct fuse_file_info *fi)
{
        (void)fi;
        return result(utimensat(backing, at(path), t, AT_SYMLINK_NOFOLLOW));
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
        PASS(CALL_WRITE);
        if (fi)
                return result(ftruncate((int)fi->fh, size));
        int fd = openat(backing, at(path), O_WRONLY | O_NOFOLLOW);
        int r = fd < 0 ? -errno : result(ftruncate(fd, size));
        if (fd >= 0)
                close(fd);
        return r;
}

/* The file behind is opened without O_DIRECT, since what FUSE hands over lies at any address; in
 * the kernel before it a direct write stays direct. Nobody else caches what is behind. */
static int give(int fd, struct fuse_file_info *fi)
{
        if (fd < 0)
                return -errno;
        fi->fh = (uint64_t)fd;
        fi->direct_io = (fi->flags & O_DIRECT) != 0;
        return 0;
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
        PASS(CALL_OPEN);
        return give(openat(backing, at(path), (fi->flags & ~O_DIRECT) | O_NOFOLLOW), fi);
}

static int fs_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
        PASS(CALL_CHANGE);
        return give(openat(backing, at(path), (fi->flags & ~O_DIRECT) | O_CREAT | O_NOFOLLOW, mode),
                fi);
}

static int fs_read(const char *path, char *to, size_t n, off_t offset, struct fuse_file_info *fi)
{
        (void)path;
        PASS(CALL_READ);
        ssize_t done = pread((int)fi->fh, to, n, offset);
        return done < 0 ? -errno : (int)done;
}

static int fs_write(
        const char *path, const char *from, size_t n, off_t offset, struct fuse_file_info *fi)
{
        (void)path;
        PASS(CALL_WRITE);
        ssize_t done = pwrite((int)fi->fh, from, n, offset);
        return done < 0 ? -errno : (int)done;
}

static int fs_fallocate(
        const char *path, int mode, off_t offset, off_t n, struct fuse_file_info *fi)
{
        (void)path;
        PASS(CALL_WRITE);
        return result(fallocate((int)fi->fh, mode, offset, n));
}

static int fs_flush(const char *path, struct fuse_file_info *fi)
{
        (void)path;
        (void)fi;
        return pass(CALL_SYNC);
}

static int fs_fsync(const char *path, int data_only, struct fuse_file_info *fi)
{
        (void)path;
        PASS(CALL_SYNC);
        return result(data_only ? fdatasync((int)fi->fh) : fsync((int)fi->fh));
}

static int fs_fsyncdir(const char *path, int data_only, struct fuse_file_info *fi)
{
        (void)path;
        (void)data_only;
        (void)fi;
        PASS(CALL_SYNC);
        return result(fsync(backing));
}

static int fs_release(const char *path, struct fuse_file_info *fi)
{
        (void)path;
        return result(close((int)fi->fh));
}

static void *fs_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
        (void)conn;
        config->use_ino = 1;
        config->attr_timeout = config->entry_timeout = 0;
        return NULL;
}

static const struct fuse_operations operations = {
        .getattr = fs_getattr,
        .readlink = fs_readlink,
        .mkdir = fs_mkdir,
        .unlink = fs_unlink,
        .rmdir = fs_rmdir,
        .symlink = fs_symlink,
        .rename = fs_rename,
        .chmod = fs_chmod,
        .chown = fs_chown,
        .truncate = fs_truncate,
        .open = fs_open,
        .read = fs_read,
        .write = fs_write,
        .statfs = fs_statfs,
        .flush = fs_flush,
        .release = fs_release,
        .fsync = fs_fsync,
        .readdir = fs_readdir,
        .fsyncdir = fs_fsyncdir,
        .init = fs_init,
        .create = fs_create,
        .utimens = fs_utimens,
        .fallocate = fs_fallocate,
};

/* Commands */

static int errno_of(const char *name)
{
        static const int known[] = { EIO, ENOSPC, EROFS, EACCES, EPERM, ENODEV, ENXIO, EDQUOT,
                ESTALE, ETIMEDOUT };

        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
                if (strcmp(strerrorname_np(known[i]), name) == 0)
                        return known[i];
        }
        return 0;
}

static bool set(struct fault *f, const char *what, const char *first, const char *second)
{
        if (strcmp(what, "well") == 0)
                *f = (struct fault){ .count = f->count };
        else if (strcmp(what, "hang") == 0)
                f->hang = true;
        else if (strcmp(what, "delay") == 0)
                f->delay_ms = atol(first);
        else if (strcmp(what, "errno") == 0 && errno_of(first))
                *f = (struct fault){ .error = errno_of(first), .count = f->count };
        else if (strcmp(what, "after") == 0 && errno_of(second))
                *f = (struct fault){
                        .error = errno_of(second), .after = atol(first), .count = f->count
                };
        else
                return false;
        return true;
}

static const char *obey(const char *command)
{
        static char counts[256];
        char class[16] = "", what[16] = "", first[16] = "", second[16] = "";
        bool found = false, good = true;

        if (strcmp(command, "gone") == 0)
                _exit(0);
        if (strcmp(command, "well") == 0)
                command = "all well";
        sscanf(command, "%15s %15s %15s %15s", class, what, first, second);
        pthread_mutex_lock(&lock);
        counts[0] = '\0';
        for (int c = 0; c < CALLS; c++) {
                size_t n = strlen(counts);
                snprintf(counts + n, sizeof counts - n, "%s%s %ld", c ? " " : "", names[c],
                        faults[c].count);
                if (strcmp(class, "all") == 0 || strcmp(class, names[c]) == 0) {
                        found = true;
                        good = good && set(&faults[c], what, first, second);
                }
        }
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        if (strcmp(command, "counts") == 0)
                return counts;
        return found && good ? "ok" : "not a command";
}

static void *serve(void *arg)
{
        int listener = *(int *)arg;

        for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
                char command[128];
                for (ssize_t n; (n = recv(fd, command, sizeof command - 1, 0)) > 0;) {
                        command[n] = '\0';
                        const char *answer = obey(command);
                        if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
                                break;
                }
        }
        return NULL;
}

static int listen_at(const char *path)
{
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
        unlink(path);
        if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4) < 0)
                return -1;
        return fd;
}

int main(int argc, char **argv)
{
        char *arguments[] = { argv[0], NULL };
        struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
        pthread_t control;

        if (argc != 4) {
                fprintf(stderr, "fault_fs BACKING MOUNTPOINT CONTROL\n");
                return 64;
        }
        backing = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int listener = listen_at(argv[3]);
        struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, NULL);
        if (backing < 0 || listener < 0 || !fuse || fuse_mount(fuse, argv[2]) < 0) {
                perror(argv[0]);
                return 1;
        }
        umask(0);
        pthread_create(&control, NULL, serve, &listener);
        struct fuse_loop_config *config = fuse_loop_cfg_create();
        fuse_loop_cfg_set_max_threads(config, THREADS);
        int r = fuse_loop_mt(fuse, config);
        fuse_loop_cfg_destroy(config);
        unlink(argv[3]);
        return r != 0;
}
