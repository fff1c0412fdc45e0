/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/key_store.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"
#include "base/str.h"
#include "crypto/hash.h"
#include "os/file.h"

#define KEY_ID_HEX 33
#define HOUR_US INT64_C(3600000000)
#define WRAPPED_BYTES (32 + HPKE_TAG_BYTES)
#define PATH_ROOM 4400

static void json_freep(json_t **j)
{
        json_decref(*j);
}

void key_store_hour(int64_t wall_us, char to[static KEY_STORE_HOUR_ROOM])
{
        char time[STR_TIME_ROOM];

        str_time(time, wall_us);
        memcpy(to, time, KEY_STORE_HOUR_ROOM - 1);
        to[KEY_STORE_HOUR_ROOM - 1] = '\0';
}

void key_store_path(const char *stream, const char *hour, const uint8_t key_id[static 16], char *to,
        size_t room)
{
        char id[KEY_ID_HEX];

        snprintf(to, room, "keys/%s/%.10s/%.2s.%s.json", stream, hour, hour + 11,
                str_hex(id, BYTES(key_id, 16)));
}

/* What binds a wrap to its place: stream, hour and key id. */
static size_t key_store_aad(const char *stream, const char *hour, const uint8_t key_id[static 16],
        char to[static HEAD_PATH_MAX + 64])
{
        char id[KEY_ID_HEX];

        return (size_t)snprintf(
                to, HEAD_PATH_MAX + 64, "%s\n%s\n%s", stream, hour, str_hex(id, BYTES(key_id, 16)));
}

static const char key_store_info[] = "custos-hour-key-1";
#define INFO BYTES(key_store_info, sizeof key_store_info - 1)

static int wrap_one(const struct key_store_recipient *to, const char *stream, const char *hour,
        const uint8_t key_id[static 16], const uint8_t hour_key[static 32], json_t *wraps,
        struct err *e)
{
        char aad[HEAD_PATH_MAX + 64], id[2 * HASH_BYTES + 1], enc_hex[2 * HPKE_PUBLIC_BYTES + 1],
                wrapped_hex[2 * WRAPPED_BYTES + 1];
        uint8_t enc[HPKE_PUBLIC_BYTES], wrapped[WRAPPED_BYTES], recipient[HASH_BYTES];
        size_t aad_n = key_store_aad(stream, hour, key_id, aad);

        int r = hpke_seal(
                to->public_key, INFO, BYTES(aad, aad_n), BYTES(hour_key, 32), enc, wrapped, e);
        if (r < 0)
                return err_wrap(e, r, "hour key for recipient \"%s\"", to->kind);
        hash_once(BYTES(to->public_key, HPKE_PUBLIC_BYTES), recipient);
        json_t *w = json_pack("{s:s, s:s, s:s, s:s}", "recipient",
                str_hex(id, BYTES(recipient, HASH_BYTES)), "kind", to->kind, "enc",
                str_hex(enc_hex, BYTES(enc, sizeof enc)), "wrapped",
                str_hex(wrapped_hex, BYTES(wrapped, sizeof wrapped)));
        if (!w || json_array_append_new(wraps, w) < 0)
                return err_set(e, ERR_INTERNAL, "hour key: cannot make JSON");
        return 0;
}

int key_store_wrap(const char *stream, const char *hour, const uint8_t hour_key[static 32],
        const struct key_store_recipient *recipients, unsigned recipients_n, struct buf *out,
        struct err *e)
{
        uint8_t key_id[16];
        char id[KEY_ID_HEX];

        if (recipients_n == 0 || recipients_n > KEY_STORE_RECIPIENTS_MAX)
                return err_set(e, ERR_INVALID, "%u recipients of hour keys, 1 to %d are possible",
                        recipients_n, KEY_STORE_RECIPIENTS_MAX);
        if (!head_is_stream_path(stream) || strlen(hour) != KEY_STORE_HOUR_ROOM - 1)
                return err_set(e, ERR_INVALID, "hour key of no stream or hour");
        seal_hour_key_id(hour_key, stream, key_id);
        CLEANUP(json_freep)
        json_t *file = json_pack("{s:i, s:s, s:s, s:s, s:[]}", "version", 1, "stream", stream,
                "hour", hour, "key_id", str_hex(id, BYTES(key_id, 16)), "wraps");
        for (unsigned i = 0; file && i < recipients_n; i++) {
                int r = wrap_one(&recipients[i], stream, hour, key_id, hour_key,
                        json_object_get(file, "wraps"), e);
                if (r < 0)
                        return r;
        }
        CLEANUP(own_freep) char *text = file ? json_dumps(file, JSON_INDENT(2)) : NULL;
        if (!text)
                return err_set(e, ERR_INTERNAL, "hour key: cannot make JSON");
        return buf_printf(out, e, "%s\n", text) < 0 ? ERR_EXHAUSTED : 0;
}

/* --- reading --- */

/* A member that is hex of exactly n bytes. */
static int get_hex(const json_t *object, const char *name, uint8_t *to, size_t n, struct err *e)
{
        const char *text = json_string_value(json_object_get(object, name));

        if (!text)
                return err_set(e, ERR_CORRUPT, "\"%s\" is missing", name);
        return str_unhex(to, n, text, NULL) < 0
                       ? err_set(e, ERR_CORRUPT, "\"%s\" is not %zu bytes of hex", name, n)
                       : 0;
}

static int parse_wrap(const json_t *object, struct key_store_wrapped *ret, struct err *e)
{
        const char *kind = json_string_value(json_object_get(object, "kind"));

        if (!kind || strlen(kind) >= sizeof ret->kind || json_object_size(object) != 4)
                return err_set(e, ERR_CORRUPT, "a wrap of another form");
        snprintf(ret->kind, sizeof ret->kind, "%s", kind);
        int r = get_hex(object, "recipient", ret->recipient, sizeof ret->recipient, e);
        if (r == 0)
                r = get_hex(object, "enc", ret->enc, sizeof ret->enc, e);
        if (r == 0)
                r = get_hex(object, "wrapped", ret->wrapped, sizeof ret->wrapped, e);
        return r;
}

static int parse_names(const json_t *file, struct key_store_file *ret, struct err *e)
{
        const char *stream = json_string_value(json_object_get(file, "stream"));
        const char *hour = json_string_value(json_object_get(file, "hour"));
        json_t *version = json_object_get(file, "version");

        if (!json_is_integer(version) || json_integer_value(version) != 1)
                return err_set(e, ERR_CORRUPT, "version is not 1");
        if (!stream || strlen(stream) >= sizeof ret->stream || !head_is_stream_path(stream))
                return err_set(e, ERR_CORRUPT, "\"stream\" is missing or not a stream path");
        if (!hour || strlen(hour) != sizeof ret->hour - 1)
                return err_set(e, ERR_CORRUPT, "\"hour\" is missing or not an hour");
        snprintf(ret->stream, sizeof ret->stream, "%s", stream);
        snprintf(ret->hour, sizeof ret->hour, "%s", hour);
        return get_hex(file, "key_id", ret->key_id, sizeof ret->key_id, e);
}

int key_store_parse(struct bytes text, struct key_store_file *ret, struct err *e)
{
        struct key_store_file f = { 0 };
        json_error_t where;

        if (text.n > KEY_STORE_FILE_MAX)
                return err_set(e, ERR_EXHAUSTED, "key file of %zu bytes, at most %d", text.n,
                        KEY_STORE_FILE_MAX);
        CLEANUP(json_freep)
        json_t *file = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &where);
        if (!file)
                return err_set(e, ERR_CORRUPT, "key file, line %d: %s", where.line, where.text);
        json_t *wraps = json_object_get(file, "wraps");
        if (!json_is_array(wraps) || json_object_size(file) != 5 || json_array_size(wraps) == 0 ||
                json_array_size(wraps) > KEY_STORE_RECIPIENTS_MAX)
                return err_set(e, ERR_CORRUPT, "key file of another form than version 1");
        int r = parse_names(file, &f, e);
        for (size_t i = 0; r == 0 && i < json_array_size(wraps); i++)
                r = parse_wrap(json_array_get(wraps, i), &f.wraps[f.wraps_n++], e);
        if (r < 0)
                return err_wrap(e, r, "key file");
        *ret = f;
        return 0;
}

const struct key_store_wrapped *key_store_find(
        const struct key_store_file *f, const uint8_t recipient[static 32])
{
        for (unsigned i = 0; i < f->wraps_n; i++) {
                if (memcmp(f->wraps[i].recipient, recipient, HASH_BYTES) == 0)
                        return &f->wraps[i];
        }
        return NULL;
}

static int open_wrap(const struct key_store_file *f, const struct key_store_wrapped *w,
        const uint8_t private_key[static HPKE_PRIVATE_BYTES], uint8_t ret_hour_key[static 32],
        struct err *e)
{
        char aad[HEAD_PATH_MAX + 64];
        uint8_t hour_key[32], id[16];
        size_t aad_n = key_store_aad(f->stream, f->hour, f->key_id, aad);

        int r = hpke_open(private_key, w->enc, INFO, BYTES(aad, aad_n),
                BYTES(w->wrapped, sizeof w->wrapped), hour_key, e);
        if (r == 0) {
                seal_hour_key_id(hour_key, f->stream, id);
                if (memcmp(id, f->key_id, sizeof id) != 0)
                        r = err_set(e, ERR_CORRUPT,
                                "the hour key inside is not the one that the file names");
        }
        if (r == 0)
                memcpy(ret_hour_key, hour_key, sizeof hour_key);
        explicit_bzero(hour_key, sizeof hour_key);
        return r;
}

int key_store_unwrap(struct bytes text, const char *stream, const uint8_t key_id[static 16],
        const uint8_t private_key[static HPKE_PRIVATE_BYTES], uint8_t ret_hour_key[static 32],
        struct err *e)
{
        uint8_t public_key[HPKE_PUBLIC_BYTES], recipient[HASH_BYTES];
        char hex[2 * HASH_BYTES + 1];
        struct key_store_file f;

        int r = key_store_parse(text, &f, e);
        if (r < 0)
                return r;
        if (strcmp(f.stream, stream) != 0 || memcmp(f.key_id, key_id, sizeof f.key_id) != 0)
                return err_set(
                        e, ERR_CORRUPT, "key file of another stream or key than its name says");
        r = hpke_public_of(private_key, public_key, e);
        if (r < 0)
                return r;
        hash_once(BYTES(public_key, sizeof public_key), recipient);
        const struct key_store_wrapped *w = key_store_find(&f, recipient);
        if (!w)
                return err_set(e, ERR_NOT_FOUND,
                        "this hour key was not wrapped for recipient %.16s...: use the key of the "
                        "recorder that made "
                        "it, or the recovery kit of its site",
                        str_hex(hex, BYTES(recipient, HASH_BYTES)));
        return open_wrap(&f, w, private_key, ret_hour_key, e);
}

/* --- finding --- */

static int try_hour(const char *vault, const struct head *head, const char *hour, struct buf *text,
        struct err *e)
{
        char name[HEAD_PATH_MAX + 80], path[PATH_ROOM];

        key_store_path(head->stream, hour, head->hour_key_id, name, sizeof name);
        snprintf(path, sizeof path, "%s/%s", vault, name);
        buf_clear(text);
        return file_read(path, KEY_STORE_FILE_MAX, text, e);
}

/* Every hour of every day that has keys of this stream. */
static int try_all(const char *vault, const struct head *head, struct buf *text, struct err *e)
{
        char dir[PATH_ROOM], hour[KEY_STORE_HOUR_ROOM];
        int r = ERR_NOT_FOUND;

        snprintf(dir, sizeof dir, "%s/keys/%s", vault, head->stream);
        DIR *d = opendir(dir);
        for (struct dirent *entry = d ? readdir(d) : NULL; entry && r == ERR_NOT_FOUND;
                entry = readdir(d)) {
                if (entry->d_name[0] == '.' || strlen(entry->d_name) != 10)
                        continue;
                for (unsigned i = 0; i < 24 && r == ERR_NOT_FOUND; i++) {
                        snprintf(hour, sizeof hour, "%.10sT%02u", entry->d_name, i % 24);
                        r = try_hour(vault, head, hour, text, e);
                }
        }
        if (d)
                closedir(d);
        return r;
}

static int read_on(const char *vault, const struct head *head, int64_t wall_us, struct buf *text,
        struct err *e)
{
        static const int around[] = { 0, -1, 1 };
        char hour[KEY_STORE_HOUR_ROOM];
        int r = ERR_NOT_FOUND;

        for (size_t i = 0; i < ARRAY_LEN(around) && r == ERR_NOT_FOUND; i++) {
                key_store_hour(wall_us + around[i] * HOUR_US, hour);
                r = try_hour(vault, head, hour, text, e);
        }
        return r == ERR_NOT_FOUND ? try_all(vault, head, text, e) : r;
}

int key_store_read(const struct vault_set *set, unsigned own, const struct head *head,
        int64_t wall_us, struct buf *text, unsigned *ret_at, struct err *e)
{
        char id[KEY_ID_HEX];
        struct err first = { 0 };

        if (!head_is_stream_path(head->stream))
                return err_set(e, ERR_INVALID, "not a stream path");
        for (unsigned i = 0; i < set->n; i++) {
                unsigned at = (own + i) % set->n;
                struct err why;
                if (set->members[at].away)
                        continue;
                int r = read_on(set->members[at].path, head, wall_us, text, &why);
                if (r == 0) {
                        if (ret_at)
                                *ret_at = at;
                        return 0;
                }
                if (r != ERR_NOT_FOUND && first.code == 0)
                        first = why;
        }
        if (first.code)
                return err_set(e, first.code, "%s", first.text);
        unsigned away_n = vault_set_away_n(set);
        return err_set(e, ERR_NOT_FOUND,
                "no key file for hour key %s of %s under %s/keys%s%s: without it this footage "
                "cannot be decrypted",
                str_hex(id, BYTES(head->hour_key_id, 16)), head->stream, set->members[own].path,
                set->n > 1 ? ", or on another volume" : "",
                away_n ? " (not all volumes are there)" : "");
}

int key_store_segment_key(const struct vault_set *set, unsigned own, const struct head *head,
        int64_t wall_us, const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        uint8_t ret_key[static 16], struct err *e)
{
        CLEANUP(buf_done) struct buf text;
        uint8_t hour_key[32];

        buf_init(&text, KEY_STORE_FILE_MAX);
        int r = key_store_read(set, own, head, wall_us, &text, NULL, e);
        if (r == 0)
                r = key_store_unwrap(buf_bytes(&text), head->stream, head->hour_key_id, private_key,
                        hour_key, e);
        if (r < 0)
                return r;
        seal_segment_key(hour_key, head->kid, ret_key);
        explicit_bzero(hour_key, sizeof hour_key);
        return 0;
}
