/* SPDX-License-Identifier: MIT */
#include "line.h"

#include "crc.h"
#include "serial.h"

static uint16_t crc;
static bool keeping;
static uint8_t kept[LINE_LENGTH];
static uint8_t kept_length;

bool line_room(void) { return serial_room() >= LINE_LENGTH; }

void line_begin(void) {
    crc = CRC_START;
    keeping = false;
}

void line_break(void) { serial_write('\n'); }

void line_begin_kept(void) {
    crc = CRC_START;
    keeping = true;
    kept_length = 0;
}

void line_char(char c) {
    crc = crc_add(crc, (uint8_t)c);
    serial_write((uint8_t)c);
    if (keeping && kept_length < LINE_LENGTH) {
        kept[kept_length++] = (uint8_t)c;
    }
}

void line_text(const char *text) {
    for (char c; (c = flash_char(text)) != '\0'; text++) {
        line_char(c);
    }
}

void line_number(uint32_t number) {
    char digits[10];
    uint8_t n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (n != 0) {
        line_char(digits[--n]);
    }
}

static void hex(uint16_t value) {
    for (uint8_t i = 0; i < 4; i++) {
        const uint8_t nibble = (uint8_t)(value >> 12);
        line_char((char)(nibble < 10 ? '0' + nibble : 'A' - 10 + nibble));
        value = (uint16_t)(value << 4);
    }
}

void line_ticks(ticks_t ticks) {
    hex(ticks.high);
    hex((uint16_t)(ticks.low >> 16));
    hex((uint16_t)ticks.low);
}

void line_end(void) {
    const uint16_t sum = crc;
    line_char('*');
    hex(sum);
    line_char('\n');
    serial_flush();
}

void line_repeat(void) {
    for (uint8_t i = 0; i < kept_length; i++) {
        serial_write(kept[i]);
    }
    serial_flush();
}

static void key_is(const char *key) {
    line_char(' ');
    line_text(key);
    line_char('=');
}

void line_field(const char *key, uint32_t value) {
    key_is(key);
    line_number(value);
}

void line_word(const char *key, const char *word) {
    key_is(key);
    line_text(word);
}

void line_time(const char *key, ticks_t ticks) {
    key_is(key);
    line_ticks(ticks);
}
