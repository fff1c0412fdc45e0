/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/issued.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

#define ISSUED_VERSION 1

void issued_init(struct issued *r)
{
        *r = (struct issued){ 0 };
        buf_init(&r->crl, ISSUED_CRL_MAX);
}

void issued_done(struct issued *r)
{
        free(r->certificates);
        buf_done(&r->crl);
        *r = (struct issued){ 0 };
}

int issued_add(struct issued *r, const struct issued_certificate *c, struct err *e)
{
        if (r->n == ISSUED_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "the register holds %d certificates that are good: no more are issued",
                        ISSUED_MAX);
        if (r->n == r->room) {
                r->room = r->room ? 2 * r->room : 16;
                r->certificates = xrealloc(r->certificates, r->room, sizeof *r->certificates);
        }
        r->certificates[r->n++] = *c;
        return 0;
}

void issued_drop_last(struct issued *r)
{
        if (r->n)
                r->n--;
}

int issued_allows_key(const struct issued *r, const char *camera, const uint8_t key[static 32],
        int64_t now_us, struct err *e)
{
        for (size_t i = 0; i < r->n; i++) {
                const struct issued_certificate *c = &r->certificates[i];
                if (memcmp(c->key, key, 32) != 0)
                        continue;
                if (c->revoked_us)
                        return err_set(e, ERR_DENIED,
                                "this key was revoked, as camera %s's: it gets no certificate "
                                "again. Make a new key in the camera",
                                c->camera);
                if (c->until_us > now_us && strcmp(c->camera, camera) != 0)
                        return err_set(e, ERR_DENIED,
                                "the request has the key of camera %s; each camera needs its own "
                                "key",
                                c->camera);
        }
        return 0;
}

unsigned issued_revoke(struct issued *r, const char *camera, int64_t now_us)
{
        unsigned n = 0;

        for (size_t i = 0; i < r->n; i++) {
                struct issued_certificate *c = &r->certificates[i];
                if (c->revoked_us || c->until_us <= now_us || strcmp(c->camera, camera) != 0)
                        continue;
                c->revoked_us = now_us;
                n++;
        }
        return n;
}

void issued_revoke_undo(struct issued *r, const char *camera, int64_t now_us)
{
        for (size_t i = 0; i < r->n; i++) {
                struct issued_certificate *c = &r->certificates[i];
                if (c->revoked_us == now_us && strcmp(c->camera, camera) == 0)
                        c->revoked_us = 0;
        }
}

bool issued_key_is_revoked(const struct issued *r, const uint8_t key[static 32])
{
        for (size_t i = 0; i < r->n; i++) {
                if (r->certificates[i].revoked_us && memcmp(r->certificates[i].key, key, 32) == 0)
                        return true;
        }
        return false;
}

static int issued_parse_serial(struct issued_certificate *c, const char *text, struct err *e)
{
        size_t n = strlen(text);

        if (n == 0 || n % 2 || n / 2 > sizeof c->serial)
                return err_set(e, ERR_CORRUPT, "a serial number of %zu digits", n);
        c->serial_n = n / 2;
        return str_unhex(c->serial, c->serial_n, text, e);
}

static int issued_parse_one(struct issued *r, json_t *object, struct err *e)
{
        const char *serial, *camera, *key, *issued, *until, *revoked = NULL;
        struct issued_certificate c = { 0 };
        json_t *revoked_or_null;

        if (json_unpack(object, "{s:s, s:s, s:s, s:s, s:s, s:o !}", "serial", &serial, "camera",
                    &camera, "key", &key, "issued", &issued, "until", &until, "revoked",
                    &revoked_or_null) != 0 ||
                !str_is_camera(camera))
                return err_set(e, ERR_CORRUPT, "certificate number %zu", r->n + 1);
        snprintf(c.camera, sizeof c.camera, "%s", camera);
        if (!json_is_null(revoked_or_null))
                revoked = json_string_value(revoked_or_null);
        if (issued_parse_serial(&c, serial, e) < 0 || str_unhex(c.key, 32, key, e) < 0 ||
                str_parse_time(issued, &c.issued_us, e) < 0 ||
                str_parse_time(until, &c.until_us, e) < 0 ||
                (revoked && str_parse_time(revoked, &c.revoked_us, e) < 0))
                return err_wrap(e, ERR_CORRUPT, "certificate number %zu", r->n + 1);
        if (!revoked && !json_is_null(revoked_or_null)) /* neither: rather not taken for good */
                return err_set(e, ERR_CORRUPT, "certificate number %zu: revoked or not", r->n + 1);
        return issued_add(r, &c, e);
}

static int issued_parse_list(json_t *root, struct issued *r, struct err *e)
{
        json_t *list = NULL, *object;
        json_int_t number = 0;
        const char *crl = NULL;
        int version = 0;
        size_t i;

        if (json_unpack(root, "{s:i, s:I, s:s, s:o !}", "version", &version, "number", &number,
                    "crl", &crl, "issued", &list) != 0 ||
                !json_is_array(list) || number < 0)
                return err_set(e, ERR_CORRUPT, "not a register");
        if (version != ISSUED_VERSION)
                return err_set(e, ERR_CORRUPT, "version %d; this program knows version %d", version,
                        ISSUED_VERSION);
        r->number = (uint64_t)number;
        int done = buf_append(&r->crl, bytes_str(crl), e);
        json_array_foreach(list, i, object)
        {
                if (done == 0)
                        done = issued_parse_one(r, object, e);
        }
        return done;
}

int issued_parse(struct bytes json, struct issued *r, struct err *e)
{
        json_t *root;

        if (json.n > ISSUED_FILE_MAX)
                return err_set(e, ERR_EXHAUSTED, "register of certificates: %zu bytes", json.n);
        root = json_loadb((const char *)json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
        if (!root)
                return err_set(e, ERR_CORRUPT, "register of certificates: not JSON");
        int done = issued_parse_list(root, r, e);
        json_decref(root);
        return done < 0 ? err_wrap(e, done, "register of certificates") : 0;
}

static json_t *issued_object(const struct issued_certificate *c)
{
        char serial[2 * X509_CRL_SERIAL_MAX + 1], key[65], issued[STR_TIME_ROOM],
                until[STR_TIME_ROOM], revoked[STR_TIME_ROOM];

        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "serial",
                str_hex(serial, BYTES(c->serial, c->serial_n)), "camera", c->camera, "key",
                str_hex(key, BYTES(c->key, 32)), "issued", str_time(issued, c->issued_us), "until",
                str_time(until, c->until_us), "revoked",
                c->revoked_us ? json_string(str_time(revoked, c->revoked_us)) : json_null());
}

int issued_format(const struct issued *r, int64_t now_us, struct buf *out, struct err *e)
{
        json_t *list = json_array();

        for (size_t i = 0; i < r->n; i++) {
                if (r->certificates[i].until_us > now_us)
                        json_array_append_new(list, issued_object(&r->certificates[i]));
        }
        json_t *root = json_pack("{s:i, s:I, s:o, s:o}", "version", ISSUED_VERSION, "number",
                (json_int_t)r->number, "crl",
                json_stringn(r->crl.n ? (const char *)r->crl.p : "", r->crl.n), "issued", list);
        char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
        json_decref(root);
        int done = text ? buf_printf(out, e, "%s\n", text)
                        : err_set(e, ERR_INTERNAL, "the register cannot be written as JSON");
        free(text);
        return done < 0 ? done : 0;
}
