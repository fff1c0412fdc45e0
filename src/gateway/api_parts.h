/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the API share: api.c (a request's way), api_routes.c (the table), api_problem.c
 * (errors), api_session.c (who it is), api_query.c (texts of a request), api_own.c (what the
 * gateway answers itself), api_exports.c (exports), api_asset.c (the page's files). For these
 * alone, and live.c for problems.
 */
#ifndef CUSTOS_GATEWAY_API_PARTS_H
#define CUSTOS_GATEWAY_API_PARTS_H

#include "crypto/hash.h"
#include "gateway/api.h"

#define API_PARAM_ROOM 256
#define API_PARAMS_MAX 2
#define API_SESSION_ROOM 33
#define API_PERSON_ROOM 260
#define API_COOKIE "__Host-custos"
#define API_TOKEN_ROOM 80
#define API_BODY_MAX (64u << 10)
/* Of a message to the manager, whose envelope has to fit in beside it. */
#define API_MESSAGE_MAX (100u << 10)
#define API_SESSIONS_MAX 4096

struct api_request;

/* How the body of the manager's answer becomes that of ours. */
enum api_form {
        API_EMPTY,  /* nothing: 204 */
        API_WHOLE,  /* as it is */
        API_MEMBER, /* the member alone */
        API_LIST,   /* { items, more, after } of the member; after: the last one's `key` */
        API_SESSION /* of session.open: the token into the cookie, the rest as it is */
};

enum api_flag {
        API_OPEN = 1,   /* without a session */
        API_BODY = 2,   /* a JSON object, which becomes the message's body */
        API_ORIGIN = 4, /* checked though it is a GET: a WebSocket */
        API_PERSON = 8  /* address, agent (and loopback) of whoever asks go along */
};

struct api_route {
        const char *method, *path; /* "/api/v1/cameras/{name}": the segment becomes a member */
        const char *type;          /* the manager's message; NULL: run */
        unsigned flags;
        int status;        /* of success */
        const char *query; /* names that may be there: "after limit#": # is a number, ? a bool */
        enum api_form form;
        const char *member, *key; /* key "": the answer has `after` itself; "#": counted */
        void (*run)(struct api_request *q);
};

extern const struct api_route api_routes[];
extern const size_t api_routes_n;

struct api_session {
        uint8_t hash[HASH_BYTES]; /* of the token */
        char handle[API_SESSION_ROOM], person[API_PERSON_ROOM], role[32], expires[32];
        int64_t checked_us; /* boot clock; 0: free */
};

struct api {
        struct api_options o;
        struct api_session *sessions; /* API_SESSIONS_MAX */
        struct api_request *requests;
        struct {
                uint64_t requests, answers[6]; /* by the status' first digit */
                uint64_t refused_origin, no_session;
        } count;
};

/* A request on its way; its own until it is answered or its peer is gone. */
struct api_request {
        struct api *api;
        struct http_exchange *x;
        const struct api_route *route;
        struct api_request *next, **at;
        char params[API_PARAMS_MAX][API_PARAM_ROOM];
        char names[API_PARAMS_MAX][24];
        unsigned params_n;
        json_t *body;           /* owned: of the message */
        uint64_t ticket;        /* what it waits for */
        struct export_job *job; /* that it makes or reads; NULL: none */
        bool begun;             /* its answer is */
        struct still *still;    /* likewise */
        struct api_session who;
        uint8_t token_hash[HASH_BYTES];
};

/* api.c */
/* The answer is given, with the headers that every one has; q is freed. body may be NULL. */
void api_answer(struct api_request *q, int status, json_t *body);
/* The same of other bytes. headers: pairs, NULL-terminated, may be NULL. */
void api_answer_bytes(struct api_request *q, int status, const char *type,
        const char *const *headers, struct bytes body);
/* The answer is begun, with the headers that every one has; the rest is http_exchange_write's. */
void api_begin(struct api_request *q, int status, const char *type, const char *const *headers,
        int64_t length);
/* It is no request of ours any more (it became a WebSocket): q is freed. */
void api_release(struct api_request *q);
/* Behind the session: query, body, message. */
void api_go_on(struct api_request *q);

/* api_problem.c: RFC 9457. Answers and frees q. */
void api_problem(struct api_request *q, int status, const char *code, const char *fault,
        const char *detail, const char *remedy);
void api_problem_err(struct api_request *q, const struct err *why, const char *remedy);
/* What a request to the manager has failed with. */
void api_problem_answer(struct api_request *q, const struct gateway_answer *a);
int api_problem_status(int err_code);
/* The caller's. */
json_t *api_problem_format(
        int status, const char *code, const char *fault, const char *detail, const char *remedy);
const char *api_problem_title(int status);

/* api_session.c */
/* Finds out who asks; then api_go_on, or it is refused. */
void api_session_check(struct api_request *q);
void api_session_forget(struct api *a, const char *handle);
void api_session_free(struct api *a);
/* "name=value; ..." of a token; NULL: the one that takes it away. Returns to. */
#define API_COOKIE_ROOM 256
char *api_session_cookie(char to[static API_COOKIE_ROOM], const char *token);
/* Whether the origin may do what this asks for. */
bool api_session_origin(const struct http_exchange *x, bool always);

/* api_query.c: pure but for the exchange's texts. */
/* Percent-decoded, UTF-8, no control characters. ERR_INVALID. */
int api_query_decode(struct bytes in, char *to, size_t room, struct err *e) MUST_USE;
/* The query's members into body, as `allowed` says (api_route.query). */
int api_query_read(const char *query, const char *allowed, json_t *body, struct err *e) MUST_USE;

/* api_own.c */
void api_own_health(struct api_request *q);
void api_own_metrics(struct api_request *q);
void api_own_root(struct api_request *q);
void api_own_openapi(struct api_request *q);
void api_own_session(struct api_request *q);
void api_own_live(struct api_request *q);
void api_own_playback(struct api_request *q);

/* api_exports.c */
void api_own_exports(struct api_request *q);
void api_own_export(struct api_request *q);
void api_own_export_file(struct api_request *q);

/* api_still.c */
void api_still_thumbnail(struct api_request *q);
void api_still_snapshot(struct api_request *q);

/* api_asset.c: a file of the page; false: there is none of that path. */
bool api_asset_answer(struct api_request *q, const char *path);
/* The API's description, as it was built in. */
struct bytes api_asset_openapi(void);

#endif
