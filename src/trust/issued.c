/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/issued.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

#define ISSUED_VERSION 2
#define ISSUED_VERSION_CAMERAS 1 /* the older form, of cameras' certificates alone */
#define ISSUED_BACK_DATED_US (INT64_C(3600) * 1000000) /* as those of the older form were */

static const char *const issued_issuers[ISSUED_ISSUERS] = { "nodes", "cameras", "web", "seals" };

const char *issued_issuer_name(enum issued_issuer issuer)
{
        return issued_issuers[issuer];
}

void issued_init(struct issued *r)
{
        *r = (struct issued){ 0 };
        for (unsigned i = 0; i < ISSUED_LISTS; i++)
                buf_init(&r->lists[i].crl, ISSUED_CRL_MAX);
}

void issued_done(struct issued *r)
{
        free(r->certificates);
        for (unsigned i = 0; i < ISSUED_LISTS; i++)
                buf_done(&r->lists[i].crl);
        *r = (struct issued){ 0 };
}

/* --- deciding --- */

const struct issued_certificate *issued_newest(
        const struct issued *r, enum issued_issuer issuer, const char *subject)
{
        for (size_t i = r->n; i > 0; i--) {
                const struct issued_certificate *c = &r->certificates[i - 1];
                if (c->issuer == issuer && strcmp(c->subject, subject) == 0)
                        return c;
        }
        return NULL;
}

static bool issued_stays(const struct issued *r, const struct issued_certificate *c, int64_t now_us)
{
        if (c->revoked_us || c->until_us + ISSUED_AFTER_US > now_us)
                return true;
        return c->issuer == ISSUED_NODES && c->until_us + ISSUED_LATE_US > now_us &&
               issued_newest(r, ISSUED_NODES, c->subject) == c;
}

void issued_prune(struct issued *r, int64_t now_us)
{
        size_t kept = 0;

        /* The newest is behind all that is moved. */
        for (size_t i = 0; i < r->n; i++) {
                if (issued_stays(r, &r->certificates[i], now_us))
                        r->certificates[kept++] = r->certificates[i];
        }
        r->n = kept;
}

static void issued_push(struct issued *r, const struct issued_certificate *c)
{
        if (r->n == r->room) {
                r->room = r->room ? 2 * r->room : 16;
                r->certificates = xrealloc(r->certificates, r->room, sizeof *r->certificates);
        }
        r->certificates[r->n++] = *c;
}

static bool issued_make_room(struct issued *r, int64_t now_us)
{
        size_t oldest = r->n;

        for (size_t i = 0; i < r->n; i++) {
                const struct issued_certificate *c = &r->certificates[i];
                if (c->until_us + ISSUED_AFTER_US <= now_us &&
                        (oldest == r->n || c->until_us < r->certificates[oldest].until_us))
                        oldest = i;
        }
        if (oldest == r->n)
                return false;
        memmove(&r->certificates[oldest], &r->certificates[oldest + 1],
                (--r->n - oldest) * sizeof *r->certificates);
        return true;
}

/* "camera lobby-3", for people. */
static const char *issued_who(const struct issued_certificate *c, char to[static 128])
{
        static const char *const words[ISSUED_ISSUERS] = { "node", "camera", "the web page",
                "the seals of" };

        snprintf(to, 128, "%s %s", words[c->issuer], c->subject);
        return to;
}

/* Those of a camera are made where an administrator asks. */
static bool issued_has_enough(
        const struct issued *r, const struct issued_certificate *of, int64_t now_us)
{
        unsigned good = 0;

        for (size_t i = 0; of->issuer != ISSUED_CAMERAS && i < r->n; i++) {
                const struct issued_certificate *c = &r->certificates[i];
                good += c->issuer == of->issuer && c->revoked_us == 0 && c->until_us > now_us &&
                        strcmp(c->subject, of->subject) == 0;
        }
        return good >= ISSUED_OF_ONE_MAX;
}

int issued_add(struct issued *r, const struct issued_certificate *c, int64_t now_us, struct err *e)
{
        char who[128];

        issued_prune(r, now_us);
        if (issued_has_enough(r, c, now_us))
                return err_set(e, ERR_EXHAUSTED,
                        "%s has %d certificates that are good, where two are usual: no more are "
                        "made. "
                        "Find out why it asks again and again; revoke it and enrol it anew",
                        issued_who(c, who), ISSUED_OF_ONE_MAX);
        if (r->n >= ISSUED_MAX && !issued_make_room(r, now_us))
                return err_set(e, ERR_EXHAUSTED,
                        "the register holds %d certificates that are good: no more are issued",
                        ISSUED_MAX);
        issued_push(r, c);
        return 0;
}

void issued_drop_last(struct issued *r)
{
        if (r->n)
                r->n--;
}

int issued_allows_key(const struct issued *r, enum issued_issuer issuer, const char *subject,
        const uint8_t key[static 32], int64_t now_us, struct err *e)
{
        char who[128];

        for (size_t i = 0; i < r->n; i++) {
                const struct issued_certificate *c = &r->certificates[i];
                if (memcmp(c->key, key, 32) != 0)
                        continue;
                if (c->revoked_us)
                        return err_set(e, ERR_DENIED,
                                "this key was revoked, as that of %s: it gets no certificate "
                                "again. Make a new key where it is used",
                                issued_who(c, who));
                if (c->until_us > now_us &&
                        (c->issuer != issuer || strcmp(c->subject, subject) != 0))
                        return err_set(e, ERR_DENIED,
                                "the request has the key of %s; each needs its own key",
                                issued_who(c, who));
        }
        return 0;
}

static bool issued_is_of(
        const struct issued_certificate *c, enum issued_issuer issuer, const char *subject)
{
        size_t n = strlen(subject);

        return c->issuer == issuer && strncmp(c->subject, subject, n) == 0 &&
               (c->subject[n] == '\0' || c->subject[n] == '/');
}

unsigned issued_revoke(
        struct issued *r, enum issued_issuer issuer, const char *subject, int64_t now_us)
{
        unsigned n = 0;

        for (size_t i = 0; i < r->n; i++) {
                struct issued_certificate *c = &r->certificates[i];
                if (c->revoked_us || c->until_us <= now_us || !issued_is_of(c, issuer, subject))
                        continue;
                c->revoked_us = now_us;
                n++;
        }
        return n;
}

unsigned issued_revoke_key(struct issued *r, const uint8_t key[static 32], int64_t now_us)
{
        unsigned n = 0;

        for (size_t i = 0; i < r->n; i++) {
                struct issued_certificate *c = &r->certificates[i];
                if (c->revoked_us || c->until_us <= now_us || memcmp(c->key, key, 32) != 0)
                        continue;
                c->revoked_us = now_us;
                n++;
        }
        return n;
}

const struct issued_certificate *issued_find(const struct issued *r, struct bytes serial)
{
        for (size_t i = 0; i < r->n; i++) {
                const struct issued_certificate *c = &r->certificates[i];
                if (bytes_equal(BYTES(c->serial, c->serial_n), serial))
                        return c;
        }
        return NULL;
}

void issued_revoke_undo(
        struct issued *r, enum issued_issuer issuer, const char *subject, int64_t now_us)
{
        for (size_t i = 0; i < r->n; i++) {
                struct issued_certificate *c = &r->certificates[i];
                if (c->revoked_us == now_us && issued_is_of(c, issuer, subject))
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

bool issued_is_listed(const struct issued_certificate *c, int64_t now_us)
{
        return c->revoked_us && c->until_us + ISSUED_AFTER_US > now_us;
}

/* --- reading --- */

static int issued_parse_serial(struct issued_certificate *c, const char *text, struct err *e)
{
        size_t n = strlen(text);

        if (n == 0 || n % 2 || n / 2 > sizeof c->serial)
                return err_set(e, ERR_CORRUPT, "a serial number of %zu digits", n);
        c->serial_n = n / 2;
        return str_unhex(c->serial, c->serial_n, text, e);
}

static int issued_parse_issuer(const char *name, enum issued_issuer *ret, struct err *e)
{
        for (unsigned i = 0; i < ISSUED_ISSUERS; i++) {
                if (strcmp(name, issued_issuers[i]) == 0) {
                        *ret = (enum issued_issuer)i;
                        return 0;
                }
        }
        return err_set(e, ERR_CORRUPT, "no such issuer");
}

/* Names as cameras have them, one to three with '/' between. */
static int issued_parse_subject(struct issued_certificate *c, const char *text, struct err *e)
{
        char part[ISSUED_SUBJECT_ROOM];
        struct bytes rest = bytes_str(text);
        unsigned parts = 0;

        for (bool more = true; more; parts++) {
                const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
                size_t n = slash ? (size_t)(slash - rest.p) : rest.n;
                snprintf(part, sizeof part, "%.*s", (int)(n < sizeof part ? n : sizeof part - 1),
                        (const char *)rest.p);
                if (parts == 3 || !str_is_camera(part))
                        return err_set(e, ERR_CORRUPT, "the subject is no name");
                more = slash != NULL;
                rest = bytes_sub(rest, n + 1, rest.n);
        }
        if (strlen(text) >= sizeof c->subject)
                return err_set(e, ERR_CORRUPT, "a subject of %zu bytes", strlen(text));
        snprintf(c->subject, sizeof c->subject, "%s", text);
        return 0;
}

struct issued_texts {
        const char *issuer, *subject, *serial, *key, *from, *until;
        json_t *revoked;
};

static int issued_parse_texts(
        const struct issued_texts *t, struct issued_certificate *c, struct err *e)
{
        const char *revoked = json_string_value(t->revoked);

        if (issued_parse_issuer(t->issuer, &c->issuer, e) < 0 ||
                issued_parse_subject(c, t->subject, e) < 0 ||
                issued_parse_serial(c, t->serial, e) < 0 || str_unhex(c->key, 32, t->key, e) < 0 ||
                str_parse_time(t->from, &c->from_us, e) < 0 ||
                str_parse_time(t->until, &c->until_us, e) < 0 ||
                (revoked && str_parse_time(revoked, &c->revoked_us, e) < 0))
                return ERR_CORRUPT;
        if ((revoked && !c->revoked_us) || (!revoked && !json_is_null(t->revoked)))
                return err_set(e, ERR_CORRUPT, "revoked or not"); /* rather not taken for good */
        return 0;
}

static int issued_parse_one(struct issued *r, json_t *object, int version, struct err *e)
{
        struct issued_texts t = { .issuer = issued_issuers[ISSUED_CAMERAS] };
        struct issued_certificate c = { 0 };
        bool cameras = version == ISSUED_VERSION_CAMERAS;

        int bad = cameras ? json_unpack(object, "{s:s, s:s, s:s, s:s, s:s, s:o !}", "camera",
                                    &t.subject, "serial", &t.serial, "key", &t.key, "issued",
                                    &t.from, "until", &t.until, "revoked", &t.revoked)
                          : json_unpack(object, "{s:s, s:s, s:s, s:s, s:s, s:s, s:o !}", "issuer",
                                    &t.issuer, "subject", &t.subject, "serial", &t.serial, "key",
                                    &t.key, "from", &t.from, "until", &t.until, "revoked",
                                    &t.revoked);
        if (bad)
                return err_set(e, ERR_CORRUPT, "certificate number %zu", r->n + 1);
        if (issued_parse_texts(&t, &c, e) < 0)
                return err_wrap(e, ERR_CORRUPT, "certificate number %zu", r->n + 1);
        if (cameras)
                c.from_us = c.from_us > ISSUED_BACK_DATED_US ? c.from_us - ISSUED_BACK_DATED_US : 0;
        if (r->n >= ISSUED_MAX)
                return err_set(e, ERR_EXHAUSTED, "more than %d certificates", ISSUED_MAX);
        issued_push(r, &c);
        return 0;
}

static int issued_parse_list(
        struct issued_list *list, json_int_t number, const char *crl, struct err *e)
{
        if (number < 0)
                return err_set(e, ERR_CORRUPT, "the number of a list of what is revoked");
        list->number = (uint64_t)number;
        return buf_append(&list->crl, bytes_str(crl), e);
}

static int issued_parse_lists(json_t *lists, struct issued *r, struct err *e)
{
        json_int_t number[ISSUED_LISTS];
        const char *crl[ISSUED_LISTS];
        int done = 0;

        if (json_unpack(lists, "{s:{s:I, s:s !}, s:{s:I, s:s !}, s:{s:I, s:s !} !}", "nodes",
                    "number", &number[ISSUED_NODES], "crl", &crl[ISSUED_NODES], "cameras", "number",
                    &number[ISSUED_CAMERAS], "crl", &crl[ISSUED_CAMERAS], "web", "number",
                    &number[ISSUED_WEB], "crl", &crl[ISSUED_WEB]) != 0)
                return err_set(e, ERR_CORRUPT, "the lists of what is revoked");
        for (unsigned i = 0; done == 0 && i < ISSUED_LISTS; i++)
                done = issued_parse_list(&r->lists[i], number[i], crl[i], e);
        return done;
}

static int issued_parse_root(json_t *root, struct issued *r, struct err *e)
{
        json_t *issued = NULL, *lists = NULL, *object;
        json_int_t number = 0;
        const char *crl = NULL;
        int version = 0, done, bad;
        size_t i;

        if (json_unpack(root, "{s:i}", "version", &version) != 0)
                return err_set(e, ERR_CORRUPT, "not a register");
        if (version != ISSUED_VERSION && version != ISSUED_VERSION_CAMERAS)
                return err_set(e, ERR_CORRUPT, "version %d; this program knows version %d and %d",
                        version, ISSUED_VERSION, ISSUED_VERSION_CAMERAS);
        if (version == ISSUED_VERSION)
                bad = json_unpack(root, "{s:i, s:o, s:o !}", "version", &version, "lists", &lists,
                        "issued", &issued);
        else
                bad = json_unpack(root, "{s:i, s:I, s:s, s:o !}", "version", &version, "number",
                        &number, "crl", &crl, "issued", &issued);
        if (bad || !json_is_array(issued))
                return err_set(e, ERR_CORRUPT, "not a register");
        done = lists ? issued_parse_lists(lists, r, e)
                     : issued_parse_list(&r->lists[ISSUED_CAMERAS], number, crl, e);
        json_array_foreach(issued, i, object)
        {
                if (done == 0)
                        done = issued_parse_one(r, object, version, e);
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
        int done = issued_parse_root(root, r, e);
        json_decref(root);
        return done < 0 ? err_wrap(e, done, "register of certificates") : 0;
}

/* --- writing --- */

static json_t *issued_object(const struct issued_certificate *c)
{
        char serial[2 * X509_CRL_SERIAL_MAX + 1], key[65], from[STR_TIME_ROOM],
                until[STR_TIME_ROOM], revoked[STR_TIME_ROOM];

        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "issuer", issued_issuers[c->issuer],
                "subject", c->subject, "serial", str_hex(serial, BYTES(c->serial, c->serial_n)),
                "key", str_hex(key, BYTES(c->key, 32)), "from", str_time(from, c->from_us), "until",
                str_time(until, c->until_us), "revoked",
                c->revoked_us ? json_string(str_time(revoked, c->revoked_us)) : json_null());
}

static json_t *issued_list_object(const struct issued_list *list)
{
        return json_pack("{s:I, s:o}", "number", (json_int_t)list->number, "crl",
                json_stringn(list->crl.n ? (const char *)list->crl.p : "", list->crl.n));
}

int issued_format(const struct issued *r, struct buf *out, struct err *e)
{
        json_t *issued = json_array(), *lists = json_object();

        for (size_t i = 0; i < r->n; i++)
                json_array_append_new(issued, issued_object(&r->certificates[i]));
        for (unsigned i = 0; i < ISSUED_LISTS; i++)
                json_object_set_new(lists, issued_issuers[i], issued_list_object(&r->lists[i]));
        json_t *root = json_pack(
                "{s:i, s:o, s:o}", "version", ISSUED_VERSION, "lists", lists, "issued", issued);
        char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER) : NULL;
        json_decref(root);
        int done = text ? buf_printf(out, e, "%s\n", text)
                        : err_set(e, ERR_INTERNAL, "the register cannot be written as JSON");
        free(text);
        return done < 0 ? done : 0;
}
