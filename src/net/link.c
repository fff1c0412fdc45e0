/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/link.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"

#define LINK_RETRY_MAX_S 86400

int link_code(const char *name)
{
        for (int code = ERR_INVALID; code >= ERR_INTERNAL; code--) {
                if (strcmp(name, err_name(code)) == 0)
                        return code;
        }
        return ERR_INTERNAL;
}

struct link_envelope {
        const char *type, *code, *text, *remedy, *fault, *session;
        json_int_t version, id, retry_after_s;
};

static void link_read_failure(const struct link_envelope *v, struct link_message *m)
{
        err_fault(&m->failure, link_code(v->code), fault_find(v->fault ? v->fault : ""), "%s",
                v->text ? v->text : "no reason given");
        snprintf(m->remedy, sizeof m->remedy, "%s", v->remedy ? v->remedy : "");
        m->retry_after_s = (unsigned)v->retry_after_s;
}

static int link_unpack(json_t *root, struct link_message *m, struct err *e)
{
        struct link_envelope v = { 0 };
        json_error_t why;

        if (json_unpack_ex(root, &why, JSON_STRICT,
                    "{s:I, s?:I, s:s, s?:o, s?:s, s?:s, s?:s, s?:s, s?:I, s?:s}", "v", &v.version,
                    "id", &v.id, "type", &v.type, "body", &m->body, "code", &v.code, "text",
                    &v.text, "remedy", &v.remedy, "fault", &v.fault, "retry_after_s",
                    &v.retry_after_s, "session", &v.session) < 0)
                return err_set(e, ERR_PROTOCOL, "link message: %s", why.text);
        if (v.version != 1)
                return err_set(e, ERR_PROTOCOL, "link message: version %lld, this is version 1",
                        (long long)v.version);
        bool failure = strcmp(v.type, "failure") == 0;
        bool session = v.session != NULL;
        if (v.id < 0 || v.id > INT32_MAX || strlen(v.type) >= LINK_TYPE_MAX ||
                failure != (v.code != NULL) || (!failure && !json_is_object(m->body)) ||
                v.retry_after_s < 0 || v.retry_after_s > LINK_RETRY_MAX_S ||
                (session && (strlen(v.session) != LINK_SESSION_ROOM - 1 || failure || v.id == 0 ||
                                    strcmp(v.type, "answer") == 0)))
                return err_set(e, ERR_PROTOCOL, "link message: the envelope is malformed");
        m->id = v.id;
        snprintf(m->type, sizeof m->type, "%s", v.type);
        snprintf(m->session, sizeof m->session, "%s", session ? v.session : "");
        if (failure)
                link_read_failure(&v, m);
        return 0;
}

int link_parse(struct bytes text, struct link_message *ret, struct err *e)
{
        struct link_message m = { 0 };
        json_error_t why;

        m.root = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &why);
        if (!m.root)
                return err_set(e, ERR_PROTOCOL, "link message: not JSON at byte %d: %s",
                        why.position, why.text);
        int r = link_unpack(m.root, &m, e);
        if (r < 0) {
                json_decref(m.root);
                return r;
        }
        *ret = m;
        return 0;
}

void link_message_done(struct link_message *m)
{
        json_decref(m->root);
        *m = (struct link_message){ 0 };
}

static void link_json_free(void *p)
{
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

void link_json_wiped(void)
{
        json_set_alloc_funcs(malloc, link_json_free);
}

static char *link_text(int64_t id, const char *type, json_t *rest)
{
        json_object_set_new(rest, "v", json_integer(1));
        json_object_set_new(rest, "type", json_string(type));
        if (id)
                json_object_set_new(rest, "id", json_integer(id));
        char *text = json_dumps(rest, JSON_COMPACT);
        json_decref(rest);
        return text;
}

static void link_wipe(char **text)
{
        if (*text)
                explicit_bzero(*text, strlen(*text)); /* a password may have been in it */
        free(*text);
}

/* Takes rest. fd: -1 without one. */
static int link_send_as(struct chan *c, uint16_t message, int64_t id, const char *type,
        json_t *rest, int fd, struct err *e)
{
        CLEANUP(link_wipe) char *text = link_text(id, type, rest);

        if (!text)
                return err_set(e, ERR_INTERNAL, "link message: cannot be written as JSON");
        if (strlen(text) > CHAN_BODY_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "link message: %zu bytes, at most %u: ask for less at a time", strlen(text),
                        CHAN_BODY_MAX);
        return chan_send(c, message, bytes_str(text), &fd, fd >= 0, e);
}

static int link_send(struct chan *c, int64_t id, const char *type, json_t *rest, struct err *e)
{
        return link_send_as(c, LINK_MESSAGE, id, type, rest, -1, e);
}

static json_t *link_with_body(json_t *body)
{
        json_t *rest = json_object();

        json_object_set_new(rest, "body", body);
        return rest;
}

int link_send_request(struct chan *c, int64_t id, const char *type, json_t *body, struct err *e)
{
        return link_send(c, id, type, link_with_body(body), e);
}

int link_send_request_in(struct chan *c, int64_t id, const char *session, const char *type,
        json_t *body, struct err *e)
{
        json_t *rest = link_with_body(body);

        if (session)
                json_object_set_new(rest, "session", json_string(session));
        return link_send(c, id, type, rest, e);
}

int link_send_answer(struct chan *c, int64_t id, json_t *body, struct err *e)
{
        return link_send(c, id, "answer", link_with_body(body), e);
}

int link_send_event(struct chan *c, const char *type, json_t *body, struct err *e)
{
        return link_send(c, 0, type, link_with_body(body), e);
}

int link_send_peer(struct chan *c, json_t *body, int fd, struct err *e)
{
        return link_send_as(c, LINK_PEER, 0, "peer", link_with_body(body), fd, e);
}

int link_send_failure(
        struct chan *c, int64_t id, const struct err *why, const char *remedy, struct err *e)
{
        return link_send_later(c, id, why, remedy, 0, e);
}

int link_send_later(struct chan *c, int64_t id, const struct err *why, const char *remedy,
        unsigned retry_after_s, struct err *e)
{
        json_t *rest = json_pack("{s:s, s:s, s:s}", "code", err_name(why->code), "text", why->text,
                "remedy", remedy);

        if (!rest) /* the text was not UTF-8 */
                rest = json_pack("{s:s, s:s, s:s}", "code", err_name(why->code), "text",
                        "(unprintable)", "remedy", "");
        if (why->fault != FAULT_NONE)
                json_object_set_new(rest, "fault", json_string(fault_name(why->fault)));
        if (retry_after_s)
                json_object_set_new(rest, "retry_after_s", json_integer(retry_after_s));
        return link_send(c, id, "failure", rest, e);
}

size_t link_json_bytes(const json_t *value)
{
        return json_dumpb(value, NULL, 0, JSON_COMPACT);
}

int link_connect(const char *path, struct err *e)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        if (strlen(path) >= sizeof address.sun_path)
                return err_set(e, ERR_INVALID,
                        "%s: the path of a socket has at most %zu characters", path,
                        sizeof address.sun_path - 1);
        memcpy(address.sun_path, path, strlen(path));
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
                return fd;
        int why = errno;
        own_closep(&fd);
        if (why == ENOENT || why == ECONNREFUSED)
                return err_set(e, ERR_UNAVAILABLE,
                        "Custos is not running here (no answer at %s). Start it: custos run", path);
        return err_os(e, ERR_UNAVAILABLE, why, "cannot reach Custos at %s", path);
}

static int link_answer_body(struct bytes text, json_t **ret_body, char *remedy, struct err *e)
{
        struct link_message m;

        int r = link_parse(text, &m, e);
        if (r < 0)
                return r;
        if (m.failure.code < 0) {
                r = m.failure.code;
                if (e)
                        *e = m.failure;
                if (remedy)
                        snprintf(remedy, LINK_REMEDY_MAX, "%s", m.remedy);
        } else {
                *ret_body = json_incref(m.body);
        }
        link_message_done(&m);
        return r;
}

int link_call(const char *socket_path, const char *type, json_t *body, int timeout_ms,
        json_t **ret_body, char *remedy, struct err *e)
{
        CLEANUP(link_wipe) char *text = link_text(1, type, link_with_body(body));
        CLEANUP(own_closep) int fd = link_connect(socket_path, e);
        int fds[CHAN_FDS_MAX] = { -1, -1, -1, -1 };
        struct buf answer;
        uint16_t kind = 0;

        if (remedy)
                remedy[0] = '\0';
        if (fd < 0)
                return fd;
        if (!text)
                return err_set(e, ERR_INVALID,
                        "the request cannot be written as JSON: is a text not UTF-8?");
        int r = chan_write_blocking(fd, LINK_MESSAGE, bytes_str(text), NULL, 0, e);
        buf_init(&answer, CHAN_BODY_MAX);
        if (r >= 0)
                r = chan_read_blocking(fd, timeout_ms, &kind, &answer, fds, e);
        for (unsigned i = 0; i < CHAN_FDS_MAX; i++)
                own_closep(&fds[i]);
        if (r >= 0 && kind != LINK_MESSAGE)
                r = err_set(e, ERR_PROTOCOL, "message %u from the control socket", kind);
        if (r >= 0)
                r = link_answer_body(buf_bytes(&answer), ret_body, remedy, e);
        buf_done(&answer);
        return r < 0 ? r : 0;
}
