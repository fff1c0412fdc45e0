/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/media_open.h"

#include "base/str.h"
#include "proto/media_message.h"
#include "trust/capability.h"

int media_open_subscription(json_int_t number, struct err *e)
{
        if (number >= 1 && number <= MEDIA_MESSAGE_SUBSCRIPTION_MAX)
                return 0;
        return err_set(e, ERR_INVALID, "media: a subscription is a number from 1 to %d",
                MEDIA_MESSAGE_SUBSCRIPTION_MAX);
}

int media_open_gateway(const char *uri, struct bytes token, struct err *e)
{
        static const char text[] = "media: the grant is for another gateway than this link's";
        const uint8_t *first = memchr(token.p, '.', token.n);
        CLEANUP(own_freep) uint8_t *payload = xcalloc(1, CAPABILITY_TOKEN_MAX);
        const char *gateway = NULL;
        json_error_t why;

        if (!first || token.n > CAPABILITY_TOKEN_MAX)
                return err_set(e, ERR_INVALID, "media: this is no grant");
        struct bytes rest = bytes_sub(token, (size_t)(first - token.p) + 1, SIZE_MAX);
        const uint8_t *second = memchr(rest.p, '.', rest.n);
        if (!second)
                return err_set(e, ERR_INVALID, "media: this is no grant");
        int n = str_unbase64url(
                payload, CAPABILITY_TOKEN_MAX, bytes_sub(rest, 0, (size_t)(second - rest.p)), e);
        if (n < 0)
                return err_wrap(e, ERR_INVALID, "media: grant");
        json_t *root = json_loadb((const char *)payload, (size_t)n, JSON_REJECT_DUPLICATES, &why);
        bool same = root && json_unpack(root, "{s:s}", "gateway", &gateway) == 0 &&
                    strcmp(gateway, uri) == 0;
        json_decref(root);
        return same ? 0 : err_fault(e, ERR_DENIED, FAULT_NOT_GRANTED, "%s", text);
}

static int media_open_range(
        const char *from, const char *until, struct message_play *play, struct err *e)
{
        int r = str_parse_time(from, &play->from_us, e);

        if (r == 0)
                r = str_parse_time(until, &play->until_us, e);
        if (r < 0)
                return err_wrap(e, ERR_INVALID, "media.open: from, until");
        return play->from_us <= play->until_us
                       ? 0
                       : err_set(e, ERR_INVALID, "media.open: until is before from");
}

/* What goes with which use. */
static int media_open_use(
        struct media_open *q, bool has_range, int keys_only, int without_audio, struct err *e)
{
        bool playback = strcmp(q->use, "playback") == 0, export = strcmp(q->use, "export") == 0;

        if (!playback && !export && strcmp(q->use, "live") != 0)
                return err_set(e, ERR_INVALID, "media.open: use is live, playback or export");
        q->recorded = playback || export;
        q->play.export = export;
        q->play.keys_only = keys_only > 0;
        q->play.without_audio = without_audio > 0;
        if (keys_only >= 0 && !playback)
                return err_set(e, ERR_INVALID, "media.open: keys_only goes with playback");
        if (without_audio >= 0 && !export)
                return err_set(e, ERR_INVALID, "media.open: without_audio goes with export");
        if (q->recorded != has_range)
                return err_set(
                        e, ERR_INVALID, "media.open: from and until go with playback and export");
        if (q->recorded && !head_is_stream_path(q->stream))
                return err_set(e, ERR_NOT_FOUND, "media.open: no such stream");
        if (q->recorded && q->credit < (json_int_t)MEDIA_OPEN_PLAY_CREDIT_MIN)
                return err_set(e, ERR_INVALID, "media.open: footage takes a credit of at least %u",
                        MEDIA_OPEN_PLAY_CREDIT_MIN);
        return 0;
}

int media_open_parse(json_t *body, struct media_open *q, struct err *e)
{
        const char *from = NULL, *until = NULL;
        int keys_only = -1, without_audio = -1;
        json_error_t why;

        *q = (struct media_open){ 0 };
        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:I, s:s, s:s, s:s, s:I, s?s, s?s, s?b, s?b}",
                    "subscription", &q->subscription, "use", &q->use, "stream", &q->stream, "grant",
                    &q->grant, "credit", &q->credit, "from", &from, "until", &until, "keys_only",
                    &keys_only, "without_audio", &without_audio) < 0)
                return err_set(e, ERR_INVALID, "media.open: %s", why.text);
        int r = media_open_use(q, from && until, keys_only, without_audio, e);
        if (r == 0 && !q->recorded && (from || until))
                r = err_set(
                        e, ERR_INVALID, "media.open: from and until go with playback and export");
        if (r == 0 && q->recorded)
                r = media_open_range(from, until, &q->play, e);
        return r < 0 ? r : media_open_subscription(q->subscription, e);
}
