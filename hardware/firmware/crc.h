/* SPDX-License-Identifier: MIT */
/* CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, no reflection; "123456789" gives 29B1. */
#ifndef CRC_H
#define CRC_H

#include <stdint.h>

#define CRC_START 0xFFFF

static inline uint16_t crc_add(uint16_t crc, uint8_t byte) {
    uint8_t x = (uint8_t)((crc >> 8) ^ byte);
    x ^= x >> 4;
    return (uint16_t)((uint16_t)(crc << 8) ^ (uint16_t)((uint16_t)x << 12) ^
                      (uint16_t)((uint16_t)x << 5) ^ x);
}

#endif
