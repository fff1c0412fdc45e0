/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_recorded.h"
#include "cli/cli_vaults.h"
#include "cli/cli_wrap_key.h"
#include "crypto/hash.h"
#include "os/file.h"
#include "seal/segment.h"
#include "vault/key_store.h"
#include "vault/rebuild.h"
#include "vault/segment_skim.h"
#include "vault/vault_walk.h"

#define HOUR_US INT64_C(3600000000)
#define NEAR_US INT64_C(1000000)

enum { KEYS_SHOW, KEYS_RECOVERY_KIT, KEYS_REWRAP };

static const struct cli_args_command cli_keys_command = {
        .name = "keys",
        .help = "custos keys show --camera NAME [--stream NAME] --at TIME\n"
                "                 [--key FILE | --recovery-kit FILE]\n"
                "custos keys recovery-kit [--check FILE]\n"
                "custos keys rewrap --recovery-kit FILE\n"
                "\n"
                "show          the key of the segment that was being recorded at TIME, and how\n"
                "              to play the segment with it. A segment key opens its whole\n"
                "              segment, up to a minute.\n"
                "recovery-kit  whether the hour keys are wrapped for the site's recovery kit\n"
                "rewrap        wraps the hour keys that this recorder's key does not open for\n"
                "              it, by the kit: after a restore, on a machine with new keys\n"
                "\n" CLI_ARGS_HELP_STREAM
                "  --at TIME            when it was recorded\n" CLI_ARGS_HELP_KEYS
                "                       (neither: recorder/wrap.key in the state directory)\n"
                "  --check FILE         proves that the kit in FILE opens the hour keys; \"-\"\n"
                "                       is standard input\n" CLI_ARGS_HELP_STATE CLI_ARGS_HELP_VAULT
                "  --json               show: [{file, kid, key}]; recovery-kit: {recipient,\n"
                "                       key_files, good, opened, first_bad, why};\n"
                "                       rewrap: {key_files, rewrapped, first_bad, why}; or\n"
                "                       {error: {code, text, remedy}}\n"
                "\n" CLI_ARGS_HELP_TIME
                "Exit: 0 done (recovery-kit: all of them), 1 not (all), 64 wrong use.\n",
        .verbs_n = 3,
        .verbs = { [KEYS_SHOW] = { .word = "show",
                           .takes = CLI_ARGS_BIT(STREAM) | CLI_ARGS_BIT(KEY) | CLI_ARGS_BIT(KIT) |
                                    CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) | CLI_ARGS_BIT(JSON),
                           .needs = CLI_ARGS_BIT(CAMERA) | CLI_ARGS_BIT(AT) },
                [KEYS_RECOVERY_KIT] = { .word = "recovery-kit",
                        .takes = CLI_ARGS_BIT(CHECK) | CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) |
                                 CLI_ARGS_BIT(JSON) },
                [KEYS_REWRAP] = { .word = "rewrap",
                        .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(VAULT) | CLI_ARGS_BIT(JSON),
                        .needs = CLI_ARGS_BIT(KIT) } },
};

/* --- show --- */

struct found {
        const struct cli_args *args;
        const struct vault_set *set;
        int64_t from_us, to_us;
        uint8_t private_key[HPKE_PRIVATE_BYTES];
        json_t *out;
        unsigned n;
};

/* The segment's key, proved by the commitment in its seals. */
static int segment_key_of(const struct found *f, unsigned at, struct bytes file,
        uint8_t ret_kid[static 16], uint8_t ret_key[static 16], struct err *e)
{
        uint8_t commitment[32];
        struct segment s;

        int r = segment_read(file, &s, e);
        if (r < 0)
                return r;
        if (s.fragments_n == 0) {
                segment_done(&s);
                return err_set(e, ERR_NOT_FOUND, "nothing in it is sealed");
        }
        const struct seal *seal = &s.fragments[0].seal;
        r = key_store_segment_key(
                f->set, at, &s.head, seal->first_arrival_us, f->private_key, ret_key, e);
        if (r == 0) {
                seal_commit_key(ret_key, s.head.kid, s.head.stream, commitment);
                if (memcmp(commitment, seal->key_commitment, sizeof commitment) != 0)
                        r = err_set(e, ERR_AUTH,
                                "the key in the key store is not the one that the seals commit to");
        }
        memcpy(ret_kid, s.head.kid, 16);
        segment_done(&s);
        return r;
}

static void print_key(struct found *f, const char *path, const uint8_t kid[static 16],
        const uint8_t key[static 16])
{
        char kid_hex[33], key_hex[33];

        str_hex(kid_hex, BYTES(kid, 16));
        str_hex(key_hex, BYTES(key, 16));
        if (f->out) {
                json_array_append_new(f->out,
                        json_pack("{s:s, s:s, s:s}", "file", path, "kid", kid_hex, "key", key_hex));
        } else {
                printf("%s\n  KID:key  %s:%s\n", path, kid_hex, key_hex);
                printf("  play     ffplay -decryption_key %s '%s'\n", key_hex, path);
                printf("  decrypt  ffmpeg -decryption_key %s -i '%s' -c copy clear.mp4\n", key_hex,
                        path);
        }
        explicit_bzero(key_hex, sizeof key_hex);
}

static int show_segment(struct found *f, unsigned at, const char *object_key, struct err *e)
{
        CLEANUP(own_freep)
        char *path = xasprintf("%s/%s", f->set->members[at].path, object_key);
        uint8_t kid[16], key[16];
        struct segment_skim skim;

        int r = segment_skim_open(path, &skim, e);
        if (r < 0)
                return r;
        r = segment_key_of(f, at, skim.bytes, kid, key, e);
        segment_skim_close(&skim);
        if (r < 0)
                return err_wrap(e, r, "%s", object_key);
        f->n++;
        print_key(f, path, kid, key);
        explicit_bzero(key, sizeof key);
        return 0;
}

static int on_file(void *owner, unsigned at, const char *object_key, struct err *e)
{
        struct found *f = owner;
        struct index_segment s;

        if (rebuild_read_segment(f->set->members[at].path, object_key, &s, NULL, NULL, NULL) < 0 ||
                s.first_us > f->to_us || s.last_us < f->from_us)
                return 0;
        return show_segment(f, at, object_key, e);
}

/* By the times in the files of the hour, and of the one before, where a segment may begin. */
static int find_between(struct found *f, int64_t from_us, int64_t to_us, struct err *e)
{
        int r = 0;

        f->from_us = from_us;
        f->to_us = to_us;
        for (int i = -1; r == 0 && i <= 0; i++) {
                char hour[KEY_STORE_HOUR_ROOM];
                key_store_hour(to_us + i * HOUR_US, hour);
                hour[10] = '/';
                r = vault_set_segments(f->set, f->args->stream_path, hour, on_file, f, e);
        }
        return r;
}

static int find_segments(struct found *f, struct err *e)
{
        int64_t at_us = f->args->at_us;

        int r = find_between(f, at_us, at_us, e);
        if (r == 0 && f->n == 0) /* between the last frame of one and the first of the next */
                r = find_between(f, at_us - NEAR_US, at_us + NEAR_US, e);
        return r;
}

static int keys_show(const struct cli_args *a, const struct vault_set *set)
{
        struct found f = { .args = a, .set = set };
        char around[CLI_RECORDED_ROOM] = "";
        struct err e;
        int r = cli_recorded_check(a, set, &e);

        if (r == 0)
                r = cli_wrap_key(a->state, a->values[CLI_ARGS_KEY], a->values[CLI_ARGS_KIT],
                        f.private_key, &e);
        if (r < 0)
                return cli_fail("keys", &e, NULL, a->json);
        f.out = a->json ? json_array() : NULL;
        r = find_segments(&f, &e);
        explicit_bzero(f.private_key, sizeof f.private_key);
        if (r == 0 && f.n == 0) {
                r = err_set(&e, ERR_NOT_FOUND, "nothing of %s was recorded at that time",
                        a->stream_path);
                cli_recorded_around(a, set, a->at_us, a->at_us, around);
        }
        if (r == 0 && a->json)
                cli_print_json(f.out);
        json_decref(f.out);
        return r < 0 ? cli_fail("keys", &e, around, a->json) : CLI_OK;
}

/* --- recovery-kit --- */

struct kit_count {
        const struct cli_args *args;
        const char *vault; /* whose files are looked at */
        uint8_t recipient[HASH_BYTES];
        const uint8_t *private_key; /* with --check */
        uint64_t files, good;
        char first_bad[256];
        struct err why;
};

static int open_key_file(struct kit_count *c, struct bytes text, struct err *e)
{
        struct key_store_file file;
        uint8_t hour_key[32];

        int r = key_store_parse(text, &file, e);
        if (r < 0)
                return r;
        if (c->private_key) {
                r = key_store_unwrap(text, file.stream, file.key_id, c->private_key, hour_key, e);
                explicit_bzero(hour_key, sizeof hour_key);
                return r;
        }
        return key_store_find(&file, c->recipient)
                       ? 0
                       : err_set(e, ERR_NOT_FOUND, "is not wrapped for the recovery kit");
}

static int on_key_file(void *owner, const char *name, struct err *e)
{
        struct kit_count *c = owner;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", c->vault, name);
        CLEANUP(buf_done) struct buf text;
        struct err why;

        (void)e;
        buf_init(&text, KEY_STORE_FILE_MAX);
        c->files++;
        int r = file_read(path, KEY_STORE_FILE_MAX, &text, &why);
        if (r == 0)
                r = open_key_file(c, buf_bytes(&text), &why);
        if (r == 0) {
                c->good++;
        } else if (!c->first_bad[0]) {
                snprintf(c->first_bad, sizeof c->first_bad, "%s", name);
                c->why = why;
        }
        return 0;
}

static void print_kit(const struct kit_count *c)
{
        char id[2 * HASH_BYTES + 1];
        const char *verb = c->private_key ? "opened by this kit" : "wrapped for the recovery kit";

        str_hex(id, BYTES(c->recipient, sizeof c->recipient));
        if (c->args->json) {
                json_t *o = json_pack("{s:s, s:I, s:I, s:b, s:s, s:s}", "recipient", id,
                        "key_files", (json_int_t)c->files, "good", (json_int_t)c->good, "opened",
                        c->private_key != NULL, "first_bad", c->first_bad, "why",
                        c->first_bad[0] ? c->why.text : "");
                cli_print_json(o);
                json_decref(o);
                return;
        }
        printf("recipient  %s\n%" PRIu64 " of %" PRIu64 " hour keys are %s\n", id, c->good,
                c->files, verb);
        if (c->first_bad[0])
                printf("not this one: %s: %s\n", c->first_bad, c->why.text);
        if (c->files == 0)
                printf("there are no hour keys yet: nothing has been recorded\n");
        else if (!c->private_key)
                printf("custos keys recovery-kit --check FILE proves that the kit itself is "
                       "right\n");
}

static int keys_recovery_kit(const struct cli_args *a, const struct vault_set *set)
{
        uint8_t private_key[HPKE_PRIVATE_BYTES], public_key[HPKE_PUBLIC_BYTES];
        struct kit_count c = { .args = a };
        struct err e;
        int r;

        if (a->values[CLI_ARGS_CHECK]) {
                r = cli_wrap_key(a->state, NULL, a->values[CLI_ARGS_CHECK], private_key, &e);
                if (r == 0)
                        r = hpke_public_of(private_key, public_key, &e);
                c.private_key = private_key;
        } else {
                r = cli_wrap_public(a->state, "recovery", public_key, &e);
        }
        if (r == 0) {
                hash_once(BYTES(public_key, sizeof public_key), c.recipient);
                for (unsigned i = 0; r == 0 && i < set->n; i++) {
                        c.vault = set->members[i].path;
                        if (!set->members[i].away)
                                r = vault_walk_keys(c.vault, on_key_file, &c, &e);
                }
        }
        explicit_bzero(private_key, sizeof private_key);
        if (r < 0)
                return cli_fail("keys", &e, NULL, a->json);
        print_kit(&c);
        return c.good == c.files && (c.files > 0 || !c.private_key) ? CLI_OK : CLI_FAILED;
}

/* --- rewrap --- */

struct rewrap {
        const struct cli_args *args;
        const char *vault;
        uint8_t private_key[HPKE_PRIVATE_BYTES]; /* of the kit */
        struct key_store_recipient recipients[2];
        uint8_t recorder[HASH_BYTES];
        uint64_t files, done, bad;
        char first_bad[256];
        struct err why;
};

/* 1: wrapped anew; 0: it was for this recorder already. */
static int rewrap_text(struct rewrap *w, struct bytes text, struct buf *out, struct err *e)
{
        struct key_store_file file;
        uint8_t hour_key[32];

        int r = key_store_parse(text, &file, e);
        if (r < 0 || key_store_find(&file, w->recorder))
                return r;
        r = key_store_unwrap(text, file.stream, file.key_id, w->private_key, hour_key, e);
        if (r == 0)
                r = key_store_wrap(file.stream, file.hour, hour_key, w->recipients,
                        ARRAY_LEN(w->recipients), out, e);
        explicit_bzero(hour_key, sizeof hour_key);
        return r < 0 ? r : 1;
}

static int rewrap_file(void *owner, const char *name, struct err *e)
{
        struct rewrap *w = owner;
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", w->vault, name);
        CLEANUP(buf_done) struct buf text, out;
        struct err why;

        (void)e;
        buf_init(&text, KEY_STORE_FILE_MAX);
        buf_init(&out, KEY_STORE_FILE_MAX);
        w->files++;
        int r = file_read(path, KEY_STORE_FILE_MAX, &text, &why);
        if (r == 0)
                r = rewrap_text(w, buf_bytes(&text), &out, &why);
        if (r == 1)
                r = file_write_atomic(path, buf_bytes(&out), 0600, &why) < 0 ? ERR_IO : 1;
        if (r == 1)
                w->done++;
        if (r < 0 && w->bad++ == 0) {
                snprintf(w->first_bad, sizeof w->first_bad, "%s", name);
                w->why = why;
        }
        return 0;
}

static int rewrap_prepare(struct rewrap *w, struct err *e)
{
        struct key_store_recipient *recorder = &w->recipients[0], *kit = &w->recipients[1];

        *recorder = (struct key_store_recipient){ .kind = "recorder" };
        *kit = (struct key_store_recipient){ .kind = "recovery" };
        int r = cli_wrap_key(
                w->args->state, NULL, w->args->values[CLI_ARGS_KIT], w->private_key, e);
        if (r == 0)
                r = hpke_public_of(w->private_key, kit->public_key, e);
        if (r == 0)
                r = cli_wrap_public(w->args->state, "wrap", recorder->public_key, e);
        hash_once(BYTES(recorder->public_key, HPKE_PUBLIC_BYTES), w->recorder);
        return r;
}

static int keys_rewrap(const struct cli_args *a, const struct vault_set *set)
{
        struct rewrap w = { .args = a };
        struct err e;

        int r = rewrap_prepare(&w, &e);
        for (unsigned i = 0; r == 0 && i < set->n; i++) {
                w.vault = set->members[i].path;
                if (!set->members[i].away)
                        r = vault_walk_keys(w.vault, rewrap_file, &w, &e);
        }
        explicit_bzero(w.private_key, sizeof w.private_key);
        if (r < 0)
                return cli_fail("keys", &e, NULL, a->json);
        if (a->json) {
                json_t *o = json_pack("{s:I, s:I, s:s, s:s}", "key_files", (json_int_t)w.files,
                        "rewrapped", (json_int_t)w.done, "first_bad", w.first_bad, "why",
                        w.bad ? w.why.text : "");
                cli_print_json(o);
                json_decref(o);
        } else {
                printf("%" PRIu64 " of %" PRIu64 " hour keys are wrapped anew, for this recorder "
                       "and the recovery kit\n",
                        w.done, w.files);
                if (w.bad)
                        printf("%" PRIu64 " are not; this one: %s: %s\n", w.bad, w.first_bad,
                                w.why.text);
        }
        return w.bad ? CLI_FAILED : CLI_OK;
}

int cli_keys(int argc, char **argv)
{
        struct vault_set set;
        struct cli_args a;
        struct err e;

        if (!cli_args_parse(&a, &cli_keys_command, argc, argv))
                return a.exit;
        if (cli_vaults_open(&a, &set, &e) < 0)
                return cli_fail("keys", &e, NULL, a.json);
        int code = a.verb == KEYS_SHOW           ? keys_show(&a, &set)
                   : a.verb == KEYS_RECOVERY_KIT ? keys_recovery_kit(&a, &set)
                                                 : keys_rewrap(&a, &set);
        vault_set_done(&set);
        return code;
}
