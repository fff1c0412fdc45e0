/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Streams that the manager keeps from being recorded, for as long as it runs or until the camera is
 * changed or removed: those that would be taken without TLS though the camera spoke it before, and
 * those whose camera shows a key that another camera has. At another address that is a copied key:
 * the stream is not recorded, and this is all that is left of it in the status. At the same address
 * it may be a device with several channels: recorded, and said.
 *
 * Decides nothing, and knows no connection: words in, words into the recorder's answer.
 */
#ifndef CUSTOS_MANAGER_KEY_ALARM_H
#define CUSTOS_MANAGER_KEY_ALARM_H

#include <jansson.h>

#include "base/err.h"
#include "base/table.h"

struct key_alarm {
        struct table streams;
};

void key_alarm_done(struct key_alarm *a);
/* recorder: whose the stream is. stopped: it is not recorded. why: its fault and text are for
 * people. */
void key_alarm_set(struct key_alarm *a, const char *recorder, const char *stream, bool stopped,
        const struct err *why);
void key_alarm_clear(struct key_alarm *a, const char *stream);
bool key_alarm_stops(const struct key_alarm *a, const char *stream);
enum fault key_alarm_fault(
        const struct key_alarm *a, const char *stream); /* FAULT_NONE: no alarm */
/* Adds to that recorder's answer to status.get, which was asked with `after`: words to the streams
 * that are in it, and those that are stopped, each in its place. */
void key_alarm_merge(
        const struct key_alarm *a, const char *recorder, const char *after, json_t *status);

#endif
