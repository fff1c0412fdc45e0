/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "power_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "os/file_ops.h"

#define SECTOR 512
#define NODES_MAX 4096
#define NAME_ROOM 256

enum op_kind { OP_NAME, OP_UNLINK, OP_RENAME, OP_WRITE, OP_LENGTH, OP_SYNC, OP_SYNC_ALL, OP_OTHER };

struct op {
        enum op_kind kind;
        unsigned node;          /* written, cut, synced or named; of OP_UNLINK nothing */
        unsigned dir, from_dir; /* where the name is */
        char *name, *from;      /* owned */
        uint64_t at, n;
        uint8_t *data;   /* owned */
        unsigned covers; /* of syncs: what came before this operation */
        char text[NAME_ROOM + 64];
};

/* A file or a directory that has been there. */
struct node {
        dev_t dev;
        ino_t ino;
        bool gone; /* its number may be another's now */
        bool directory;
        char name[NAME_ROOM];
        uint8_t *base; /* content when it all began */
        uint64_t base_n;
};

/* A name that was there when it all began. */
struct base_name {
        unsigned dir, node;
        char *name;
};

static pthread_mutex_t disk_lock = PTHREAD_MUTEX_INITIALIZER;

static struct power_disk {
        struct power_disk *outer;
        struct op *ops;
        unsigned n, room;
        struct node *nodes;
        unsigned nodes_n;
        struct base_name *names;
        unsigned names_n, names_room;
        bool failing, fail_all;
        unsigned fail_at;
        enum power_disk_fault fault;
        bool full; /* behind a short write */
} * disk;          /* the innermost one */

static void disk_abort(const char *what, const char *path)
{
        fprintf(stderr, "power_disk: %s %s: %s\n", what, path, strerror(errno));
        abort();
}

/* --- who is who --- */

#define NO_NODE UINT32_MAX

static unsigned node_of(const struct stat *st)
{
        for (unsigned i = disk->nodes_n; i-- > 0;) {
                if (!disk->nodes[i].gone && disk->nodes[i].ino == st->st_ino &&
                        disk->nodes[i].dev == st->st_dev)
                        return i;
        }
        return NO_NODE;
}

static unsigned node_of_fd(int fd)
{
        struct stat st;

        return fstat(fd, &st) < 0 ? NO_NODE : node_of(&st);
}

static unsigned node_add(const struct stat *st, const char *name)
{
        unsigned known = node_of(st);

        if (known != NO_NODE)
                disk->nodes[known].gone = true; /* its number was given again */
        if (disk->nodes_n == NODES_MAX)
                abort();
        struct node *node = &disk->nodes[disk->nodes_n];
        *node = (struct node){
                .dev = st->st_dev, .ino = st->st_ino, .directory = S_ISDIR(st->st_mode)
        };
        snprintf(node->name, sizeof node->name, "%s", name);
        return disk->nodes_n++;
}

static const char *last_part(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* The directory that a name given to an -at call lies in. */
static unsigned dir_of(int dir_fd, const char *path)
{
        const char *slash = strrchr(path, '/');
        struct stat st;
        char dir[4400];

        if (!slash)
                return dir_fd == AT_FDCWD ? NO_NODE : node_of_fd(dir_fd);
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
        return fstatat(dir_fd, dir, &st, 0) < 0 ? NO_NODE : node_of(&st);
}

/* --- noting down --- */

static struct op *op_add(enum op_kind kind, unsigned node, const char *what)
{
        if (disk->n == disk->room) {
                disk->room = disk->room ? 2 * disk->room : 1024;
                disk->ops = xrealloc(disk->ops, disk->room, sizeof *disk->ops);
        }
        struct op *op = &disk->ops[disk->n++];
        *op = (struct op){ .kind = kind, .node = node, .dir = NO_NODE, .from_dir = NO_NODE };
        snprintf(op->text, sizeof op->text, "%s %s", what,
                node != NO_NODE ? disk->nodes[node].name : "?");
        return op;
}

/* Whether this operation is the one to fail; *ret_short: it is to be cut short instead. */
static bool op_fails(bool *ret_short)
{
        static const int errors[] = { EIO, ENOSPC, EROFS, ENOSPC };

        if (disk->fail_all) {
                errno = EIO;
                return true;
        }
        if (!disk->failing || disk->n != disk->fail_at)
                return false;
        disk->failing = false;
        if (disk->fault == POWER_DISK_SHORT && ret_short) {
                *ret_short = true;
                return false;
        }
        errno = errors[disk->fault];
        return true;
}

static int failed(const char *what)
{
        int saved = errno;

        snprintf(op_add(OP_OTHER, NO_NODE, what)->text, 40, "%s (failed)", what);
        pthread_mutex_unlock(&disk_lock);
        errno = saved;
        return -1;
}

static int note_name(int fd, int r, unsigned dir, const char *name, const char *what)
{
        struct stat st;
        int saved = errno;

        if (r < 0 || dir == NO_NODE || fstat(fd, &st) < 0) {
                op_add(OP_OTHER, NO_NODE, what);
        } else {
                struct op *op = op_add(OP_NAME, node_add(&st, name), what);
                op->dir = dir;
                op->name = xstrdup(name);
        }
        pthread_mutex_unlock(&disk_lock);
        errno = saved;
        return r;
}

static int disk_create(int dir_fd, const char *name, int flags, mode_t mode)
{
        pthread_mutex_lock(&disk_lock);
        if (op_fails(NULL))
                return failed("create");
        bool there = faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        int fd = file_ops_kernel.create(dir_fd, name, flags, mode);
        if (there) { /* nothing is made */
                int saved = errno;
                op_add(OP_OTHER, NO_NODE, "open");
                pthread_mutex_unlock(&disk_lock);
                errno = saved;
                return fd;
        }
        return note_name(fd, fd, dir_of(dir_fd, name), last_part(name), "create");
}

static int disk_create_unique(char *path)
{
        pthread_mutex_lock(&disk_lock);
        if (op_fails(NULL))
                return failed("create");
        int fd = file_ops_kernel.create_unique(path);
        return note_name(fd, fd, dir_of(AT_FDCWD, path), last_part(path), "create");
}

static int disk_mkdir(const char *path, mode_t mode)
{
        pthread_mutex_lock(&disk_lock);
        if (access(path, F_OK) == 0) { /* no operation on a disk */
                pthread_mutex_unlock(&disk_lock);
                errno = EEXIST;
                return -1;
        }
        if (op_fails(NULL))
                return failed("mkdir");
        int r = file_ops_kernel.mkdir(path, mode);
        CLEANUP(own_closep) int fd = r < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return note_name(fd, r, dir_of(AT_FDCWD, path), last_part(path), "mkdir");
}

static int disk_rename(const char *from, const char *to)
{
        struct stat st;

        pthread_mutex_lock(&disk_lock);
        if (op_fails(NULL))
                return failed("rename");
        unsigned node = lstat(from, &st) < 0 ? NO_NODE : node_of(&st);
        int r = file_ops_kernel.rename(from, to);
        struct op *op = op_add(r < 0 || node == NO_NODE ? OP_OTHER : OP_RENAME, node, "rename");
        op->dir = dir_of(AT_FDCWD, to);
        op->from_dir = dir_of(AT_FDCWD, from);
        op->name = xstrdup(last_part(to));
        op->from = xstrdup(last_part(from));
        pthread_mutex_unlock(&disk_lock);
        return r;
}

static int disk_unlinkat(int dir_fd, const char *name, int flags)
{
        struct stat st;

        pthread_mutex_lock(&disk_lock);
        if (op_fails(NULL))
                return failed("unlink");
        unsigned node =
                fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? NO_NODE : node_of(&st);
        unsigned dir = dir_of(dir_fd, name);
        int r = file_ops_kernel.unlinkat(dir_fd, name, flags);
        struct op *op = op_add(r < 0 || node == NO_NODE ? OP_OTHER : OP_UNLINK, node, "unlink");
        op->dir = dir;
        op->name = xstrdup(last_part(name));
        pthread_mutex_unlock(&disk_lock);
        return r;
}

static ssize_t disk_pwritev(int fd, const struct iovec *iov, int iov_n, off_t offset)
{
        CLEANUP(own_freep) struct iovec *part = xcalloc((size_t)iov_n, sizeof *part);
        size_t n = 0;
        bool cut = false;

        pthread_mutex_lock(&disk_lock);
        if (disk->full) {
                disk->full = false;
                errno = ENOSPC;
                return failed("pwritev");
        }
        if (op_fails(&cut))
                return failed("pwritev");
        memcpy(part, iov, (size_t)iov_n * sizeof *part);
        if (cut) { /* the first part, or a whole number of blocks of it */
                disk->full = true;
                iov_n = 1;
                part->iov_len =
                        part->iov_len >= 8192 ? part->iov_len / 2 / 4096 * 4096 : part->iov_len;
        }
        ssize_t r = file_ops_kernel.pwritev(fd, part, iov_n, offset);
        int saved = errno;
        struct op *op = op_add(r > 0 ? OP_WRITE : OP_OTHER, node_of_fd(fd), "pwritev");
        if (op->node == NO_NODE)
                op->kind = OP_OTHER;
        if (op->kind == OP_WRITE) {
                op->at = (uint64_t)offset;
                op->n = (uint64_t)r;
                op->data = xcalloc(op->n, 1);
                for (int i = 0; i < iov_n && n < op->n; i++) {
                        size_t take = part[i].iov_len < op->n - n ? part[i].iov_len : op->n - n;
                        memcpy(op->data + n, part[i].iov_base, take);
                        n += take;
                }
                size_t used = strlen(op->text);
                snprintf(op->text + used, sizeof op->text - used, " %llu+%llu",
                        (unsigned long long)op->at, (unsigned long long)op->n);
        }
        pthread_mutex_unlock(&disk_lock);
        errno = saved;
        return r;
}

static int disk_fallocate(int fd, int mode, off_t offset, off_t bytes)
{
        pthread_mutex_lock(&disk_lock);
        if (op_fails(NULL))
                return failed("fallocate");
        int r = file_ops_kernel.fallocate(fd, mode, offset, bytes);
        int saved = errno;
        /* With the size kept nothing changes that can be read. */
        op_add(OP_OTHER, node_of_fd(fd), "fallocate");
        pthread_mutex_unlock(&disk_lock);
        errno = saved;
        return r;
}

static int disk_ftruncate(int fd, off_t bytes)
{
        pthread_mutex_lock(&disk_lock);
        if (op_fails(NULL))
                return failed("ftruncate");
        int r = file_ops_kernel.ftruncate(fd, bytes);
        int saved = errno;
        struct op *op = op_add(OP_LENGTH, node_of_fd(fd), "ftruncate");
        if (r < 0 || op->node == NO_NODE)
                op->kind = OP_OTHER;
        op->at = (uint64_t)bytes;
        pthread_mutex_unlock(&disk_lock);
        errno = saved;
        return r;
}

/* The disk is a simulated one: what is under it need not be synced. */
static int note_sync(int fd, enum op_kind kind, const char *what)
{
        pthread_mutex_lock(&disk_lock);
        if (op_fails(NULL))
                return failed(what);
        unsigned before = disk->n;
        struct op *op = op_add(kind, kind == OP_SYNC ? node_of_fd(fd) : NO_NODE, what);
        if (kind == OP_SYNC && op->node == NO_NODE)
                op->kind = OP_OTHER;
        op->covers = before;
        pthread_mutex_unlock(&disk_lock);
        return 0;
}

static int disk_fsync(int fd)
{
        return note_sync(fd, OP_SYNC, "fsync");
}

static int disk_fdatasync(int fd)
{
        return note_sync(fd, OP_SYNC, "fdatasync");
}

static int disk_syncfs(int fd)
{
        return note_sync(fd, OP_SYNC_ALL, "syncfs");
}

static const struct file_ops disk_ops = { .create = disk_create,
        .create_unique = disk_create_unique,
        .mkdir = disk_mkdir,
        .rename = disk_rename,
        .unlinkat = disk_unlinkat,
        .pwritev = disk_pwritev,
        .fallocate = disk_fallocate,
        .ftruncate = disk_ftruncate,
        .fsync = disk_fsync,
        .fdatasync = disk_fdatasync,
        .syncfs = disk_syncfs };

/* --- beginning and end --- */

static void read_base(struct node *node, const char *path)
{
        CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                disk_abort("open", path);
        node->base_n = (uint64_t)st.st_size;
        node->base = xcalloc(node->base_n, 1);
        if (node->base_n && pread(fd, node->base, node->base_n, 0) != (ssize_t)node->base_n)
                disk_abort("read", path);
}

static int on_base(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        unsigned dir = ftw->level ? dir_of(AT_FDCWD, path) : NO_NODE;
        unsigned node = node_add(st, last_part(path));

        (void)type;
        if (S_ISREG(st->st_mode))
                read_base(&disk->nodes[node], path);
        if (dir == NO_NODE)
                return 0;
        if (disk->names_n == disk->names_room) {
                disk->names_room = disk->names_room ? 2 * disk->names_room : 64;
                disk->names = xrealloc(disk->names, disk->names_room, sizeof *disk->names);
        }
        disk->names[disk->names_n++] = (struct base_name){ dir, node, xstrdup(last_part(path)) };
        return 0;
}

void power_disk_start(const char *root)
{
        struct power_disk *inner = xcalloc(1, sizeof *inner);

        inner->outer = disk;
        disk = inner;
        disk->nodes = xcalloc(NODES_MAX, sizeof *disk->nodes);
        if (nftw(root, on_base, 16, FTW_PHYS) != 0)
                disk_abort("walk", root);
        file_ops = &disk_ops;
}

void power_disk_stop(void)
{
        struct power_disk *outer = disk->outer;

        for (unsigned i = 0; i < disk->n; i++) {
                free(disk->ops[i].name);
                free(disk->ops[i].from);
                free(disk->ops[i].data);
        }
        for (unsigned i = 0; i < disk->nodes_n; i++)
                free(disk->nodes[i].base);
        for (unsigned i = 0; i < disk->names_n; i++)
                free(disk->names[i].name);
        free(disk->ops);
        free(disk->nodes);
        free(disk->names);
        free(disk);
        disk = outer;
        if (!disk)
                file_ops = &file_ops_kernel;
}

unsigned power_disk_count(void)
{
        pthread_mutex_lock(&disk_lock);
        unsigned n = disk->n;
        pthread_mutex_unlock(&disk_lock);
        return n;
}

const char *power_disk_describe(unsigned k)
{
        return k < disk->n ? disk->ops[k].text : "the end";
}

void power_disk_fail(unsigned k, enum power_disk_fault fault)
{
        disk->failing = true;
        disk->fail_at = k;
        disk->fault = fault;
}

void power_disk_fail_all(bool on)
{
        pthread_mutex_lock(&disk_lock);
        disk->fail_all = on;
        pthread_mutex_unlock(&disk_lock);
}

static int on_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

void power_disk_remove(const char *path)
{
        nftw(path, on_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- a cut --- */

/* A node as it is found. */
struct found {
        uint8_t *data; /* what lies behind n was cut off or never reached it */
        uint64_t n, room;
};

struct found_name {
        unsigned dir, node;
        const char *name;
};

/* One thing that happens or does not. */
struct atom {
        const struct op *op;
        uint64_t at, n; /* of a write: these bytes of the file; n 0: the length alone */
};

struct cut {
        struct found *nodes;
        struct found_name *names;
        unsigned names_n, names_room;
        struct atom *atoms;
        size_t atoms_n, atoms_room;
        uint64_t random;
};

static uint32_t cut_random(struct cut *c, uint32_t below)
{
        uint64_t x = c->random += 0x9e3779b97f4a7c15u; /* splitmix64 */

        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        return (uint32_t)(((x ^ x >> 31) >> 32) % below);
}

static void found_room(struct found *f, uint64_t n)
{
        if (n <= f->room)
                return;
        uint64_t room = (n + 65535) / 65536 * 65536;
        f->data = xrealloc(f->data, room, 1);
        memset(f->data + f->room, 0, room - f->room);
        f->room = room;
}

static void found_length(struct found *f, uint64_t n)
{
        found_room(f, n);
        if (n < f->n) /* so there is room */
                memset(f->data + n, 0, f->room - n);
        f->n = n;
}

static void name_remove(struct cut *c, unsigned dir, const char *name, unsigned node)
{
        for (unsigned i = 0; i < c->names_n; i++) {
                struct found_name *f = &c->names[i];
                if (f->dir == dir && strcmp(f->name, name) == 0 &&
                        (node == NO_NODE || f->node == node)) {
                        *f = c->names[--c->names_n];
                        return;
                }
        }
}

static void name_set(struct cut *c, unsigned dir, const char *name, unsigned node)
{
        name_remove(c, dir, name, NO_NODE);
        if (c->names_n == c->names_room) {
                c->names_room = c->names_room ? 2 * c->names_room : 256;
                c->names = xrealloc(c->names, c->names_room, sizeof *c->names);
        }
        c->names[c->names_n++] = (struct found_name){ dir, node, name };
}

static void atom_apply(struct cut *c, const struct atom *a)
{
        const struct op *op = a->op;
        struct found *f = op->node == NO_NODE ? NULL : &c->nodes[op->node];

        switch (op->kind) {
        case OP_NAME:
                name_set(c, op->dir, op->name, op->node);
                break;
        case OP_UNLINK:
                name_remove(c, op->dir, op->name, op->node);
                break;
        case OP_RENAME:
                name_remove(c, op->from_dir, op->from, op->node);
                name_set(c, op->dir, op->name, op->node);
                break;
        case OP_WRITE:
                if (a->n) {
                        found_room(f, a->at + a->n);
                        memcpy(f->data + a->at, op->data + (a->at - op->at), a->n);
                } else if (f->n < op->at + op->n) {
                        found_room(f, op->at + op->n);
                        f->n = op->at + op->n;
                }
                break;
        case OP_LENGTH:
                found_length(f, op->at);
                break;
        default:
                break;
        }
}

static void atom_add(struct cut *c, struct atom a)
{
        if (c->atoms_n == c->atoms_room) {
                c->atoms_room = c->atoms_room ? 2 * c->atoms_room : 1024;
                c->atoms = xrealloc(c->atoms, c->atoms_room, sizeof *c->atoms);
        }
        c->atoms[c->atoms_n++] = a;
}

/* Each sector of a write by itself, and the length that it gives the file. */
static void atoms_of(struct cut *c, const struct op *op)
{
        if (op->kind == OP_SYNC || op->kind == OP_SYNC_ALL || op->kind == OP_OTHER)
                return;
        atom_add(c, (struct atom){ .op = op });
        if (op->kind != OP_WRITE)
                return;
        for (uint64_t at = op->at; at < op->at + op->n;) {
                uint64_t end = at / SECTOR * SECTOR + SECTOR;
                if (end > op->at + op->n)
                        end = op->at + op->n;
                atom_add(c, (struct atom){ op, at, end - at });
                at = end;
        }
}

/* Whether operation i was made durable by a sync before k. */
static bool is_durable(unsigned i, unsigned k)
{
        const struct op *op = &disk->ops[i];
        bool names = op->kind == OP_NAME || op->kind == OP_UNLINK || op->kind == OP_RENAME;

        for (unsigned j = i + 1; j < k; j++) {
                const struct op *sync = &disk->ops[j];
                if (i >= sync->covers)
                        continue;
                if (sync->kind == OP_SYNC_ALL)
                        return true;
                if (sync->kind == OP_SYNC && sync->node == (names ? op->dir : op->node))
                        return true;
        }
        return false;
}

static void cut_base(struct cut *c)
{
        for (unsigned i = 0; i < disk->nodes_n; i++) {
                const struct node *node = &disk->nodes[i];
                if (!node->base)
                        continue;
                found_length(&c->nodes[i], node->base_n);
                if (node->base_n)
                        memcpy(c->nodes[i].data, node->base, node->base_n);
        }
        for (unsigned i = 0; i < disk->names_n; i++)
                name_set(c, disk->names[i].dir, disk->names[i].name, disk->names[i].node);
}

static void cut_apply(struct cut *c, unsigned k)
{
        for (unsigned i = 0; i < disk->n && i <= k; i++) {
                size_t before = c->atoms_n;
                atoms_of(c, &disk->ops[i]);
                if (i == k || !is_durable(i, k))
                        continue;
                for (size_t a = before; a < c->atoms_n; a++)
                        atom_apply(c, &c->atoms[a]);
                c->atoms_n = before;
        }
        /* Nothing, a little, half, nearly all, or all of it. */
        static const uint32_t shares[] = { 0, 10, 50, 90, 97, 100 };
        uint32_t share = shares[cut_random(c, sizeof shares / sizeof *shares)];
        /* Sector by sector, or whole operations. */
        bool whole = cut_random(c, 2) == 1;
        uint64_t draw = c->random;
        for (size_t i = c->atoms_n; i > 1; i--) {
                size_t other = cut_random(c, (uint32_t)i);
                struct atom swap = c->atoms[i - 1];
                c->atoms[i - 1] = c->atoms[other];
                c->atoms[other] = swap;
        }
        for (size_t i = 0; i < c->atoms_n; i++) {
                struct cut of_op = { .random = draw ^ (uint64_t)(c->atoms[i].op - disk->ops) };
                if (cut_random(whole ? &of_op : c, 100) < share)
                        atom_apply(c, &c->atoms[i]);
        }
}

static void write_file(const struct found *f, const char *path)
{
        CLEANUP(own_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0)
                disk_abort("create", path);
        for (uint64_t at = 0; at < f->n;) {
                ssize_t n = pwrite(fd, f->data + at, f->n - at, (off_t)at);
                if (n <= 0)
                        disk_abort("write", path);
                at += (uint64_t)n;
        }
}

static void write_dir(const struct cut *c, unsigned dir, const char *path)
{
        if (mkdir(path, 0700) < 0)
                disk_abort("mkdir", path);
        for (unsigned i = 0; i < c->names_n; i++) {
                const struct found_name *f = &c->names[i];
                if (f->dir != dir)
                        continue;
                CLEANUP(own_freep) char *below = xasprintf("%s/%s", path, f->name);
                if (disk->nodes[f->node].directory)
                        write_dir(c, f->node, below);
                else
                        write_file(&c->nodes[f->node], below);
        }
}

void power_disk_cut(unsigned k, uint64_t seed, const char *to)
{
        struct cut c = { .random = seed * 0x9e3779b97f4a7c15u + k };

        pthread_mutex_lock(&disk_lock);
        c.nodes = xcalloc(disk->nodes_n, sizeof *c.nodes);
        cut_base(&c);
        cut_apply(&c, k);
        write_dir(&c, 0, to);
        for (unsigned i = 0; i < disk->nodes_n; i++)
                free(c.nodes[i].data);
        free(c.nodes);
        free(c.names);
        free(c.atoms);
        pthread_mutex_unlock(&disk_lock);
}
