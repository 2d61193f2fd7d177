/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { RECORD_BYTES = 5 + 255, TEXT = 2 * RECORD_BYTES + 8 };
enum { DATA = 0, END = 1, SEGMENT = 2, START_SEGMENT = 3, LINEAR = 4, START_LINEAR = 5 };

static int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of one record with a right length and checksum, or what is wrong with it. */
static const char *parse(const char *text, uint8_t *record) {
    size_t n = 0;
    uint8_t sum = 0;
    if (*text++ != ':') {
        return "does not begin with a colon";
    }
    while (digit(text[0]) >= 0 && digit(text[1]) >= 0 && n < RECORD_BYTES) {
        record[n] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
        sum = (uint8_t)(sum + record[n++]);
        text += 2;
    }
    if (text[strspn(text, "\r\n \t")] != 0 || n < 5 || n != record[0] + 5U) {
        return "has a wrong length";
    }
    return sum == 0 ? NULL : "has a wrong checksum";
}

static const char *place(image_t *image, const uint8_t *record, uint32_t *base) {
    uint32_t const address = *base + (uint32_t)(record[1] << 8 | record[2]);
    switch (record[3]) {
    case DATA:
        if (address + record[0] > IMAGE_BYTES) {
            return "lies beyond the 32 KiB of an ATmega328P";
        }
        memcpy(image->flash + address, record + 4, record[0]);
        if (record[0] && address + record[0] > IMAGE_BOOT) {
            image->start = IMAGE_BOOT;
        }
        return NULL;
    case SEGMENT:
    case LINEAR:
        if (record[0] != 2) {
            return "has a wrong length";
        }
        *base = (uint32_t)(record[4] << 8 | record[5]) << (record[3] == SEGMENT ? 4 : 16);
        return NULL;
    case END:
    case START_SEGMENT:
    case START_LINEAR:
        return NULL;
    default:
        return "has an unknown type";
    }
}

int image_load(image_t *image, const char *path, char *error, size_t error_size) {
    char text[TEXT];
    uint8_t record[RECORD_BYTES];
    uint32_t base = 0;
    int line = 0;
    int ended = 0;
    FILE *const file = fopen(path, "r");
    if (!file) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return -1;
    }
    memset(image->flash, 0xFF, sizeof image->flash);
    image->start = 0;
    while (!ended && fgets(text, sizeof text, file)) {
        line++;
        if (text[strspn(text, "\r\n \t")] == 0) {
            continue;
        }
        const char *wrong = parse(text, record);
        wrong = wrong ? wrong : place(image, record, &base);
        if (wrong) {
            snprintf(error, error_size, "%s: line %d %s; build the image again", path, line, wrong);
            fclose(file);
            return -1;
        }
        ended = record[3] == END;
    }
    fclose(file);
    if (!ended) {
        snprintf(error, error_size, "%s: no end record, the file is cut; build it again", path);
        return -1;
    }
    return 0;
}
