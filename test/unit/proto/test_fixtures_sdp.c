/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every session description of the fixtures: what a reader of the file finds in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixtures.c"
#include "proto/rtsp.h"
#include "proto/sdp.h"
#include "proto/url.h"

/* Where a row's description came from, unless its Content-Base says so. */
#define ASKED "rtsp://192.0.2.7/live"
#define ROW_MEDIA_MAX 4

struct medium {
        enum sdp_kind kind;
        const char *kind_name, *protocol;
        int payload_type;
        const char *encoding;
        uint32_t clock_rate, channels;
        enum sdp_direction direction;
        uint32_t framerate_milli;
        const char *control, *fmtp, *setup; /* setup: the URL that its SETUP names */
};

struct row {
        const char *file, *content_base, *name, *control, *play; /* play: the URL of PLAY */
        unsigned media_n;
        struct medium media[ROW_MEDIA_MAX];
};

/* clang-format off */
static const struct row rows[] = {
        { .file = "rtsp/go2rtc/TestBugSDP1.sdp",
                .name = "RtspServer", .control = "*", .play = "rtsp://192.0.2.7/live", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "track0",
                                "packetization-mode=1;profile-level-id=42001E;sprop-parameter-sets=Z0IAHvQCgC3I,aM48gA==", "rtsp://192.0.2.7/live/track0" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 97, "MPEG4-GENERIC", 8000, 1, SDP_NOT_SAID, 0, "track1",
                                "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1588", "rtsp://192.0.2.7/live/track1" },
                } },
        { .file = "rtsp/go2rtc/TestBugSDP3.sdp",
                .name = "Session streamed by \"preview\"", .control = "*", .play = "rtsp://192.0.2.7/live", .media_n = 3, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_RECVONLY, 0, "track1",
                                "packetization-mode=1;profile-level-id=640033;sprop-parameter-sets=Z2QAM6wVFKAoAPGQ,aO48sA==", "rtsp://192.0.2.7/live/track1" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 97, "MPEG4-GENERIC", 16000, 1, SDP_RECVONLY, 0, "track2",
                                "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408;", "rtsp://192.0.2.7/live/track2" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 8, "PCMA", 8000, 1, SDP_SENDONLY, 0, "track3",
                                "", "rtsp://192.0.2.7/live/track3" },
                } },
        { .file = "rtsp/go2rtc/TestBugSDP5.sdp",
                .name = "Camera", .control = "*", .play = "rtsp://192.0.2.7/live", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 99, "H264", 90000, 1, SDP_SENDONLY, 0, "trackID=1",
                                "profile-level-id=42A01E;packetization-mode=1;sprop-parameter-sets=Z0KgKedAPAET8uAIEAABd2AAK/IGAAADAC+vCAAAHc1lP//jAAADABfXhAAADuayn//wIA==,aN48gA==", "rtsp://192.0.2.7/live/trackID=1" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 127, "mpeg4-generic", 8000, 1, SDP_NOT_SAID, 0, "trackID=2",
                                "streamtype=5; profile-level-id=15; mode=AAC-hbr; sizeLength=13; indexLength=3; indexDeltalength=3; config=1588; CTSDeltaLength=0; DTSDeltaLength=0;", "rtsp://192.0.2.7/live/trackID=2" },
                } },
        { .file = "rtsp/go2rtc/TestBugSDP7.sdp",
                .name = "VCP IPC Realtime stream", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 4, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 105, "H264", 90000, 1, SDP_RECVONLY, 0, "rtsp://1.0.1.113/media/video2/video",
                                "profile-level-id=640016; packetization-mode=1; sprop-parameter-sets=Z2QAFqw7UFAX/LCAAAH0AABOIEI=,aOqPLA==", "rtsp://1.0.1.113/media/video2/video" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 0, "PCMU", 8000, 1, SDP_RECVONLY, 0, "rtsp://1.0.1.113/media/video2/audio1",
                                "RTCP=0", "rtsp://1.0.1.113/media/video2/audio1" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 0, "PCMU", 8000, 1, SDP_SENDONLY, 0, "rtsp://1.0.1.113/media/video2/backchannel",
                                "", "rtsp://1.0.1.113/media/video2/backchannel" },
                        { SDP_APPLICATION, "application", "RTP/AVP", 107, "vnd.onvif.metadata", 90000, 1, SDP_RECVONLY, 0, "rtsp://1.0.1.113/media/video2/metadata",
                                "DecoderTag=h3c-v3 RTCP=0", "rtsp://1.0.1.113/media/video2/metadata" },
                } },
        { .file = "rtsp/gortsplib-sdp/media__relative_control_control_is_query.sdp",
                .name = "", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "?ctype=video",
                                "", "rtsp://192.0.2.7/live?ctype=video" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_gortsplib_1025_undisclosed_cameras_ipv6.sdp",
                .name = "Test SDP", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "", 0, 1, SDP_NOT_SAID, 0, "",
                                "", "rtsp://192.0.2.7/live" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_gortsplib_448_no_v_0_at_start.sdp",
                .name = "", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "trackID=0",
                                "", "rtsp://192.0.2.7/live/trackID=0" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_gortsplib_474_UDP_technology_cameras.sdp",
                .name = "", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_OTHER, "metadata", "RTP/AVP", 98, "METADATA", 90000, 1, SDP_NOT_SAID, 0, "track2",
                                "", "rtsp://192.0.2.7/live/track2" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_1119_fritzbox_6660_Cable.sdp",
                .name = "SatIPServer:1 0,0,4", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 33, "MP2T", 90000, 1, SDP_SENDONLY, 0, "stream=1",
                                "ver=1.2;src=1;tuner=1,240,1,7,112,,dvbc,,,,6900,34;pids=0,16,17,18,20", "rtsp://192.0.2.7/live/stream=1" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_121_empty_unicast_address.sdp",
                .name = "RTSP Server", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_RECVONLY, 0, "rtsp://10.10.1.30:8554/onvif2/audio/trackID=0",
                                "packetization-mode=1;profile-level-id=64001e;sprop-parameter-sets=Z2QAHqwsaoMg5puAgICB,aO4xshs=", "rtsp://10.10.1.30:8554/onvif2/audio/trackID=0" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 0, "PCMU", 8000, 1, SDP_RECVONLY, 0, "rtsp://10.10.1.30:8554/onvif2/audio/trackID=1",
                                "", "rtsp://10.10.1.30:8554/onvif2/audio/trackID=1" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_127_Amcrest_cameras.sdp",
                .name = "Sony RTSP Server", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 0 },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_136_RS_bandwidth.sdp",
                .name = "<No Title>", .control = "rtsp://61.135.88.175:554/refuse/unavailable_media.wmv/", .play = "rtsp://61.135.88.175:554/refuse/unavailable_media.wmv/", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "x-asf-pf", 1000, 1, SDP_RECVONLY, 0, "video",
                                "", "rtsp://192.0.2.7/live/video" },
                        { SDP_APPLICATION, "application", "RTP/AVP", 96, "x-wms-rtx", 1000, 1, SDP_RECVONLY, 0, "rtx",
                                "", "rtsp://192.0.2.7/live/rtx" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_227_Hik_Media_Server.sdp",
                .name = "HIK Media Server V3.1.3", .control = "*", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "trackID=video",
                                "profile-level-id=4D0014;packetization-mode=0;sprop-parameter-sets=Z01AHppmBYHv81BgYGQAAA+gAAF3ABA=,aO48gA==", "rtsp://192.0.2.7/live/trackID=video" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_2708_Y_CAM_Bullet_HD.sdp",
                .name = "Media Presentation", .control = "*", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "MP4V-ES", 90000, 1, SDP_NOT_SAID, 30000, "trackID=1",
                                "profile-level-id=245; config=000001B0F5000001B509000001000000012008D48D88032514043C14440F", "rtsp://192.0.2.7/live/trackID=1" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_2762_Altasec_NVR.sdp",
                .name = "Channel1", .control = "*", .play = "rtsp://192.0.2.7/live", .media_n = 3, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_RECVONLY, 0, "0",
                                "packetization-mode=1;profile-level-id=4D4016;sprop-parameter-sets=Z01AFo2NQFAX/L/4BDgEQ3AQEBQAAA+gAACcQ6GB9ACMq7y40MD6AEZV3lwo,aO44gA==", "rtsp://192.0.2.7/live/0" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 0, "PCMU", 8000, 1, SDP_RECVONLY, 0, "1",
                                "", "rtsp://192.0.2.7/live/1" },
                        { SDP_APPLICATION, "application", "RTP/AVP", 107, "METADATA", 90000, 1, SDP_RECVONLY, 0, "2",
                                "", "rtsp://192.0.2.7/live/2" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_5008_Uniview_IPC2122LB_SF28K_A.sdp",
                .name = "VCP IPC Realtime stream", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 105, "H264", 90000, 1, SDP_RECVONLY, 0, "rtsp://10.0.0.1/media/video1/video",
                                "profile-level-id=640028; packetization-mode=1; sprop-parameter-sets=Z2QAKKw7UDwBE/LCAAAH0AAA6mEI,aOqPLA==", "rtsp://10.0.0.1/media/video1/video" },
                        { SDP_APPLICATION, "application", "RTP/AVP", 107, "vnd.onvif.metadata", 90000, 1, SDP_RECVONLY, 0, "rtsp://10.0.0.1/media/video1/metadata",
                                "DecoderTag=h3c-v3 RTCP=0", "rtsp://10.0.0.1/media/video1/metadata" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_5292_Verint_cameras_IP_instead_of_IN_in_origin.sdp",
                .name = "EWR 52B", .control = "rtsp://192.168.1.1:554/c266233d-e0e5-414f-9c57-9ed9d187c969", .play = "rtsp://192.168.1.1:554/c266233d-e0e5-414f-9c57-9ed9d187c969", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 105, "H264", 90000, 1, SDP_NOT_SAID, 0, "rtsp://192.168.1.1:554/c266233d-e0e5-414f-9c57-9ed9d187c969/Video",
                                "packetization-mode=1; profile-level-id=640033; sprop-parameter-sets=Z2QAM6zTAPABD7AWoCAgKAABd2AAHUwEeEQiiw==,KHuPOIJIUgwkSMLGFCsgiEMIFwgWEChxEEkyFyFkKJkEQhhAuECwgUOIhU0nSIcxTEdFMjFRyjhJHRRAgWmiijDeMEDzmGGD8NCw6GhsREKtdevruxgv4pC+xUXxRBrQpBWEChEcJmw=", "rtsp://192.168.1.1:554/c266233d-e0e5-414f-9c57-9ed9d187c969/Video" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_75_LiveReporter_App.sdp",
                .name = "No Name", .control = "*", .play = "rtsp://192.0.2.7/live", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "streamid=0",
                                "packetization-mode=1; sprop-parameter-sets=J2QAHqxWgKA9pqAgIMBA,KO48sA==; profile-level-id=64001E", "rtsp://192.0.2.7/live/streamid=0" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 97, "MPEG4-GENERIC", 48000, 1, SDP_NOT_SAID, 0, "streamid=1",
                                "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexLength=3;indexDeltaLength=3;config=118856E500", "rtsp://192.0.2.7/live/streamid=1" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_948_TIAS_bitrate.sdp",
                .name = "Video Stream", .control = "*", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "trackid=1",
                                "packetization-mode=1;profile-level-id=64001f;sprop-parameter-sets=J2QAH6xWwYBp+kA=,KO48sA==", "rtsp://192.0.2.7/live/trackid=1" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_990_TP_Link.sdp",
                .name = "Session streamed by \"TP-LINK RTSP Server\"", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 3, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H265", 90000, 1, SDP_NOT_SAID, 0, "track1",
                                "profile-space=0;profile-id=1;tier-flag=0;level-id=150;interop-constraints=000000000000;sprop-vps=QAEMAf//AWAAAAMAAAMAAAMAAAMAlqwJ;sprop-sps=QgEBAWAAAAMAAAMAAAMAAAMAlqABICAFEWNrkkya5ZwCAAADAAIAAAMAHhA=;sprop-pps=RAHgdrAmQA==", "rtsp://192.0.2.7/live/track1" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 8, "PCMA", 8000, 1, SDP_NOT_SAID, 0, "track2",
                                "", "rtsp://192.0.2.7/live/track2" },
                        { SDP_OTHER, "application/TP-LINK", "RTP/AVP", -1, "", 0, 1, SDP_NOT_SAID, 0, "track3",
                                "", "rtsp://192.0.2.7/live/track3" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__onvif_specification.sdp",
                .name = "RTSP Session with audiobackchannel", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 3, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 26, "JPEG", 90000, 1, SDP_RECVONLY, 0, "rtsp://192.168.0.1/video",
                                "", "rtsp://192.168.0.1/video" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 0, "PCMU", 8000, 1, SDP_RECVONLY, 0, "rtsp://192.168.0.1/audio",
                                "", "rtsp://192.168.0.1/audio" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 0, "PCMU", 8000, 1, SDP_SENDONLY, 0, "rtsp://192.168.0.1/audioback",
                                "", "rtsp://192.168.0.1/audioback" },
                } },
        { .file = "rtsp/gortsplib-sdp/sdpunmarshaler__unix_newlines.sdp",
                .name = "SDP Seminar", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 0 },
        { .file = "rtsp/gortsplib-sdp/session__key_mgmt_in_media.sdp",
                .name = "Action Movie", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/SAVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "trackID=0",
                                "", "rtsp://192.0.2.7/live/trackID=0" },
                } },
        { .file = "rtsp/gortsplib-sdp/session__multiple_formats_for_each_media.sdp",
                .name = "", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 2, .media = {
                        { SDP_AUDIO, "audio", "UDP/TLS/RTP/SAVPF", 111, "opus", 48000, 2, SDP_SENDONLY, 0, "",
                                "minptime=10;useinbandfec=1", "rtsp://192.0.2.7/live" },
                        { SDP_VIDEO, "video", "UDP/TLS/RTP/SAVPF", 96, "VP8", 90000, 1, SDP_SENDONLY, 0, "",
                                "", "rtsp://192.0.2.7/live" },
                } },
        { .file = "rtsp/gortsplib-sdp/session__multiple_formats_for_each_media_2.sdp",
                .name = "-", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "",
                                "packetization-mode=1;profile-level-id=4d002a;sprop-parameter-sets=Z00AKp2oHgCJ+WbgICAgQA==,aO48gA==", "rtsp://192.0.2.7/live" },
                } },
        { .file = "rtsp/gortsplib-sdp/session__one_format_for_each_media_relative.sdp",
                .name = "Media Presentation", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 3, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 97, "H264", 90000, 1, SDP_NOT_SAID, 30000, "trackID=1",
                                "packetization-mode=1;profile-level-id=640028;sprop-parameter-sets=Z2QAKKy0A8ARPyo=,aO4Bniw=", "rtsp://192.0.2.7/live/trackID=1" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 0, "PCMU", 8000, 1, SDP_RECVONLY, 0, "trackID=2",
                                "", "rtsp://192.0.2.7/live/trackID=2" },
                        { SDP_APPLICATION, "application", "RTP/AVP", 107, "", 0, 1, SDP_NOT_SAID, 0, "",
                                "", "rtsp://192.0.2.7/live" },
                } },
        { .file = "rtsp/retina/anjvision_describe.txt", /* no URL: the address asked for counts */
                .content_base = "192.168.1.10:554/stream0/",
                .name = "RTSP/RTP stream from anjvision ipcamera", .control = "*", .play = "rtsp://192.0.2.7/live", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H265", 90000, 1, SDP_NOT_SAID, 5000, "trackID=1",
                                "packetization-mode=0;profile-space=0;profile-id=1;tier-flag=0;level-id=153;interop-constraints=000000000000;sprop-vps=QAEMAf//AUAAAAMAAAMAAAMAAAMAmawJ;sprop-sps=QgEBAUAAAAMAAAMAAAMAAAMAmaACgIAsH+Wu5Gwa5VE1BQYFAIA=;sprop-pps=RAHAc8BBgwk=;config=0000000140010c01ffff01400000030000030000030000030099ac090000000142010101400000030000030000030000030099a00280802c1fe5aee46c1ae551350506050080000000014401c073c0418309", "rtsp://192.0.2.7/live/trackID=1" },
                } },
        { .file = "rtsp/retina/bunny_describe.txt",
                .content_base = "rtsp://wowzaec2demo.streamlock.net/vod/mp4:BigBuckBunny_115k.mov/",
                .name = "BigBuckBunny_115k.mov", .control = "*", .play = "rtsp://wowzaec2demo.streamlock.net/vod/mp4:BigBuckBunny_115k.mov/", .media_n = 2, .media = {
                        { SDP_AUDIO, "audio", "RTP/AVP", 96, "mpeg4-generic", 12000, 2, SDP_NOT_SAID, 0, "trackID=1",
                                "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1490", "rtsp://wowzaec2demo.streamlock.net/vod/mp4:BigBuckBunny_115k.mov/trackID=1" },
                        { SDP_VIDEO, "video", "RTP/AVP", 97, "H264", 90000, 1, SDP_NOT_SAID, 24000, "trackID=2",
                                "packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==", "rtsp://wowzaec2demo.streamlock.net/vod/mp4:BigBuckBunny_115k.mov/trackID=2" },
                } },
        { .file = "rtsp/retina/dahua_describe_h264_aac_onvif.txt",
                .content_base = "rtsp://192.168.5.111:554/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/",
                .name = "Media Server", .control = "*", .play = "rtsp://192.168.5.111:554/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/", .media_n = 3, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_RECVONLY, 15000, "trackID=0",
                                "packetization-mode=1;profile-level-id=64001E;sprop-parameter-sets=Z2QAHqwsaoLA9puCgIKgAAADACAAAAMD0IAA,aO4xshsA", "rtsp://192.168.5.111:554/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/trackID=0" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 97, "MPEG4-GENERIC", 48000, 1, SDP_RECVONLY, 0, "trackID=1",
                                "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1188", "rtsp://192.168.5.111:554/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/trackID=1" },
                        { SDP_APPLICATION, "application", "RTP/AVP", 107, "vnd.onvif.metadata", 90000, 1, SDP_RECVONLY, 0, "trackID=4",
                                "", "rtsp://192.168.5.111:554/cam/realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/trackID=4" },
                } },
        { .file = "rtsp/retina/dahua_describe_h265_pcma.txt",
                .content_base = "rtsp://cam-driveway/cam/realmonitor?channel=1&subtype=2/",
                .name = "Media Server", .control = "*", .play = "rtsp://cam-driveway/cam/realmonitor?channel=1&subtype=2/", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 98, "H265", 90000, 1, SDP_RECVONLY, 12000, "trackID=0",
                                "profile-id=1;sprop-sps=QgEBAWAAAAMAsAAAAwAAAwBaoAWCAeFja5JFL83BQYFBAAADAAEAAAMADKE=;sprop-pps=RAHA8saNA7NA;sprop-vps=QAEMAf//AWAAAAMAsAAAAwAAAwBarAwAAAMABAAAAwAyqA==", "rtsp://cam-driveway/cam/realmonitor?channel=1&subtype=2/trackID=0" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 8, "PCMA", 8000, 1, SDP_RECVONLY, 0, "trackID=1",
                                "", "rtsp://cam-driveway/cam/realmonitor?channel=1&subtype=2/trackID=1" },
                } },
        { .file = "rtsp/retina/foscam_describe.txt",
                .content_base = "rtsp://192.168.5.107:65534/videoMain/",
                .name = "IP Camera Video", .control = "*", .play = "rtsp://192.168.5.107:65534/videoMain/", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "track1",
                                "packetization-mode=1;profile-level-id=4D001F;sprop-parameter-sets=Z00AH5WoFAFuQA==,aO48gA==", "rtsp://192.168.5.107:65534/videoMain/track1" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 0, "PCMU", 8000, 1, SDP_NOT_SAID, 0, "track2",
                                "", "rtsp://192.168.5.107:65534/videoMain/track2" },
                } },
        { .file = "rtsp/retina/hikvision_describe.txt",
                .content_base = "rtsp://192.168.5.106:554/Streaming/Channels/101/",
                .name = "Media Presentation", .control = "rtsp://192.168.5.106:554/Streaming/Channels/101/?transportmode=unicast&profile=Profile_1", .play = "rtsp://192.168.5.106:554/Streaming/Channels/101/?transportmode=unicast&profile=Profile_1", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_RECVONLY, 0, "rtsp://192.168.5.106:554/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1",
                                "profile-level-id=420029; packetization-mode=1; sprop-parameter-sets=Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA==,aO48gA==", "rtsp://192.168.5.106:554/Streaming/Channels/101/trackID=1?transportmode=unicast&profile=Profile_1" },
                        { SDP_APPLICATION, "application", "RTP/AVP", 107, "vnd.onvif.metadata", 90000, 1, SDP_RECVONLY, 0, "rtsp://192.168.5.106:554/Streaming/Channels/101/trackID=3?transportmode=unicast&profile=Profile_1",
                                "", "rtsp://192.168.5.106:554/Streaming/Channels/101/trackID=3?transportmode=unicast&profile=Profile_1" },
                } },
        { .file = "rtsp/retina/reolink_describe.txt",
                .content_base = "rtsp://192.168.5.206/h264Preview_01_main/",
                .name = "Session streamed by \"preview\"", .control = "*", .play = "rtsp://192.168.5.206/h264Preview_01_main/", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "trackID=1",
                                "packetization-mode=1;profile-level-id=640033;sprop-parameter-sets=Z2QAM6zoAoALWQ==,aO48MA==", "rtsp://192.168.5.206/h264Preview_01_main/trackID=1" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 97, "MPEG4-GENERIC", 16000, 1, SDP_NOT_SAID, 0, "trackID=2",
                                "streamtype=5;profile-level-id=15;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408; profile=1;", "rtsp://192.168.5.206/h264Preview_01_main/trackID=2" },
                } },
        { .file = "rtsp/retina/reolink_describe_control_first.txt",
                .content_base = "rtsp://192.168.5.206/h264Preview_01_main/",
                .name = "Session streamed by \"preview\"", .control = "*", .play = "rtsp://192.168.5.206/h264Preview_01_main/", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "trackID=1",
                                "packetization-mode=1;profile-level-id=640033;sprop-parameter-sets=Z2QAM6zoAoALWQ==,aO48MA==", "rtsp://192.168.5.206/h264Preview_01_main/trackID=1" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 97, "MPEG4-GENERIC", 16000, 1, SDP_NOT_SAID, 0, "trackID=2",
                                "streamtype=5;profile-level-id=15;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408; profile=1;", "rtsp://192.168.5.206/h264Preview_01_main/trackID=2" },
                } },
        { .file = "rtsp/retina/response.txt",
                .content_base = "rtsp://wowzaec2demo.streamlock.net/vod/mp4:BigBuckBunny_115k.mov/",
                .name = "BigBuckBunny_115k.mov", .control = "*", .play = "rtsp://wowzaec2demo.streamlock.net/vod/mp4:BigBuckBunny_115k.mov/", .media_n = 2, .media = {
                        { SDP_AUDIO, "audio", "RTP/AVP", 96, "mpeg4-generic", 12000, 2, SDP_NOT_SAID, 0, "trackID=1",
                                "profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1490", "rtsp://wowzaec2demo.streamlock.net/vod/mp4:BigBuckBunny_115k.mov/trackID=1" },
                        { SDP_VIDEO, "video", "RTP/AVP", 97, "H264", 90000, 1, SDP_NOT_SAID, 24000, "trackID=2",
                                "packetization-mode=1;profile-level-id=42C01E;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==", "rtsp://wowzaec2demo.streamlock.net/vod/mp4:BigBuckBunny_115k.mov/trackID=2" },
                } },
        { .file = "rtsp/retina/tplink_sdp.txt",
                .name = "Session streamed by \"TP-LINK RTSP Server\"", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 3, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H265", 90000, 1, SDP_NOT_SAID, 0, "track1",
                                "profile-space=0;profile-id=1;tier-flag=0;level-id=150;interop-constraints=000000000000;sprop-vps=QAEMAf//AWAAAAMAAAMAAAMAAAMAlqwJ;sprop-sps=QgEBAWAAAAMAAAMAAAMAAAMAlqABQCAFof4qtO6JLuaAgA27oADN/mAE;sprop-pps=RAHAcvAbJA==", "rtsp://192.0.2.7/live/track1" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 8, "PCMA", 8000, 1, SDP_NOT_SAID, 0, "track2",
                                "", "rtsp://192.0.2.7/live/track2" },
                        { SDP_OTHER, "application/TP-LINK", "RTP/AVP", -1, "", 0, 1, SDP_NOT_SAID, 0, "track3",
                                "", "rtsp://192.0.2.7/live/track3" },
                } },
        { .file = "rtsp/retina/vstarcam_describe.txt",
                .name = "streamed by the VSTARCAM RTSP server", .control = "", .play = "rtsp://192.0.2.7/live", .media_n = 2, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 0, "track0",
                                "packetization-mode=1;profile-level-id=4d002a;sprop-parameter-sets=Z00AKp2oHgCJ+WbgICAoAAADAAgAAAMAfCA=,aO48gA==", "rtsp://192.0.2.7/live/track0" },
                        { SDP_AUDIO, "audio", "RTP/AVP", 8, "PCMA", 8000, 1, SDP_NOT_SAID, 0, "track1",
                                "", "rtsp://192.0.2.7/live/track1" },
                } },
        { .file = "traces-from-issues/axis_describe_2017.txt",
                .content_base = "rtsp://198.51.100.110/axis-media/media.amp/",
                .name = "Media Presentation", .control = "*", .play = "rtsp://198.51.100.110/axis-media/media.amp/", .media_n = 1, .media = {
                        { SDP_VIDEO, "video", "RTP/AVP", 96, "H264", 90000, 1, SDP_NOT_SAID, 30000, "trackID=1",
                                "packetization-mode=1; profile-level-id=420029; sprop-parameter-sets=Z0IAKeKQCgDLYC3AQEBpB4kRUA==,aM48gA==", "rtsp://198.51.100.110/axis-media/media.amp/trackID=1" },
                } },
};
/* clang-format on */

static void is(const char *file, const char *what, struct bytes b, const char *text)
{
        if (b.n != strlen(text) || (b.n && memcmp(b.p, text, b.n) != 0))
                fail_msg("%s: %s is \"%.*s\", expected \"%s\"", file, what, (int)b.n,
                        (const char *)b.p, text);
}

static void equals(const char *file, const char *what, long long found, long long expected)
{
        if (found != expected)
                fail_msg("%s: %s is %lld, expected %lld", file, what, found, expected);
}

static void resolves(
        const char *file, struct bytes base, struct bytes control, const char *expected)
{
        char url[URL_MAX];
        struct err e = { 0 };

        if (url_resolve(ASKED, base, control, url, sizeof url, &e) < 0)
                fail_msg("%s: %s", file, e.text);
        is(file, "URL", bytes_str(url), expected);
}

/* The description in the file, which may be an answer to DESCRIBE. */
static struct bytes description(const struct row *row, struct bytes text, struct bytes *ret_base)
{
        struct rtsp_message m;
        struct err e = { 0 };

        *ret_base = BYTES(NULL, 0);
        if (text.n < 5 || memcmp(text.p, "RTSP/", 5) != 0)
                return text;
        const uint8_t *end = memmem(text.p, text.n, "\r\n\r\n", 4);
        assert_non_null(end);
        size_t head = (size_t)(end - text.p) + 4;
        if (rtsp_parse_head(bytes_sub(text, 0, head), &m, &e) < 0)
                fail_msg("%s: %s", row->file, e.text);
        *ret_base = rtsp_header(&m, "Content-Base", 0);
        is(row->file, "Content-Base", *ret_base, row->content_base ? row->content_base : "");
        equals(row->file, "Content-Length", (long long)m.content_length,
                (long long)(text.n - head));
        return bytes_sub(text, head, text.n);
}

static void check_medium(const char *file, struct bytes base, const struct sdp_media *m,
        const struct medium *expected)
{
        equals(file, "kind", m->kind, expected->kind);
        is(file, "kind", m->kind_name, expected->kind_name);
        is(file, "protocol", m->protocol, expected->protocol);
        equals(file, "payload type", m->payload_type, expected->payload_type);
        is(file, "encoding", m->encoding, expected->encoding);
        equals(file, "clock rate", m->clock_rate, expected->clock_rate);
        equals(file, "channels", m->channels, expected->channels);
        equals(file, "direction", m->direction, expected->direction);
        equals(file, "frame rate", m->framerate_milli, expected->framerate_milli);
        is(file, "control", m->control, expected->control);
        is(file, "fmtp", m->fmtp, expected->fmtp);
        resolves(file, base, m->control, expected->setup);
}

static void descriptions(void **state)
{
        static uint8_t text[65536];

        (void)state;
        fixtures_or_skip();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const struct row *row = &rows[i];
                struct bytes base, file = fixtures_load(row->file, text, sizeof text);
                struct sdp s;
                struct err e = { 0 };

                if (sdp_parse(description(row, file, &base), &s, &e) < 0)
                        fail_msg("%s: %s", row->file, e.text);
                is(row->file, "name", s.name, row->name);
                is(row->file, "control", s.control, row->control);
                equals(row->file, "media", s.media_n, row->media_n);
                resolves(row->file, base, s.control, row->play);
                for (unsigned k = 0; k < s.media_n; k++)
                        check_medium(row->file, base, &s.media[k], &row->media[k]);
        }
}

static bool is_description(const char *name)
{
        return strstr(name, "describe") || strstr(name, "sdp") || strstr(name, "response");
}

static void none_without_a_row(void **state)
{
        const char *names[ARRAY_LEN(rows)];

        (void)state;
        fixtures_or_skip();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                names[i] = rows[i].file;
        fixtures_all_named("rtsp/go2rtc", NULL, names, ARRAY_LEN(rows), 4);
        fixtures_all_named("rtsp/gortsplib-sdp", NULL, names, ARRAY_LEN(rows), 22);
        fixtures_all_named("rtsp/retina", is_description, names, ARRAY_LEN(rows), 11);
        fixtures_all_named("traces-from-issues", is_description, names, ARRAY_LEN(rows), 1);
        assert_int_equal(ARRAY_LEN(rows), 4 + 22 + 11 + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(descriptions),
                cmocka_unit_test(none_without_a_row),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
