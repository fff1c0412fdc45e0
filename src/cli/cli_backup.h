/* SPDX-License-Identifier: GPL-3.0-or-later */
/* custos backup and custos restore: what makes the site on another machine (docs/spec/backup.md).
 */
#ifndef CUSTOS_CLI_CLI_BACKUP_H
#define CUSTOS_CLI_CLI_BACKUP_H

#include <stdbool.h>

/* What a backup may hold, in its order. Not in it: keys that were born where they are used. */
struct cli_backup_item {
        const char *name; /* below the state directory, and in the backup */
        unsigned mode;
        bool needed;
        enum { CLI_BACKUP_FILE, CLI_BACKUP_LINES, CLI_BACKUP_DATABASE, CLI_BACKUP_APART } kind;
};
extern const struct cli_backup_item cli_backup_items[];
extern const unsigned cli_backup_items_n;
#define CLI_BACKUP_MANIFEST "manifest.json"
#define CLI_BACKUP_SETTINGS "settings.conf"

int cli_backup(int argc, char **argv);
int cli_restore(int argc, char **argv);

#endif
