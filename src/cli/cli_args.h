/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The options of all subcommands, from one table: a name means the same wherever it is taken, is
 * read here, and is checked here before a command sees it. Also where the state directory and the
 * vault are. Not in here: what a command does with them, and any look at the disk but for the
 * default of --state.
 */
#ifndef CUSTOS_CLI_CLI_ARGS_H
#define CUSTOS_CLI_CLI_ARGS_H

#include "cli/cli.h"
#include "seal/head.h"
#include "vault/volume.h"

enum cli_args_option {
        CLI_ARGS_STATE,
        CLI_ARGS_VAULT,
        CLI_ARGS_CAMERA,
        CLI_ARGS_STREAM,
        CLI_ARGS_FROM,
        CLI_ARGS_TO,
        CLI_ARGS_LAST,
        CLI_ARGS_AT,
        CLI_ARGS_KEY,
        CLI_ARGS_KIT,
        CLI_ARGS_TRUST,
        CLI_ARGS_CHECK,
        CLI_ARGS_OUTPUT,
        CLI_ARGS_WITHOUT_AUDIO,
        CLI_ARGS_SKIP_DAMAGED,
        CLI_ARGS_URL,
        CLI_ARGS_USER,
        CLI_ARGS_PASSWORD,
        CLI_ARGS_PIN,
        CLI_ARGS_TRANSPORT,
        CLI_ARGS_CARRIER,
        CLI_ARGS_ROOTS,
        CLI_ARGS_SECONDS,
        CLI_ARGS_WITH_AUDIO,
        CLI_ARGS_CSR,
        CLI_ARGS_RECORD,
        CLI_ARGS_SCHEDULE,
        CLI_ARGS_PRE,
        CLI_ARGS_POST,
        CLI_ARGS_BETWEEN,
        CLI_ARGS_MIN_DAYS,
        CLI_ARGS_MAX_DAYS,
        CLI_ARGS_QUOTA,
        CLI_ARGS_WEIGHT,
        CLI_ARGS_STALE,
        CLI_ARGS_REASON,
        CLI_ARGS_SOURCE,
        CLI_ARGS_RECORDER,
        CLI_ARGS_AGAIN,
        CLI_ARGS_HERE,
        CLI_ARGS_YES,
        CLI_ARGS_NAME,
        CLI_ARGS_DNS,
        CLI_ARGS_IP,
        CLI_ARGS_NAMES_FROM_REQUEST,
        CLI_ARGS_DAYS,
        CLI_ARGS_CLASS,
        CLI_ARGS_CONFIG,
        CLI_ARGS_EXAMPLE,
        CLI_ARGS_MARKDOWN,
        CLI_ARGS_ROLE,
        CLI_ARGS_DISABLE,
        CLI_ARGS_ENABLE,
        CLI_ARGS_NEW_PASSWORD,
        CLI_ARGS_REMOTE,
        CLI_ARGS_PERSON,
        CLI_ARGS_DEFAULT,
        CLI_ARGS_NEW_ROOT,
        CLI_ARGS_JSON,
        CLI_ARGS_HELP,
        CLI_ARGS_N,
};
#define CLI_ARGS_NAMES_MAX 32 /* as many as a certificate takes of either kind */
#define CLI_ARGS_BIT(name) (UINT64_C(1) << CLI_ARGS_##name)

/* Lines of the help for options that several commands take; 79 columns. */
#define CLI_ARGS_HELP_STREAM                                                                       \
        "  --camera NAME        the camera, as custos camera list shows it\n"                      \
        "  --stream NAME        its stream (default: main)\n"
#define CLI_ARGS_HELP_RECORDER                                                                     \
        "  --recorder NAME      which of the site's recorders, as custos node list shows\n"        \
        "                       them (default: main)\n"
#define CLI_ARGS_HELP_KEYS                                                                         \
        "  --key FILE           the recorder's private key, of mode 0600\n"                        \
        "  --recovery-kit FILE  a recovery kit instead; \"-\" is standard input\n"
#define CLI_ARGS_HELP_TRUST                                                                        \
        "  --trust FINGERPRINT  the site's fingerprint, 64 hex digits, as custos status\n"         \
        "                       shows it there. It must not come with the footage:\n"              \
        "                       without it nobody can tell whose site it was\n"
#define CLI_ARGS_HELP_STATE                                                                        \
        "  --state DIR          the state directory (default: $CUSTOS_STATE, else ./var\n"         \
        "                       in a checkout, else /var/lib/custos)\n"
#define CLI_ARGS_HELP_VAULT                                                                        \
        "  --vault DIR          a volume that was taken elsewhere; once for each of them\n"        \
        "                       (default: all volumes of the state directory)\n"
#define CLI_ARGS_HELP_TIME                                                                         \
        "Times are UTC: 2026-11-22T15:40:01Z, with up to six digits of fraction.\n"

/* One form of a command: custos NAME [WORD] [OPERAND] [options]. --help is always taken. */
struct cli_args_verb {
        const char *word;    /* NULL: the command has one form alone */
        const char *operand; /* what it is called in messages; NULL: none is taken */
        const char *second;  /* likewise, of one behind it; both are needed then */
        const char *more;    /* likewise, of any number behind that, none too */
        bool operand_optional;
        uint64_t takes, needs; /* CLI_ARGS_BIT; what is needed is taken too */
        uint64_t instead;      /* CAMERA, where it may stand in the place of the operand */
};

struct cli_args_command {
        const char *name, *help;
        unsigned verbs_n;
        struct cli_args_verb verbs[10];
};

struct cli_args {
        const struct cli_args_command *command;
        unsigned verb; /* index into command->verbs */
        const char *operand, *second;
        unsigned more_n;
        const char *more[CLI_ARGS_NAMES_MAX];
        uint64_t given;
        const char
                *values[CLI_ARGS_N]; /* as they were typed; NULL: not given, or without a value */
        bool json;
        char state[CLI_PATH_MAX];
        unsigned vaults_n;
        const char *vaults[VOLUME_MAX]; /* of --vault, which may be given again and again */
        unsigned dns_n, ip_n;           /* likewise */
        const char *dns[CLI_ARGS_NAMES_MAX], *ip[CLI_ARGS_NAMES_MAX];
        const char *stream;              /* --stream, "main" without it */
        char stream_path[HEAD_PATH_MAX]; /* of --camera and --stream; "" without --camera */
        int64_t from_us, to_us, at_us;   /* without: the smallest and largest i64, 0 */
        uint64_t last_s;
        uint64_t numbers[CLI_ARGS_N]; /* of options that take a number; 0 without */
        uint8_t trust[32];
        int exit; /* when cli_args_parse says that it is over */
};

/* Fills all of ret, which borrows command and argv. False: --help or a misuse was printed, and
 * ret->exit is the exit code. */
bool cli_args_parse(
        struct cli_args *ret, const struct cli_args_command *command, int argc, char **argv);
bool cli_args_has(const struct cli_args *a, enum cli_args_option option);
/* A misuse that only the command itself can see: prints, returns CLI_USAGE. */
int cli_args_misused(const struct cli_args *a, const char *fmt, ...) PRINTF(2, 3);

#endif
