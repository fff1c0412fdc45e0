/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/depay_metadata.h"

#include <ctype.h>

void depay_metadata_init(struct depay_metadata *d)
{
        *d = (struct depay_metadata){ .skipping = true };
        buf_init(&d->document, DEPAY_METADATA_MAX);
}

void depay_metadata_done(struct depay_metadata *d)
{
        buf_done(&d->document);
}

void depay_metadata_drop(struct depay_metadata *d)
{
        buf_clear(&d->document);
        d->skipping = true;
}

static bool starts_with(struct bytes b, const char *text)
{
        return bytes_equal(bytes_sub(b, 0, strlen(text)), bytes_str(text));
}

bool depay_metadata_begins(struct bytes b)
{
        while (b.n > 0 && isspace(b.p[0]))
                b = bytes_sub(b, 1, b.n);
        if (starts_with(b, "\xef\xbb\xbf")) /* byte order mark */
                b = bytes_sub(b, 3, b.n);
        if (starts_with(b, "<?xml"))
                return true;
        if (starts_with(b, "<MetadataStream"))
                return true;
        if (!starts_with(b, "<"))
                return false;
        do /* the prefix */
                b = bytes_sub(b, 1, b.n);
        while (b.n > 0 && (isalnum(b.p[0]) || b.p[0] == '_' || b.p[0] == '-' || b.p[0] == '.'));
        return starts_with(b, ":MetadataStream");
}

int depay_metadata_packet(struct depay_metadata *d, struct bytes payload, struct err *e)
{
        if (d->skipping && !depay_metadata_begins(payload))
                return 0;
        d->skipping = false;
        int r = buf_append(&d->document, payload, NULL);
        if (r < 0) {
                depay_metadata_drop(d);
                return err_set(e, ERR_EXHAUSTED, "metadata: a document of more than %u bytes",
                        DEPAY_METADATA_MAX);
        }
        return 0;
}

int depay_metadata_end(struct depay_metadata *d, struct bytes *ret)
{
        d->skipping = false;
        if (d->document.n == 0)
                return ERR_AGAIN;
        *ret = buf_bytes(&d->document);
        d->document.n = 0; /* the bytes stay until the next packet */
        return 0;
}
