/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "eeprom.h"

enum { START_READ = 0x01, START_WRITE = 0x02, ARM = 0x04, MODE = 0x30, ERASE = 0x10, PROGRAM = 0x20 };
enum { WINDOW_CYCLES = 4 };

void eeprom_reset(eeprom_t *eeprom) {
    eeprom->address = 0;
    eeprom->data = 0;
    eeprom->control = 0;
    eeprom->armed_until = 0;
}

static void store(eeprom_t *eeprom) {
    uint8_t *const byte = &eeprom->bytes[eeprom->address];
    if ((eeprom->control & MODE) == ERASE) {
        *byte = 0xFF;
    } else if ((eeprom->control & MODE) == PROGRAM) {
        *byte &= eeprom->data;
    } else {
        *byte = eeprom->data;
    }
}

static void write_control(eeprom_t *eeprom, uint8_t value, uint64_t cycle) {
    int const busy = cycle < eeprom->busy_until;
    int const armed = cycle <= eeprom->armed_until;
    eeprom->control =
        (uint8_t)((value & EEPROM_EERIE) | (busy ? eeprom->control & MODE : value & MODE));
    if ((value & START_WRITE) && armed && !busy) {
        store(eeprom);
        eeprom->armed_until = 0;
        eeprom->busy_until = cycle + EEPROM_WRITE_CYCLES;
    } else if (value & ARM) {
        eeprom->armed_until = cycle + WINDOW_CYCLES;
    }
    if ((value & START_READ) && cycle >= eeprom->busy_until) {
        eeprom->data = eeprom->bytes[eeprom->address];
    }
}

void eeprom_write(eeprom_t *eeprom, uint16_t address, uint8_t value, uint64_t cycle) {
    switch (address) {
    case EEPROM_EECR:
        write_control(eeprom, value, cycle);
        break;
    case EEPROM_EEDR:
        eeprom->data = value;
        break;
    case EEPROM_EEARL:
        eeprom->address = (uint16_t)((eeprom->address & 0x0300) | value);
        break;
    default:
        eeprom->address = (uint16_t)((eeprom->address & 0x00FF) | (value & 3) << 8);
    }
}

uint8_t eeprom_read(const eeprom_t *eeprom, uint16_t address, uint64_t cycle) {
    switch (address) {
    case EEPROM_EECR:
        return (uint8_t)(eeprom->control | (cycle < eeprom->busy_until ? START_WRITE : 0) |
                         (cycle <= eeprom->armed_until ? ARM : 0));
    case EEPROM_EEDR:
        return eeprom->data;
    case EEPROM_EEARL:
        return (uint8_t)eeprom->address;
    default:
        return (uint8_t)(eeprom->address >> 8);
    }
}

int eeprom_pending(const eeprom_t *eeprom, uint64_t cycle) {
    return (eeprom->control & EEPROM_EERIE) && cycle >= eeprom->busy_until;
}
