/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/rtsp_splitter.h"

#include <ctype.h>

#define SPLITTER_REST_MAX (RTSP_HEAD_MAX + RTSP_BODY_MAX + RTSP_FRAME_HEAD)
/* Bytes taken at once behind a partial head, whose end is not known. */
#define SPLITTER_HEAD_STEP 512

/* What lies at the beginning of some bytes. */
enum look_kind { LOOK_ITEM, LOOK_SKIP, LOOK_MORE };
struct look {
        enum look_kind kind;
        size_t n;       /* ITEM: its bytes; SKIP: to be passed over; MORE: the whole item's, or 0 */
        size_t scanned; /* MORE: of a head, no end before this */
        bool garbage;   /* SKIP: other than CR and LF between items */
};

void rtsp_splitter_init(struct rtsp_splitter *s)
{
        *s = (struct rtsp_splitter){ .garbage_max = RTSP_SPLITTER_GARBAGE_MAX, .channel_max = 255 };
        buf_init(&s->rest, SPLITTER_REST_MAX);
}

void rtsp_splitter_done(struct rtsp_splitter *s)
{
        buf_done(&s->rest);
}

static void forget_rest(struct rtsp_splitter *s)
{
        buf_clear(&s->rest);
        s->item_bytes = 0;
        s->scanned = 0;
}

void rtsp_splitter_reset(struct rtsp_splitter *s)
{
        forget_rest(s);
        s->garbage = 0;
        s->at = 0;
}

/* The length of a head with its empty line, 0 when its end is not there yet. */
static size_t head_bytes(struct bytes b, size_t from, size_t *ret_scanned)
{
        size_t at = from;

        while (at < b.n) {
                const uint8_t *newline = memchr(b.p + at, '\n', b.n - at);
                if (!newline)
                        break;
                at = (size_t)(newline - b.p) + 1;
                if (at < b.n && b.p[at] == '\n')
                        return at + 1;
                if (at + 1 < b.n && b.p[at] == '\r' && b.p[at + 1] == '\n')
                        return at + 2;
                if (at + 1 >= b.n) {
                        /* The empty line may be cut: look at this line's end again. */
                        *ret_scanned = at - 1;
                        return 0;
                }
        }
        *ret_scanned = b.n;
        return 0;
}

static struct look look_frame(const struct rtsp_splitter *s, struct bytes b)
{
        if (b.n < RTSP_FRAME_HEAD)
                return (struct look){ .kind = LOOK_MORE, .n = RTSP_FRAME_HEAD };
        size_t n = RTSP_FRAME_HEAD + ((size_t)b.p[2] << 8 | b.p[3]);
        if (s->garbage > 0) {
                /* A '$' in the middle of lost bytes: believed when RTP or RTCP of version 2 is
                 * behind it. */
                if (b.p[1] > s->channel_max || n < RTSP_FRAME_HEAD + 8)
                        return (struct look){ .kind = LOOK_SKIP, .n = 1, .garbage = true };
                if (b.n == RTSP_FRAME_HEAD)
                        return (struct look){ .kind = LOOK_MORE, .n = RTSP_FRAME_HEAD + 1 };
                if (b.p[4] >> 6 != 2)
                        return (struct look){ .kind = LOOK_SKIP, .n = 1, .garbage = true };
        }
        return (struct look){ .kind = b.n < n ? LOOK_MORE : LOOK_ITEM, .n = n };
}

/* Bytes up to the next that can begin an item. */
static struct look look_garbage(struct bytes b)
{
        size_t n = 1;

        while (n < b.n && b.p[n] != '$' && !isupper(b.p[n]))
                n++;
        return (struct look){ .kind = LOOK_SKIP, .n = n, .garbage = true };
}

/* Whether the bytes so far can be a first line: a method or version, then a space. */
static bool may_be_message(const struct rtsp_splitter *s, struct bytes b)
{
        static const char version[] = "RTSP/";
        size_t n = 0;

        /* Among garbage a capital letter says little: only responses are looked for. */
        if (s->garbage > 0)
                return memcmp(b.p, version, b.n < 5 ? b.n : 5) == 0;
        while (n < b.n && n < 32 && (isupper(b.p[n]) || b.p[n] == '_'))
                n++;
        return n == b.n || (n > 0 && (b.p[n] == ' ' || b.p[n] == '/'));
}

/* 1: a whole first line of a message; 0: it may become one; -1: it is none. */
static int first_line(struct bytes b)
{
        struct rtsp_message m;
        const uint8_t *newline = memchr(b.p, '\n', b.n < RTSP_LINE_MAX ? b.n : RTSP_LINE_MAX);
        size_t n = newline ? (size_t)(newline - b.p) + 1 : b.n;
        /* Cameras give their reasons in the language of their makers. */
        bool response = b.n >= 5 && memcmp(b.p, "RTSP/", 5) == 0;

        for (size_t i = 0; i < n; i++)
                if ((b.p[i] < ' ' && b.p[i] != '\t' && b.p[i] != '\r' && b.p[i] != '\n') ||
                        b.p[i] == 0x7f || (b.p[i] > 0x7f && !response))
                        return -1;
        if (!newline)
                return b.n >= RTSP_LINE_MAX ? -1 : 0;
        return rtsp_parse_head(bytes_sub(b, 0, n), &m, NULL) < 0 ? -1 : 1;
}

static struct look look_message(const struct rtsp_splitter *s, struct bytes b,
        struct rtsp_message *m, struct err *e, int *ret)
{
        struct look more = { .kind = LOOK_MORE };
        size_t scanned = b.p == s->rest.p ? s->scanned : 0;

        if (scanned == 0) {
                int line = may_be_message(s, b) ? first_line(b) : -1;
                if (line < 0)
                        return look_garbage(b);
                if (line == 0)
                        return more;
        }
        size_t head = head_bytes(b, scanned, &more.scanned);
        if (head == 0) {
                if (b.n >= RTSP_HEAD_MAX)
                        *ret = err_set(
                                e, ERR_PROTOCOL, "RTSP head longer than %d bytes", RTSP_HEAD_MAX);
                return more;
        }
        *ret = rtsp_parse_head(bytes_sub(b, 0, head), m, e);
        if (*ret < 0)
                return more;
        m->body = bytes_sub(b, head, m->content_length);
        size_t n = head + m->content_length;
        return (struct look){ .kind = b.n < n ? LOOK_MORE : LOOK_ITEM, .n = n };
}

static struct look look_at(const struct rtsp_splitter *s, struct bytes b, struct rtsp_message *m,
        struct err *e, int *ret)
{
        size_t n = 0;

        while (n < b.n && (b.p[n] == '\r' || b.p[n] == '\n'))
                n++;
        if (n > 0)
                return (struct look){ .kind = LOOK_SKIP, .n = n, .garbage = s->garbage > 0 };
        if (b.p[0] == '$')
                return look_frame(s, b);
        if (isupper(b.p[0]))
                return look_message(s, b, m, e, ret);
        return look_garbage(b);
}

static int count_garbage(struct rtsp_splitter *s, size_t n, struct err *e)
{
        if (n > s->garbage_max || s->garbage > s->garbage_max - n)
                return err_set(e, ERR_PROTOCOL,
                        "the peer sends bytes that are not RTSP, from byte %llu of the stream on",
                        (unsigned long long)(s->at - s->garbage));
        if (s->garbage == 0)
                s->resyncs++;
        s->garbage += (uint32_t)n;
        s->skipped_bytes += n;
        return 0;
}

static int deliver(struct rtsp_splitter *s, struct bytes b, const struct rtsp_message *m,
        rtsp_on_item on_item, void *owner, struct err *e)
{
        struct rtsp_item item = { .skipped_bytes = s->garbage, .at = s->at };

        if (b.p[0] == '$') {
                item.channel = b.p[1];
                item.frame = bytes_sub(b, RTSP_FRAME_HEAD, b.n);
        } else {
                item.message = m;
        }
        s->garbage = 0;
        int r = on_item(owner, &item, e);
        return r < 0 ? r : 0;
}

/* Hands on what is complete in b, *ret_used bytes of it; no more than one item when `one`. */
static int split(struct rtsp_splitter *s, struct bytes b, size_t *ret_used, bool one,
        rtsp_on_item on_item, void *owner, struct err *e)
{
        struct rtsp_message m;
        int r = 0;

        s->item_bytes = 0;
        while (r == 0 && *ret_used < b.n) {
                struct bytes left = bytes_sub(b, *ret_used, b.n);
                struct look l = look_at(s, left, &m, e, &r);
                s->scanned = 0;
                if (r < 0)
                        return err_wrap(e, r, "byte %llu of the stream", (unsigned long long)s->at);
                if (l.kind == LOOK_MORE) {
                        s->item_bytes = l.n;
                        s->scanned = l.scanned;
                        return 0;
                }
                *ret_used += l.n;
                if (l.kind == LOOK_ITEM)
                        r = deliver(s, bytes_sub(left, 0, l.n), &m, on_item, owner, e);
                else if (l.garbage)
                        r = count_garbage(s, l.n, e);
                s->at += l.n;
                if (one && l.kind == LOOK_ITEM)
                        return r;
        }
        return r;
}

/* Completes the partial item from the front of *b, and hands it on. */
static int feed_rest(
        struct rtsp_splitter *s, struct bytes *b, rtsp_on_item on_item, void *owner, struct err *e)
{
        while (s->rest.n > 0 && b->n > 0) {
                size_t step =
                        s->item_bytes > s->rest.n ? s->item_bytes - s->rest.n : SPLITTER_HEAD_STEP;
                struct bytes more = bytes_sub(*b, 0, step);
                int r = buf_append(&s->rest, more, e);
                if (r < 0)
                        return r;
                *b = bytes_sub(*b, more.n, b->n);
                if (s->rest.n < s->item_bytes)
                        return 0;
                size_t used = 0;
                r = split(s, buf_bytes(&s->rest), &used, true, on_item, owner, e);
                if (r < 0)
                        return r;
                size_t over = s->rest.n - used;
                if (used > 0 && over <= more.n) {
                        /* All that is left came from *b just now: give it back. */
                        *b = BYTES(b->p - over, b->n + over);
                        forget_rest(s);
                } else if (used > 0) {
                        buf_consume(&s->rest, used);
                }
        }
        return 0;
}

int rtsp_splitter_feed(struct rtsp_splitter *s, struct bytes received, rtsp_on_item on_item,
        void *owner, struct err *e)
{
        size_t used = 0;

        int r = feed_rest(s, &received, on_item, owner, e);
        if (r == 0 && received.n > 0)
                r = split(s, received, &used, false, on_item, owner, e);
        if (r == 0 && used < received.n)
                r = buf_append(&s->rest, bytes_sub(received, used, received.n), e);
        return r;
}
