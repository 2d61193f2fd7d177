/* SPDX-License-Identifier: MIT */
/* What the producer calls itself and its modules. */
#ifndef IDENTITY_H
#define IDENTITY_H

#define IDENTITY_VENDOR "BSD toolkit"
#define IDENTITY_MODEL "Virtual rig"
#define IDENTITY_VERSION "1.0.0"
#define IDENTITY_TL_TYPE "Custom"
#define IDENTITY_FILE "bsd-twin.cti"
#define IDENTITY_SYSTEM "bsd-twin"
#define IDENTITY_INTERFACE "bsd-twin-interface-0"
#define IDENTITY_STREAM "bsd-twin-stream-0"

enum { IDENTITY_TICKS_HZ = 1000000000 };

#endif
