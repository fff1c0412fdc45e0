/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/link_matrix.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define LINK_MATRIX_DAY_US 86400e6

static const char *link_matrix_text(const json_t *from, const char *key)
{
        const char *text = json_string_value(json_object_get(from, key));

        return text ? text : "";
}

static json_int_t link_matrix_number(const json_t *from, const char *key)
{
        return json_integer_value(json_object_get(from, key));
}

static json_t *link_matrix_days(const char *until, int64_t now_us)
{
        int64_t until_us;

        if (str_parse_time(until, &until_us, NULL) < 0 || until_us <= 0)
                return json_null();
        return json_real((double)(until_us - now_us) / LINK_MATRIX_DAY_US);
}

static json_t *link_matrix_row(const json_t *of, const char *from, const char *to, const char *by,
        const char *until, int64_t now_us)
{
        json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "from", from, "to", to,
                "told_by", by, "state", link_matrix_text(of, "state"), "tls",
                link_matrix_text(of, "tls"), "cipher", link_matrix_text(of, "cipher"), "fault",
                link_matrix_text(of, "fault"), "not_after", until);

        json_object_set_new(row, "days_left", link_matrix_days(until, now_us));
        return row;
}

static void link_matrix_add_link(json_t *to, const json_t *link, const char *self, int64_t now_us)
{
        const char *peer = link_matrix_text(link, "uri");
        bool accepted = json_is_true(json_object_get(link, "accepted"));
        bool open = strcmp(link_matrix_text(link, "state"), "open") == 0;
        bool tls = strncmp(link_matrix_text(link, "tls"), "TLS ", 4) == 0;

        json_t *row = link_matrix_row(link, accepted ? peer : self, accepted ? self : peer, self,
                link_matrix_text(link, "not_after"), now_us);
        json_t *more = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "peer", peer, "protection",
                tls    ? "encrypted and verified"
                : open ? "open"
                       : "",
                "rekeys",
                link_matrix_number(link, "rekeys_in") + link_matrix_number(link, "rekeys_out"),
                "handshakes", link_matrix_number(link, "handshakes"), "bytes_in",
                link_matrix_number(link, "bytes_in"), "bytes_out",
                link_matrix_number(link, "bytes_out"), "plaintext_bytes",
                link_matrix_number(link, "plaintext_bytes"));
        json_object_update(row, more);
        json_decref(more);
        json_array_append_new(to, row);
}

void link_matrix_add_links(json_t *to, const json_t *answer, const char *self, int64_t now_us)
{
        json_t *link;
        size_t i;

        json_array_foreach(json_object_get(answer, "links"), i, link)
                link_matrix_add_link(to, link, self, now_us);
}

/* bytes_out: what goes to a camera is requests alone, and not counted. */
static void link_matrix_add_stream(json_t *to, const json_t *s, const char *self, int64_t now_us)
{
        char camera[200], key[80];
        bool tls = link_matrix_text(s, "tls")[0] != '\0';
        bool connected = strcmp(link_matrix_text(s, "state"), "streaming") == 0;

        snprintf(camera, sizeof camera, "camera %.150s", link_matrix_text(s, "stream"));
        snprintf(key, sizeof key, "%.64s", tls ? link_matrix_text(s, "camera_key") : "");
        json_t *row = link_matrix_row(
                s, self, camera, self, tls ? link_matrix_text(s, "certificate_until") : "", now_us);
        json_t *more = json_pack("{s:s, s:s, s:i, s:I, s:I, s:n, s:I}", "peer", key, "protection",
                connected ? link_matrix_text(s, "protection") : "", "rekeys", 0, "handshakes",
                tls ? link_matrix_number(s, "connects") : 0, "bytes_in",
                link_matrix_number(s, "bytes"), "bytes_out", "plaintext_bytes",
                link_matrix_number(s, "clear_bytes"));
        json_object_update(row, more);
        json_decref(more);
        json_array_append_new(to, row);
}

void link_matrix_add_streams(json_t *to, const json_t *answer, const char *self, int64_t now_us)
{
        json_t *stream;
        size_t i;

        json_array_foreach(json_object_get(answer, "streams"), i, stream)
                link_matrix_add_stream(to, stream, self, now_us);
}
