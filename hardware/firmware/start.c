/* SPDX-License-Identifier: MIT */
/*
 * What must happen before C begins: safe pins, watchdog off, cause of the reset kept.
 *
 * The cause is left in GPIOR1 because .bss is cleared after this. Only the chip has this file; the
 * host build sets the same register when it models a reset.
 */
#include <avr/io.h>

/* The first instructions after the reset vector: D9 and D10 are driven low. PORT before DDR, or a
 * bootloader's pull-up would become a high output. */
__attribute__((naked, used, section(".init0"))) void start_pins(void) {
    __asm__ volatile("cbi %0, 1\n\t"
                     "cbi %0, 2\n\t"
                     "sbi %1, 1\n\t"
                     "sbi %1, 2\n\t" ::"I"(_SFR_IO_ADDR(PORTB)),
                     "I"(_SFR_IO_ADDR(DDRB)));
}

/* Optiboot clears MCUSR and hands it over in r2. r2 is whatever it was where no Optiboot ran, so it
 * counts only when MCUSR is empty. After a watchdog reset the watchdog keeps running at its shortest
 * period: off it goes, before .data is copied. */
__attribute__((naked, used, section(".init3"))) void start_cause(void) {
    __asm__ volatile("in r24, %[mcusr]\n\t"
                     "tst r24\n\t"
                     "brne 1f\n\t"
                     "mov r24, r2\n\t"
                     "1: out %[kept], r24\n\t"
                     "out %[mcusr], __zero_reg__\n\t"
                     "wdr\n\t"
                     "ldi r24, %[change]\n\t"
                     "sts %[wdtcsr], r24\n\t"
                     "sts %[wdtcsr], __zero_reg__\n\t" ::[mcusr] "I"(_SFR_IO_ADDR(MCUSR)),
                     [kept] "I"(_SFR_IO_ADDR(GPIOR1)), [change] "M"((1 << WDCE) | (1 << WDE)),
                     [wdtcsr] "n"(_SFR_MEM_ADDR(WDTCSR))
                     : "r24");
}
