/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "transcoder/av.h"

#include <libavcodec/avcodec.h>
#include <libavutil/error.h>
#include <libavutil/log.h>

static void av_say_nothing(void *context, int level, const char *format, va_list list)
{
        (void)context;
        (void)level;
        (void)format;
        (void)list;
}

void av_quiet(void)
{
        av_log_set_callback(av_say_nothing);
}

int av_failed(int code, const char *what, struct err *e)
{
        char text[AV_ERROR_MAX_STRING_SIZE] = "";

        (void)av_strerror(code, text, sizeof text);
        return err_set(
                e, code == AVERROR(ENOMEM) ? ERR_EXHAUSTED : ERR_PROTOCOL, "%s: %s", what, text);
}

int av_set_extradata(struct AVCodecContext *c, struct bytes parameters, struct err *e)
{
        if (parameters.n == 0)
                return 0;
        c->extradata = av_mallocz(parameters.n + AV_INPUT_BUFFER_PADDING_SIZE);
        if (!c->extradata)
                return av_failed(AVERROR(ENOMEM), "decoder parameters", e);
        memcpy(c->extradata, parameters.p, parameters.n);
        c->extradata_size = (int)parameters.n;
        return 0;
}

int av_fill(struct AVPacket *p, struct bytes data, int64_t pts, struct err *e)
{
        int r = data.n <= INT32_MAX / 2 ? av_new_packet(p, (int)data.n) : AVERROR(EINVAL);

        if (r < 0)
                return av_failed(r, "a frame", e);
        memcpy(p->data, data.p, data.n);
        p->pts = p->dts = pts;
        return 0;
}
