/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal/head.h"

#include <inttypes.h>

#include "base/pack.h"
#include "base/str.h"
#include "crypto/x509.h"

#define HEAD_CONNECTION_BYTES (1 + 2 + 32 + 8)

enum head_tag {
        TAG_STREAM = 1,
        TAG_OBJECT_KEY,
        TAG_KID,
        TAG_HOUR_KEY_ID,
        TAG_RECORDER,
        TAG_SEAL_CERT,
        TAG_ISSUER_CERT,
        TAG_ROOT_CERT,
        TAG_CONNECTION,
        TAG_SOURCE,
        TAG_END,
};

const uint8_t head_user_type[16] = FMP4_HEAD_USER_TYPE;

const char *protection_name(enum protection p)
{
        static const char *const names[] = { "open", "control only", "encrypted, pinned",
                "encrypted and verified" };

        return (unsigned)p < ARRAY_LEN(names) ? names[p] : "unknown";
}

/* UTF-8 without control characters (C0, DEL, C1). */
static bool is_text(const char *s)
{
        for (const uint8_t *p = (const uint8_t *)s; *p; p++)
                if (*p < ' ' || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
                        return false;
        return str_is_utf8(bytes_str(s));
}

bool head_is_stream_path(const char *s)
{
        char camera[HEAD_PATH_MAX];
        const char *dash = strrchr(s, '-');

        if (!dash || strlen(s) >= sizeof camera)
                return false;
        memcpy(camera, s, (size_t)(dash - s));
        camera[dash - s] = '\0';
        return str_is_camera(camera) && str_is_stream(dash + 1);
}

/* d: one digit; other characters stand for themselves. Returns what follows, or NULL. */
static const char *skip_form(const char *s, const char *form)
{
        for (; *form; form++, s++) {
                bool digit = *s >= '0' && *s <= '9';
                if (*form == 'd' ? !digit : *s != *form)
                        return NULL;
        }
        return s;
}

bool head_is_object_key(const char *s, const char *stream)
{
        size_t n = strlen(stream);

        if (strlen(s) >= HEAD_KEY_MAX || strncmp(s, stream, n) != 0)
                return false;
        const char *rest = skip_form(s + n, "/dddd-dd-dd/dd/dd-dd.dddZ.d");
        if (!rest)
                return false;
        return strcmp(rest + strspn(rest, "0123456789"), ".mp4") == 0;
}

uint8_t head_version_of(const struct fmp4_header *header)
{
        bool first = header->tracks_n > 0 && media_has_nals(header->tracks[0].config.codec);

        for (unsigned i = 0; i < header->tracks_n; i++) {
                enum media_codec codec = header->tracks[i].config.codec;
                first = first && (media_has_nals(codec) || codec == MEDIA_AAC);
        }
        return first ? 1 : 2;
}

static int check_head(const struct head *h, struct err *e)
{
        const struct bytes *certs[] = { &h->seal_cert, &h->issuer_cert, &h->root_cert };

        if (h->version < 1 || h->version > HEAD_VERSION)
                return err_set(
                        e, ERR_INVALID, "version %u; 1 to %d are known", h->version, HEAD_VERSION);
        if (!head_is_stream_path(h->stream))
                return err_set(e, ERR_INVALID, "stream path is not <camera>-<stream>");
        if (!head_is_object_key(h->object_key, h->stream))
                return err_set(e, ERR_INVALID,
                        "object key is not <stream path>/<date>/<hour>/<MM-SS.mmm>Z.<n>.mp4");
        if (!h->recorder[0] || !is_text(h->recorder) || !is_text(h->source))
                return err_set(e, ERR_INVALID, "recorder or source is not text");
        for (size_t i = 0; i < ARRAY_LEN(certs); i++)
                if (certs[i]->n == 0 || certs[i]->n > X509_CERT_MAX)
                        return err_set(e, ERR_INVALID,
                                "certificate %zu has %zu bytes, 1 to %d are possible", i + 1,
                                certs[i]->n, X509_CERT_MAX);
        if (h->protection > PROTECTION_VERIFIED)
                return err_set(e, ERR_INVALID, "protection %u is not known", h->protection);
        return 0;
}

static void put_field(struct pack *p, enum head_tag tag, struct bytes value)
{
        pack_u16(p, (uint16_t)tag);
        pack_field16(p, value);
}

int head_format(const struct head *h, struct buf *out, struct err *e)
{
        size_t before = out->n;
        int r = check_head(h, e);

        if (r < 0)
                return err_wrap(e, r, "head");
        struct pack p = pack_to(out);
        pack_u8(&p, h->version);
        put_field(&p, TAG_STREAM, bytes_str(h->stream));
        put_field(&p, TAG_OBJECT_KEY, bytes_str(h->object_key));
        put_field(&p, TAG_KID, BYTES(h->kid, 16));
        put_field(&p, TAG_HOUR_KEY_ID, BYTES(h->hour_key_id, 16));
        put_field(&p, TAG_RECORDER, bytes_str(h->recorder));
        put_field(&p, TAG_SEAL_CERT, h->seal_cert);
        put_field(&p, TAG_ISSUER_CERT, h->issuer_cert);
        put_field(&p, TAG_ROOT_CERT, h->root_cert);
        pack_u16(&p, TAG_CONNECTION);
        pack_u16(&p, HEAD_CONNECTION_BYTES);
        pack_u8(&p, h->protection);
        pack_u16(&p, h->tls_version);
        pack_bytes(&p, BYTES(h->camera_key, 32));
        pack_i64(&p, h->connected_us);
        put_field(&p, TAG_SOURCE, bytes_str(h->source));
        if (p.bad) {
                out->n = before;
                return err_set(e, ERR_EXHAUSTED, "head does not fit in %zu bytes", out->max);
        }
        return 0;
}

static int read_text(struct bytes value, char *to, size_t room)
{
        if (value.n >= room || (value.n && memchr(value.p, '\0', value.n)))
                return ERR_CORRUPT;
        if (value.n)
                memcpy(to, value.p, value.n);
        to[value.n] = '\0';
        return 0;
}

static int read_id(struct bytes value, uint8_t to[static 16])
{
        if (value.n != 16)
                return ERR_CORRUPT;
        memcpy(to, value.p, 16);
        return 0;
}

static int read_connection(struct bytes value, struct head *h)
{
        struct unpack u = unpack_of(value);

        h->protection = unpack_u8(&u);
        h->tls_version = unpack_u16(&u);
        unpack_copy(&u, h->camera_key, sizeof h->camera_key);
        h->connected_us = unpack_i64(&u);
        return unpack_complete(&u) ? 0 : ERR_CORRUPT;
}

static int read_field(enum head_tag tag, struct bytes value, struct head *h)
{
        switch (tag) {
        case TAG_STREAM:
                return read_text(value, h->stream, sizeof h->stream);
        case TAG_OBJECT_KEY:
                return read_text(value, h->object_key, sizeof h->object_key);
        case TAG_KID:
                return read_id(value, h->kid);
        case TAG_HOUR_KEY_ID:
                return read_id(value, h->hour_key_id);
        case TAG_RECORDER:
                return read_text(value, h->recorder, sizeof h->recorder);
        case TAG_SEAL_CERT:
                h->seal_cert = value;
                return 0;
        case TAG_ISSUER_CERT:
                h->issuer_cert = value;
                return 0;
        case TAG_ROOT_CERT:
                h->root_cert = value;
                return 0;
        case TAG_CONNECTION:
                return read_connection(value, h);
        case TAG_SOURCE:
                return read_text(value, h->source, sizeof h->source);
        case TAG_END:
                break;
        }
        return ERR_CORRUPT;
}

int head_parse(struct bytes payload, struct head *ret, struct err *e)
{
        struct unpack u = unpack_of(payload);
        struct head h = { .version = unpack_u8(&u) };

        if (u.bad || h.version < 1 || h.version > HEAD_VERSION)
                return err_set(e, ERR_CORRUPT, "head: version %u; this reader knows 1 to %d",
                        h.version, HEAD_VERSION);
        for (unsigned tag = TAG_STREAM; tag < TAG_END; tag++) {
                unsigned found = unpack_u16(&u);
                struct bytes value = unpack_field16(&u, UINT16_MAX);
                if (u.bad || found != tag)
                        return err_set(
                                e, ERR_CORRUPT, "head: tag %u where tag %u has to be", found, tag);
                if (read_field((enum head_tag)tag, value, &h) < 0)
                        return err_set(
                                e, ERR_CORRUPT, "head: tag %u has a value of another form", tag);
        }
        if (!unpack_complete(&u))
                return err_set(
                        e, ERR_CORRUPT, "head: %zu bytes behind the last tag", unpack_left(&u));
        int r = check_head(&h, e);
        if (r < 0)
                return err_wrap(e, ERR_CORRUPT, "head");
        *ret = h;
        return 0;
}
