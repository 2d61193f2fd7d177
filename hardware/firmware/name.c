/* SPDX-License-Identifier: MIT */
#include "name.h"

#include <string.h>

#include "crc.h"

enum { KEPT = NAME_LENGTH + 2 }; /* the name, filled with NUL, then its CRC */

static char name[NAME_LENGTH + 1];
static uint8_t written; /* bytes that are known to stand in the EEPROM */

static uint8_t byte_to_keep(uint8_t at) {
    if (at < NAME_LENGTH) {
        return (uint8_t)name[at];
    }
    uint16_t crc = CRC_START;
    for (uint8_t i = 0; i < NAME_LENGTH; i++) {
        crc = crc_add(crc, (uint8_t)name[i]);
    }
    return (uint8_t)(at == NAME_LENGTH ? crc >> 8 : crc);
}

void name_begin(void) {
    while (chip_eeprom_busy()) { /* a reset does not end a write, and what is read amid one is nothing */
    }
    for (uint8_t i = 0; i < NAME_LENGTH; i++) {
        name[i] = (char)chip_eeprom_read(i);
    }
    name[NAME_LENGTH] = '\0';
    written = KEPT;
    const bool whole = chip_eeprom_read(NAME_LENGTH) == byte_to_keep(NAME_LENGTH) &&
                       chip_eeprom_read(NAME_LENGTH + 1) == byte_to_keep(NAME_LENGTH + 1);
    if (!whole || !name_fits(name)) {
        name[0] = '\0';
    }
}

bool name_fits(const char *text) {
    uint8_t length = 0;
    for (; text[length] != '\0'; length++) {
        const char c = text[length];
        const char lower = (char)(c | 0x20);
        const bool letter = lower >= 'a' && lower <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && c != '-' && c != '_') {
            return false;
        }
    }
    return length >= 1 && length <= NAME_LENGTH;
}

bool name_keep(const char *text) {
    if (strcmp(text, name) != 0) {
        memset(name, 0, sizeof name);
        strcpy(name, text);
        written = 0;
    }
    return written == KEPT && !chip_eeprom_busy();
}

void name_step(void) {
    if (written == KEPT && !chip_eeprom_busy()) {
        return;
    }
    chip_wake(); /* no interrupt tells when a byte is done */
    if (chip_eeprom_busy()) {
        return;
    }
    const uint8_t value = byte_to_keep(written);
    if (chip_eeprom_read(written) != value) {
        chip_eeprom_write(written, value);
    }
    written++;
}

const char *name_text(void) { return name[0] != '\0' ? name : "-"; }
