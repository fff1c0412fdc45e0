/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * RTSP 1.0 messages (RFC 2326): one head with its body, parsed and formatted, and the values of the
 * Session, RTP-Info and Public headers. Borrowed views; nothing is allocated. Cutting a byte stream
 * into messages is rtsp_splitter.h, the Transport header rtsp_transport.h, authentication digest.h.
 * What to say when belongs to net/ and edge/.
 */
#ifndef CUSTOS_PROTO_RTSP_H
#define CUSTOS_PROTO_RTSP_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define RTSP_HEADERS_MAX 64
#define RTSP_LINE_MAX 4096
#define RTSP_HEAD_MAX 32768
#define RTSP_BODY_MAX 65536

struct rtsp_header {
        struct bytes name;
        struct bytes value; /* no space at its ends; a folded value keeps its line breaks inside */
};

struct rtsp_message {
        bool is_request;
        struct bytes method, uri; /* of a request */
        unsigned status;          /* of a response, 100..999 */
        struct bytes reason;
        bool has_cseq;
        uint32_t cseq;
        size_t content_length; /* 0 when not said */
        unsigned headers_n;
        struct rtsp_header headers[RTSP_HEADERS_MAX];
        struct bytes body;
};

/* head: first line to the empty line, which may be missing. ret->body stays empty: the caller cuts
 * content_length bytes. Lines end in CR LF or LF. */
int rtsp_parse_head(struct bytes head, struct rtsp_message *ret, struct err *e) MUST_USE;

/* The index-th header of that name (case does not matter), or an empty view with p == NULL. */
struct bytes rtsp_header(const struct rtsp_message *m, const char *name, unsigned index);
bool rtsp_method_is(const struct rtsp_message *m, const char *method);
/* True when the comma-separated value (Public, Allow, Require, ...) names the token. */
bool rtsp_list_has(struct bytes value, const char *token);

#define RTSP_SESSION_ROOM 160
#define RTSP_SESSION_TIMEOUT_S 60 /* when the header does not say (RFC 2326 section 12.37) */

struct rtsp_session {
        char id[RTSP_SESSION_ROOM];
        unsigned timeout_s; /* 1..86400 */
};
int rtsp_session_parse(struct bytes value, struct rtsp_session *ret, struct err *e) MUST_USE;

#define RTSP_INFO_MAX 16
struct rtsp_info {
        struct bytes url;
        bool has_sequence, has_time;
        uint16_t sequence;
        uint32_t rtp_time;
};
/* The entries of an RTP-Info value, at most RTSP_INFO_MAX; returns the count. Commas in URLs are
 * understood. */
int rtsp_info_parse(
        struct bytes value, struct rtsp_info ret[static RTSP_INFO_MAX], struct err *e) MUST_USE;

/* One line of a head; left out when value is NULL. */
struct rtsp_line {
        const char *name, *value;
};
/* Append a whole message with CSeq, the lines in their order, and Content-Length where there is a
 * body. ERR_INVALID when a part holds a control character: nothing can be smuggled into a head. */
int rtsp_format_request(struct buf *out, const char *method, const char *uri, uint32_t cseq,
        const struct rtsp_line *lines, unsigned lines_n, struct bytes body, struct err *e) MUST_USE;
int rtsp_format_response(struct buf *out, unsigned status, uint32_t cseq,
        const struct rtsp_line *lines, unsigned lines_n, struct bytes body, struct err *e) MUST_USE;
/* "OK", "Unauthorized", ...; "Unknown" for a status that RFC 2326 does not name. */
const char *rtsp_reason(unsigned status);

/* The four bytes in front of an interleaved packet (RFC 2326 section 10.12). */
#define RTSP_FRAME_HEAD 4
void rtsp_frame_head(uint8_t to[static RTSP_FRAME_HEAD], uint8_t channel, uint16_t n);

#endif
