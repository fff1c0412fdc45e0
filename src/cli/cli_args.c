/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_args.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/record_terms.h"
#include "base/str.h"

#define LAST_MAX_S (UINT64_C(31) * 24 * 3600)
#define SHOWN_MAX 64
#define CLI_ARGS_DAYS_MAX 3650 /* of a certificate */
#define LIST_ROOM 200

static const struct {
        const char *name, *value; /* value NULL: it takes none */
        uint64_t min, max;        /* of a number; max 0: it is none */
} cli_args_table[CLI_ARGS_N] = {
        [CLI_ARGS_STATE] = { "state", "DIR" },
        [CLI_ARGS_VAULT] = { "vault", "DIR" },
        [CLI_ARGS_CAMERA] = { "camera", "NAME" },
        [CLI_ARGS_STREAM] = { "stream", "NAME" },
        [CLI_ARGS_FROM] = { "from", "TIME" },
        [CLI_ARGS_TO] = { "to", "TIME" },
        [CLI_ARGS_LAST] = { "last", "DURATION" },
        [CLI_ARGS_AT] = { "at", "TIME" },
        [CLI_ARGS_KEY] = { "key", "FILE" },
        [CLI_ARGS_KIT] = { "recovery-kit", "FILE" },
        [CLI_ARGS_TRUST] = { "trust", "FINGERPRINT" },
        [CLI_ARGS_CHECK] = { "check", "FILE" },
        [CLI_ARGS_OUTPUT] = { "output", "FILE" },
        [CLI_ARGS_WITHOUT_AUDIO] = { "without-audio", NULL },
        [CLI_ARGS_SKIP_DAMAGED] = { "skip-damaged", NULL },
        [CLI_ARGS_URL] = { "url", "URL" },
        [CLI_ARGS_USER] = { "user", "NAME" },
        [CLI_ARGS_PASSWORD] = { "password-file", "FILE" },
        [CLI_ARGS_PIN] = { "pin", "SHA256" },
        [CLI_ARGS_TRANSPORT] = { "transport", "WORD" },
        [CLI_ARGS_CARRIER] = { "carrier", "WORD" },
        [CLI_ARGS_ROOTS] = { "roots", "FILE" },
        [CLI_ARGS_SECONDS] = { "seconds", "N", 1, 3600 },
        [CLI_ARGS_WITH_AUDIO] = { "with-audio", NULL },
        [CLI_ARGS_CSR] = { "csr", "FILE" },
        [CLI_ARGS_RECORD] = { "record", "MODE" },
        [CLI_ARGS_SCHEDULE] = { "schedule", "TEXT" },
        [CLI_ARGS_PRE] = { "pre", "SECONDS", 0, RECORD_TERMS_PRE_MAX_S },
        [CLI_ARGS_POST] = { "post", "SECONDS", 0, RECORD_TERMS_POST_MAX_S },
        [CLI_ARGS_BETWEEN] = { "between", "WORD" },
        [CLI_ARGS_MIN_DAYS] = { "min-days", "N", 0, RECORD_TERMS_DAYS_MAX },
        [CLI_ARGS_MAX_DAYS] = { "max-days", "N", 0, RECORD_TERMS_DAYS_MAX },
        [CLI_ARGS_QUOTA] = { "quota", "MB", 0, RECORD_TERMS_QUOTA_MAX_MB },
        [CLI_ARGS_WEIGHT] = { "weight", "N", 1, 1000 },
        [CLI_ARGS_STALE] = { "stale", NULL },
        [CLI_ARGS_REASON] = { "reason", "TEXT" },
        [CLI_ARGS_SOURCE] = { "source", "WORD" },
        [CLI_ARGS_RECORDER] = { "recorder", "NAME" },
        [CLI_ARGS_AGAIN] = { "again", NULL },
        [CLI_ARGS_HERE] = { "here", NULL },
        [CLI_ARGS_YES] = { "yes", NULL },
        [CLI_ARGS_NAME] = { "name", "NAME" },
        [CLI_ARGS_DNS] = { "dns", "NAME" },
        [CLI_ARGS_IP] = { "ip", "ADDRESS" },
        [CLI_ARGS_NAMES_FROM_REQUEST] = { "names-from-request", NULL },
        [CLI_ARGS_DAYS] = { "days", "N", 1, CLI_ARGS_DAYS_MAX },
        [CLI_ARGS_CONFIG] = { "config", "FILE" },
        [CLI_ARGS_CLASS] = { "class", "WORD" },
        [CLI_ARGS_EXAMPLE] = { "example", NULL },
        [CLI_ARGS_MARKDOWN] = { "markdown", NULL },
        [CLI_ARGS_ROLE] = { "role", "WORD" },
        [CLI_ARGS_DISABLE] = { "disable", NULL },
        [CLI_ARGS_ENABLE] = { "enable", NULL },
        [CLI_ARGS_NEW_PASSWORD] = { "new-password", NULL },
        [CLI_ARGS_REMOTE] = { "remote", NULL },
        [CLI_ARGS_PERSON] = { "person", "NAME" },
        [CLI_ARGS_DEFAULT] = { "default", NULL },
        [CLI_ARGS_NEW_ROOT] = { "new-root", NULL },
        [CLI_ARGS_JSON] = { "json", NULL },
        [CLI_ARGS_HELP] = { "help", NULL },
};

static bool has_bit(uint64_t set, unsigned option)
{
        return set >> option & 1;
}

bool cli_args_has(const struct cli_args *a, enum cli_args_option option)
{
        return has_bit(a->given, option);
}

int cli_args_misused(const struct cli_args *a, const char *fmt, ...)
{
        char text[512];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof text, fmt, args);
        va_end(args);
        return cli_misused(a->command->name, text);
}

/* What somebody typed, fit for a terminal. */
static const char *shown(char to[static SHOWN_MAX], const char *typed)
{
        return str_escape(to, SHOWN_MAX, bytes_str(typed));
}

static const struct cli_args_verb *verb_of(const struct cli_args *a)
{
        return &a->command->verbs[a->verb];
}

/* "add " where there are verbs, for messages that begin with "custos NAME: ". */
static const char *form_of(const struct cli_args *a, char to[static SHOWN_MAX])
{
        const char *word = verb_of(a)->word;

        snprintf(to, SHOWN_MAX, "%s%s", word ? word : "", word ? " " : "");
        return to;
}

/* --- one value --- */

/* "90", "90s", "5m", "2h", "1d" */
static int parse_duration(const char *text, uint64_t *ret_s)
{
        static const struct {
                char letter;
                uint64_t s;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
        char digits[16];
        size_t n = strlen(text);
        uint64_t unit_s = 1, count;

        for (size_t i = 0; n && i < ARRAY_LEN(units); i++)
                if (text[n - 1] == units[i].letter) {
                        unit_s = units[i].s;
                        n--;
                        break;
                }
        if (n >= sizeof digits)
                return ERR_INVALID;
        memcpy(digits, text, n);
        digits[n] = '\0';
        if (str_uint(digits, 1, LAST_MAX_S / unit_s, &count, NULL) < 0)
                return ERR_INVALID;
        *ret_s = count * unit_s;
        return 0;
}

/* Hex digits, with colons or spaces between them if somebody likes that. */
static int parse_fingerprint(const char *text, uint8_t to[static 32])
{
        char hex[65];
        size_t n = 0;

        for (; *text && n + 1 < sizeof hex; text++)
                if (*text != ':' && *text != ' ')
                        hex[n++] = *text >= 'A' && *text <= 'F' ? (char)(*text - 'A' + 'a') : *text;
        hex[n] = '\0';
        return *text || n != 64 ? ERR_INVALID : str_unhex(to, 32, hex, NULL);
}

/* A number within the option's bounds. Returns NULL, or what the option takes instead. */
static const char *take_number(struct cli_args *a, enum cli_args_option option, const char *value,
        char wanted[static SHOWN_MAX])
{
        uint64_t min = cli_args_table[option].min, max = cli_args_table[option].max;

        if (str_uint(value, min, max, &a->numbers[option], NULL) == 0)
                return NULL;
        snprintf(wanted, SHOWN_MAX, "a number from %" PRIu64 " to %" PRIu64, min, max);
        return wanted;
}

/* Where the values of an option go that may be given again and again; n NULL: it may not. */
struct repeated {
        const char **values;
        unsigned *n, max;
};

static struct repeated repeated_of(struct cli_args *a, enum cli_args_option option)
{
        switch (option) {
        case CLI_ARGS_VAULT:
                return (struct repeated){ a->vaults, &a->vaults_n, VOLUME_MAX };
        case CLI_ARGS_DNS:
                return (struct repeated){ a->dns, &a->dns_n, CLI_ARGS_NAMES_MAX };
        case CLI_ARGS_IP:
                return (struct repeated){ a->ip, &a->ip_n, CLI_ARGS_NAMES_MAX };
        default:
                return (struct repeated){ 0 };
        }
}

/* Returns NULL, or what the option takes instead. */
static const char *take_value(struct cli_args *a, enum cli_args_option option, const char *value,
        char wanted[static SHOWN_MAX])
{
        static const char time[] = "a time in UTC, as in 2026-11-22T15:40:01Z";

        a->values[option] = value;
        struct repeated list = repeated_of(a, option);
        if (list.n)
                list.values[(*list.n)++] = value;
        if (cli_args_table[option].max)
                return take_number(a, option, value, wanted);
        switch (option) {
        case CLI_ARGS_CAMERA:
                return str_is_camera(value) ? NULL
                                            : "a camera's name, as custos camera list shows it";
        case CLI_ARGS_NAME:
                return str_is_camera(value) ? NULL
                                            : "a name of [a-z0-9] and then [a-z0-9-], at most 63";
        case CLI_ARGS_STREAM:
                a->stream = value;
                return str_is_stream(value) ? NULL : "a stream's name, as in main or sub";
        case CLI_ARGS_RECORDER:
                return str_is_camera(value) ? NULL
                                            : "a recorder's name, as custos node list shows it";
        case CLI_ARGS_FROM:
                return str_parse_time(value, &a->from_us, NULL) < 0 ? time : NULL;
        case CLI_ARGS_TO:
                return str_parse_time(value, &a->to_us, NULL) < 0 ? time : NULL;
        case CLI_ARGS_AT:
                return str_parse_time(value, &a->at_us, NULL) < 0 ? time : NULL;
        case CLI_ARGS_LAST:
                return parse_duration(value, &a->last_s) < 0
                               ? "seconds, or as in 90s, 5m, 2h, 1d, within 31 days"
                               : NULL;
        case CLI_ARGS_SCHEDULE: /* an empty one is at all times */
                return strlen(value) < RECORD_TERMS_SCHEDULE_MAX ? NULL : "a shorter text";
        case CLI_ARGS_TRUST:
                return parse_fingerprint(value, a->trust) < 0 ? "a fingerprint of 64 hex digits"
                                                              : NULL;
        default:
                return value[0] && strlen(value) < CLI_PATH_MAX - sizeof "/vault"
                               ? NULL
                               : "something that is neither empty nor longer than a path";
        }
}

/* --- words and options as they come --- */

/* The option whose name is the n characters of text. */
static unsigned find_option(const char *text, size_t n)
{
        unsigned i = 0;

        while (i < CLI_ARGS_N &&
                (strncmp(cli_args_table[i].name, text, n) != 0 || cli_args_table[i].name[n]))
                i++;
        return i;
}

static bool is_taken(const struct cli_args_command *c, unsigned option)
{
        uint64_t taken = CLI_ARGS_BIT(HELP);

        for (unsigned i = 0; i < c->verbs_n; i++)
                taken |= c->verbs[i].takes | c->verbs[i].needs;
        return option < CLI_ARGS_N && has_bit(taken, option);
}

/* argv[*at] is "--NAME" or "--NAME=VALUE"; *at moves over a value behind it. 0, or the exit code.
 */
static int take_option(struct cli_args *a, int argc, char **argv, int *at)
{
        const char *text = argv[*at] + 2, *equals = strchr(text, '=');
        size_t n = equals ? (size_t)(equals - text) : strlen(text);
        unsigned option = find_option(text, n);
        char typed[SHOWN_MAX], wanted[SHOWN_MAX];

        if (!is_taken(a->command, option)) /* without its value, which may be a secret */
                return cli_args_misused(a, "there is no option --%s",
                        str_escape(
                                typed, sizeof typed, (struct bytes){ (const uint8_t *)text, n }));
        const char *name = cli_args_table[option].name, *form = cli_args_table[option].value;
        struct repeated list = repeated_of(a, option);
        if (list.n && *list.n == list.max)
                return cli_args_misused(a, "--%s is given more than %u times", name, list.max);
        if (!list.n && cli_args_has(a, option))
                return cli_args_misused(a, "--%s is given twice", name);
        a->given |= UINT64_C(1) << option;
        if (!form)
                return equals ? cli_args_misused(a, "--%s takes no value", name) : 0;
        if (!equals && *at + 1 >= argc)
                return cli_args_misused(a, "--%s lacks its %s", name, form);
        const char *value = equals ? equals + 1 : argv[++*at];
        const char *instead = take_value(a, option, value, wanted);
        if (instead)
                return cli_args_misused(
                        a, "--%s takes %s, not \"%s\"", name, instead, shown(typed, value));
        return 0;
}

/* "check, rebuild or ls" */
static const char *list_verbs(const struct cli_args_command *c, char to[static LIST_ROOM])
{
        size_t n = 0;

        to[0] = '\0';
        for (unsigned i = 0; i < c->verbs_n && n < LIST_ROOM; i++)
                n += (size_t)snprintf(to + n, LIST_ROOM - n, "%s%s",
                        i == 0                ? ""
                        : i + 1 == c->verbs_n ? " or "
                                              : ", ",
                        c->verbs[i].word);
        return to;
}

/* A word is the verb, where the command has verbs, then the operand. 0, or the exit code. */
static int take_word(struct cli_args *a, const char *word, bool *verb_known)
{
        const struct cli_args_command *c = a->command;
        char typed[SHOWN_MAX], list[LIST_ROOM];

        if (*verb_known) {
                const struct cli_args_verb *v = verb_of(a);
                if (a->second && v->more && a->more_n < CLI_ARGS_NAMES_MAX) {
                        a->more[a->more_n++] = word;
                        return 0;
                }
                if (!v->operand || (a->operand && (a->second || !v->second)))
                        return cli_args_misused(a, "\"%s\" is a word too many", shown(typed, word));
                *(a->operand ? &a->second : &a->operand) = word;
                return 0;
        }
        for (a->verb = 0; a->verb < c->verbs_n; a->verb++)
                if (strcmp(c->verbs[a->verb].word, word) == 0) {
                        *verb_known = true;
                        return 0;
                }
        a->verb = 0;
        return cli_args_misused(a, "say %s, not \"%s\"", list_verbs(c, list), shown(typed, word));
}

/* --- what goes together --- */

static int check_verb(const struct cli_args *a)
{
        const struct cli_args_verb *v = verb_of(a);
        bool replaced = (a->given & v->instead) != 0;
        char form[SHOWN_MAX];

        form_of(a, form);
        for (unsigned i = 0; i < CLI_ARGS_N; i++) {
                const char *name = cli_args_table[i].name, *value = cli_args_table[i].value;
                if (has_bit(a->given & ~(v->takes | v->needs), i))
                        return cli_args_misused(a, "%stakes no --%s", form, name);
                if (has_bit(v->needs & ~a->given, i))
                        return cli_args_misused(a, "%sneeds --%s%s%s", form, name, value ? " " : "",
                                value ? value : "");
        }
        if (v->operand && !v->operand_optional && !a->operand && !replaced)
                return cli_args_misused(
                        a, "%sneeds %s%s", form, v->operand, v->instead ? " or --camera" : "");
        if (v->second && !a->second)
                return cli_args_misused(a, "%sneeds %s", form, v->second);
        if (a->operand && replaced)
                return cli_args_misused(a, "%stakes %s or --camera, not both", form, v->operand);
        return 0;
}

static int check_together(const struct cli_args *a)
{
        bool takes_camera = verb_of(a)->takes & CLI_ARGS_BIT(CAMERA) ||
                            verb_of(a)->needs & CLI_ARGS_BIT(CAMERA);

        if (takes_camera && cli_args_has(a, CLI_ARGS_STREAM) && !cli_args_has(a, CLI_ARGS_CAMERA))
                return cli_args_misused(a, "--stream goes with --camera");
        if (cli_args_has(a, CLI_ARGS_KEY) && cli_args_has(a, CLI_ARGS_KIT))
                return cli_args_misused(a, "give --key or --recovery-kit, not both");
        if (a->from_us > a->to_us)
                return cli_args_misused(a, "--to has to lie behind --from");
        return 0;
}

static void fill_paths(struct cli_args *a)
{
        if (a->values[CLI_ARGS_CAMERA])
                snprintf(a->stream_path, sizeof a->stream_path, "%s-%s", a->values[CLI_ARGS_CAMERA],
                        a->stream);
        cli_state(a->values[CLI_ARGS_STATE], a->state);
}

bool cli_args_parse(
        struct cli_args *a, const struct cli_args_command *command, int argc, char **argv)
{
        bool verb_known = command->verbs[0].word == NULL, words_alone = false;
        char list[LIST_ROOM], typed[SHOWN_MAX];

        *a = (struct cli_args){
                .command = command, .stream = "main", .from_us = INT64_MIN, .to_us = INT64_MAX
        };
        for (int i = 1; i < argc && a->exit == 0; i++) {
                if (!words_alone && strcmp(argv[i], "--") == 0)
                        words_alone = true;
                else if (!words_alone && strncmp(argv[i], "--", 2) == 0)
                        a->exit = take_option(a, argc, argv, &i);
                else if (!words_alone && argv[i][0] == '-' && argv[i][1])
                        a->exit =
                                cli_args_misused(a, "there is no option %s", shown(typed, argv[i]));
                else
                        a->exit = take_word(a, argv[i], &verb_known);
                if (a->exit == 0 && cli_args_has(a, CLI_ARGS_HELP)) {
                        fputs(command->help, stdout);
                        return false;
                }
        }
        if (a->exit == 0 && !verb_known)
                a->exit = cli_args_misused(a, "say %s", list_verbs(command, list));
        if (a->exit == 0)
                a->exit = check_verb(a);
        if (a->exit == 0)
                a->exit = check_together(a);
        a->json = cli_args_has(a, CLI_ARGS_JSON);
        fill_paths(a);
        return a->exit == 0;
}
