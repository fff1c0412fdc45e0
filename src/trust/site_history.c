/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/site_history.h"

#include <string.h>

#include "base/str.h"

typedef uint8_t site_history_id[SITE_HISTORY_ID_BYTES];

#define SITE_HISTORY_HEX (2 * SITE_HISTORY_ID_BYTES)

static bool site_history_has(const uint8_t *list, size_t n, const uint8_t *id)
{
        for (size_t i = 0; i < n; i++) {
                if (memcmp(list + i * SITE_HISTORY_ID_BYTES, id, SITE_HISTORY_ID_BYTES) == 0)
                        return true;
        }
        return false;
}

bool site_history_follows(const struct site_history_known *k, const struct site_history *h)
{
        if (!k->any || memcmp(k->id, h->id, SITE_HISTORY_ID_BYTES) == 0)
                return true;
        if (site_history_has(h->before[0], h->before_n, k->id))
                return true;
        return h->restores_n && !site_history_has(k->restores[0], k->restores_n, h->restores[0]);
}

/* The oldest goes where there is no room. */
static void site_history_note_restore(struct site_history_known *k, const uint8_t *id)
{
        if (site_history_has(k->restores[0], k->restores_n, id))
                return;
        if (k->restores_n < SITE_HISTORY_RESTORES_MAX)
                k->restores_n++;
        memmove(k->restores[1], k->restores[0], (k->restores_n - 1) * SITE_HISTORY_ID_BYTES);
        memcpy(k->restores[0], id, SITE_HISTORY_ID_BYTES);
}

void site_history_take(struct site_history_known *k, const struct site_history *h)
{
        k->any = true;
        memcpy(k->id, h->id, SITE_HISTORY_ID_BYTES);
        for (size_t i = h->restores_n; i > 0; i--)
                site_history_note_restore(k, h->restores[i - 1]);
}

/* --- messages --- */

static json_t *site_history_texts(const uint8_t *list, size_t n)
{
        char hex[SITE_HISTORY_HEX + 1];
        json_t *texts = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(texts,
                        json_string(str_hex(hex,
                                BYTES(list + i * SITE_HISTORY_ID_BYTES, SITE_HISTORY_ID_BYTES))));
        return texts;
}

json_t *site_history_format(const struct site_history *h)
{
        char hex[SITE_HISTORY_HEX + 1];

        return json_pack("{s:s, s:o, s:o}", "id", str_hex(hex, BYTES(h->id, SITE_HISTORY_ID_BYTES)),
                "before", site_history_texts(h->before[0], h->before_n), "restores",
                site_history_texts(h->restores[0], h->restores_n));
}

static int site_history_read_id(const char *hex, uint8_t *to, struct err *e)
{
        uint8_t id[SITE_HISTORY_ID_BYTES];

        if (!hex || strlen(hex) != SITE_HISTORY_HEX || str_unhex(id, sizeof id, hex, NULL) < 0)
                return err_set(e, ERR_INVALID, "an id has %d hex digits", SITE_HISTORY_HEX);
        memcpy(to, id, sizeof id);
        return 0;
}

static int site_history_read_list(
        const json_t *list, site_history_id *to, size_t max, size_t *ret_n, struct err *e)
{
        size_t n = json_array_size(list);

        if (n > max)
                return err_set(e, ERR_INVALID, "%zu ids, at most %zu", n, max);
        for (size_t i = 0; i < n; i++) {
                int r = site_history_read_id(json_string_value(json_array_get(list, i)), to[i], e);
                if (r < 0)
                        return r;
        }
        *ret_n = n;
        return 0;
}

int site_history_parse(const json_t *body, struct site_history *ret, struct err *e)
{
        CLEANUP(own_freep) struct site_history *h = xcalloc(1, sizeof *h);
        json_t *before, *restores;
        const char *id;
        json_error_t why;

        if (json_unpack_ex((json_t *)(uintptr_t)body, &why, JSON_STRICT, "{s:s, s:o, s:o}", "id",
                    &id, "before", &before, "restores", &restores) < 0 ||
                !json_is_array(before) || !json_is_array(restores))
                return err_set(e, ERR_INVALID, "manager.history: id, before and restores");
        int r = site_history_read_id(id, h->id, e);
        if (r == 0)
                r = site_history_read_list(
                        before, h->before, SITE_HISTORY_BEFORE_MAX, &h->before_n, e);
        if (r == 0)
                r = site_history_read_list(
                        restores, h->restores, SITE_HISTORY_RESTORES_MAX, &h->restores_n, e);
        if (r < 0)
                return err_wrap(e, r, "manager.history");
        *ret = *h;
        return 0;
}

/* --- a recorder's file --- */

static int site_history_line(const char *word, const uint8_t *id, struct buf *out, struct err *e)
{
        char hex[SITE_HISTORY_HEX + 1];
        int r = buf_append(out, bytes_str(word), e);

        str_hex(hex, BYTES(id, SITE_HISTORY_ID_BYTES));
        if (r == 0)
                r = buf_append(out, bytes_str(hex), e);
        return r < 0 ? r : buf_append(out, BYTES("\n", 1), e);
}

int site_history_known_format(const struct site_history_known *k, struct buf *out, struct err *e)
{
        int r = k->any ? site_history_line("start ", k->id, out, e) : 0;

        for (size_t i = 0; r == 0 && i < k->restores_n; i++)
                r = site_history_line("restore ", k->restores[i], out, e);
        return r;
}

static int site_history_known_line(struct site_history_known *k, const char *line, struct err *e)
{
        if (strncmp(line, "start ", 6) == 0 && !k->any) {
                k->any = true;
                return site_history_read_id(line + 6, k->id, e);
        }
        if (strncmp(line, "restore ", 8) == 0 && k->restores_n < SITE_HISTORY_RESTORES_MAX)
                return site_history_read_id(line + 8, k->restores[k->restores_n++], e);
        return err_set(e, ERR_CORRUPT, "neither \"start\" nor \"restore\"");
}

int site_history_known_parse(struct bytes text, struct site_history_known *ret, struct err *e)
{
        CLEANUP(own_freep) char *copy = NULL;
        struct site_history_known k = { 0 };

        if (text.n > SITE_HISTORY_FILE_MAX || (text.n && memchr(text.p, '\0', text.n)))
                return err_set(
                        e, ERR_CORRUPT, "no text of at most %d bytes", SITE_HISTORY_FILE_MAX);
        copy = xasprintf("%.*s", (int)text.n, text.n ? (const char *)text.p : "");
        char *rest = copy;
        for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
                if (site_history_known_line(&k, line, e) < 0)
                        return err_wrap(e, ERR_CORRUPT, "which managers were followed");
        }
        *ret = k;
        return 0;
}
