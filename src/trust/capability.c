/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "trust/capability.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"

#define CAPABILITY_TYPE "custos-grant-1"
#define CAPABILITY_VERSION 1
#define CAPABILITY_SECOND_US INT64_C(1000000)
#define CAPABILITY_YEAR_9999_US (INT64_C(253402300799) * CAPABILITY_SECOND_US)
#define CAPABILITY_SIGNATURE_DIGITS 86
#define CAPABILITY_MEMBERS 12
#define CAPABILITY_MEMBERS_EXPORT 2 /* that an export has besides */

static const struct {
        const char *name;
        enum capability_use use;
} capability_uses[] = { { "live", CAPABILITY_LIVE }, { "playback", CAPABILITY_PLAYBACK },
        { "export", CAPABILITY_EXPORT } };

static void capability_jsonp(json_t **json)
{
        json_decref(*json);
}

static void capability_textp(char **text)
{
        free(*text);
}

/* Not a grant of this site's manager at all. */
static int capability_no(struct err *e, const char *why)
{
        return err_fault(e, ERR_INVALID, FAULT_GRANT_REFUSED, "grant: %s", why);
}

/* What a grant says; the same rules for making and for checking */

static const char *capability_use_name(unsigned use)
{
        for (size_t i = 0; i < ARRAY_LEN(capability_uses); i++) {
                if (capability_uses[i].use == use)
                        return capability_uses[i].name;
        }
        return "?";
}

static bool capability_is_stream(const char *path)
{
        char camera[sizeof((struct capability *)0)->streams[0]];
        const char *dash = strrchr(path, '-');

        if (!dash || strlen(path) >= sizeof camera)
                return false;
        snprintf(camera, sizeof camera, "%.*s", (int)(dash - path), path);
        return str_is_camera(camera) && str_is_stream(dash + 1);
}

static bool capability_is_line(const char *text)
{
        for (const char *c = text; *c; c++) {
                if ((unsigned char)*c < 0x20 || *c == 0x7f)
                        return false;
        }
        return *text != '\0';
}

/* "custos://SITE/<role>/NAME" of this site and role. */
static bool capability_is_node(const char *uri, const char *site, const char *role)
{
        char head[160];
        int n = snprintf(head, sizeof head, "custos://%s/%s/", site, role);

        return n > 0 && (size_t)n < sizeof head && strncmp(uri, head, (size_t)n) == 0 &&
               str_is_camera(uri + n);
}

static bool capability_streams_good(const struct capability *c)
{
        for (unsigned i = 0; i < c->streams_n; i++) {
                if (!capability_is_stream(c->streams[i]))
                        return false;
                for (unsigned j = 0; j < i; j++) {
                        if (strcmp(c->streams[i], c->streams[j]) == 0)
                                return false;
                }
        }
        return c->streams_n >= 1 && c->streams_n <= CAPABILITY_STREAMS_MAX;
}

/* Of footage there is a span, of live there is none. */
static bool capability_span_good(const struct capability *c)
{
        if (c->use == CAPABILITY_LIVE)
                return c->from_us == 0 && c->until_us == 0;
        return c->from_us >= 0 && c->until_us > 0 && c->from_us <= c->until_us &&
               c->until_us <= CAPABILITY_YEAR_9999_US;
}

/* Who gets it, and what for: of an export both, of nothing else either. */
static bool capability_receiver_good(const struct capability *c)
{
        if (!(c->use & CAPABILITY_EXPORT))
                return !c->receiver[0] && !c->purpose[0];
        return capability_is_line(c->receiver) && capability_is_line(c->purpose);
}

static bool capability_life_good(const struct capability *c)
{
        return c->issued_us > 0 && c->issued_us <= CAPABILITY_YEAR_9999_US &&
               c->expires_us > c->issued_us &&
               c->expires_us - c->issued_us <= CAPABILITY_LIFE_S * CAPABILITY_SECOND_US &&
               c->issued_us % CAPABILITY_SECOND_US == 0 &&
               c->expires_us % CAPABILITY_SECOND_US == 0;
}

static int capability_check(const struct capability *c, struct err *e)
{
        if (!str_is_camera(c->site))
                return capability_no(e, "no name of a site");
        if (!capability_is_line(c->person))
                return capability_no(e, "it names no person");
        if (!capability_is_node(c->gateway, c->site, "gateway"))
                return capability_no(e, "it is for no gateway of this site");
        if (c->use == 0 ||
                c->use & ~(unsigned)(CAPABILITY_LIVE | CAPABILITY_PLAYBACK | CAPABILITY_EXPORT))
                return capability_no(e, "no use that there is: live, playback, export");
        if (!capability_receiver_good(c))
                return capability_no(e,
                        "receiver and purpose are a line of text each, and go with export alone");
        if (!capability_streams_good(c))
                return capability_no(e, "streams are 1 to 64 paths CAMERA-STREAM, none twice");
        if (!capability_span_good(c))
                return capability_no(
                        e, "from and until are a span of footage; of live alone there is none");
        if (c->session[0] != 4)
                return capability_no(e, "the session is no uncompressed point on P-256");
        if (!capability_life_good(c))
                return capability_no(e, "iat and exp are not 1 to 600 seconds apart");
        return 0;
}

/* Making */

static char *capability_time(char to[static STR_TIME_ROOM], int64_t us)
{
        unsigned rest = (unsigned)(us % 1000); /* behind the milliseconds of str_time */
        char *end = to + strlen(str_time(to, us)) - 1;

        *end++ = (char)('0' + rest / 100);
        *end++ = (char)('0' + rest / 10 % 10);
        *end++ = (char)('0' + rest % 10);
        memcpy(end, "Z", 2);
        return to;
}

static json_t *capability_span(const struct capability *c, int64_t us)
{
        char text[STR_TIME_ROOM];

        return c->use == CAPABILITY_LIVE ? json_null() : json_string(capability_time(text, us));
}

static json_t *capability_payload(const struct capability *c)
{
        char id[2 * sizeof c->id + 1], session[2 * sizeof c->session + 1];
        json_t *uses = json_array(), *streams = json_array();

        for (size_t i = 0; i < ARRAY_LEN(capability_uses); i++) {
                if (c->use & capability_uses[i].use)
                        json_array_append_new(uses, json_string(capability_uses[i].name));
        }
        for (unsigned i = 0; i < c->streams_n; i++)
                json_array_append_new(streams, json_string(c->streams[i]));
        json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:I, s:I}", "v",
                CAPABILITY_VERSION, "id", str_hex(id, BYTES(c->id, sizeof c->id)), "site", c->site,
                "person", c->person, "gateway", c->gateway, "use", uses, "streams", streams, "from",
                capability_span(c, c->from_us), "until", capability_span(c, c->until_us), "session",
                str_hex(session, BYTES(c->session, sizeof c->session)), "iat",
                (json_int_t)(c->issued_us / CAPABILITY_SECOND_US), "exp",
                (json_int_t)(c->expires_us / CAPABILITY_SECOND_US));
        if (c->use & CAPABILITY_EXPORT && o &&
                (json_object_set_new(o, "receiver", json_string(c->receiver)) < 0 ||
                        json_object_set_new(o, "purpose", json_string(c->purpose)) < 0)) {
                json_decref(o); /* no UTF-8 */
                return NULL;
        }
        return o;
}

static json_t *capability_header(struct bytes leaf, struct bytes issuer)
{
        CLEANUP(own_freep) char *first = xcalloc(1, STR_BASE64_ROOM(leaf.n));
        CLEANUP(own_freep) char *second = xcalloc(1, STR_BASE64_ROOM(issuer.n));

        return json_pack("{s:s, s:s, s:[s, s]}", "alg", "ES256", "typ", CAPABILITY_TYPE, "x5c",
                str_base64(first, leaf), str_base64(second, issuer));
}

/* Appends it as base64url of compact JSON. Takes json. */
static int capability_append(json_t *json, struct buf *out, struct err *e)
{
        CLEANUP(capability_jsonp) json_t *owned = json;
        CLEANUP(capability_textp) char *text = owned ? json_dumps(owned, JSON_COMPACT) : NULL;

        if (!text) /* a person's name that is no UTF-8 */
                return capability_no(e, "a text in it is no UTF-8");
        CLEANUP(own_freep) char *digits = xcalloc(1, STR_BASE64_ROOM(strlen(text)));
        return buf_append(out, bytes_str(str_base64url(digits, bytes_str(text))), e);
}

int capability_format(const struct capability *c, struct sign_key *key, struct bytes leaf_der,
        struct bytes issuer_der, struct buf *out, struct err *e)
{
        char digits[STR_BASE64_ROOM(SIGN_BYTES)];
        uint8_t signature[SIGN_BYTES];
        struct buf token;

        int r = capability_check(c, e);
        if (r < 0)
                return r;
        if (leaf_der.n > X509_CERT_MAX || issuer_der.n > X509_CERT_MAX)
                return capability_no(e, "its certificates are too large");
        buf_init(&token, CAPABILITY_TOKEN_MAX);
        r = capability_append(capability_header(leaf_der, issuer_der), &token, e);
        if (r == 0)
                r = buf_append(&token, bytes_str("."), e);
        if (r == 0)
                r = capability_append(capability_payload(c), &token, e);
        if (r == 0)
                r = sign_make(key, buf_bytes(&token), signature, e);
        if (r == 0)
                r = buf_printf(&token, e, ".%s",
                        str_base64url(digits, BYTES(signature, sizeof signature)));
        if (r == 0)
                r = buf_append(out, buf_bytes(&token), e);
        buf_done(&token);
        return r;
}

/* Checking */

/* The three parts; signed_part is the first two with the dot between. */
struct capability_parts {
        struct bytes header, payload, signature, signed_part;
};

static int capability_split(struct bytes token, struct capability_parts *ret, struct err *e)
{
        if (token.n == 0 || token.n > CAPABILITY_TOKEN_MAX)
                return capability_no(e, "of no length that a grant has");
        const uint8_t *first = memchr(token.p, '.', token.n);
        const uint8_t *second =
                first ? memchr(first + 1, '.', (size_t)(token.p + token.n - first - 1)) : NULL;
        if (!second)
                return capability_no(e, "not three parts");
        ret->header = BYTES(token.p, (size_t)(first - token.p));
        ret->payload = BYTES(first + 1, (size_t)(second - first - 1));
        ret->signature = BYTES(second + 1, (size_t)(token.p + token.n - second - 1));
        ret->signed_part = BYTES(token.p, (size_t)(second - token.p));
        return 0;
}

/* An object, no member of it twice; the caller's. */
static json_t *capability_object(struct bytes digits)
{
        CLEANUP(own_freep) uint8_t *text = xcalloc(1, digits.n + 1);
        int n = str_unbase64url(text, digits.n, digits, NULL);
        json_t *object =
                n > 0 ? json_loadb((const char *)text, (size_t)n, JSON_REJECT_DUPLICATES, NULL)
                      : NULL;

        if (json_is_object(object))
                return object;
        json_decref(object);
        return NULL;
}

static const char *capability_text(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

static int capability_read_cert(const json_t *list, size_t i, struct buf *der, struct err *e)
{
        const char *text = json_string_value(json_array_get(list, i));
        uint8_t bytes[X509_CERT_MAX];
        int n = text ? str_unbase64(bytes, sizeof bytes, bytes_str(text), NULL) : 0;

        return n > 0 ? buf_append(der, BYTES(bytes, (size_t)n), e)
                     : capability_no(e, "x5c is not two certificates");
}

static int capability_read_header(
        struct bytes digits, struct buf *leaf, struct buf *issuer, struct err *e)
{
        CLEANUP(capability_jsonp) json_t *header = capability_object(digits);
        const json_t *chain = json_object_get(header, "x5c");

        if (json_object_size(header) != 3)
                return capability_no(e, "its header has other members than alg, typ and x5c");
        if (strcmp(capability_text(header, "alg"), "ES256") != 0)
                return capability_no(e, "signed by another algorithm than ES256");
        if (strcmp(capability_text(header, "typ"), CAPABILITY_TYPE) != 0)
                return capability_no(e, "of another type than " CAPABILITY_TYPE);
        if (!json_is_array(chain) || json_array_size(chain) != 2)
                return capability_no(e, "x5c is not two certificates");
        int r = capability_read_cert(chain, 0, leaf, e);
        return r < 0 ? r : capability_read_cert(chain, 1, issuer, e);
}

/* Its own words stay: which certificate is wrong, and how. */
static int capability_signer_refused(struct err *e)
{
        enum fault f = e && e->fault ? e->fault : FAULT_GRANT_REFUSED;

        err_wrap(e, ERR_DENIED, "grant: who signed it");
        if (e) {
                e->code = ERR_DENIED;
                e->fault = f;
        }
        return ERR_DENIED;
}

/* The nodes issuer by the name that the root has given it: no other issuer of the site makes a
 * manager's certificate. */
static int capability_check_issuer(struct bytes issuer, const char *site, struct err *e)
{
        char subject[256], want[sizeof((struct capability *)0)->site + 16];

        int r = x509_subject(issuer, subject, sizeof subject, e);
        snprintf(want, sizeof want, "CN=%s nodes", site);
        if (r == 0 && strcmp(subject, want) != 0)
                return err_fault(e, ERR_AUTH, FAULT_WRONG_PURPOSE,
                        "its issuer is %.100s, which makes no certificates of managers", subject);
        return r;
}

static int capability_check_signer(const struct capability_trust *trust, struct bytes leaf,
        struct bytes issuer, int64_t now_us, struct err *e)
{
        char uri[X509_URI_ROOM];

        int r = x509_check_grant_chain(leaf, issuer, trust->root_der, now_us, uri, e);
        if (r == 0)
                r = capability_check_issuer(issuer, trust->site, e);
        if (r == 0 && !capability_is_node(uri, trust->site, "manager"))
                r = err_fault(
                        e, ERR_AUTH, FAULT_WRONG_PURPOSE, "%.160s is no manager of this site", uri);
        if (r == 0)
                r = x509_crl_allows(trust->crls_pem, issuer, leaf, e);
        return r < 0 ? capability_signer_refused(e) : 0;
}

static int capability_check_signature(
        const struct capability_parts *parts, struct bytes leaf, struct err *e)
{
        CLEANUP(verify_key_freep) struct verify_key *key = NULL;
        uint8_t signature[SIGN_BYTES];

        if (parts->signature.n != CAPABILITY_SIGNATURE_DIGITS ||
                str_unbase64url(signature, sizeof signature, parts->signature, NULL) != SIGN_BYTES)
                return capability_no(e, "its signature is not 64 bytes");
        int r = verify_key_of_cert(leaf, &key, e);
        if (r < 0)
                return capability_signer_refused(e);
        return sign_check(key, parts->signed_part, signature)
                       ? 0
                       : err_fault(e, ERR_DENIED, FAULT_GRANT_REFUSED,
                                 "grant: its signature does not verify: it was changed");
}

static bool capability_read_text(const json_t *o, const char *key, char *to, size_t room)
{
        const json_t *value = json_object_get(o, key);
        size_t n = json_string_length(value);

        if (!json_is_string(value) || n >= room || strlen(json_string_value(value)) != n)
                return false;
        memcpy(to, json_string_value(value), n + 1);
        return true;
}

/* Lower-case hex and nothing else. */
static bool capability_read_hex(const json_t *o, const char *key, uint8_t *to, size_t n)
{
        char again[2 * HPKE_PUBLIC_BYTES + 1];
        const char *text = capability_text(o, key);

        return str_unhex(to, n, text, NULL) == 0 && strcmp(str_hex(again, BYTES(to, n)), text) == 0;
}

static bool capability_read_seconds(const json_t *o, const char *key, int64_t *ret_us)
{
        const json_t *value = json_object_get(o, key);
        json_int_t s = json_integer_value(value);

        if (!json_is_integer(value) || s <= 0 || s > CAPABILITY_YEAR_9999_US / CAPABILITY_SECOND_US)
                return false;
        *ret_us = s * CAPABILITY_SECOND_US;
        return true;
}

static bool capability_read_uses(const json_t *list, struct capability *c)
{
        const json_t *one;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > ARRAY_LEN(capability_uses))
                return false;
        json_array_foreach(list, i, one)
        {
                unsigned use = 0;
                for (size_t k = 0; json_is_string(one) && k < ARRAY_LEN(capability_uses); k++) {
                        if (strcmp(json_string_value(one), capability_uses[k].name) == 0)
                                use = capability_uses[k].use;
                }
                if (use == 0 || c->use & use)
                        return false;
                c->use |= use;
        }
        return true;
}

static bool capability_read_streams(const json_t *list, struct capability *c)
{
        const json_t *one;
        size_t i;

        if (!json_is_array(list) || json_array_size(list) > CAPABILITY_STREAMS_MAX)
                return false;
        json_array_foreach(list, i, one)
        {
                const char *text = json_string_value(one);
                if (!text || strlen(text) != json_string_length(one) ||
                        strlen(text) >= sizeof c->streams[0])
                        return false;
                memcpy(c->streams[c->streams_n++], text, strlen(text) + 1);
        }
        return true;
}

/* A time in the one form in which it is written, or null where only live is granted. */
static bool capability_read_time(
        const json_t *o, const char *key, const struct capability *c, int64_t *ret_us)
{
        const json_t *value = json_object_get(o, key);
        const char *text = json_string_value(value);
        char again[STR_TIME_ROOM];

        if (c->use == CAPABILITY_LIVE)
                return json_is_null(value);
        return text && str_parse_time(text, ret_us, NULL) == 0 &&
               strcmp(capability_time(again, *ret_us), text) == 0;
}

static int capability_read_payload(struct bytes digits, struct capability *c, struct err *e)
{
        CLEANUP(capability_jsonp) json_t *o = capability_object(digits);
        const json_t *version = json_object_get(o, "v");
        bool export = json_object_get(o, "receiver") && json_object_get(o, "purpose");

        if (json_object_size(o) != CAPABILITY_MEMBERS + (export ? CAPABILITY_MEMBERS_EXPORT : 0))
                return capability_no(e, "its payload has other members than a grant's");
        if (!json_is_integer(version) || json_integer_value(version) != CAPABILITY_VERSION)
                return capability_no(e, "of another version than 1");
        if (!capability_read_hex(o, "id", c->id, sizeof c->id) ||
                !capability_read_hex(o, "session", c->session, sizeof c->session))
                return capability_no(e, "id is 32 and session 130 digits of hex");
        if (!capability_read_text(o, "site", c->site, sizeof c->site) ||
                !capability_read_text(o, "person", c->person, sizeof c->person) ||
                !capability_read_text(o, "gateway", c->gateway, sizeof c->gateway))
                return capability_no(e, "site, person and gateway are texts");
        if (!capability_read_uses(json_object_get(o, "use"), c))
                return capability_no(e, "use is a list of live, playback, export, none twice");
        if (export != ((c->use & CAPABILITY_EXPORT) != 0))
                return capability_no(e, "receiver and purpose go with export, and with it alone");
        if (export && (!capability_read_text(o, "receiver", c->receiver, sizeof c->receiver) ||
                              !capability_read_text(o, "purpose", c->purpose, sizeof c->purpose)))
                return capability_no(e, "receiver and purpose are texts");
        if (!capability_read_streams(json_object_get(o, "streams"), c))
                return capability_no(e, "streams are 1 to 64 paths CAMERA-STREAM, none twice");
        if (!capability_read_time(o, "from", c, &c->from_us) ||
                !capability_read_time(o, "until", c, &c->until_us))
                return capability_no(e,
                        "from and until are times with microseconds, and null where only live is "
                        "granted");
        if (!capability_read_seconds(o, "iat", &c->issued_us) ||
                !capability_read_seconds(o, "exp", &c->expires_us))
                return capability_no(e, "iat and exp are seconds since 1970");
        return capability_check(c, e);
}

static int capability_check_now(const struct capability *c, int64_t now_us, struct err *e)
{
        const int64_t skew_us = CAPABILITY_SKEW_S * CAPABILITY_SECOND_US;
        char text[STR_TIME_ROOM];

        if (now_us < c->issued_us - skew_us)
                return err_fault(e, ERR_DENIED, FAULT_GRANT_EXPIRED,
                        "grant: it is good from %s on, which by the clock here is to come",
                        str_time(text, c->issued_us));
        if (now_us >= c->expires_us + skew_us)
                return err_fault(e, ERR_DENIED, FAULT_GRANT_EXPIRED, "grant: it ran out at %s",
                        str_time(text, c->expires_us));
        return 0;
}

static int capability_check_token(const struct capability_parts *parts,
        const struct capability_trust *trust, int64_t now_us, struct buf *leaf, struct buf *issuer,
        struct err *e)
{
        int r = capability_read_header(parts->header, leaf, issuer, e);
        if (r == 0) /* first: what was changed costs one verification and not four */
                r = capability_check_signature(parts, buf_bytes(leaf), e);
        return r < 0 ? r
                     : capability_check_signer(
                               trust, buf_bytes(leaf), buf_bytes(issuer), now_us, e);
}

int capability_parse(struct bytes token, const struct capability_trust *trust, int64_t now_us,
        struct capability *ret, struct err *e)
{
        struct capability_parts parts;
        struct buf leaf, issuer;
        struct err why; /* the caller's may be NULL, and faults are handed on in it */

        buf_init(&leaf, X509_CERT_MAX);
        buf_init(&issuer, X509_CERT_MAX);
        CLEANUP(own_freep) struct capability *c = xcalloc(1, sizeof *c);
        int r = capability_split(token, &parts, &why);
        if (r == 0)
                r = capability_check_token(&parts, trust, now_us, &leaf, &issuer, &why);
        if (r == 0)
                r = capability_read_payload(parts.payload, c, &why);
        if (r == 0 && strcmp(c->site, trust->site) != 0)
                r = err_fault(&why, ERR_DENIED, FAULT_GRANT_REFUSED,
                        "grant: it is for site %s, this is %s", c->site, trust->site);
        if (r == 0)
                r = capability_check_now(c, now_us, &why);
        buf_done(&leaf);
        buf_done(&issuer);
        if (r == 0)
                *ret = *c;
        else if (e)
                *e = why;
        return r;
}

int capability_allows(const struct capability *c, enum capability_use use, const char *stream,
        int64_t at_us, struct err *e)
{
        char text[STR_TIME_ROOM];
        bool named = false;

        if (!(c->use & (unsigned)use))
                return err_fault(e, ERR_DENIED, FAULT_NOT_GRANTED, "grant: not for %s",
                        capability_use_name((unsigned)use));
        for (unsigned i = 0; i < c->streams_n; i++)
                named |= strcmp(c->streams[i], stream) == 0;
        if (!named)
                return err_fault(
                        e, ERR_DENIED, FAULT_NOT_GRANTED, "grant: %.90s is not in it", stream);
        if (use != CAPABILITY_LIVE && (at_us < c->from_us || at_us > c->until_us))
                return err_fault(e, ERR_DENIED, FAULT_NOT_GRANTED,
                        "grant: %s is outside of the time that it is for", str_time(text, at_us));
        return 0;
}
