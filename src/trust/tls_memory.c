/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/tls_memory.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

#define TLS_MEMORY_VERSION 1
#define TLS_MEMORY_DAY_US (INT64_C(86400) * 1000000)

struct tls_memory_entry {
        char camera[64];
        char host[TLS_MEMORY_HOST_MAX + 1];
        uint8_t key[32];
        enum tls_memory_how how;
        int64_t since_us; /* in this manner */
        int64_t last_us;
};

struct tls_memory {
        struct tls_memory_entry *entries;
        size_t n, room;
};

static const char *const tls_memory_hows[] = { "verified", "pinned" };

struct tls_memory *tls_memory_new(void)
{
        return xcalloc(1, sizeof(struct tls_memory));
}

struct tls_memory *tls_memory_free(struct tls_memory *m)
{
        if (!m)
                return NULL;
        free(m->entries);
        free(m);
        return NULL;
}

void tls_memory_freep(struct tls_memory **m)
{
        tls_memory_free(*m);
}

/* What may stand in an address: anything printable that needs no escaping anywhere. */
static bool tls_memory_is_host(const char *host)
{
        size_t n = strlen(host);

        if (n == 0 || n > TLS_MEMORY_HOST_MAX)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (host[i] <= ' ' || host[i] > '~' || strchr("\"\\'/@", host[i]))
                        return false;
        }
        return true;
}

static struct tls_memory_entry *tls_memory_find(const struct tls_memory *m, const char *camera)
{
        for (size_t i = 0; i < m->n; i++) {
                if (strcmp(m->entries[i].camera, camera) == 0)
                        return &m->entries[i];
        }
        return NULL;
}

/* Names of hosts have no case. */
static const struct tls_memory_entry *tls_memory_find_host(
        const struct tls_memory *m, const char *host)
{
        for (size_t i = 0; i < m->n; i++) {
                if (strcasecmp(m->entries[i].host, host) == 0)
                        return &m->entries[i];
        }
        return NULL;
}

static int tls_memory_check(const char *camera, const char *host, struct err *e)
{
        if (!str_is_camera(camera))
                return err_set(e, ERR_INVALID, "TLS memory: not a camera's name");
        if (!tls_memory_is_host(host))
                return err_set(e, ERR_INVALID, "TLS memory: camera %s: not a host", camera);
        return 0;
}

/* A new entry, all zero; NULL when there are too many. */
static struct tls_memory_entry *tls_memory_add(struct tls_memory *m)
{
        if (m->n == TLS_MEMORY_CAMERAS_MAX)
                return NULL;
        if (m->n == m->room) {
                m->room = m->room ? 2 * m->room : 16;
                m->entries = xrealloc(m->entries, m->room, sizeof *m->entries);
        }
        struct tls_memory_entry *entry = &m->entries[m->n++];
        memset(entry, 0, sizeof *entry);
        return entry;
}

static int64_t tls_memory_day(int64_t us)
{
        return us / TLS_MEMORY_DAY_US;
}

int tls_memory_note(struct tls_memory *m, const char *camera, const char *host,
        const uint8_t key[static 32], enum tls_memory_how how, int64_t now_us, struct err *e)
{
        int r = tls_memory_check(camera, host, e);

        if (r == 0)
                r = tls_memory_allows_key(m, camera, key, e);
        if (r < 0)
                return r;
        struct tls_memory_entry *entry = tls_memory_find(m, camera);
        bool fresh = !entry;
        if (fresh && !(entry = tls_memory_add(m)))
                return err_set(e, ERR_EXHAUSTED, "TLS memory: more than %d cameras",
                        TLS_MEMORY_CAMERAS_MAX);
        bool news = fresh || entry->how != how || strcmp(entry->host, host) != 0 ||
                    memcmp(entry->key, key, 32) != 0 ||
                    tls_memory_day(now_us) > tls_memory_day(entry->last_us);
        if (fresh || entry->how != how)
                entry->since_us = now_us;
        if (fresh || now_us > entry->last_us) /* a clock set back does not make it forget */
                entry->last_us = now_us;
        entry->how = how;
        memcpy(entry->camera, camera, strlen(camera) + 1);
        memcpy(entry->host, host, strlen(host) + 1);
        memcpy(entry->key, key, 32);
        return news;
}

static int tls_memory_refuse(const struct tls_memory_entry *seen, const char *camera,
        const char *host, enum tls_memory_offer offer, struct err *e)
{
        static const char *const offers[] = { "only answers plain RTSP",
                "answers with an identity that is not verified" };
        char last[STR_TIME_ROOM];

        str_time(last, seen->last_us)[10] = '\0'; /* the day */
        if (strcmp(seen->camera, camera) == 0)
                return err_set(e, ERR_DENIED,
                        "Camera %s spoke TLS until %s and now %s. Refused: possible downgrade. "
                        "Fix: switch TLS on in the camera "
                        "again; if it was replaced, an administrator clears its TLS memory.",
                        camera, last, offers[offer]);
        return err_set(e, ERR_DENIED,
                "Host %.100s spoke TLS until %s, as camera %s, and now %s, as camera %s. Refused: "
                "possible downgrade. Fix: switch "
                "TLS on again; if it is another device now, an administrator clears the TLS memory "
                "of %s.",
                host, last, seen->camera, offers[offer], camera, seen->camera);
}

int tls_memory_allows(const struct tls_memory *m, const char *camera, const char *host,
        enum tls_memory_offer offer, struct err *e)
{
        int r = tls_memory_check(camera, host, e);

        if (r < 0)
                return r;
        const struct tls_memory_entry *seen = tls_memory_find(m, camera);
        if (!seen)
                seen = tls_memory_find_host(m, host);
        return seen ? tls_memory_refuse(seen, camera, host, offer, e) : 0;
}

const char *tls_memory_key_owner(const struct tls_memory *m, const char *camera,
        const uint8_t key[static 32], const char **ret_host)
{
        for (size_t i = 0; i < m->n; i++) {
                const struct tls_memory_entry *entry = &m->entries[i];
                if (memcmp(entry->key, key, 32) == 0 && strcmp(entry->camera, camera) != 0) {
                        *ret_host = entry->host;
                        return entry->camera;
                }
        }
        return NULL;
}

int tls_memory_allows_key(
        const struct tls_memory *m, const char *camera, const uint8_t key[static 32], struct err *e)
{
        char hex[65];

        for (size_t i = 0; i < m->n; i++) {
                const struct tls_memory_entry *entry = &m->entries[i];
                if (memcmp(entry->key, key, 32) != 0 || strcmp(entry->camera, camera) == 0)
                        continue;
                return err_set(e, ERR_DENIED,
                        "Camera %s shows the key of camera %s (%s). Refused: whoever has one of "
                        "them can play both. Fix: give "
                        "each a key of its own; if it is the same device, remove one of the two.",
                        camera, entry->camera, str_hex(hex, BYTES(key, 32)));
        }
        return 0;
}

const uint8_t *tls_memory_key(const struct tls_memory *m, const char *camera, const char *host)
{
        const struct tls_memory_entry *entry = tls_memory_find(m, camera);

        return entry && strcasecmp(entry->host, host) == 0 ? entry->key : NULL;
}

int tls_memory_clear(struct tls_memory *m, const char *camera, struct err *e)
{
        struct tls_memory_entry *entry = tls_memory_find(m, camera);
        char name[80];

        if (!entry)
                return err_set(e, ERR_NOT_FOUND, "TLS memory: nothing is remembered of camera %s",
                        str_escape(name, sizeof name, bytes_str(camera)));
        *entry = m->entries[--m->n];
        return 0;
}

static int tls_memory_parse_key(
        struct tls_memory_entry *entry, const char *key, const char *how, struct err *e)
{
        if (str_unhex(entry->key, sizeof entry->key, key, e) < 0)
                return err_wrap(e, ERR_CORRUPT, "key of camera %s", entry->camera);
        for (unsigned i = 0; i < ARRAY_LEN(tls_memory_hows); i++) {
                if (strcmp(how, tls_memory_hows[i]) == 0) {
                        entry->how = i;
                        return 0;
                }
        }
        return err_set(
                e, ERR_CORRUPT, "camera %s: \"how\" is neither verified nor pinned", entry->camera);
}

static int tls_memory_parse_entry(struct tls_memory *m, json_t *object, struct err *e)
{
        const char *camera, *host, *key, *how, *since, *last;

        if (json_unpack(object, "{s:s, s:s, s:s, s:s, s:s, s:s !}", "camera", &camera, "host",
                    &host, "key", &key, "how", &how, "since", &since, "last", &last) != 0)
                return err_set(
                        e, ERR_CORRUPT, "camera number %zu: not the six texts expected", m->n + 1);
        if (tls_memory_check(camera, host, e) < 0)
                return ERR_CORRUPT;
        if (tls_memory_find(m, camera))
                return err_set(e, ERR_CORRUPT, "camera %s stands there twice", camera);
        struct tls_memory_entry *entry = tls_memory_add(m);
        if (!entry)
                return err_set(e, ERR_EXHAUSTED, "more than %d cameras", TLS_MEMORY_CAMERAS_MAX);
        memcpy(entry->camera, camera, strlen(camera) + 1);
        memcpy(entry->host, host, strlen(host) + 1);
        if (str_parse_time(since, &entry->since_us, e) < 0 ||
                str_parse_time(last, &entry->last_us, e) < 0)
                return err_wrap(e, ERR_CORRUPT, "camera %s", camera);
        return tls_memory_parse_key(entry, key, how, e);
}

static int tls_memory_parse_list(struct tls_memory *m, json_t *root, struct err *e)
{
        json_t *cameras = NULL, *object = NULL;
        int version = 0;
        size_t i;

        if (json_unpack(root, "{s:i, s:o !}", "version", &version, "cameras", &cameras) != 0 ||
                !json_is_array(cameras))
                return err_set(e, ERR_CORRUPT, "neither version nor list of cameras");
        if (version != TLS_MEMORY_VERSION)
                return err_set(e, ERR_CORRUPT, "version %d; this program knows version %d", version,
                        TLS_MEMORY_VERSION);
        json_array_foreach(cameras, i, object)
        {
                int r = tls_memory_parse_entry(m, object, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

int tls_memory_parse(struct bytes json, struct tls_memory **ret, struct err *e)
{
        CLEANUP(tls_memory_freep) struct tls_memory *m = tls_memory_new();
        json_error_t where;

        if (json.n > TLS_MEMORY_FILE_MAX)
                return err_set(e, ERR_EXHAUSTED, "TLS memory: %zu bytes, at most %u", json.n,
                        TLS_MEMORY_FILE_MAX);
        json_t *root = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, &where);
        if (!root)
                return err_set(e, ERR_CORRUPT, "TLS memory: not JSON at line %d", where.line);
        int r = tls_memory_parse_list(m, root, e);
        json_decref(root);
        if (r < 0)
                return err_wrap(e, r, "TLS memory");
        *ret = TAKE(m);
        return 0;
}

int tls_memory_format(const struct tls_memory *m, struct buf *out, struct err *e)
{
        int r = buf_printf(out, e, "{\n  \"version\": %d,\n  \"cameras\": [", TLS_MEMORY_VERSION);

        /* Every text was checked when it came in: none needs escaping. */
        for (size_t i = 0; r >= 0 && i < m->n; i++) {
                const struct tls_memory_entry *entry = &m->entries[i];
                char key[65], since[STR_TIME_ROOM], last[STR_TIME_ROOM];
                r = buf_printf(out, e,
                        "%s\n    { \"camera\": \"%s\", \"host\": \"%s\", \"key\": \"%s\", \"how\": "
                        "\"%s\", \"since\": \"%s\", "
                        "\"last\": \"%s\" }",
                        i ? "," : "", entry->camera, entry->host,
                        str_hex(key, BYTES(entry->key, 32)), tls_memory_hows[entry->how],
                        str_time(since, entry->since_us), str_time(last, entry->last_us));
        }
        if (r >= 0)
                r = buf_printf(out, e, "\n  ]\n}\n");
        return r < 0 ? r : 0;
}
