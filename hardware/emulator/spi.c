/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "spi.h"

#include <stddef.h>

enum { ENABLE = 0x40, MASTER = 0x10, INTERRUPT = 0x80, FINISHED = 0x80, DOUBLE = 0x01, BITS = 8 };

static uint64_t byte_cycles(const spi_t *spi) {
    static uint8_t const divider[4] = {4, 16, 64, 128};
    return (uint64_t)BITS * divider[spi->control & 3] / (spi->is_double ? 2 : 1);
}

static void advance(spi_t *spi, uint64_t cycle) {
    if (cycle >= spi->done) {
        spi->done = UINT64_MAX;
        spi->is_finished = 1;
        spi->is_seen = 0;
    }
}

static void touch_data(spi_t *spi) {
    if (spi->is_seen) {
        spi->is_finished = 0;
        spi->is_seen = 0;
    }
}

static void send(spi_t *spi, uint8_t byte, uint64_t cycle) {
    touch_data(spi);
    if ((spi->control & (ENABLE | MASTER)) != (ENABLE | MASTER)) {
        return;
    }
    if (spi->done != UINT64_MAX) {
        spi->unsupported = "a byte for the SPI while another is on its way (WCOL)";
        return;
    }
    spi->done = cycle + byte_cycles(spi);
    if (spi->on_shift) {
        spi->on_shift(spi->context, byte, cycle);
    }
}

void spi_write(spi_t *spi, uint16_t address, uint8_t value, uint64_t cycle) {
    advance(spi, cycle);
    switch (address) {
    case SPI_SPCR:
        spi->control = value;
        if ((value & ENABLE) && (!(value & MASTER) || (value & INTERRUPT))) {
            spi->unsupported = "the SPI as a slave, or its interrupt";
        }
        break;
    case SPI_SPSR:
        spi->is_double = value & DOUBLE;
        break;
    default:
        send(spi, value, cycle);
    }
}

/* Nothing answers on MISO: a byte read is 0. */
uint8_t spi_read(spi_t *spi, uint16_t address, uint64_t cycle) {
    advance(spi, cycle);
    switch (address) {
    case SPI_SPCR:
        return spi->control;
    case SPI_SPSR:
        spi->is_seen = spi->is_finished;
        return (uint8_t)((spi->is_finished ? FINISHED : 0) | spi->is_double);
    default:
        touch_data(spi);
        return 0;
    }
}

void spi_reset(spi_t *spi) {
    spi_t const fresh = {.on_shift = spi->on_shift, .context = spi->context, .done = UINT64_MAX};
    *spi = fresh;
}
