/* SPDX-License-Identifier: MIT */
/* The whole controller: what main() calls on the chip and the host build's engine elsewhere. */
#ifndef CONTROLLER_H
#define CONTROLLER_H

/* After a reset; interrupts are on when it returns. */
void controller_begin(void);

/* Do what is due. Then chip_idle() sleeps until an interrupt says that there is more. */
void controller_step(void);

#endif
