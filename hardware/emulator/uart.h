/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * USART0 of the ATmega328P, asynchronous, 8 data bits, written after the datasheet (DS40002061,
 * chapter "USART0"): a receiver that holds three bytes, a transmitter with one byte of buffer.
 */
#ifndef BSD_UART_H
#define BSD_UART_H

#include <stdint.h>

enum { UART_UCSRA = 0xC0, UART_UCSRB, UART_UCSRC, UART_UBRRL = 0xC4, UART_UBRRH, UART_UDR };
/* The same bits are flags in UCSR0A and their interrupts' masks in UCSR0B. */
enum { UART_RXC = 0x80, UART_TXC = 0x40, UART_UDRE = 0x20 };
enum { UART_HELD = 3 };

typedef void uart_sent_fn(void *context, uint8_t byte, uint32_t bit_cycles, uint64_t cycle);

typedef struct uart {
    uart_sent_fn *on_sent; /* a byte's stop bit has left */
    void *context;
    uint8_t status; /* TXC and U2X of UCSR0A; the rest follows from what is held */
    uint8_t control;
    uint8_t format;
    uint16_t baud;
    struct {
        uint8_t byte, errors;
    } held[UART_HELD];
    uint8_t holding;
    uint8_t overrun;
    uint8_t shifting, shift, waiting, next; /* the byte that leaves, and the one behind it */
    uint64_t done;                          /* when the one that leaves has left */
} uart_t;

void uart_reset(uart_t *uart);
void uart_write(uart_t *uart, uint16_t address, uint8_t value, uint64_t cycle);
uint8_t uart_read(uart_t *uart, uint16_t address);

/* A byte has come in whole, sent with `bit_cycles` per bit. A line more than 4.5 % off is noise. */
void uart_arrive(uart_t *uart, uint8_t byte, double bit_cycles);
int uart_fits(uint32_t bit_cycles, double line_bit_cycles);

void uart_advance(uart_t *uart, uint64_t cycle);
uint64_t uart_next(const uart_t *uart); /* when the byte that leaves has left; UINT64_MAX: none */
uint8_t uart_flags(const uart_t *uart);
void uart_serve(uart_t *uart); /* the TXC interrupt's service clears its flag */

#endif
