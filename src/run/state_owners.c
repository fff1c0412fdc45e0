/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/state_owners.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/own.h"
#include "vault/volume.h"

#define STATE_OWNERS_DEPTH_MAX 8 /* footage lies four deep */
#define STATE_OWNERS_PATH_ROOM 600

struct state_owners {
        const char *state;
        const struct role_users *users;
        unsigned uid, gid; /* of the walk */
        dev_t device;
        unsigned was; /* the user that the state directory belonged to */
};

static int state_owners_failed(
        const struct state_owners *o, const char *what, const char *path, struct err *e)
{
        return err_os(e, errno == ELOOP || errno == EXDEV ? ERR_DENIED : ERR_IO, errno,
                "%s %.3000s/%.500s for the roles' own users", what, o->state, path);
}

/* Below the directory, by no link; negative with errno. */
static int state_owners_open(int at, const char *path, int flags)
{
        struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

        return (int)syscall(SYS_openat2, at, path, &how, sizeof how);
}

/* Of an O_PATH descriptor too. */
static int state_owners_chmod(int fd, unsigned mode)
{
        char path[40];

        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        return chmod(path, mode);
}

/* --- a tree --- */

static bool state_owners_has_row(const char *path)
{
        for (unsigned i = 0; i < role_places_n; i++) {
                if (strcmp(role_places[i].path, path) == 0)
                        return true;
        }
        return false;
}

static int state_owners_give_one(const struct state_owners *o, int fd, const struct stat *st,
        const char *path, struct err *e)
{
        if (st->st_uid == o->uid && st->st_gid == o->gid)
                return 0;
        if (!S_ISDIR(st->st_mode) && st->st_nlink != 1) {
                log_warn(NULL, "owner.not_given", "path=\"%.500s\" why=\"it has another name too\"",
                        path);
                return 0;
        }
        if (fchownat(fd, "", o->uid, o->gid, AT_EMPTY_PATH) < 0)
                return state_owners_failed(o, "give", path, e);
        return 0;
}

static int state_owners_walk(
        const struct state_owners *o, int dir_fd, const char *path, unsigned depth, struct err *e);

static int state_owners_entry(const struct state_owners *o, int dir_fd, const char *name,
        const char *path, unsigned depth, struct err *e)
{
        struct stat st;
        CLEANUP(own_closep) int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return errno == ENOENT ? 0 : state_owners_failed(o, "open", path, e);
        if (fstat(fd, &st) < 0)
                return state_owners_failed(o, "look at", path, e);
        if (st.st_dev != o->device || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
                return 0;
        if (S_ISDIR(st.st_mode)) {
                CLEANUP(own_closep)
                int below = state_owners_open(dir_fd, name, O_RDONLY | O_DIRECTORY);
                int r = below < 0 ? state_owners_failed(o, "open", path, e)
                                  : state_owners_walk(o, below, path, depth + 1, e);
                if (r < 0)
                        return r;
        }
        return state_owners_give_one(o, fd, &st, path, e);
}

/* What has a row of its own is left to that. */
static int state_owners_walk(
        const struct state_owners *o, int dir_fd, const char *path, unsigned depth, struct err *e)
{
        char below[STATE_OWNERS_PATH_ROOM];
        int r = 0;

        if (depth > STATE_OWNERS_DEPTH_MAX)
                return err_set(e, ERR_DENIED,
                        "%.3000s/%.500s: directories in it are deeper than any of ours", o->state,
                        path);
        int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        if (!dir) {
                own_closep(&fd);
                return state_owners_failed(o, "read", path, e);
        }
        for (const struct dirent *d; r == 0 && (d = readdir(dir));) {
                if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
                        continue;
                snprintf(below, sizeof below, "%.300s/%.255s", path, d->d_name);
                if (!state_owners_has_row(below))
                        r = state_owners_entry(o, dir_fd, d->d_name, below, depth, e);
        }
        closedir(dir);
        return r;
}

/* --- a row --- */

static int state_owners_make(
        const struct state_owners *o, int at, const struct role_place *p, struct err *e)
{
        if (p->is_dir) {
                if (mkdirat(at, p->path, 0700) < 0 && errno != EEXIST)
                        return state_owners_failed(o, "make", p->path, e);
                return 0;
        }
        CLEANUP(own_closep) int fd = state_owners_open(at, p->path, O_PATH);
        if (fd >= 0 || errno != ENOENT)
                return 0;
        struct open_how how = { .flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                .mode = 0600,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
        CLEANUP(own_closep) int made = (int)syscall(SYS_openat2, at, p->path, &how, sizeof how);
        return made < 0 ? state_owners_failed(o, "make", p->path, e) : 0;
}

/* The directory itself last: where that was cut, the next start goes through it again. */
static int state_owners_row(
        struct state_owners *o, int at, const struct role_place *p, struct err *e)
{
        const char *path = p->path[0] ? p->path : ".";
        struct stat st;

        o->uid = o->users->list[p->owner].uid;
        o->gid = o->users->list[p->group].gid;
        int r = p->make ? state_owners_make(o, at, p, e) : 0;
        if (r < 0)
                return r;
        CLEANUP(own_closep)
        int fd = state_owners_open(at, path, p->is_dir ? O_RDONLY | O_DIRECTORY : O_PATH);
        if (fd < 0) /* a vault may be led to by a link: then it is its administrator's to give */
                return errno == ENOENT || (errno == ELOOP && p->large)
                               ? 0
                               : state_owners_failed(o, "open", path, e);
        if (fstat(fd, &st) < 0)
                return state_owners_failed(o, "look at", path, e);
        if (!p->is_dir && !S_ISREG(st.st_mode) && !S_ISSOCK(st.st_mode))
                return err_set(e, ERR_DENIED, "%.3000s/%.500s is neither a file nor a socket",
                        o->state, path);
        bool given = st.st_uid == o->uid && st.st_gid == o->gid;
        if (p->whole && (!given || !p->large))
                r = state_owners_walk(o, fd, p->path, 0, e);
        if (r == 0)
                r = state_owners_give_one(o, fd, &st, path, e);
        if (r == 0 && (st.st_mode & 07777) != p->mode && state_owners_chmod(fd, p->mode) < 0)
                r = state_owners_failed(o, "set the mode of", path, e);
        return r;
}

/* --- volumes elsewhere --- */

/* A volume that its owner made as one: nothing that a role could have named in the list. */
static bool state_owners_is_volume(const struct state_owners *o, int fd, const struct stat *st)
{
        struct stat file;

        return (st->st_uid == 0 || st->st_uid == o->was) &&
               fstatat(fd, VOLUME_FILE, &file, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(file.st_mode) &&
               file.st_uid == st->st_uid && file.st_nlink == 1;
}

static int state_owners_volume(struct state_owners *o, const char *path, struct err *e)
{
        struct stat st;
        CLEANUP(own_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid == o->uid ||
                !state_owners_is_volume(o, fd, &st))
                return 0; /* its process says what is wrong with it */
        o->device = st.st_dev;
        int r = state_owners_walk(o, fd, path, 0, e);
        return r < 0 ? r : state_owners_give_one(o, fd, &st, path, e);
}

static int state_owners_volumes(struct state_owners *o, struct err *e)
{
        CLEANUP(own_freep) struct volume_list *list = xcalloc(1, sizeof *list);
        int r = 0;

        if (volume_list_read(o->state, list, NULL) < 0)
                return 0; /* the recorder says so */
        o->uid = o->users->list[ROLE_USER_VOLUME].uid;
        o->gid = o->users->list[ROLE_USER_VOLUME].gid;
        for (unsigned i = 0; r == 0 && i < list->n; i++)
                r = state_owners_volume(o, list->entries[i].path, e);
        return r;
}

/* --- all --- */

int state_owners_check(const char *state, struct err *e)
{
        struct stat st;
        CLEANUP(own_closep) int at = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (at < 0)
                return err_os(e, ERR_IO, errno, "open %s", state);
        for (unsigned i = 0; i < role_places_n; i++) {
                const struct role_place *p = &role_places[i];
                if (p->is_dir && p->path[0] && !p->large &&
                        fstatat(at, p->path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
                        return err_set(e, ERR_DENIED,
                                "%.3000s/%s is no directory of its own (a link?): it will not be "
                                "followed by root",
                                state, p->path);
        }
        return 0;
}

static int state_owners_vault(const struct state_owners *o, int at, struct err *e)
{
        CLEANUP(own_closep) int list = state_owners_open(at, "storage/volumes.json", O_PATH);

        if (list >= 0)
                return 0; /* it is where that says */
        /* The volume's process may make nothing beside the other roles' directories. */
        if (mkdirat(at, "vault", 0700) < 0 && errno != EEXIST)
                return state_owners_failed(o, "make", "vault", e);
        return 0;
}

int state_owners_give(const char *state, const struct role_users *users, struct err *e)
{
        struct state_owners o = { .state = state, .users = users };
        struct stat st;
        CLEANUP(own_closep) int at = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (at < 0 || fstat(at, &st) < 0)
                return err_os(e, ERR_IO, errno, "open %s", state);
        o.was = st.st_uid;
        int r = state_owners_vault(&o, at, e);
        for (unsigned i = 0; r == 0 && i < role_places_n; i++) {
                o.device = st.st_dev;
                r = state_owners_row(&o, at, &role_places[i], e);
        }
        return r < 0 ? r : state_owners_volumes(&o, e);
}

int state_owners_take_back(const char *state, struct err *e)
{
        static const struct role_users root = { 0 };
        struct stat st;

        if (stat(state, &st) < 0)
                return err_os(e, ERR_IO, errno, "look at %s", state);
        /* The mode that state_owners_give sets, and nobody else. */
        if (st.st_uid != 0 || !(st.st_mode & S_ISVTX))
                return 0;
        int r = state_owners_give(state, &root, e);
        if (r == 0 && chmod(state, 0700) < 0)
                r = err_os(e, ERR_IO, errno, "set the mode of %s", state);
        return r;
}
