/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_wrap_key.h"
#include "db/db.h"
#include "net/link.h"
#include "os/clock.h"
#include "os/file.h"
#include "trust/backup_file.h"
#include "trust/site_ca.h"

#define CLI_BACKUP_MAX ((size_t)1 << 30) /* of one file that is read at once */

/* The manifest is first. Not here: private keys of recorder, nodes and grants, which a restore
 * makes anew; the index, which is made from the volumes; locks, which lie beside the footage. */
const struct cli_backup_item cli_backup_items[] = {
        { CLI_BACKUP_MANIFEST, 0600, true, CLI_BACKUP_APART },
        { "site/root.key", 0600, false, CLI_BACKUP_FILE }, /* it may be in a safe */
        { "site/root.crt", 0644, true, CLI_BACKUP_FILE },
        { "site/nodes.key", 0600, true, CLI_BACKUP_FILE },
        { "site/nodes.crt", 0644, true, CLI_BACKUP_FILE },
        { "site/cameras.key", 0600, true, CLI_BACKUP_FILE },
        { "site/cameras.crt", 0644, true, CLI_BACKUP_FILE },
        { "site/web.key", 0600, true, CLI_BACKUP_FILE },
        { "site/web.crt", 0644, true, CLI_BACKUP_FILE },
        { "site/seals.key", 0600, true, CLI_BACKUP_FILE },
        { "site/seals.crt", 0644, true, CLI_BACKUP_FILE },
        { "site/issued.json", 0600, false, CLI_BACKUP_FILE },
        { "site.sqlite", 0600, true, CLI_BACKUP_DATABASE },
        { "tls-memory.json", 0600, false, CLI_BACKUP_FILE },
        { "audit.log", 0600, false, CLI_BACKUP_LINES },
        { "recorder/grants.log", 0600, false, CLI_BACKUP_LINES },
        { "recorder/recovery.pub", 0644, true, CLI_BACKUP_FILE },
        { "storage/volumes.json", 0600, false, CLI_BACKUP_FILE },
        { CLI_BACKUP_SETTINGS, 0600, false, CLI_BACKUP_APART },
};
const unsigned cli_backup_items_n = ARRAY_LEN(cli_backup_items);

static const struct cli_args_command cli_backup_command = {
        .name = "backup",
        .help = "custos backup FILE [--config FILE]\n"
                "\n"
                "Writes one new file with what makes the site on another machine: its issuers'\n"
                "keys, cameras and nodes, what cameras were seen with, audit log, list of\n"
                "volumes. It is encrypted to the recovery kit: without the kit nobody can open\n"
                "it, this machine neither. The site goes on meanwhile. Footage is not in it, and\n"
                "no private key of a recorder or a node: custos restore makes new ones.\n"
                "\n"
                "  --config FILE        the settings that Custos is started with, put in too\n" CLI_ARGS_HELP_STATE
                "  --json               {file, bytes, files, site, fingerprint, audited}; or\n"
                "                       {error: {code, text, remedy}}\n"
                "\n"
                "Exit: 0 done, 1 not, 64 wrong use.\n",
        .verbs_n = 1,
        .verbs = { { .operand = "FILE",
                .takes = CLI_ARGS_BIT(CONFIG) | CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) } },
};

struct cli_backup {
        const struct cli_args *args;
        struct backup_writer *writer;
        char *part; /* what is written, until it is whole */
        int fd;
        uint64_t bytes;
        unsigned files;
        bool audited;
        char site[SITE_CA_NAME_MAX + 1], fingerprint[65];
};

static void cli_backup_wiped(struct buf *b)
{
        if (b->p)
                explicit_bzero(b->p, b->room);
        buf_done(b);
}

static int cli_backup_sink(void *owner, struct bytes bytes, struct err *e)
{
        struct cli_backup *b = owner;

        int r = file_write_at(b->fd, b->part, bytes, b->bytes, e);
        b->bytes += bytes.n;
        return r;
}

static int cli_backup_put(
        struct cli_backup *b, const char *name, struct bytes content, struct err *e)
{
        int r = backup_writer_entry(b->writer, name, content.n, e);

        b->files++;
        return r < 0 ? r : backup_writer_data(b->writer, content, e);
}

/* --- what goes in --- */

/* Whole lines: the last one may be being written. */
static int cli_backup_lines(struct cli_backup *b, const char *name, const char *path, struct err *e)
{
        struct file_map map = { 0 };

        int r = file_map_open(path, &map, e);
        if (r < 0)
                return r;
        struct bytes lines = map.bytes;
        while (lines.n && lines.p[lines.n - 1] != '\n')
                lines.n--;
        r = cli_backup_put(b, name, lines, e);
        file_map_done(&map);
        return r;
}

/* Root opens the database as its owner, for it makes files beside it: as root's the manager could
 * not use them, and where fs.protected_regular is 2 (Debian) not even root may open those that are
 * the manager's in a directory that it shares. uid, gid: whom to be from now on. */
static int cli_backup_become(uid_t uid, gid_t gid, struct err *e)
{
        /* The group first while root, and back in the other order. */
        bool failed =
                uid ? setegid(gid) < 0 || seteuid(uid) < 0 : seteuid(uid) < 0 || setegid(gid) < 0;

        return failed ? err_os(e, ERR_DENIED, errno, "become the database's owner") : 0;
}

static int cli_backup_image(const char *path, struct buf *image, struct err *e)
{
        struct db *d = NULL;
        int r = db_open(path, DB_DURABLE, &d, e);

        if (r == 0)
                r = db_image(d, image, e);
        db_free(d);
        return r;
}

static int cli_backup_database(
        struct cli_backup *b, const char *name, const char *path, struct err *e)
{
        CLEANUP(cli_backup_wiped) struct buf image;
        struct stat st;

        buf_init(&image, CLI_BACKUP_MAX);
        if (stat(path, &st) < 0)
                return err_os(e, ERR_IO, errno, "look at %s", path);
        bool other = geteuid() == 0 && st.st_uid != 0;
        int r = other ? cli_backup_become(st.st_uid, st.st_gid, e) : 0;
        if (r == 0)
                r = cli_backup_image(path, &image, e);
        if (other && cli_backup_become(0, 0, r < 0 ? NULL : e) < 0 && r == 0)
                r = ERR_DENIED;
        return r < 0 ? r : cli_backup_put(b, name, buf_bytes(&image), e);
}

static int cli_backup_file(
        struct cli_backup *b, const char *name, bool secret, const char *path, struct err *e)
{
        CLEANUP(cli_backup_wiped) struct buf content;

        buf_init(&content, CLI_BACKUP_MAX);
        int r = secret ? file_read_secret(path, CLI_BACKUP_MAX, &content, e)
                       : file_read(path, CLI_BACKUP_MAX, &content, e);
        return r < 0 ? r : cli_backup_put(b, name, buf_bytes(&content), e);
}

static int cli_backup_item(struct cli_backup *b, const struct cli_backup_item *item, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", b->args->state, item->name);

        if (!item->needed && !file_exists(path))
                return 0;
        switch (item->kind) {
        case CLI_BACKUP_FILE:
                return cli_backup_file(b, item->name, item->mode == 0600, path, e);
        case CLI_BACKUP_LINES:
                return cli_backup_lines(b, item->name, path, e);
        case CLI_BACKUP_DATABASE:
                if (!file_exists(path)) /* opening it would make one */
                        return err_set(e, ERR_NOT_FOUND, "%s is not there", path);
                return cli_backup_database(b, item->name, path, e);
        default:
                return 0;
        }
}

static int cli_backup_manifest(struct cli_backup *b, int64_t now_us, struct err *e)
{
        char made[STR_TIME_ROOM];
        json_t *o = json_pack("{s:i, s:s, s:s, s:s}", "version", BACKUP_FILE_VERSION, "site",
                b->site, "fingerprint", b->fingerprint, "made", str_time(made, now_us));
        char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);

        int r = cli_backup_put(b, CLI_BACKUP_MANIFEST, bytes_str(text), e);
        free(text);
        json_decref(o);
        return r;
}

static int cli_backup_fill(struct cli_backup *b, int64_t now_us, struct err *e)
{
        const char *settings = b->args->values[CLI_ARGS_CONFIG];
        int r = cli_backup_manifest(b, now_us, e);

        for (unsigned i = 0; r == 0 && i < cli_backup_items_n; i++)
                r = cli_backup_item(b, &cli_backup_items[i], e);
        if (r == 0 && settings)
                r = cli_backup_file(b, CLI_BACKUP_SETTINGS, false, settings, e);
        return r < 0 ? r : backup_writer_end(b->writer, e);
}

/* --- where it goes --- */

/* Whose site it is, by its own files: keys and certificates are checked to belong together. */
static int cli_backup_site(struct cli_backup *b, struct err *e)
{
        CLEANUP(own_freep) char *dir = xasprintf("%s/site", b->args->state);
        CLEANUP(site_ca_freep) struct site_ca *ca = NULL;
        uint8_t fingerprint[32];

        int r = site_ca_load(dir, &ca, e);
        if (r < 0)
                return r;
        site_ca_fingerprint(ca, fingerprint);
        str_hex(b->fingerprint, BYTES(fingerprint, sizeof fingerprint));
        snprintf(b->site, sizeof b->site, "%s", site_ca_name(ca));
        return 0;
}

/* A site that does not run is backed up too; it has nobody who could write that down. */
static int cli_backup_announce(struct cli_backup *b, char *remedy, struct err *e)
{
        CLEANUP(own_freep) char *path = xasprintf("%s/control.sock", b->args->state);
        json_t *answer = NULL;

        if (!file_exists(path))
                return 0;
        int r = cli_call(b->args->state, "site.backup", json_object(), &answer, remedy, e);
        json_decref(answer);
        b->audited = r == 0;
        if (r == ERR_UNAVAILABLE || r == ERR_NOT_FOUND)
                r = 0; /* the socket of a manager that was killed */
        return r;
}

static int cli_backup_open(struct cli_backup *b, int64_t now_us, struct err *e)
{
        uint8_t recipient[HPKE_PUBLIC_BYTES];

        int r = cli_wrap_public(b->args->state, "recovery", recipient, e);
        if (r < 0)
                return r;
        if (file_exists(b->args->operand))
                return err_set(e, ERR_STATE,
                        "%.400s is there already: a backup is written to a new file",
                        b->args->operand);
        b->part = xasprintf("%s.part", b->args->operand);
        b->fd = open(b->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (b->fd < 0)
                return err_os(e, ERR_IO, errno, "cannot make %s", b->part);
        return backup_writer_open(recipient, now_us, cli_backup_sink, b, &b->writer, e);
}

static int cli_backup_make(struct cli_backup *b, char *remedy, struct err *e)
{
        int64_t now_us = clock_wall_us();

        int r = cli_backup_site(b, e);
        if (r == 0)
                r = cli_backup_open(b, now_us, e);
        if (r == 0)
                r = cli_backup_announce(b, remedy, e);
        if (r == 0)
                r = cli_backup_fill(b, now_us, e);
        if (r == 0)
                r = file_sync_data(b->fd, b->part, e);
        if (r == 0)
                r = file_rename(b->part, b->args->operand, e);
        if (b->fd >= 0) {
                if (r < 0)
                        unlink(b->part);
                close(b->fd);
        }
        backup_writer_free(b->writer);
        own_freep(&b->part);
        return r;
}

int cli_backup(int argc, char **argv)
{
        char remedy[LINK_REMEDY_MAX] = "";
        struct cli_backup b = { .fd = -1 };
        struct cli_args a;
        struct err e;

        if (!cli_args_parse(&a, &cli_backup_command, argc, argv))
                return a.exit;
        b.args = &a;
        if (cli_backup_make(&b, remedy, &e) < 0)
                return cli_fail("backup", &e, remedy, a.json);
        if (a.json) {
                json_t *o = json_pack("{s:s, s:I, s:i, s:s, s:s, s:b}", "file", a.operand, "bytes",
                        (json_int_t)b.bytes, "files", (int)b.files, "site", b.site, "fingerprint",
                        b.fingerprint, "audited", (int)b.audited);
                cli_print_json(o);
                json_decref(o);
                return CLI_OK;
        }
        printf("%s: site %s, %u files, %llu bytes. The recovery kit opens it, and nothing else.\n",
                a.operand, b.site, b.files, (unsigned long long)b.bytes);
        if (!b.audited)
                printf("The manager does not run: this backup is not in the audit log.\n");
        return CLI_OK;
}
