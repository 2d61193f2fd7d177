/* SPDX-License-Identifier: MIT */
/* The chip's serial port and the wire at it: 10 bits a byte, two bytes and a half of memory. */
#ifndef HOST_UART_H
#define HOST_UART_H

#include "queue.h"

enum { UART_DEPTH = 3 }; /* two bytes received and one in the shift register */

typedef struct {
    queue_t coming; /* on the wire to the chip: when the stop bit ends */
    queue_t sent;   /* on the wire to the host, the same */
    uint64_t line_free;  /* the host's last byte has arrived */
    uint64_t shift_free; /* the chip's last byte has left */
    uint64_t empty_at;   /* the data register has room */
    uint8_t received[UART_DEPTH];
    uint8_t count;
    bool overrun; /* something was lost after the last byte read */
} uart_t;

/* The registers after a reset; bytes already on the wire to the chip still come. */
void uart_reset(uart_t *uart, uint64_t now);

/* Bytes whose stop bit has ended reach the chip, or nowhere where it does not listen. */
void uart_advance(uart_t *uart, uint64_t now, bool listening);

uint8_t uart_read(uart_t *uart);
bool uart_write(uart_t *uart, uint8_t byte, uint64_t now); /* false: no memory */
bool uart_send(uart_t *uart, uint64_t earliest, const uint8_t *bytes, size_t n);
void uart_free(uart_t *uart);

#endif
