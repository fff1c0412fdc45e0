/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_backup.h"
#include "cli/cli_wrap_key.h"
#include "db/db.h"
#include "os/clock.h"
#include "os/file.h"
#include "trust/audit_file.h"
#include "trust/backup_file.h"
#include "trust/site_ca.h"
#include "vault/volume.h"

#define CLI_RESTORE_MANIFEST_MAX 4096

static const struct cli_args_command cli_restore_command = {
        .name = "restore",
        .help = "custos restore FILE --recovery-kit FILE\n"
                "custos restore --here\n"
                "\n"
                "Makes the site again from a backup, into a state directory that is empty. The\n"
                "next custos run makes new keys for this machine's recorder and manager; the\n"
                "certificates of the old ones are revoked. Footage is not in a backup: put the\n"
                "vault into the state directory, or mount the volumes, before that start. What\n"
                "was recorded before is opened with the recovery kit (custos export\n"
                "--recovery-kit), or by custos keys rewrap with the new keys too.\n"
                "\n"
                "A recorder does not follow an older copy of its manager, or a second one.\n"
                "--here says that the state directory there is, brought back in another way (a\n"
                "disk image, a snapshot), is the one that counts from its next start on.\n"
                "\n"
                "  --recovery-kit FILE  the site's recovery kit; \"-\" is standard input\n"
                "  --here               see above; nothing is written but that mark\n" CLI_ARGS_HELP_STATE
                "  --json               {site, fingerprint, made, files}; or {error: {code,\n"
                "                       text, remedy}}\n"
                "\n"
                "Exit: 0 done, 1 not, 64 wrong use, or a file that is no backup.\n",
        .verbs_n = 1,
        .verbs = { { .operand = "FILE",
                .operand_optional = true, /* with --here */
                .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) | CLI_ARGS_BIT(KIT) |
                         CLI_ARGS_BIT(HERE) } },
};

struct cli_restore {
        const struct cli_args *args;
        bool writing; /* else it is only looked at */
        int fd;       /* of the entry */
        char *path;
        uint64_t at;
        unsigned files;
        bool in_manifest;
        struct buf manifest;
        char site[SITE_CA_NAME_MAX + 1], fingerprint[65], made[STR_TIME_ROOM];
};

/* --- where it goes --- */

static int cli_restore_check_empty(const char *state, struct err *e)
{
        struct dirent *entry;
        bool empty = true;
        DIR *d = opendir(state);

        if (!d && errno == ENOENT)
                return 0;
        if (!d)
                return err_os(e, ERR_IO, errno, "cannot read %s", state);
        while (empty && (entry = readdir(d)))
                empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        closedir(d);
        return empty ? 0
                     : err_set(e, ERR_STATE,
                               "%.400s is not empty: a restore never writes over anything. --state "
                               "names another directory",
                               state);
}

static int cli_restore_end_entry(struct cli_restore *r, struct err *e)
{
        int done = 0;

        if (r->fd >= 0) {
                done = file_sync_data(r->fd, r->path, e);
                close(r->fd);
        }
        r->fd = -1;
        own_freep(&r->path);
        r->in_manifest = false;
        return done;
}

static int cli_restore_begin_entry(
        struct cli_restore *r, const struct cli_backup_item *item, struct err *e)
{
        r->path = xasprintf("%s/%s", r->args->state, item->name);
        r->at = 0;
        char *slash = strrchr(r->path, '/');
        *slash = '\0';
        int done = file_make_dirs(r->path, 0700, e);
        *slash = '/';
        if (done < 0)
                return done;
        r->fd = open(r->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, item->mode);
        return r->fd < 0 ? err_os(e, ERR_IO, errno, "cannot make %s", r->path) : 0;
}

static int cli_restore_on_entry(void *owner, const char *name, uint64_t n, struct err *e)
{
        const struct cli_backup_item *item = NULL;
        struct cli_restore *r = owner;

        (void)n;
        int done = cli_restore_end_entry(r, e);
        for (unsigned i = 0; i < cli_backup_items_n; i++) {
                if (strcmp(cli_backup_items[i].name, name) == 0)
                        item = &cli_backup_items[i];
        }
        if (done == 0 && !item)
                done = err_set(
                        e, ERR_CORRUPT, "there is a %s in the backup, which belongs in none", name);
        if (done < 0)
                return done;
        r->files++;
        r->in_manifest = strcmp(name, CLI_BACKUP_MANIFEST) == 0;
        if (r->in_manifest && (r->files > 1 || r->writing))
                return r->writing ? 0
                                  : err_set(e, ERR_CORRUPT, "the manifest is not the first file");
        return r->writing ? cli_restore_begin_entry(r, item, e) : 0;
}

static int cli_restore_on_data(void *owner, struct bytes data, struct err *e)
{
        struct cli_restore *r = owner;

        if (r->in_manifest)
                return r->writing ? 0 : buf_append(&r->manifest, data, e);
        if (!r->writing)
                return 0;
        uint64_t at = r->at;
        r->at += data.n;
        return file_write_at(r->fd, r->path, data, at, e);
}

/* --- whose it is --- */

static int cli_restore_read_manifest(struct cli_restore *r, struct err *e)
{
        const char *site, *fingerprint, *made;
        int version;
        json_t *o = json_loadb(
                r->manifest.n ? (const char *)r->manifest.p : "", r->manifest.n, 0, NULL);

        bool bad = json_unpack(o, "{s:i, s:s, s:s, s:s !}", "version", &version, "site", &site,
                           "fingerprint", &fingerprint, "made", &made) != 0 ||
                   strlen(site) > SITE_CA_NAME_MAX || strlen(fingerprint) != 64 ||
                   strlen(made) >= STR_TIME_ROOM;
        if (!bad) {
                snprintf(r->site, sizeof r->site, "%s", site);
                snprintf(r->fingerprint, sizeof r->fingerprint, "%s", fingerprint);
                snprintf(r->made, sizeof r->made, "%s", made);
        }
        json_decref(o);
        return bad ? err_set(e, ERR_CORRUPT, "the backup does not say whose it is") : 0;
}

/* --- what it needs besides --- */

/* The vault is where the state directory is; which disk a volume is, it says itself. */
static int cli_restore_volumes(struct cli_restore *r, struct err *e)
{
        CLEANUP(own_freep) char *list = xasprintf("%s/storage/volumes.json", r->args->state);
        CLEANUP(own_freep) struct volume_list *volumes = xcalloc(1, sizeof *volumes);
        CLEANUP(own_freep) char *real = realpath(r->args->state, NULL);
        struct volume_identity found;

        if (!file_exists(list))
                return 0;
        int done = volume_list_read(r->args->state, volumes, e);
        for (unsigned i = 0; done == 0 && i < volumes->n; i++) {
                struct volume_entry *v = &volumes->entries[i];
                if (v->number == 0 && real) {
                        snprintf(v->path, sizeof v->path, "%.1000s/vault", real);
                        memset(v->id, 0, sizeof v->id); /* the one that comes by its name */
                        memset(v->session, 0, sizeof v->session);
                        memset(v->coming, 0, sizeof v->coming);
                } else if (volume_read(v->path, &found, NULL) == 0 &&
                           memcmp(found.id, v->id, sizeof v->id) == 0) {
                        memcpy(v->session, found.session, sizeof v->session);
                }
        }
        return done < 0 ? done : volume_list_write(r->args->state, volumes, e);
}

/* Who had the old machine's keys is not this site any more. */
static int cli_restore_revoke(struct cli_restore *r, struct err *e)
{
        static const char *const roles[] = { "manager", "recorder", "gateway" };
        CLEANUP(own_freep) char *dir = xasprintf("%s/site", r->args->state);
        CLEANUP(site_ca_freep) struct site_ca *ca = NULL;
        uint8_t fingerprint[32];
        char text[65];
        unsigned n;

        int done = site_ca_load(dir, &ca, e);
        if (done < 0)
                return done;
        site_ca_fingerprint(ca, fingerprint);
        if (strcmp(str_hex(text, BYTES(fingerprint, 32)), r->fingerprint) != 0)
                return err_set(e, ERR_CORRUPT, "the keys in the backup are another site's");
        for (unsigned i = 0; done == 0 && i < ARRAY_LEN(roles); i++)
                done = site_ca_revoke_node(ca, roles[i], "main", clock_wall_us(), &n, e);
        return done;
}

/* sql is about one table; 1 where it has a row. */
static int cli_restore_step(struct db *d, const char *sql, const char *table, struct err *e)
{
        CLEANUP(own_freep) char *text = xasprintf("%s%s", sql, table);
        struct db_query *q;

        int done = db_query(d, text, &q, e);
        if (done < 0)
                return done;
        done = db_step(q, e);
        db_reset(q);
        return done;
}

/* People come again with their passwords; who was signed in does not: a session that was ended
 * since the backup would be good again. Nor does an open setup code. */
static int cli_restore_sessions(struct cli_restore *r, struct err *e)
{
        static const char *const tables[] = { "session", "setup_code" };
        CLEANUP(own_freep) char *path = xasprintf("%s/site.sqlite", r->args->state);
        struct db *d = NULL;

        int done = db_open(path, DB_DURABLE, &d, e);
        for (unsigned i = 0; done >= 0 && i < ARRAY_LEN(tables); i++) {
                CLEANUP(own_freep) char *quoted = xasprintf("'%s'", tables[i]);
                done = cli_restore_step(d, "SELECT 1 FROM sqlite_master WHERE name = ", quoted, e);
                if (done == 1) /* else a backup of an older version */
                        done = cli_restore_step(d, "DELETE FROM ", tables[i], e);
        }
        db_free(d);
        return done < 0 ? done : 0;
}

static int cli_restore_audit(struct cli_restore *r, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/audit.log", r->args->state);
        json_t *fields = json_pack("{s:s}", "made", r->made);
        struct audit_file file = { .fd = -1 };
        struct err broken;
        struct buf line;

        buf_init(&line, AUDIT_LINE_MAX + 2);
        int done = audit_file_open(path, &file, &broken, e);
        if (done == 0)
                done = audit_line_format(
                        &file.chain, clock_wall_us(), "site.restored", fields, &line, e);
        if (done == 0)
                done = file_write_at(file.fd, path, buf_bytes(&line), file.length, e);
        if (done == 0)
                done = file_sync_data(file.fd, path, e);
        if (file.fd >= 0)
                audit_file_close(&file);
        json_decref(fields);
        buf_done(&line);
        return done;
}

static int cli_restore_read(struct cli_restore *r, struct bytes file,
        const uint8_t private_key[static HPKE_PRIVATE_BYTES], struct err *e)
{
        static const struct backup_file_events events = { cli_restore_on_entry,
                cli_restore_on_data };

        r->files = 0;
        int done = backup_file_read(file, private_key, &events, r, e);
        struct err closing;
        int closed = cli_restore_end_entry(r, &closing);
        if (done == 0 && closed < 0) {
                done = closed;
                if (e)
                        *e = closing;
        }
        return done;
}

/* manager/manager_history.h */
static int cli_restore_mark(const char *state, struct err *e)
{
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%.4000s/restored", state);
        return file_write_atomic(path, BYTES("", 0), 0600, e);
}

/* Looked at whole before anything is written. */
static int cli_restore_make(struct cli_restore *r, struct bytes file,
        const uint8_t private_key[static HPKE_PRIVATE_BYTES], struct err *e)
{
        int done = cli_restore_read(r, file, private_key, e);
        if (done == 0)
                done = cli_restore_read_manifest(r, e);
        if (done == 0)
                done = file_make_dirs(r->args->state, 0700, e);
        if (done < 0)
                return done;
        r->writing = true;
        done = cli_restore_read(r, file, private_key, e);
        if (done == 0)
                done = cli_restore_volumes(r, e);
        if (done == 0)
                done = cli_restore_revoke(r, e);
        if (done == 0)
                done = cli_restore_sessions(r, e);
        if (done == 0)
                done = cli_restore_audit(r, e);
        if (done == 0)
                done = cli_restore_mark(r->args->state, e);
        if (done == 0)
                done = file_sync_dir(r->args->state, e);
        return done < 0 ? err_wrap(e, done, "%.300s is not whole, remove it", r->args->state) : 0;
}

static int cli_restore_run(struct cli_restore *r, struct err *e)
{
        uint8_t private_key[HPKE_PRIVATE_BYTES];
        struct file_map map;

        int done = cli_restore_check_empty(r->args->state, e);
        if (done == 0)
                done = cli_wrap_key(
                        r->args->state, NULL, r->args->values[CLI_ARGS_KIT], private_key, e);
        if (done < 0)
                return done;
        done = file_map_open(r->args->operand, &map, e);
        if (done == 0) {
                done = cli_restore_make(r, map.bytes, private_key, e);
                file_map_done(&map);
        }
        explicit_bzero(private_key, sizeof private_key);
        return done;
}

static int cli_restore_here(const struct cli_args *a)
{
        char path[PATH_MAX];
        struct err e;

        snprintf(path, sizeof path, "%.4000s/site.sqlite", a->state);
        int r = file_exists(path) ? cli_restore_mark(a->state, &e)
                                  : err_set(&e, ERR_NOT_FOUND, "%.400s is no manager's", a->state);
        if (r < 0)
                return cli_fail("restore", &e, NULL, a->json);
        if (a->json)
                printf("{}\n");
        else
                printf("Recorders follow it from its next start on. Stop any other copy first.\n");
        return CLI_OK;
}

int cli_restore(int argc, char **argv)
{
        struct cli_restore r = { .fd = -1 };
        struct cli_args a;
        struct err e;

        if (!cli_args_parse(&a, &cli_restore_command, argc, argv))
                return a.exit;
        bool here = cli_args_has(&a, CLI_ARGS_HERE);
        if (here != !a.operand || here == cli_args_has(&a, CLI_ARGS_KIT)) {
                fprintf(stderr, "custos restore: FILE and --recovery-kit, or --here alone\n"
                                "Try: custos restore --help\n");
                return CLI_USAGE;
        }
        if (here)
                return cli_restore_here(&a);
        r.args = &a;
        buf_init(&r.manifest, CLI_RESTORE_MANIFEST_MAX);
        int done = cli_restore_run(&r, &e);
        buf_done(&r.manifest);
        if (done < 0)
                return cli_fail("restore", &e, NULL, a.json);
        if (a.json) {
                json_t *o = json_pack("{s:s, s:s, s:s, s:i}", "site", r.site, "fingerprint",
                        r.fingerprint, "made", r.made, "files", (int)r.files);
                cli_print_json(o);
                json_decref(o);
                return CLI_OK;
        }
        printf("site %s\nfingerprint %s\nmade %s\n"
               "The next custos run makes new keys. Put the vault to %s/vault first, where there is "
               "one.\n",
                r.site, r.fingerprint, r.made, a.state);
        return CLI_OK;
}
