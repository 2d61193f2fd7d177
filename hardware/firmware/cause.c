/* SPDX-License-Identifier: MIT */
#include "cause.h"

#include "chip.h"

static uint8_t flags;

void cause_begin(void) { flags = get(GPIOR1); }

/* At power-up the brown-out flag is often set as well, so power comes first. An Optiboot that nobody
 * talked to starts the program by a watchdog reset, so external comes before watchdog. */
const char *cause_name(void) {
    const bool known = (flags & 0xF0) == 0;
    if (known && (flags & MASK(PORF))) {
        return TEXT("power");
    }
    if (known && (flags & MASK(EXTRF))) {
        return TEXT("external");
    }
    if (known && (flags & MASK(BORF))) {
        return TEXT("brownout");
    }
    if (known && (flags & MASK(WDRF))) {
        return TEXT("watchdog");
    }
    return TEXT("external"); /* a bootloader that keeps the cause to itself: the Uno's, after DTR */
}
