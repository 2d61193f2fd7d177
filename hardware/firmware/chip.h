/* SPDX-License-Identifier: MIT */
/*
 * The chip under the firmware: an ATmega328P, or the host build's model of one.
 *
 * Every register is reached through put() and get(), so that the same sources run over both.
 */
#ifndef CHIP_H
#define CHIP_H

#include <stdbool.h>
#include <stdint.h>

#define MASK(bit) ((uint8_t)(1U << (bit)))

/* For what interrupt handlers use: an outside call makes a handler save every register. */
#define INLINE static inline __attribute__((always_inline))

#ifdef __AVR__

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

#define put(reg, value) ((void)((reg) = (value)))
#define get(reg) (reg)
#define put16(reg, value) put(reg, value)
#define get16(reg) get(reg)

#define HANDLER(vector) ISR(vector)

/* Constants stay in flash: RAM is a sixteenth of it. */
#define FLASH PROGMEM
#define TEXT(text) PSTR(text)
#define flash_char(at) ((char)pgm_read_byte(at))
#define flash_copy(to, from, size) memcpy_P(to, from, size)

/* No interrupt is served between lock and unlock; they nest. */
INLINE uint8_t chip_lock(void) {
    const uint8_t before = SREG;
    cli();
    return before;
}

INLINE void chip_unlock(uint8_t before) {
    __asm__ volatile("" ::: "memory");
    SREG = before;
}

INLINE void chip_enable(void) { sei(); }

/* GPIOR0 bit 0 says that there is work: set and cleared by one instruction that spares SREG. */
INLINE void chip_wake(void) { GPIOR0 |= MASK(0); }
INLINE void chip_awake(void) { GPIOR0 &= (uint8_t)~MASK(0); }

INLINE void chip_idle(void) {
    cli();
    while (!(GPIOR0 & MASK(0))) {
        sleep_enable();
        sei(); /* the instruction after SEI still runs first: no wake-up is lost in between */
        sleep_cpu();
        sleep_disable();
        cli();
    }
    sei();
}

INLINE void chip_kick(void) { wdt_reset(); }

INLINE uint8_t chip_eeprom_read(uint16_t address) {
    EEAR = address;
    EECR |= MASK(EERE);
    return EEDR;
}

INLINE bool chip_eeprom_busy(void) { return (EECR & MASK(EEPE)) != 0; }

INLINE void chip_eeprom_write(uint16_t address, uint8_t value) {
    const uint8_t before = chip_lock(); /* EEPE must follow EEMPE within four cycles */
    EEAR = address;
    EEDR = value;
    EECR |= MASK(EEMPE);
    EECR |= MASK(EEPE);
    chip_unlock(before);
}

#else

#include "chip_host.h"

#endif
#endif
