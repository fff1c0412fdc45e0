/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_recorded.h"

#include <stdio.h>

#include "base/str.h"
#include "os/file.h"
#include "vault/rebuild.h"
#include "vault/vault_walk.h"

#define LIST_ROOM 160
#define AWAY_ROOM 100
#define NEAR 4u /* files on each side: some were made ahead and hold nothing */

/* --- which cameras and streams --- */

struct listing {
        const char *camera; /* its streams are listed; NULL: the cameras are */
        char text[LIST_ROOM], last[HEAD_PATH_MAX];
        size_t n;
        unsigned more; /* that found no room */
};

static int on_stream(void *owner, const char *path, struct err *e)
{
        struct listing *l = owner;
        const char *dash = strrchr(path, '-');
        size_t camera_n = (size_t)(dash - path);
        char name[HEAD_PATH_MAX];

        (void)e;
        if (l->camera && (strlen(l->camera) != camera_n || memcmp(l->camera, path, camera_n) != 0))
                return 0;
        snprintf(name, sizeof name, "%.*s", (int)camera_n, path);
        if (l->camera)
                snprintf(name, sizeof name, "%s", dash + 1);
        if (strcmp(name, l->last) == 0)
                return 0;
        snprintf(l->last, sizeof l->last, "%s", name);
        if (l->more || l->n + strlen(name) + 3 > sizeof l->text)
                l->more++;
        else
                l->n += (size_t)snprintf(
                        l->text + l->n, sizeof l->text - l->n, "%s%s", l->n ? ", " : "", name);
        return 0;
}

static int list(const struct vault_set *set, const char *camera, struct listing *l, struct err *e)
{
        *l = (struct listing){ .camera = camera };
        int r = vault_set_streams(set, on_stream, l, e);
        if (r == 0 && l->more)
                snprintf(l->last, sizeof l->last, " and %u more", l->more);
        else
                l->last[0] = '\0';
        return r;
}

static bool has_stream(const struct vault_set *set, const char *stream)
{
        bool found = false;

        for (unsigned i = 0; !found && i < set->n; i++) {
                CLEANUP(own_freep)
                char *dir = xasprintf("%s/%s", set->members[i].path, stream);
                found = !set->members[i].away && file_exists(dir);
        }
        return found;
}

/* "volume archive is not there" of the first, or nothing. */
static const char *away_text(const struct vault_set *set, char to[static AWAY_ROOM])
{
        to[0] = '\0';
        for (unsigned i = 0; i < set->n && !to[0]; i++)
                if (set->members[i].away)
                        snprintf(to, AWAY_ROOM, "volume %.60s is not there", set->members[i].name);
        return to;
}

int cli_recorded_check(const struct cli_args *a, const struct vault_set *set, struct err *e)
{
        const char *camera = a->values[CLI_ARGS_CAMERA];
        char away[AWAY_ROOM];
        struct listing l;

        if (!camera || has_stream(set, a->stream_path))
                return 0;
        away_text(set, away);
        const char *open = away[0] ? " (" : "", *close = away[0] ? ")" : "";
        int r = list(set, camera, &l, e);
        if (r == 0 && l.n)
                return err_set(e, ERR_NOT_FOUND,
                        "there is nothing recorded of stream %s of camera %s%s%s%s; recorded are: "
                        "%s%s",
                        a->stream, camera, open, away, close, l.text, l.last);
        if (r == 0)
                r = list(set, NULL, &l, e);
        if (r < 0)
                return r;
        return err_set(e, ERR_NOT_FOUND,
                "there is nothing recorded of camera %s in %.80s%s%s%s; recorded are: %s%s", camera,
                set->members[0].path, open, away, close, l.n ? l.text : "none yet", l.last);
}

/* --- which times --- */

struct neighbours {
        int64_t from_us, to_us;
        char before[NEAR][HEAD_KEY_MAX], after[NEAR][HEAD_KEY_MAX];
        unsigned before_n, after_n; /* before is a ring */
};

static int on_segment(void *owner, const char *object_key, struct err *e)
{
        struct neighbours *n = owner;

        (void)e;
        if (vault_walk_time_of(object_key) <= n->to_us)
                snprintf(n->before[n->before_n++ % NEAR], HEAD_KEY_MAX, "%s", object_key);
        else
                snprintf(n->after[n->after_n++], HEAD_KEY_MAX, "%s", object_key);
        return n->after_n == NEAR;
}

/* What the files of one volume say of the times around. */
static void look_around(const char *vault, const char *stream, int64_t from_us, int64_t to_us,
        int64_t *until_us, int64_t *next_us)
{
        struct neighbours n = { .from_us = from_us, .to_us = to_us };
        struct index_segment s;

        if (vault_walk_segments(vault, stream, NULL, on_segment, &n, NULL) < 0)
                return;
        for (unsigned i = 0; i < 2 * NEAR; i++) {
                const char *key = i < NEAR ? n.before[i] : n.after[i - NEAR];
                if (!key[0] || rebuild_read_segment(vault, key, &s, NULL, NULL, NULL) < 0)
                        continue;
                if (s.last_us < from_us && s.last_us > *until_us)
                        *until_us = s.last_us;
                if (s.first_us > to_us && s.first_us < *next_us)
                        *next_us = s.first_us;
        }
}

char *cli_recorded_around(const struct cli_args *a, const struct vault_set *set, int64_t from_us,
        int64_t to_us, char to[static CLI_RECORDED_ROOM])
{
        int64_t until_us = INT64_MIN, next_us = INT64_MAX;
        char time[2][STR_TIME_ROOM], away[AWAY_ROOM];

        for (unsigned i = 0; i < set->n; i++)
                if (!set->members[i].away)
                        look_around(set->members[i].path, a->stream_path, from_us, to_us, &until_us,
                                &next_us);
        bool before = until_us > 0, after = next_us != INT64_MAX;
        away_text(set, away);
        snprintf(to, CLI_RECORDED_ROOM,
                "%s%s%s%s%s%s%s%scustos vault ls --camera %s --stream %s shows all", away,
                away[0] ? "; " : "", before ? "recorded before that: until " : "",
                before ? str_time(time[0], until_us) : "", before ? "; " : "",
                after ? "recorded after that: from " : "", after ? str_time(time[1], next_us) : "",
                after ? "; " : "", a->values[CLI_ARGS_CAMERA], a->stream);
        return to;
}
