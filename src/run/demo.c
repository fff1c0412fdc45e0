/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "crypto/random.h"
#include "net/link.h"
#include "os/clock.h"
#include "os/file.h"

#define DEMO_DAYS 825
#define DEMO_RETRY_MS 200
#define DEMO_WATCH_MS 2000
#define DEMO_TIMEOUT_MS 2000
#define DEMO_ARGS 20

static const struct {
        const char *camera, *file;
} demo_cameras[] = { { "demo-street", "cars-h264-aac.mp4" }, { "demo-desk", "desk-h265.mp4" } };

#define DEMO_CAMERAS ARRAY_LEN(demo_cameras)

struct demo_camera {
        struct demo *demo;
        const char *name;
        char stream[4200], cert[4200], key[4200], port_file[4200];
        const char *args[DEMO_ARGS];
        char known[8], port[8]; /* the port that the inventory has, and the one that is served */
};

struct demo {
        struct loop *loop;
        struct timer timer;
        char dir[4096], password_file[4200], control[4200];
        struct demo_camera cameras[DEMO_CAMERAS];
        uv_work_t work;
        bool asking, freed;
};

/* Beside the sources in a checkout, else where make install puts them. */
static int demo_find(const char *file, char *to, size_t room, struct err *e)
{
        snprintf(to, room, "demo/%s", file);
        if (!file_exists(to))
                snprintf(to, room, "/usr/local/share/custos/demo/%s", file);
        return file_exists(to)
                       ? 0
                       : err_set(e, ERR_NOT_FOUND,
                                 "the demo footage %s is neither in ./demo nor in "
                                 "/usr/local/share/custos/demo. Start from the checkout, or make install",
                                 file);
}

static int demo_write(const char *path, const struct buf *content, unsigned mode, struct err *e)
{
        return file_write_atomic(path, buf_bytes(content), mode, e);
}

static int demo_issue(
        struct demo_camera *c, struct site_ca *ca, const struct sign_key *key, struct err *e)
{
        static const char *const ip[] = { "127.0.0.1", "::1", NULL };
        CLEANUP(verify_key_freep) struct verify_key *subject = sign_key_public(key);
        const char *const dns[] = { c->name, NULL };
        struct buf leaf, pem;

        buf_init(&leaf, 8192);
        buf_init(&pem, 32768);
        int r = site_ca_issue_camera(
                ca, c->name, dns, ip, subject, clock_wall_us(), DEMO_DAYS, &leaf, e);
        if (r == 0)
                r = site_ca_chain_pem(ca, SITE_CA_CAMERAS, buf_bytes(&leaf), &pem, e);
        if (r == 0)
                r = demo_write(c->cert, &pem, 0644, e);
        buf_done(&leaf);
        buf_done(&pem);
        return r;
}

/* A new key and certificate at each start: nothing of the demo needs to last. */
static int demo_certify(struct demo_camera *c, struct site_ca *ca, struct err *e)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        struct buf pem;

        buf_init(&pem, 4096);
        int r = sign_key_format(key, &pem, e);
        if (r == 0)
                r = demo_write(c->key, &pem, 0600, e);
        if (r == 0)
                r = demo_issue(c, ca, key, e);
        if (pem.p)
                explicit_bzero(pem.p, pem.room);
        buf_done(&pem);
        return r;
}

static void demo_arguments(struct demo_camera *c)
{
        unsigned n = 0;
        const char *const args[] = { "edge", "--listen", "127.0.0.1:0", "--cert", c->cert, "--key",
                c->key, "--user", "demo", "--password-file", c->demo->password_file, "--stream",
                c->stream, "--stamp", "--burst", "--port-file", c->port_file };

        for (; n < ARRAY_LEN(args); n++)
                c->args[n] = args[n];
        c->args[n] = NULL;
}

static int demo_prepare_camera(struct demo *d, unsigned i, struct site_ca *ca, struct err *e)
{
        struct demo_camera *c = &d->cameras[i];
        char file[4096];

        c->demo = d;
        c->name = demo_cameras[i].camera;
        int r = demo_find(demo_cameras[i].file, file, sizeof file, e);
        if (r < 0)
                return r;
        snprintf(c->stream, sizeof c->stream, "%s=%.4000s", c->name, file);
        snprintf(c->cert, sizeof c->cert, "%s/%s.pem", d->dir, c->name);
        snprintf(c->key, sizeof c->key, "%s/%s.key", d->dir, c->name);
        snprintf(c->port_file, sizeof c->port_file, "%s/%s.port", d->dir, c->name);
        unlink(c->port_file); /* of an earlier start */
        demo_arguments(c);
        return demo_certify(c, ca, e);
}

static int demo_make_password(struct demo *d, struct err *e)
{
        uint8_t raw[16];
        char text[2 * sizeof raw + 2];

        random_bytes(raw, sizeof raw);
        str_hex(text, BYTES(raw, sizeof raw));
        text[2 * sizeof raw] = '\n';
        int r = file_write_atomic(d->password_file, BYTES(text, 2 * sizeof raw + 1), 0600, e);
        explicit_bzero(text, sizeof text);
        return r;
}

int demo_prepare(const char *state, struct site_ca *ca, struct demo **ret, struct err *e)
{
        struct demo *d = xcalloc(1, sizeof *d);

        snprintf(d->dir, sizeof d->dir, "%.4000s/demo", state);
        snprintf(d->password_file, sizeof d->password_file, "%s/password", d->dir);
        snprintf(d->control, sizeof d->control, "%.4000s/control.sock", state);
        int r = file_make_dirs(d->dir, 0700, e);
        if (r == 0)
                r = demo_make_password(d, e);
        for (unsigned i = 0; r == 0 && i < DEMO_CAMERAS; i++)
                r = demo_prepare_camera(d, i, ca, e);
        if (r < 0) {
                demo_free(d);
                return r;
        }
        *ret = d;
        return 0;
}

/* The first line of a small file, in text; its length. */
static int demo_read_line(const char *path, bool secret, struct buf *text, struct err *e)
{
        buf_clear(text);
        int r = secret ? file_read_secret(path, 255, text, e) : file_read(path, 255, text, e);
        if (r < 0)
                return r;
        const uint8_t *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
        return end ? (int)(end - text->p) : (int)text->n;
}

static void demo_read_port(struct demo_camera *c)
{
        struct buf text;

        buf_init(&text, 256);
        int r = demo_read_line(c->port_file, false, &text, NULL);
        if (r > 0 && (size_t)r < sizeof c->port)
                snprintf(c->port, sizeof c->port, "%.*s", r, (const char *)text.p);
        buf_done(&text);
}

static int demo_add(struct demo_camera *c, struct err *e)
{
        json_t *answer = NULL;
        struct buf text;
        char url[160];

        buf_init(&text, 256);
        int r = demo_read_line(c->demo->password_file, true, &text, e);
        if (r >= 0) {
                snprintf(url, sizeof url, "rtsps://127.0.0.1:%s/%s", c->port, c->name);
                json_t *body = json_pack("{s:s, s:s, s:s, s:o}", "name", c->name, "url", url,
                        "user", "demo", "password", json_stringn((const char *)text.p, (size_t)r));
                r = link_call(
                        c->demo->control, "camera.add", body, DEMO_TIMEOUT_MS, &answer, NULL, e);
                json_decref(answer);
        }
        if (text.p)
                explicit_bzero(text.p, text.room);
        buf_done(&text);
        return r < 0 ? r : 0;
}

/* The port is new at each start of the camera: what the inventory has of an earlier one goes
 * first. */
static int demo_enter(struct demo_camera *c, struct err *e)
{
        json_t *answer = NULL;

        int r = link_call(c->demo->control, "camera.remove", json_pack("{s:s}", "name", c->name),
                DEMO_TIMEOUT_MS, &answer, NULL, e);
        json_decref(answer);
        return r < 0 && r != ERR_NOT_FOUND ? r : demo_add(c, e);
}

/* In the pool. */
static void demo_ask(uv_work_t *work)
{
        struct demo *d = work->data;
        struct err e;

        for (unsigned i = 0; i < DEMO_CAMERAS; i++) {
                struct demo_camera *c = &d->cameras[i];
                demo_read_port(c);
                if (c->port[0] && strcmp(c->port, c->known) != 0 && demo_enter(c, &e) == 0)
                        memcpy(c->known, c->port, sizeof c->known);
        }
}

static void demo_on_timer(void *owner);

static void demo_done(uv_work_t *work, int status)
{
        struct demo *d = work->data;
        bool all = status == 0;

        d->asking = false;
        for (unsigned i = 0; i < DEMO_CAMERAS; i++)
                all &= d->cameras[i].known[0] != '\0';
        if (d->freed)
                free(d);
        else if (all) /* from now on only a camera that began again has news */
                timer_start(&d->timer, d->loop, DEMO_WATCH_MS, DEMO_WATCH_MS, demo_on_timer, d);
}

static void demo_on_timer(void *owner)
{
        struct demo *d = owner;

        if (d->asking)
                return;
        d->asking = true;
        d->work.data = d;
        uv_queue_work(loop_uv(d->loop), &d->work, demo_ask, demo_done);
}

void demo_start(struct demo *d, struct loop *l, struct supervisor *s)
{
        d->loop = l;
        for (unsigned i = 0; i < DEMO_CAMERAS; i++)
                supervisor_add(s, d->cameras[i].name, d->cameras[i].args);
        timer_start(&d->timer, l, DEMO_RETRY_MS, DEMO_RETRY_MS, demo_on_timer, d);
}

struct demo *demo_free(struct demo *d)
{
        if (!d)
                return NULL;
        timer_done(&d->timer);
        if (d->asking)
                d->freed = true;
        else
                free(d);
        return NULL;
}
