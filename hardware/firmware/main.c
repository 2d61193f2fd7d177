/* SPDX-License-Identifier: MIT */
#include "controller.h"

#include "chip.h"

int main(void) {
    controller_begin();
    for (;;) {
        controller_step();
        chip_idle();
    }
}
