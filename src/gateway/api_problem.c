/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "gateway/api_parts.h"

static const struct {
        int status;
        const char *title;
} api_problem_titles[] = { { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" },
        { 404, "Not Found" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
        { 409, "Conflict" }, { 413, "Content Too Large" }, { 415, "Unsupported Media Type" },
        { 426, "Upgrade Required" }, { 429, "Too Many Requests" }, { 500, "Internal Server Error" },
        { 503, "Service Unavailable" }, { 504, "Gateway Timeout" } };

const char *api_problem_title(int status)
{
        for (size_t i = 0; i < ARRAY_LEN(api_problem_titles); i++) {
                if (api_problem_titles[i].status == status)
                        return api_problem_titles[i].title;
        }
        return "Error";
}

int api_problem_status(int err_code)
{
        switch (err_code) {
        case ERR_INVALID:
        case ERR_PROTOCOL:
                return 400;
        case ERR_AUTH:
                return 401;
        case ERR_DENIED:
                return 403;
        case ERR_NOT_FOUND:
                return 404;
        case ERR_STATE:
                return 409;
        case ERR_EXHAUSTED:
                return 429;
        case ERR_TIMEOUT:
                return 504;
        case ERR_UNAVAILABLE:
        case ERR_CANCELLED:
                return 503;
        default:
                return 500;
        }
}

static json_t *problem_text(const char *text)
{
        json_t *value = json_string(text);

        return value ? value : json_string("(unprintable)");
}

json_t *api_problem_format(
        int status, const char *code, const char *fault, const char *detail, const char *remedy)
{
        return json_pack("{s:s, s:s, s:i, s:o, s:s, s:s, s:o}", "type", "about:blank", "title",
                api_problem_title(status), "status", status, "detail", problem_text(detail), "code",
                code, "fault", fault, "remedy", problem_text(remedy));
}

static void problem_answer(struct api_request *q, int status, json_t *body, unsigned retry_after_s)
{
        char seconds[16];
        const char *headers[] = { "retry-after", seconds, NULL };
        char *text = json_dumps(body, JSON_COMPACT | JSON_PRESERVE_ORDER);

        snprintf(seconds, sizeof seconds, "%u", retry_after_s);
        json_decref(body);
        api_answer_bytes(q, status, "application/problem+json", retry_after_s ? headers : NULL,
                bytes_str(text ? text : ""));
        own_freep(&text);
}

void api_problem(struct api_request *q, int status, const char *code, const char *fault,
        const char *detail, const char *remedy)
{
        problem_answer(q, status, api_problem_format(status, code, fault, detail, remedy), 0);
}

/* What a disk or a bug says names paths and insides: those are for the log of the host where it
 * happened. */
static json_t *problem_of(int status, const struct err *why, const char *remedy)
{
        if (status == 500)
                return api_problem_format(status, err_name(why->code), "",
                        "The site could not do it. Its log says why.",
                        "On the manager's host: journalctl -u custos");
        return api_problem_format(status, err_name(why->code), fault_name(why->fault), why->text,
                remedy && remedy[0] ? remedy : fault_remedy(why->fault));
}

void api_problem_err(struct api_request *q, const struct err *why, const char *remedy)
{
        int status = api_problem_status(why->code);

        problem_answer(q, status, problem_of(status, why, remedy), 0);
}

void api_problem_answer(struct api_request *q, const struct gateway_answer *a)
{
        int status = api_problem_status(a->why->code);

        problem_answer(q, status, problem_of(status, a->why, a->remedy), a->retry_after_s);
}
