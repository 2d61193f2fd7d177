/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The SPI of the ATmega328P as a master without interrupt, written after the datasheet (DS40002061,
 * chapter "SPI"). What it does not do it says, it never guesses.
 */
#ifndef BSD_SPI_H
#define BSD_SPI_H

#include <stdint.h>

enum { SPI_SPCR = 0x4C, SPI_SPSR, SPI_SPDR };

typedef void spi_shift_fn(void *context, uint8_t byte, uint64_t cycle);

typedef struct spi {
    spi_shift_fn *on_shift; /* a byte begins to leave */
    void *context;
    uint8_t control;
    uint8_t is_double;   /* SPI2X */
    uint8_t is_finished; /* SPIF, before it was cleared */
    uint8_t is_seen;     /* SPSR was read with SPIF set: touching SPDR clears it */
    uint64_t done;       /* when the byte that leaves has left; UINT64_MAX: none */
    const char *unsupported;
} spi_t;

void spi_reset(spi_t *spi);
void spi_write(spi_t *spi, uint16_t address, uint8_t value, uint64_t cycle);
uint8_t spi_read(spi_t *spi, uint16_t address, uint64_t cycle);

#endif
