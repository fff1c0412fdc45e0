/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_refusal.h"

#include "base/str.h"

int rtsp_refusal_set(struct err *e, const char *what, unsigned status, struct bytes reason,
        struct bytes location, enum fault other)
{
        static const struct {
                unsigned status;
                int code;
                enum fault fault;
        } known[] = {
                { 403, ERR_DENIED, FAULT_FORBIDDEN },
                { 404, ERR_NOT_FOUND, FAULT_NO_SUCH_STREAM },
                { 408, ERR_TIMEOUT, FAULT_NO_ANSWER },
                { 410, ERR_NOT_FOUND, FAULT_NO_SUCH_STREAM },
                { 453, ERR_UNAVAILABLE, FAULT_CAMERA_BUSY },
                { 454, ERR_UNAVAILABLE, FAULT_SESSION_ENDED },
                { 503, ERR_UNAVAILABLE, FAULT_CAMERA_BUSY },
        };
        int code = status >= 500 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
        char why[128], where[192];

        str_escape(why, sizeof why, reason);
        if (status < 400) {
                str_escape(where, sizeof where, location);
                return err_fault(e, ERR_DENIED, FAULT_REDIRECT,
                        "%s: %u %s: the camera redirects to %s: refused. Redirects are not "
                        "followed; set the new address as the camera's URL if it is right",
                        what, status, why, where[0] ? where : "nowhere");
        }
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
                if (known[i].status == status) {
                        other = known[i].fault;
                        code = known[i].code;
                }
        return err_fault(e, code, other, "%s: %u %s", what, status, why);
}
