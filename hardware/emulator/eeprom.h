/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The EEPROM of the ATmega328P, written after the datasheet (DS40002061, "EEPROM Data Memory"): a write
 * needs EEMPE at most four cycles before EEPE and keeps EEPE set while it takes its 3.4 ms.
 */
#ifndef BSD_EEPROM_H
#define BSD_EEPROM_H

#include <stdint.h>

enum { EEPROM_EECR = 0x3F, EEPROM_EEDR = 0x40, EEPROM_EEARL = 0x41, EEPROM_EEARH = 0x42 };
enum { EEPROM_BYTES = 1024, EEPROM_EERIE = 0x08, EEPROM_WRITE_CYCLES = 54400 };

typedef struct eeprom {
    uint8_t bytes[EEPROM_BYTES];
    uint16_t address;
    uint8_t data;
    uint8_t control;      /* EERIE and the programming mode */
    uint64_t armed_until; /* EEMPE */
    uint64_t busy_until;  /* EEPE */
} eeprom_t;

void eeprom_reset(eeprom_t *eeprom); /* the bytes stay, and a write that has begun ends */
void eeprom_write(eeprom_t *eeprom, uint16_t address, uint8_t value, uint64_t cycle);
uint8_t eeprom_read(const eeprom_t *eeprom, uint16_t address, uint64_t cycle);
int eeprom_pending(const eeprom_t *eeprom, uint64_t cycle); /* asks for EE_READY */

#endif
