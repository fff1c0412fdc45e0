/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that decodes for the gateway, for one stream or one picture
 * (docs/design/transcoder.md). Descriptor 3 is the channel to the gateway, with which it ends. It
 * opens nothing, speaks to nobody else and starts nothing.
 */
#ifndef CUSTOS_TRANSCODER_TRANSCODER_H
#define CUSTOS_TRANSCODER_TRANSCODER_H

int transcoder_main(int argc, char **argv);

#endif
