/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What lies in the state directory: who may read what, and whether the logs are whole. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/doctor_parts.h"
#include "os/file.h"
#include "trust/audit_line.h"
#include "trust/role_users.h"

#define DOCTOR_FILES_PATH_ROOM (DOCTOR_PATH_MAX + 300)
#define DOCTOR_FILES_LOOK "Run custos doctor as the user that Custos runs as, or as root."

static void doctor_files_path(
        char to[static DOCTOR_FILES_PATH_ROOM], const char *dir, const char *name)
{
        snprintf(to, DOCTOR_FILES_PATH_ROOM, "%.4096s/%.255s", dir, name);
}

static bool doctor_files_is_key(const char *name)
{
        size_t n = strlen(name);

        return (n > 4 && strcmp(name + n - 4, ".key") == 0) ||
               (n > 8 && strcmp(name + n - 8, ".key.new") == 0);
}

static void doctor_files_unseen(struct doctor_finding *f, const char *path)
{
        doctor_say(f, DOCTOR_UNKNOWN, DOCTOR_FILES_LOOK, "%.400s: %s", path, strerror(errno));
}

/* The place that a path of the state directory has among the roles' own; NULL: none. *ret_itself:
 * it has a row, it does not only lie in one's directory. */
static const struct role_place *doctor_files_place(
        const struct doctor *d, const char *path, bool *ret_itself)
{
        const struct role_place *found = NULL;
        const char *below = path + strlen(d->state);
        const char *slash;

        below += *below == '/';
        slash = strrchr(below, '/');
        *ret_itself = false;
        for (unsigned i = 0; i < role_places_n; i++) {
                const struct role_place *p = &role_places[i];
                size_t n = strlen(p->path);
                if (strcmp(p->path, below) == 0) {
                        *ret_itself = true;
                        return p;
                }
                if (p->whole && slash && (size_t)(slash - below) == n &&
                        strncmp(p->path, below, n) == 0)
                        found = p;
        }
        return found;
}

/* Where root gave the state directory to the roles' own users. *ret_mode: its mode is the one that
 * it is to have. */
static bool doctor_files_is_given(
        const struct doctor *d, const char *path, const struct stat *s, bool *ret_mode)
{
        bool itself;
        const struct role_place *p = doctor_files_place(d, path, &itself);
        struct role_users users;
        struct stat state;

        *ret_mode = false;
        if (!p || stat(d->state, &state) < 0 || state.st_uid != 0 ||
                role_users_find(&users, NULL) < 0 || s->st_uid != users.list[p->owner].uid ||
                s->st_gid != users.list[p->group].gid)
                return false;
        *ret_mode = itself && (s->st_mode & 07777) == p->mode;
        return true;
}

/* Of the state directory's owner, or root's: whom else would its files be safe from? */
static void doctor_files_owner(
        const struct doctor *d, struct doctor_finding *f, const char *path, const struct stat *s)
{
        char remedy[DOCTOR_REMEDY_ROOM];
        struct stat state;

        if (stat(d->state, &state) < 0)
                doctor_files_unseen(f, d->state);
        else if (s->st_uid != state.st_uid && s->st_uid != 0) {
                snprintf(remedy, sizeof remedy, "chown %u %.200s", state.st_uid, path);
                doctor_say(f, DOCTOR_FAIL, remedy,
                        "%.400s belongs to user %u, not to the state directory's owner %u", path,
                        s->st_uid, state.st_uid);
        }
}

/* A key is for its owner alone; nothing else may be written by others. */
static void doctor_files_mode(
        const struct doctor *d, struct doctor_finding *f, const char *path, bool secret)
{
        char remedy[DOCTOR_REMEDY_ROOM];
        bool as_given;
        struct stat s;

        if (lstat(path, &s) < 0) {
                doctor_files_unseen(f, path);
                return;
        }
        if (!doctor_files_is_given(d, path, &s, &as_given))
                doctor_files_owner(d, f, path, &s);
        if (secret && !S_ISREG(s.st_mode))
                doctor_say(f, DOCTOR_FAIL, "Put the key itself there, not a link to it.",
                        "%.400s is no regular file", path);
        else if (!as_given && !S_ISLNK(s.st_mode) && s.st_mode & (secret ? 077u : 022u)) {
                snprintf(remedy, sizeof remedy, "chmod %s %.200s", secret ? "600" : "go-w", path);
                doctor_say(f, DOCTOR_FAIL, remedy, "%.400s has mode %04o: others may %s it", path,
                        s.st_mode & 07777u, secret ? "read or change" : "change");
        }
}

/* All of a directory but directories in it; its keys are counted. */
static unsigned doctor_files_tree(
        const struct doctor *d, struct doctor_finding *f, const char *dir_path)
{
        char path[DOCTOR_FILES_PATH_ROOM];
        struct dirent *entry;
        unsigned keys = 0;

        doctor_files_mode(d, f, dir_path, false);
        DIR *dir = opendir(dir_path);
        if (!dir) {
                doctor_files_unseen(f, dir_path);
                return 0;
        }
        while ((entry = readdir(dir))) {
                if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
                        continue;
                doctor_files_path(path, dir_path, entry->d_name);
                bool key = doctor_files_is_key(entry->d_name);
                doctor_files_mode(d, f, path, key);
                keys += key;
        }
        closedir(dir);
        return keys;
}

void doctor_files_state(const struct doctor *d, struct doctor_finding *f)
{
        char path[DOCTOR_FILES_PATH_ROOM];
        struct stat s;

        doctor_files_mode(d, f, d->state, false);
        doctor_files_path(path, d->state, "control.sock");
        if (lstat(path, &s) == 0 && s.st_mode & 077u)
                doctor_say(f, DOCTOR_FAIL, "chmod 600 control.sock in the state directory",
                        "%.400s has mode %04o: others may command this site", path,
                        s.st_mode & 07777u);
        doctor_pass(f, "nobody else may write there, or reach the control socket");
}

void doctor_files_site_ca(const struct doctor *d, struct doctor_finding *f)
{
        char path[DOCTOR_FILES_PATH_ROOM];

        doctor_files_path(path, d->state, "site");
        if (access(path, F_OK) < 0 && errno == ENOENT) {
                doctor_pass(f, "none on this host");
                return;
        }
        unsigned keys = doctor_files_tree(d, f, path);
        doctor_pass(f, "%u keys, for their owner alone", keys);
}

/* Each node of this host has a directory of its own. */
void doctor_files_node_keys(const struct doctor *d, struct doctor_finding *f)
{
        char node[DOCTOR_FILES_PATH_ROOM], path[DOCTOR_FILES_PATH_ROOM];
        struct dirent *entry;
        unsigned keys = 0, nodes = 0;

        doctor_files_path(node, d->state, "node");
        DIR *dir = opendir(node);
        if (!dir) {
                doctor_files_unseen(f, node);
                return;
        }
        while ((entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                doctor_files_path(path, node, entry->d_name);
                keys += doctor_files_tree(d, f, path);
                nodes++;
        }
        closedir(dir);
        doctor_pass(f, "%u nodes, %u keys, for their owner alone", nodes, keys);
}

static void doctor_files_key(const struct doctor *d, struct doctor_finding *f, const char *name)
{
        char path[DOCTOR_FILES_PATH_ROOM];

        doctor_files_path(path, d->state, name);
        if (access(path, F_OK) < 0 && errno == ENOENT) {
                doctor_pass(f, "none on this host");
                return;
        }
        doctor_files_mode(d, f, path, true);
        doctor_pass(f, "%s is for its owner alone", name);
}

void doctor_files_seal_key(const struct doctor *d, struct doctor_finding *f)
{
        doctor_files_key(d, f, "recorder/seal.key");
}

void doctor_files_wrap_key(const struct doctor *d, struct doctor_finding *f)
{
        doctor_files_key(d, f, "recorder/wrap.key");
}

void doctor_files_grant_key(const struct doctor *d, struct doctor_finding *f)
{
        doctor_files_key(d, f, "manager/grant.key");
}

void doctor_files_recovery_kit(const struct doctor *d, struct doctor_finding *f)
{
        char path[DOCTOR_FILES_PATH_ROOM];

        doctor_files_path(path, d->state, "recovery-kit.txt");
        if (file_exists(path))
                doctor_say(f, DOCTOR_FAIL,
                        "Print it or move it to another place, and remove it here.",
                        "%.400s lies beside the footage that it opens", path);
        doctor_pass(f, "not in the state directory");
}

/* No fault: without it nobody could look at the footage here. A thief of the machine can. */
void doctor_files_footage_key(const struct doctor *d, struct doctor_finding *f)
{
        char path[DOCTOR_FILES_PATH_ROOM];

        doctor_files_path(path, d->state, "recorder/wrap.key");
        if (file_exists(path))
                doctor_say(f, DOCTOR_NOTE, "",
                        "footage is encrypted; key on this machine (recorder/wrap.key)");
        doctor_pass(f, "footage is encrypted, and its key is not on this machine");
}

/* --- logs --- */

static void doctor_files_lines(struct doctor_finding *f, const char *name, struct bytes all)
{
        struct audit_line_chain chain = { 0 };
        size_t lines = 0;
        struct err why;

        while (all.n) {
                const uint8_t *end = memchr(all.p, '\n', all.n);
                size_t n = end ? (size_t)(end - all.p) : all.n;
                lines++;
                if (audit_line_parse(&chain, bytes_sub(all, 0, n), NULL, &why) < 0)
                        doctor_say(f, DOCTOR_FAIL, "custos audit verify [FILE] names every line.",
                                "%s, line %zu: %.300s", name, lines, why.text);
                all = bytes_sub(all, n + 1, all.n);
        }
        doctor_pass(f, "%s: %zu lines, each follows on the one before", name, lines);
}

static void doctor_files_log(const struct doctor *d, struct doctor_finding *f, const char *name)
{
        char path[DOCTOR_FILES_PATH_ROOM];
        struct file_map map = { 0 };
        struct err e;

        doctor_files_path(path, d->state, name);
        if (access(path, F_OK) < 0 && errno == ENOENT) {
                doctor_pass(f, "%s: none on this host", name);
                return;
        }
        doctor_files_mode(d, f, path, true);
        if (file_map_open(path, &map, &e) < 0) {
                doctor_say(f, DOCTOR_UNKNOWN, DOCTOR_FILES_LOOK, "%.400s", e.text);
                return;
        }
        doctor_files_lines(f, name, map.bytes);
        file_map_done(&map);
}

void doctor_files_audit(const struct doctor *d, struct doctor_finding *f)
{
        doctor_files_log(d, f, "audit.log");
}

void doctor_files_grants_log(const struct doctor *d, struct doctor_finding *f)
{
        doctor_files_log(d, f, "recorder/grants.log");
}
