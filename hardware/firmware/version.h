/* SPDX-License-Identifier: MIT */
/* What this firmware is; docs/reference/trigger-protocol.md says what the protocol's number means. */
#ifndef VERSION_H
#define VERSION_H

#define PROTOCOL_VERSION "1"
#define FIRMWARE_VERSION "1.0.0"

#endif
