/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/announce.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "net/link.h"
#include "os/file.h"

#define ANNOUNCE_EVERY_MS 1000
#define ANNOUNCE_STEADY_ROUNDS                                                                     \
        5 /* asked so much more rarely while all is well: an answer holds every stream */
#define ANNOUNCE_TIMEOUT_MS 2000
#define ANNOUNCE_PAGES_MAX 100

struct announce {
        struct loop *loop;
        struct timer timer;
        char state[4096], program[4096];
        uv_work_t work;
        bool asking, freed, hinted;
        bool remote;    /* the setup code is for other hosts too */
        bool own_page;  /* its certificate is the user's own */
        bool code_made; /* by this process */
        unsigned skip;  /* rounds until the next question */
        char said[256];
        /* Filled in the pool. */
        struct announce_code {
                char text[32], until[40], path[4200]; /* path: a file has it, and text is "" */
                bool fresh;                           /* to be said */
        } code;
        struct announce_sum {
                bool known;
                bool setup;          /* there is nobody yet who can sign in */
                unsigned page_port;  /* 0: the gateway has none, or is not of this host */
                char page_print[80]; /* SHA-256 of the page's certificate; "" where it is own */
                unsigned streams, recording, verified, pinned, open;
                char first_stream[128], fingerprint[80], problem[400];
        } sum;
};

static void announce_add(struct announce_sum *sum, json_t *stream)
{
        const char *protection = json_string_value(json_object_get(stream, "protection"));
        const char *error = json_string_value(json_object_get(stream, "error"));
        const char *state = json_string_value(json_object_get(stream, "state"));
        const char *name = json_string_value(json_object_get(stream, "stream"));

        sum->streams++;
        if (!sum->first_stream[0] && name)
                snprintf(sum->first_stream, sizeof sum->first_stream, "%s", name);
        if (json_is_true(json_object_get(stream, "recording"))) {
                sum->recording++;
                sum->verified += protection && strcmp(protection, "encrypted and verified") == 0;
                sum->pinned += protection && strcmp(protection, "encrypted, pinned") == 0;
                sum->open += protection && strcmp(protection, "open") == 0 && state &&
                             strcmp(state, "streaming") == 0;
        } else if (error && error[0] && !sum->problem[0]) {
                snprintf(sum->problem, sizeof sum->problem, "%.100s: %.280s", name ? name : "?",
                        error);
        }
}

/* One page of the status; *after moves on. Returns 1 when there is more. */
static int announce_page(struct announce *a, char *after, size_t room)
{
        char socket_path[4200];
        json_t *body = NULL, *stream;
        size_t i;

        snprintf(socket_path, sizeof socket_path, "%s/control.sock", a->state);
        if (link_call(socket_path, "status", json_pack("{s:s}", "after", after),
                    ANNOUNCE_TIMEOUT_MS, &body, NULL, NULL) < 0)
                return -1;
        json_t *recorder = json_object_get(body, "recorder");
        const char *fingerprint = json_string_value(json_object_get(body, "fingerprint"));
        snprintf(a->sum.fingerprint, sizeof a->sum.fingerprint, "%s",
                fingerprint ? fingerprint : "");
        a->sum.setup = json_is_true(json_object_get(body, "setup"));
        json_array_foreach(json_object_get(recorder, "streams"), i, stream)
        {
                announce_add(&a->sum, stream);
                const char *name = json_string_value(json_object_get(stream, "stream"));
                snprintf(after, room, "%s", name ? name : "");
        }
        int more = json_is_true(json_object_get(recorder, "more"));
        a->sum.known = json_is_object(recorder);
        json_decref(body);
        return more;
}

/* As the gateway has it now: its port file, and the first certificate of what it shows. */
static void announce_find_page(struct announce *a)
{
        CLEANUP(buf_done) struct buf text, der;
        uint8_t print[HASH_BYTES];
        char path[4200];

        buf_init(&text, 4 * X509_CERT_MAX);
        buf_init(&der, X509_CERT_MAX);
        snprintf(path, sizeof path, "%s/gateway/port", a->state);
        if (file_read(path, 16, &text, NULL) == 0 && buf_append(&text, BYTES("", 1), NULL) == 0)
                a->sum.page_port = (unsigned)strtoul((const char *)text.p, NULL, 10);
        buf_clear(&text);
        snprintf(path, sizeof path, "%s/gateway/web.pem", a->state);
        if (a->own_page || file_read(path, 4 * X509_CERT_MAX, &text, NULL) < 0 ||
                x509_pem_parse(buf_bytes(&text), 0, &der, NULL) < 0)
                return;
        hash_once(buf_bytes(&der), print);
        str_hex(a->sum.page_print, BYTES(print, sizeof print));
}

/* "https://host:8443/" */
static const char *announce_page_url(const struct announce *a, char *to, size_t room)
{
        char host[65] = "localhost";

        if (a->remote && gethostname(host, sizeof host - 1) < 0)
                snprintf(host, sizeof host, "localhost");
        snprintf(to, room, "https://%s:%u/", host, a->sum.page_port);
        return to;
}

/* Where there is no terminal a journal reads along: then it goes into a file. */
static void announce_keep_code(struct announce *a, const char *code)
{
        struct err e;

        if (isatty(STDOUT_FILENO)) {
                snprintf(a->code.text, sizeof a->code.text, "%s", code);
                return;
        }
        snprintf(a->code.path, sizeof a->code.path, "%s/setup-code", a->state);
        char *line = xasprintf("%s\n", code);
        if (file_write_atomic(a->code.path, bytes_str(line), 0600, &e) < 0)
                snprintf(a->code.path, sizeof a->code.path, "nowhere: %.300s", e.text);
        explicit_bzero(line, strlen(line));
        free(line);
}

/* The code for the first administrator, once in the life of this process; the file goes when it is
 * good for nothing any more. */
static void announce_setup(struct announce *a)
{
        char socket_path[4200], path[4200];
        json_t *body = NULL;

        snprintf(path, sizeof path, "%s/setup-code", a->state);
        if (!a->sum.setup) {
                if (file_exists(path))
                        (void)!file_unlink(path, NULL);
                return;
        }
        if (a->code_made)
                return;
        snprintf(socket_path, sizeof socket_path, "%s/control.sock", a->state);
        if (link_call(socket_path, "setup.code", json_pack("{s:b}", "remote", a->remote),
                    ANNOUNCE_TIMEOUT_MS, &body, NULL, NULL) < 0)
                return; /* asked again */
        const json_t *code = json_object_get(body, "code");
        const char *until = json_string_value(json_object_get(body, "until"));
        if (json_is_string(code)) {
                announce_keep_code(a, json_string_value(code));
                explicit_bzero(
                        (char *)(uintptr_t)json_string_value(code), json_string_length(code));
        }
        snprintf(a->code.until, sizeof a->code.until, "%s", until ? until : "");
        a->code.fresh = a->code_made = true;
        json_decref(body);
}

static void announce_say_code(struct announce *a)
{
        const char *where = a->remote ? "" : ", on this host";
        char url[128];

        announce_page_url(a, url, sizeof url);
        if (a->code.path[0])
                printf("Nobody can sign in yet. The setup code is in %s, good until %s, for %s%s.\n",
                        a->code.path, a->code.until, url, where);
        else
                printf("\n  Nobody can sign in yet. Open %s%s, and type this.\n  Setup code:\n\n    %s\n\n"
                       "  It makes the first administrator, until %s, once.\n"
                       "  Another one: %s person setup --state %s\n\n",
                        url, where, a->code.text, a->code.until, a->program, a->state);
        if (a->remote && a->sum.page_print[0])
                printf("  The page's certificate has the SHA-256 fingerprint\n    %s\n\n",
                        a->sum.page_print);
        fflush(stdout);
        explicit_bzero(a->code.text, sizeof a->code.text);
        a->code = (struct announce_code){ 0 };
}

static void announce_ask(uv_work_t *work)
{
        struct announce *a = work->data;
        char after[128] = "";
        int r = -1;

        a->sum = (struct announce_sum){ 0 };
        for (unsigned i = 0; i < ANNOUNCE_PAGES_MAX; i++) {
                r = announce_page(a, after, sizeof after);
                if (r != 1)
                        break;
        }
        if (r < 0)
                return;
        announce_find_page(a);
        if (a->sum.page_port) /* the code is for that page */
                announce_setup(a);
}

static void announce_hint(struct announce *a)
{
        const char *dash = strrchr(a->sum.first_stream, '-');
        int n = dash ? (int)(dash - a->sum.first_stream) : 0;
        const char *stream = dash ? dash + 1 : "main";
        bool is_main = strcmp(stream, "main") == 0;
        char url[128];

        printf("\n  The site's fingerprint, to keep apart from the footage:\n    %s\n",
                a->sum.fingerprint);
        if (a->sum.page_port)
                printf("\n  To look at: %s\n", announce_page_url(a, url, sizeof url));
        printf("\n  In another terminal:\n");
        printf("    %s status --state %s\n", a->program, a->state);
        printf("    %s export --state %s --camera %.*s%s%s --last 60 --output clip.mp4\n",
                a->program, a->state, n, a->sum.first_stream, is_main ? "" : " --stream ",
                is_main ? "" : stream);
        printf("    %s verify clip.mp4 --trust %s\n\n  Ctrl-C ends it.\n\n", a->program,
                a->sum.fingerprint);
}

static void announce_say(struct announce *a)
{
        const struct announce_sum *s = &a->sum;
        const char *cameras = s->streams == 1 ? "camera" : "cameras";
        char line[256];

        if (!s->known)
                return;
        bool all = s->streams && s->recording == s->streams;
        if (s->streams == 0)
                snprintf(line, sizeof line, "no cameras yet: %.100s camera add --help", a->program);
        else if (all && s->verified == s->streams)
                snprintf(line, sizeof line, "recording %u %s: encrypted and verified", s->streams,
                        cameras);
        else if (all && s->open)
                snprintf(line, sizeof line,
                        "recording %u %s: %u NOT ENCRYPTED on the way here, %u verified, %u pinned",
                        s->streams, cameras, s->open, s->verified, s->pinned);
        else if (all)
                snprintf(line, sizeof line, "recording %u %s: encrypted; %u verified, %u pinned",
                        s->streams, cameras, s->verified, s->pinned);
        else
                snprintf(line, sizeof line, "recording %u of %u %s%s%.160s", s->recording,
                        s->streams, cameras, s->problem[0] ? "; " : "", s->problem);
        if (strcmp(line, a->said) != 0)
                printf("%s\n", line);
        snprintf(a->said, sizeof a->said, "%s", line);
        a->skip = all ? ANNOUNCE_STEADY_ROUNDS - 1 : 0;
        if (all && !a->hinted) {
                announce_hint(a);
                a->hinted = true;
        }
        fflush(stdout);
}

static void announce_done(uv_work_t *work, int status)
{
        struct announce *a = work->data;

        a->asking = false;
        if (a->freed)
                free(a);
        else if (status == 0) {
                if (a->code.fresh)
                        announce_say_code(a);
                announce_say(a);
        }
}

static void announce_on_timer(void *owner)
{
        struct announce *a = owner;

        if (a->asking)
                return;
        if (a->skip) {
                a->skip--;
                return;
        }
        a->asking = true;
        a->work.data = a;
        uv_queue_work(loop_uv(a->loop), &a->work, announce_ask, announce_done);
}

struct announce *announce_new(
        struct loop *l, const char *state, const char *program, bool remote, bool own_page)
{
        struct announce *a = xcalloc(1, sizeof *a);

        a->loop = l;
        a->remote = remote;
        a->own_page = own_page;
        snprintf(a->state, sizeof a->state, "%s", state);
        snprintf(a->program, sizeof a->program, "%s", program);
        timer_start(&a->timer, l, ANNOUNCE_EVERY_MS, ANNOUNCE_EVERY_MS, announce_on_timer, a);
        return a;
}

struct announce *announce_free(struct announce *a)
{
        if (!a)
                return NULL;
        timer_done(&a->timer);
        if (a->asking)
                a->freed = true;
        else
                free(a);
        return NULL;
}
