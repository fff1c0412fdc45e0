/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_links.h"

#include <string.h>

#define PARENT_LINKS_TEXT_MAX 512

static const char *const parent_links_texts[] = { "uri", "role", "name", "address", "state",
        "fault", "text", "tls", "cipher" };
static const char *const parent_links_times[] = { "since", "not_after" };
static const char *const parent_links_numbers[] = { "rekeys_in", "rekeys_out", "handshakes",
        "bytes_in", "bytes_out", "plaintext_bytes" };

static int parent_links_take(
        json_t *to, const json_t *from, const char *key, bool good, struct err *e)
{
        json_t *value = json_object_get(from, key);

        if (!value || !good)
                return err_set(
                        e, ERR_PROTOCOL, "porter.links: %s is missing or of another kind", key);
        json_object_set(to, key, value);
        return 0;
}

static bool parent_links_is_text(const json_t *value)
{
        return json_is_string(value) && json_string_length(value) <= PARENT_LINKS_TEXT_MAX;
}

static int parent_links_one(const json_t *from, json_t *to, struct err *e)
{
        int r = parent_links_take(
                to, from, "accepted", json_is_boolean(json_object_get(from, "accepted")), e);

        for (size_t i = 0; r == 0 && i < ARRAY_LEN(parent_links_texts); i++) {
                const char *key = parent_links_texts[i];
                r = parent_links_take(
                        to, from, key, parent_links_is_text(json_object_get(from, key)), e);
        }
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(parent_links_times); i++) {
                const char *key = parent_links_times[i];
                const json_t *time = json_object_get(from, key);
                r = parent_links_take(
                        to, from, key, json_is_null(time) || parent_links_is_text(time), e);
        }
        for (size_t i = 0; r == 0 && i < ARRAY_LEN(parent_links_numbers); i++) {
                const char *key = parent_links_numbers[i];
                const json_t *n = json_object_get(from, key);
                r = parent_links_take(
                        to, from, key, json_is_integer(n) && json_integer_value(n) >= 0, e);
        }
        return r;
}

int parent_links_answer(const json_t *porter, json_t **ret, struct err *e)
{
        const json_t *links = json_object_get(porter, "links");

        if (!porter)
                return err_set(e, ERR_UNAVAILABLE, "this recorder has no porter at the moment");
        if (!json_is_array(links) || json_array_size(links) > PARENT_LINKS_MAX)
                return err_set(e, ERR_PROTOCOL, "porter.links: not a list of at most %d links",
                        PARENT_LINKS_MAX);
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(links); i++) {
                json_t *one = json_object();
                int r = parent_links_one(json_array_get(links, i), one, e);
                json_array_append_new(list, one);
                if (r < 0) {
                        json_decref(list);
                        return r;
                }
        }
        *ret = json_pack("{s:o}", "links", list);
        return 0;
}
