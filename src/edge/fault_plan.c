/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/fault_plan.h"

#include <ctype.h>
#include <stdio.h>

#include "base/str.h"

#define US_PER_S 1000000
#define AT_MAX_S 86400
#define AT_FRAME_MAX 100000000

enum shape {
        SHAPE_PLAIN,
        SHAPE_NUMBER,        /* may be left out: the default stands */
        SHAPE_NEEDED_NUMBER, /* may not */
        SHAPE_TEXT,
        SHAPE_NEEDED_TEXT,
        SHAPE_METHOD,      /* may be left out */
        SHAPE_METHOD_CODE, /* "PLAY:503" */
};

struct row {
        const char *name, *usage, *help;
        enum shape shape;
        int64_t least, most, number;
        const char *text;
        int timed; /* -1: takes no time; else the seconds after PLAY where none is given */
};

#define UNTIMED .timed = -1

static const struct row rows[FAULT_PLAN_KINDS] = {
        [FAULT_PLAN_CLOSE] = { "close", "close[@TIME]", "closes the connection (after 2 s)",
                .timed = 2 },
        [FAULT_PLAN_STALL] = { "stall", "stall[@TIME]",
                "sends no more media but keeps the connection, and answers (after 2 s)",
                .timed = 2 },
        [FAULT_PLAN_HALF_OPEN] = { "half-open", "half-open[@TIME]",
                "reads and sends nothing more, and keeps the connection; without TIME from the "
                "first request on",
                .timed = 0 },
        [FAULT_PLAN_SLOW_ANSWER] = { "slow-answer", "slow-answer[:MS]",
                "waits MS (3000) before each answer", SHAPE_NUMBER, 1, 3600000, 3000, UNTIMED },
        [FAULT_PLAN_NO_ANSWER] = { "no-answer", "no-answer[:METHOD]",
                "does not answer METHOD (DESCRIBE)", SHAPE_METHOD, .text = "DESCRIBE", UNTIMED },
        [FAULT_PLAN_ONE_BYTE_WRITES] = { "one-byte-writes", "one-byte-writes",
                "sends each answer byte by byte, each in a TLS record of its own", UNTIMED },
        [FAULT_PLAN_STATUS] = { "status", "status:METHOD:CODE", "answers METHOD with CODE",
                SHAPE_METHOD_CODE, 100, 999, UNTIMED },
        [FAULT_PLAN_REDIRECT] = { "redirect", "redirect:URL",
                "answers DESCRIBE with 302 and this Location", SHAPE_NEEDED_TEXT, UNTIMED },
        [FAULT_PLAN_WRONG_CSEQ] = { "wrong-cseq", "wrong-cseq",
                "answers with the next CSeq instead of the request's", UNTIMED },
        [FAULT_PLAN_NO_SESSION] = { "no-session", "no-session", "answers SETUP without a Session",
                UNTIMED },
        [FAULT_PLAN_BAD_CONTENT_BASE] = { "bad-content-base", "bad-content-base[:TEXT]",
                "gives this Content-Base (/elsewhere/)", SHAPE_TEXT, .text = "/elsewhere/",
                UNTIMED },
        [FAULT_PLAN_OTHER_HOST] = { "other-host", "other-host[:HOST]",
                "describes tracks with URLs of another host (192.0.2.1)", SHAPE_TEXT,
                .text = "192.0.2.1", UNTIMED },
        [FAULT_PLAN_OTHER_CHANNELS] = { "other-channels", "other-channels",
                "sends interleaved in other channels than were asked for, and says so", UNTIMED },
        [FAULT_PLAN_PLAIN_SDP] = { "plain-sdp", "plain-sdp",
                "describes RTP/AVP over UDP, and refuses interleaved transport", UNTIMED },
        [FAULT_PLAN_PLAIN_SETUP] = { "plain-setup", "plain-setup",
                "answers SETUP with RTP/AVP over UDP, whatever was asked for", UNTIMED },
        [FAULT_PLAN_HUGE_SDP] = { "huge-sdp", "huge-sdp[:BYTES]",
                "describes itself in BYTES (1000000)", SHAPE_NUMBER, 1, 4000000, 1000000, UNTIMED },
        [FAULT_PLAN_THOUSAND_TRACKS] = { "thousand-tracks", "thousand-tracks[:N]",
                "describes N (1000) tracks more than it has", SHAPE_NUMBER, 1, 20000, 1000,
                UNTIMED },
        [FAULT_PLAN_BASIC] = { "basic", "basic", "asks for Basic authentication, and takes it",
                UNTIMED },
        [FAULT_PLAN_BASIC_AFTER_DIGEST] = { "basic-after-digest", "basic-after-digest",
                "asks for Digest, and once that was answered for Basic", UNTIMED },
        [FAULT_PLAN_SHA256_ONLY] = { "sha256-only", "sha256-only",
                "asks for Digest with SHA-256 only", UNTIMED },
        [FAULT_PLAN_MD5_ONLY] = { "md5-only", "md5-only", "asks for Digest with MD5 only",
                UNTIMED },
        [FAULT_PLAN_STALE_LOOP] = { "stale-loop", "stale-loop",
                "calls every answer to its challenge stale, and gives a new nonce", UNTIMED },
        [FAULT_PLAN_GARBAGE] = { "garbage", "garbage[:BYTES][@TIME]",
                "puts BYTES (7) of nonsense in front of each tenth packet", SHAPE_NUMBER, 1, 65000,
                7, .timed = 0 },
        [FAULT_PLAN_JUMP] = { "jump", "jump[:SECONDS][@TIME]",
                "time stamps jump by SECONDS (3600; may be negative), once (after 2 s)",
                SHAPE_NUMBER, -86400, 86400, 3600, .timed = 2 },
        [FAULT_PLAN_SEQUENCE_JUMP] = { "sequence-jump", "sequence-jump[:N][@TIME]",
                "sequence numbers jump by N (20000), once (after 2 s)", SHAPE_NUMBER, 1, 65535,
                20000, .timed = 2 },
        [FAULT_PLAN_WRAP] = { "wrap", "wrap",
                "sequence numbers and time stamps begin 2 s before they wrap", UNTIMED },
        [FAULT_PLAN_SSRC_CHANGE] = { "ssrc-change", "ssrc-change[@TIME]",
                "goes on as another RTP source (after 2 s)", .timed = 2 },
        [FAULT_PLAN_DUPLICATE] = { "duplicate", "duplicate[:PERCENT][@TIME]",
                "sends PERCENT (10) of the packets twice", SHAPE_NUMBER, 1, 100, 10, .timed = 0 },
        [FAULT_PLAN_REORDER] = { "reorder", "reorder[@TIME]",
                "sends each tenth packet behind the next one", .timed = 0 },
        [FAULT_PLAN_LATE] = { "late", "late[:MS][@TIME]",
                "sends each fiftieth packet MS (500) late", SHAPE_NUMBER, 1, 60000, 500,
                .timed = 0 },
        [FAULT_PLAN_LOST] = { "lost", "lost:PERCENT[@TIME]", "does not send PERCENT of the packets",
                SHAPE_NEEDED_NUMBER, 1, 100, 0, .timed = 0 },
        [FAULT_PLAN_TRUNCATED_FU] = { "truncated-fu", "truncated-fu[@TIME]",
                "leaves out the end of each tenth fragmented NAL unit, without a lost number",
                .timed = 0 },
        [FAULT_PLAN_NO_MARKER] = { "no-marker", "no-marker[@TIME]", "sets no marker bits",
                .timed = 0 },
        [FAULT_PLAN_EXTRA_MARKER] = { "extra-marker", "extra-marker[@TIME]",
                "sets the marker bit of every packet", .timed = 0 },
        [FAULT_PLAN_CHANGED_PARAMETERS] = { "changed-parameters",
                "changed-parameters:STREAM[@TIME]",
                "goes on with the pictures of another stream of this camera role, and its "
                "parameter sets in-band (after 2 s)",
                SHAPE_NEEDED_TEXT, .timed = 2 },
        [FAULT_PLAN_REPLAY] = { "replay", "replay[@TIME]",
                "sends the same group of pictures again and again, in new packets (after 2 s)",
                .timed = 2 },
        [FAULT_PLAN_BIT_RATE_BOMB] = { "bit-rate-bomb", "bit-rate-bomb:MBIT[@TIME]",
                "fills the pictures up to MBIT a second", SHAPE_NEEDED_NUMBER, 1, 10000, 0,
                .timed = 0 },
        [FAULT_PLAN_WRONG_CLOCK] = { "wrong-clock", "wrong-clock:SECONDS",
                "reports a wall clock (RTCP) that is wrong by SECONDS", SHAPE_NEEDED_NUMBER,
                -4000000000, 4000000000, 0, UNTIMED },
        [FAULT_PLAN_OLD_CLOCK] = { "old-clock", "old-clock",
                "reports a wall clock (RTCP) that begins at 2020-01-01 with each PLAY", UNTIMED },
        [FAULT_PLAN_NO_RTCP] = { "no-rtcp", "no-rtcp", "sends no RTCP", UNTIMED },
        [FAULT_PLAN_BYE] = { "bye", "bye[@TIME]",
                "says goodbye by RTCP and sends no more, and keeps the connection (after 2 s)",
                .timed = 2 },
};

const char *fault_plan_usage(enum fault_plan_kind kind)
{
        return rows[kind].usage;
}

const char *fault_plan_help(enum fault_plan_kind kind)
{
        return rows[kind].help;
}

const char *fault_plan_name(enum fault_plan_kind kind)
{
        return rows[kind].name;
}

static int parse_number(const struct row *row, const char *text, int64_t *ret, struct err *e)
{
        const bool negative = text[0] == '-';
        uint64_t n;

        if (str_uint(text + negative, 0, INT64_MAX, &n, NULL) < 0)
                return err_set(e, ERR_INVALID, "%s: the parameter is no number: %s", row->name,
                        row->usage);
        *ret = negative ? -(int64_t)n : (int64_t)n;
        if (*ret < row->least || *ret > row->most)
                return err_set(e, ERR_INVALID, "%s: the parameter must be %lld to %lld", row->name,
                        (long long)row->least, (long long)row->most);
        return 0;
}

static int parse_text(const struct row *row, const char *text, char *to, size_t room, struct err *e)
{
        const size_t n = strlen(text);

        if (n == 0 || n >= room)
                return err_set(e, ERR_INVALID, "%s: the parameter is empty or longer than %zu",
                        row->name, room - 1);
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
                        return err_set(e, ERR_INVALID,
                                "%s: the parameter holds a space or control character", row->name);
        memcpy(to, text, n + 1);
        return 0;
}

static int parse_method(
        const struct row *row, const char *text, struct fault_plan_fault *f, struct err *e)
{
        const int r = parse_text(row, text, f->method, sizeof f->method, e);

        for (const char *c = f->method; r >= 0 && *c; c++)
                if (!isupper((unsigned char)*c) && *c != '_' && strcmp(f->method, "*") != 0)
                        return err_set(e, ERR_INVALID,
                                "%s: METHOD is in capitals, as DESCRIBE or GET_PARAMETER; or *",
                                row->name);
        return r;
}

/* "PLAY:503" */
static int parse_method_code(
        const struct row *row, char *text, struct fault_plan_fault *f, struct err *e)
{
        char *colon = strchr(text, ':');

        if (!colon)
                return err_set(e, ERR_INVALID, "%s is written %s", row->name, row->usage);
        *colon = 0;
        const int r = parse_method(row, text, f, e);
        return r < 0 ? r : parse_number(row, colon + 1, &f->number, e);
}

/* text: NULL where there is none. */
static int parse_parameter(
        const struct row *row, char *text, struct fault_plan_fault *f, struct err *e)
{
        f->number = row->number;
        if (row->text)
                snprintf(row->shape == SHAPE_METHOD ? f->method : f->text,
                        row->shape == SHAPE_METHOD ? sizeof f->method : sizeof f->text, "%s",
                        row->text);
        if (!text) {
                if (row->shape == SHAPE_NEEDED_NUMBER || row->shape == SHAPE_NEEDED_TEXT ||
                        row->shape == SHAPE_METHOD_CODE)
                        return err_set(e, ERR_INVALID, "%s needs its parameter: %s", row->name,
                                row->usage);
                return 0;
        }
        switch (row->shape) {
        case SHAPE_NUMBER:
        case SHAPE_NEEDED_NUMBER:
                return parse_number(row, text, &f->number, e);
        case SHAPE_TEXT:
        case SHAPE_NEEDED_TEXT:
                return parse_text(row, text, f->text, sizeof f->text, e);
        case SHAPE_METHOD:
                return parse_method(row, text, f, e);
        case SHAPE_METHOD_CODE:
                return parse_method_code(row, text, f, e);
        case SHAPE_PLAIN:
                break;
        }
        return err_set(e, ERR_INVALID, "%s takes no parameter", row->name);
}

/* "0.5s" in microseconds. */
static bool parse_seconds(const char *text, size_t n, int64_t *ret_us)
{
        int64_t us = 0, unit = US_PER_S;
        bool point = false;

        if (n == 0 || n > 16 || text[0] == '.' || text[n - 1] == '.')
                return false;
        for (size_t i = 0; i < n; i++) {
                if (text[i] == '.' && !point) {
                        point = true;
                } else if (!isdigit((unsigned char)text[i]) || (point && unit == 1)) {
                        return false;
                } else if (point) {
                        unit /= 10;
                        us += (text[i] - '0') * unit;
                } else {
                        us = us * 10 + (int64_t)(text[i] - '0') * US_PER_S;
                        if (us > (int64_t)AT_MAX_S * US_PER_S)
                                return false;
                }
        }
        *ret_us = us;
        return us <= (int64_t)AT_MAX_S * US_PER_S;
}

/* text: NULL where there is none. */
static int parse_time(
        const struct row *row, const char *text, struct fault_plan_fault *f, struct err *e)
{
        const size_t n = text ? strlen(text) : 0;
        uint64_t frame;

        if (text && row->timed < 0)
                return err_set(e, ERR_INVALID, "%s takes no time", row->name);
        if (!text) {
                f->unit = row->timed > 0 ? FAULT_PLAN_AT_US : FAULT_PLAN_AT_START;
                f->at = row->timed > 0 ? (int64_t)row->timed * US_PER_S : 0;
                return 0;
        }
        if (n > 0 && text[n - 1] == 's' && parse_seconds(text, n - 1, &f->at)) {
                f->unit = FAULT_PLAN_AT_US;
                return 0;
        }
        if (str_uint(text, 0, AT_FRAME_MAX, &frame, NULL) < 0)
                return err_set(e, ERR_INVALID,
                        "%s: behind the @ stand seconds, as 2s or 0.5s (up to a day), or the "
                        "number of a frame",
                        row->name);
        f->unit = FAULT_PLAN_AT_FRAME;
        f->at = (int64_t)frame;
        return 0;
}

static int find_row(const char *name, struct fault_plan_fault *f, struct err *e)
{
        for (unsigned i = 0; i < FAULT_PLAN_KINDS; i++)
                if (strcmp(rows[i].name, name) == 0) {
                        f->kind = (enum fault_plan_kind)i;
                        return 0;
                }
        return err_set(
                e, ERR_INVALID, "there is no fault of that name; custos edge --faults lists them");
}

/* Cuts "STREAM=" off the front: an '=' before anything that could be a parameter. */
static int take_stream(char **text, struct fault_plan_fault *f, struct err *e)
{
        const size_t n = strcspn(*text, "=:@");

        if ((*text)[n] != '=')
                return 0;
        (*text)[n] = 0;
        if (n >= sizeof f->stream || !str_is_camera(*text))
                return err_set(e, ERR_INVALID, "in front of the '=' stands the name of a stream");
        memcpy(f->stream, *text, n + 1);
        *text += n + 1;
        return 0;
}

int fault_plan_add(struct fault_plan *p, const char *text, struct err *e)
{
        struct fault_plan_fault f = { 0 };
        char copy[FAULT_PLAN_STREAM_ROOM + FAULT_PLAN_TEXT_ROOM + 64], *rest = copy, *at, *colon;
        int r;

        if (p->n == FAULT_PLAN_MAX)
                return err_set(e, ERR_EXHAUSTED, "more than %d faults", FAULT_PLAN_MAX);
        if (strlen(text) >= sizeof copy)
                return err_set(e, ERR_INVALID, "longer than %zu characters", sizeof copy - 1);
        memcpy(copy, text, strlen(text) + 1);
        r = take_stream(&rest, &f, e);
        if (r < 0)
                return r;
        at = strrchr(rest, '@');
        if (at)
                *at++ = 0;
        colon = strchr(rest, ':');
        if (colon)
                *colon++ = 0;
        r = find_row(rest, &f, e);
        if (r >= 0)
                r = parse_parameter(&rows[f.kind], colon, &f, e);
        if (r >= 0)
                r = parse_time(&rows[f.kind], at, &f, e);
        if (r < 0)
                return r;
        p->faults[p->n++] = f;
        return 0;
}

const struct fault_plan_fault *fault_plan_find(const struct fault_plan *p, const char *stream,
        const char *camera, enum fault_plan_kind kind)
{
        for (unsigned i = 0; i < p->n; i++) {
                const struct fault_plan_fault *f = &p->faults[i];

                if (f->kind == kind && (!f->stream[0] || strcmp(f->stream, stream) == 0 ||
                                               strcmp(f->stream, camera) == 0))
                        return f;
        }
        return NULL;
}
