/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/announce.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/link.h"

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
        unsigned skip; /* rounds until the next question */
        char said[256];
        /* Filled in the pool. */
        struct announce_sum {
                bool known;
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

static void announce_ask(uv_work_t *work)
{
        struct announce *a = work->data;
        char after[128] = "";

        a->sum = (struct announce_sum){ 0 };
        for (unsigned i = 0; i < ANNOUNCE_PAGES_MAX; i++) {
                if (announce_page(a, after, sizeof after) != 1)
                        break;
        }
}

static void announce_hint(struct announce *a)
{
        const char *dash = strrchr(a->sum.first_stream, '-');
        int n = dash ? (int)(dash - a->sum.first_stream) : 0;
        const char *stream = dash ? dash + 1 : "main";
        bool is_main = strcmp(stream, "main") == 0;

        printf("\n  The site's fingerprint, to keep apart from the footage:\n    %s\n",
                a->sum.fingerprint);
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
        else if (status == 0)
                announce_say(a);
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

struct announce *announce_new(struct loop *l, const char *state, const char *program)
{
        struct announce *a = xcalloc(1, sizeof *a);

        a->loop = l;
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
