/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/settings.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/network.h"
#include "base/str.h"

enum settings_type {
        SETTINGS_NUMBER,
        SETTINGS_TEXT,
        SETTINGS_CHOICE,
        SETTINGS_NETWORKS,
        SETTINGS_ADDRESS,
        SETTINGS_FILE
};

#define SETTINGS_CHOICES_MAX 5
#define SETTINGS_NAME_MAX 40

struct settings_row {
        const char *section, *name;
        enum settings_type type;
        const char *unit; /* of a number; NULL where it is a plain count */
        uint64_t min, max, number;
        const char *text; /* default of a text or a choice */
        const char *choices[SETTINGS_CHOICES_MAX];
        const char *about;
};

static const struct settings_row settings_table[SETTINGS_COUNT] = {
        [SETTINGS_SITE_NAME] = { "site", "name", SETTINGS_TEXT, .text = "site",
                .about = "Name of this site, in certificates and seals: a-z, 0-9 and -, at most 40 "
                         "characters." },
        [SETTINGS_KEY_STORE] = { "site", "key_store", SETTINGS_CHOICE, .number = 0, .text = "file",
                .choices = { "file", "tpm2" },
                .about = "Where the first start makes the keys of the site's issuers: in files of "
                         "the manager, or in this machine's TPM 2.0 (package tpm2-openssl), which "
                         "they never leave: they are in no backup." },
        [SETTINGS_WORKERS] = { "recorder", "workers", SETTINGS_NUMBER, NULL, 0, 64, 0,
                .about = "Processes that receive cameras; 0 is one for each processor core." },
        [SETTINGS_FRAGMENT_MS] = { "recorder", "fragment_ms", SETTINGS_NUMBER, "milliseconds", 200,
                2000, 1000,
                .about =
                        "A fragment is closed, sealed and written at the first key frame after "
                        "this time, and by "
                        "2000 in any case. What is lost when a process is killed is one fragment." },
        [SETTINGS_SEGMENT_S] = { "recorder", "segment_s", SETTINGS_NUMBER, "seconds", 2, 60, 60,
                .about = "Length of a segment, which is one file with one key." },
        [SETTINGS_PACE_MS] = { "recorder", "pace_ms", SETTINGS_NUMBER, "milliseconds", 0, 200, 40,
                .about = "Cameras' sockets are read once in this time, which costs less than "
                         "reading at every "
                         "packet; 0 reads at once." },
        [SETTINGS_CHUNK_MEMORY_MB] = { "recorder", "chunk_memory_mb", SETTINGS_NUMBER, "MiB", 0,
                65536, 0,
                .about = "Memory of each worker for fragments that are not on the disk yet, at "
                         "least 16. A camera of 4 Mbit/s takes 1 MB, and more while its disk is "
                         "slow. 0: an eighth of the machine's memory, for all workers together." },
        [SETTINGS_CONNECT_TIMEOUT_MS] = { "recorder", "connect_timeout_ms", SETTINGS_NUMBER,
                "milliseconds", 1000, 60000, 10000,
                .about = "A camera that has not answered in this time is tried again." },
        [SETTINGS_IDLE_TIMEOUT_MS] = { "recorder", "idle_timeout_ms", SETTINGS_NUMBER,
                "milliseconds", 1000, 60000, 10000,
                .about = "A camera that has sent no packet for this time is lost, and connected to "
                         "anew." },
        [SETTINGS_BACKOFF_MAX_MS] = { "recorder", "backoff_max_ms", SETTINGS_NUMBER, "milliseconds",
                1000, 600000, 30000,
                .about = "The longest wait between two attempts to reach a camera." },
        [SETTINGS_CAMERA_NETWORKS] = { "recorder", "camera_networks", SETTINGS_NETWORKS, .text = "",
                .about =
                        "Networks that cameras may lie in, as in 10.1.0.0/16, 2001:db8::/32; empty "
                        "is all. Where "
                        "networks are named, no other address is connected to, whatever a name "
                        "resolves to." },
        [SETTINGS_UDP_PORT_FIRST] = { "recorder", "udp_port_first", SETTINGS_NUMBER, NULL, 0, 65534,
                0,
                .about = "The first UDP port that cameras with carrier udp may send to; 0 is any "
                         "that is free." },
        [SETTINGS_UDP_PORT_LAST] = { "recorder", "udp_port_last", SETTINGS_NUMBER, NULL, 1, 65535,
                65535, .about = "The last of them. A stream takes two, the first of them even." },
        [SETTINGS_CAMERA_MBIT_MAX] = { "recorder", "camera_mbit_max", SETTINGS_NUMBER, "Mbit/s", 1,
                10000, 100,
                .about = "A camera that sends more than this for some seconds is cut off, and "
                         "tried again after the longest wait: it would take disk and processor "
                         "from the others." },
        [SETTINGS_SYNC_MS] = { "recorder", "sync_ms", SETTINGS_NUMBER, "milliseconds", 100, 3000,
                1000,
                .about = "All that was written is made durable once in this time; a power cut "
                         "costs at most this "
                         "and the open fragments." },
        [SETTINGS_QUEUE_MEMORY_MB] = { "recorder", "queue_memory_mb", SETTINGS_NUMBER, "MiB", 16,
                65536, 256,
                .about = "Memory of each worker for frames that wait: for a sealer, for a disk, "
                         "or for an event that they precede." },
        [SETTINGS_VOLUME_PATIENCE_MS] = { "storage", "volume_patience_ms", SETTINGS_NUMBER,
                "milliseconds", 1000, 60000, 5000,
                .about = "A disk that has not answered in this time is left; cameras go on on "
                         "another volume." },
        [SETTINGS_RESERVE_MB] = { "storage", "reserve_mb", SETTINGS_NUMBER, "MiB", 16, 1048576,
                2048,
                .about = "Room that is kept free on each volume, but at most a tenth of it: the "
                         "oldest footage is removed for it." },
        [SETTINGS_SCRUB_MB_S] = { "storage", "scrub_mb_s", SETTINGS_NUMBER, "MB/s", 0, 10000, 8,
                .about = "How fast recorded footage is checked in the background; 0 checks "
                         "nothing." },
        [SETTINGS_LINK_ADDRESS] = { "link", "link_address", SETTINGS_ADDRESS, .text = "",
                .about = "The address at which hosts of this site reach the roles on this one, "
                         "once there are such hosts; empty is every address." },
        [SETTINGS_MANAGER_PORT] = { "link", "manager_port", SETTINGS_NUMBER, NULL, 0, 65535, 8320,
                .about = "TCP port where the manager takes recorders and gateways; 0 is any that "
                         "is free." },
        [SETTINGS_RECORDER_PORT] = { "link", "recorder_port", SETTINGS_NUMBER, NULL, 0, 65535, 8321,
                .about = "TCP port where a recorder takes gateways; 0 is any that is free." },
        [SETTINGS_REKEY_SECONDS] = { "link", "rekey_seconds", SETTINGS_NUMBER, "seconds", 60, 3600,
                300,
                .about = "Links between roles get new keys in this time (TLS 1.3 KeyUpdate, both "
                         "ways)." },
        [SETTINGS_NODE_DAYS] = { "link", "node_days", SETTINGS_NUMBER, "days", 1, 90, 14,
                .about = "Life of the certificates of recorders, gateways and the manager; they "
                         "are renewed by themselves when two thirds of it are over." },
        [SETTINGS_HTTPS_PORT] = { "gateway", "https_port", SETTINGS_NUMBER, NULL, 0, 65535, 8443,
                .about = "TCP port of the page and the API, for people; 0 is any that is free." },
        [SETTINGS_HTTPS_ADDRESS] = { "gateway", "https_address", SETTINGS_ADDRESS, .text = "",
                .about = "The address at which people reach them; empty is every address." },
        [SETTINGS_WEB_DAYS] = { "gateway", "web_days", SETTINGS_NUMBER, "days", 1, 397, 90,
                .about =
                        "Life of the web page's certificate where the site makes it; it is renewed "
                        "by itself when two thirds of it are over." },
        [SETTINGS_WEB_CERTIFICATE] = { "gateway", "web_certificate", SETTINGS_FILE, .text = "",
                .about = "A file with the web page's certificate of your own (PEM: the server's, "
                         "then each one's issuer), as an ACME client writes it; read again when it "
                         "changes. Empty: the site makes one." },
        [SETTINGS_WEB_KEY] = { "gateway", "web_key", SETTINGS_FILE, .text = "",
                .about = "The file with its private key (PEM, not encrypted, readable by its owner "
                         "alone): RSA of 2048 to 4096 bits, P-256 or P-384." },
        [SETTINGS_TRANSCODERS] = { "gateway", "transcoders", SETTINGS_NUMBER, NULL, 0, 64, 2,
                .about = "How many streams are made H.264 at once for browsers that do not play "
                         "them as they are (H.265, G.711), and as many still pictures. A stream of "
                         "1920 x 1080 takes half a core and 100 MB. 0: none." },
        [SETTINGS_SESSION_HOURS] = { "people", "session_hours", SETTINGS_NUMBER, "hours", 1, 168,
                12, .about = "Who signed in is signed out after this time, whatever is done." },
        [SETTINGS_SESSION_IDLE_MINUTES] = { "people", "session_idle_minutes", SETTINGS_NUMBER,
                "minutes", 5, 1440, 30,
                .about = "Who asked for nothing in this time is signed out; watching is asking." },
        [SETTINGS_LOG_LEVEL] = { "log", "level", SETTINGS_CHOICE, .number = 1, .text = "info",
                .choices = { "debug", "info", "warn", "error" },
                .about = "The least important lines that are logged." },
};

void settings_defaults(struct settings *s)
{
        memset(s, 0, sizeof *s);
        for (size_t i = 0; i < SETTINGS_COUNT; i++) {
                const struct settings_row *row = &settings_table[i];
                s->values[i].number = row->number;
                snprintf(s->values[i].text, SETTINGS_TEXT_ROOM, "%s", row->text ? row->text : "");
        }
}

uint64_t settings_get(const struct settings *s, enum settings_key key)
{
        return s->values[key].number;
}

const char *settings_text(const struct settings *s, enum settings_key key)
{
        return s->values[key].text;
}

/* --- names --- */

static size_t settings_least(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* Edits from a to b (Levenshtein); both are at most SETTINGS_NAME_MAX long. */
static size_t settings_distance(const char *a, const char *b)
{
        size_t row[SETTINGS_NAME_MAX + 1];
        size_t n = strlen(b);

        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                size_t corner = row[0];
                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t change = corner + (a[i - 1] != b[j - 1]);
                        corner = row[j];
                        row[j] = settings_least(change, 1 + settings_least(row[j], row[j - 1]));
                }
        }
        return row[n];
}

/* A name that is right but for its section is nearer than any misspelt one. */
static const struct settings_row *settings_nearest(const char *section, const char *name)
{
        const struct settings_row *best = &settings_table[0];
        size_t least = SIZE_MAX;

        if (strlen(section) > SETTINGS_NAME_MAX || strlen(name) > SETTINGS_NAME_MAX)
                return best;
        for (size_t i = 0; i < SETTINGS_COUNT; i++) {
                const struct settings_row *row = &settings_table[i];
                size_t d = 4 * settings_distance(name, row->name) +
                           settings_least(3, settings_distance(section, row->section));
                if (d < least) {
                        least = d;
                        best = row;
                }
        }
        return best;
}

int settings_find(const char *section, const char *name, enum settings_key *ret, struct err *e)
{
        char in[64], of[64];

        for (size_t i = 0; i < SETTINGS_COUNT; i++) {
                if (strcmp(settings_table[i].section, section) == 0 &&
                        strcmp(settings_table[i].name, name) == 0) {
                        *ret = (enum settings_key)i;
                        return 0;
                }
        }
        const struct settings_row *near = settings_nearest(section, name);
        return err_set(e, ERR_INVALID,
                "there is no setting \"%s\" in [%s]; the nearest is \"%s\" in [%s]",
                str_escape(of, sizeof of, bytes_str(name)),
                str_escape(in, sizeof in, bytes_str(section)), near->name, near->section);
}

/* --- values --- */

static int settings_refuse(
        const struct settings_row *row, const char *text, const char *why, struct err *e)
{
        char shown[100];

        return err_set(e, ERR_INVALID, "%s = %s %s", row->name,
                str_escape(shown, sizeof shown, bytes_str(text)), why);
}

static int settings_number(
        const struct settings_row *row, const char *text, uint64_t *ret, struct err *e)
{
        char why[120];
        uint64_t v = 0;
        bool digits = *text != '\0' && strspn(text, "0123456789") == strlen(text);

        if (digits && str_uint(text, row->min, row->max, &v, NULL) == 0) {
                *ret = v;
                return 0;
        }
        snprintf(why, sizeof why, "is %s %" PRIu64 "..%" PRIu64 "%s%s%s",
                digits ? "outside" : "not a whole number in", row->min, row->max,
                row->unit ? " (" : "", row->unit ? row->unit : "", row->unit ? ")" : "");
        return settings_refuse(row, text, why, e);
}

/* "a, b, c" to `to`. */
static const char *settings_choices(const struct settings_row *row, char *to, size_t room)
{
        size_t n = 0;

        to[0] = '\0';
        for (size_t i = 0; i < SETTINGS_CHOICES_MAX && row->choices[i] && n < room; i++)
                n += (size_t)snprintf(to + n, room - n, "%s%s", i ? ", " : "", row->choices[i]);
        return to;
}

static int settings_choice(
        const struct settings_row *row, const char *text, uint64_t *ret, struct err *e)
{
        char words[80], why[120];

        for (size_t i = 0; i < SETTINGS_CHOICES_MAX && row->choices[i]; i++) {
                if (strcmp(text, row->choices[i]) == 0) {
                        *ret = i;
                        return 0;
                }
        }
        snprintf(why, sizeof why, "is none of %s", settings_choices(row, words, sizeof words));
        return settings_refuse(row, text, why, e);
}

static int settings_networks(const struct settings_row *row, const char *text, struct err *e)
{
        struct network_list list;
        char why[80];

        int r = network_list_parse(text, &list, e);
        if (r < 0)
                return err_wrap(e, ERR_INVALID, "%s", row->name);
        if (strlen(text) < SETTINGS_TEXT_ROOM)
                return 0;
        snprintf(why, sizeof why, "is longer than %d characters", SETTINGS_TEXT_ROOM - 1);
        return settings_refuse(row, text, why, e);
}

static int settings_address(const struct settings_row *row, const char *text, struct err *e)
{
        uint8_t address[NETWORK_ADDRESS_BYTES];

        if (!text[0] || (strlen(text) < SETTINGS_TEXT_ROOM &&
                                network_address_parse(text, address, NULL) == 0))
                return 0;
        return settings_refuse(row, text, "is no IPv4 or IPv6 address", e);
}

static int settings_file(const struct settings_row *row, const char *text, struct err *e)
{
        if (strlen(text) >= SETTINGS_TEXT_ROOM)
                return settings_refuse(row, text, "is too long for the path of a file", e);
        for (const char *at = text; *at; at++) {
                if ((unsigned char)*at < ' ' || *at == 0x7f)
                        return settings_refuse(row, text, "has control characters in it", e);
        }
        return !text[0] || text[0] == '/'
                       ? 0
                       : settings_refuse(
                                 row, text, "is no path from the root: it begins with /", e);
}

int settings_set(struct settings *s, enum settings_key key, const char *text, struct err *e)
{
        const struct settings_row *row = &settings_table[key];
        uint64_t number = 0;
        int r = 0;

        switch (row->type) {
        case SETTINGS_NUMBER:
                r = settings_number(row, text, &number, e);
                break;
        case SETTINGS_CHOICE:
                r = settings_choice(row, text, &number, e);
                break;
        case SETTINGS_TEXT:
                if (!str_is_camera(text) || strlen(text) > SETTINGS_NAME_MAX) /* the same rule as
                                             for cameras: it becomes part of a URI and of paths */
                        r = settings_refuse(row, text,
                                "is not a name of a-z, 0-9 and -, at most 40 characters", e);
                break;
        case SETTINGS_NETWORKS:
                r = settings_networks(row, text, e);
                break;
        case SETTINGS_ADDRESS:
                r = settings_address(row, text, e);
                break;
        case SETTINGS_FILE:
                r = settings_file(row, text, e);
                break;
        }
        if (r < 0)
                return r;
        s->values[key].number = number;
        if (row->type != SETTINGS_NUMBER)
                snprintf(s->values[key].text, SETTINGS_TEXT_ROOM, "%s", text);
        return 0;
}

/* --- print --- */

static const char *settings_default(const struct settings_row *row, char *to, size_t room)
{
        if (row->type == SETTINGS_NUMBER)
                snprintf(to, room, "%" PRIu64, row->number);
        else
                snprintf(to, room, "%s", row->text);
        return to;
}

/* "200..2000 milliseconds", "debug, info, warn, error" or "text". */
static const char *settings_range(const struct settings_row *row, char *to, size_t room)
{
        switch (row->type) {
        case SETTINGS_NUMBER:
                snprintf(to, room, "%" PRIu64 "..%" PRIu64 "%s%s", row->min, row->max,
                        row->unit ? " " : "", row->unit ? row->unit : "");
                break;
        case SETTINGS_CHOICE:
                settings_choices(row, to, room);
                break;
        case SETTINGS_TEXT:
                snprintf(to, room, "text");
                break;
        case SETTINGS_NETWORKS:
                snprintf(to, room, "up to %d networks", NETWORK_LIST_MAX);
                break;
        case SETTINGS_ADDRESS:
                snprintf(to, room, "an address");
                break;
        case SETTINGS_FILE:
                snprintf(to, room, "a file");
                break;
        }
        return to;
}

static bool settings_opens_section(size_t i)
{
        return i == 0 || strcmp(settings_table[i].section, settings_table[i - 1].section) != 0;
}

/* The text in lines of at most 100 columns, each behind `margin`. */
static int settings_wrap(struct buf *to, const char *margin, const char *text, struct err *e)
{
        size_t width = 100 - strlen(margin);

        while (*text) {
                size_t n = strlen(text);
                if (n > width) {
                        for (n = width; n > 0 && text[n] != ' '; n--)
                                ;
                        n = n ? n : width;
                }
                int r = buf_printf(to, e, "%s%.*s\n", margin, (int)n, text);
                if (r < 0)
                        return r;
                text += n;
                text += *text == ' ';
        }
        return 0;
}

int settings_print_example(struct buf *to, struct err *e)
{
        char range[100], value[SETTINGS_TEXT_ROOM];
        int r = buf_printf(to, e,
                "; Settings of Custos. Each line that is commented out shows the default.\n");

        for (size_t i = 0; i < SETTINGS_COUNT && r == 0; i++) {
                const struct settings_row *row = &settings_table[i];
                if (settings_opens_section(i))
                        r = buf_printf(to, e, "\n[%s]\n", row->section);
                if (r == 0)
                        r = buf_printf(to, e, "\n");
                if (r == 0)
                        r = settings_wrap(to, "; ", row->about, e);
                if (r == 0)
                        r = buf_printf(to, e, "; %s\n;%s = %s\n",
                                settings_range(row, range, sizeof range), row->name,
                                settings_default(row, value, sizeof value));
        }
        return r;
}

int settings_print_markdown(struct buf *to, struct err *e)
{
        char range[100], value[SETTINGS_TEXT_ROOM];
        int r = buf_printf(to, e,
                "# Settings\n\nOf a configuration file for `custos run --config FILE`; `custos "
                "settings "
                "--example` prints one, `custos settings\n--check FILE` says what is wrong in one. "
                "This page "
                "is what `custos settings --markdown` prints.\n\n");

        for (size_t i = 0; i < SETTINGS_COUNT && r == 0; i++) {
                const struct settings_row *row = &settings_table[i];
                if (settings_opens_section(i))
                        r = buf_printf(to, e,
                                "%s## [%s]\n\n| name | default | range | meaning "
                                "|\n|---|---|---|---|\n",
                                i ? "\n" : "", row->section);
                if (r == 0)
                        r = buf_printf(to, e, "| `%s` | `%s` | %s | %s |\n", row->name,
                                settings_default(row, value, sizeof value),
                                settings_range(row, range, sizeof range), row->about);
        }
        return r;
}

int settings_print_help(struct buf *to, struct err *e)
{
        char range[100], value[SETTINGS_TEXT_ROOM];
        int r = 0;

        for (size_t i = 0; i < SETTINGS_COUNT && r == 0; i++) {
                const struct settings_row *row = &settings_table[i];
                if (settings_opens_section(i))
                        r = buf_printf(to, e, "[%s]\n", row->section);
                if (r == 0)
                        r = buf_printf(to, e, "  %-20s %s (default %s)\n", row->name,
                                settings_range(row, range, sizeof range),
                                settings_default(row, value, sizeof value));
                if (r == 0)
                        r = settings_wrap(to, "      ", row->about, e);
        }
        return r;
}
