/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "uart.h"

#include <string.h>

enum { FRAMING = 0x10, OVERRUN = 0x08, DOUBLE_SPEED = 0x02 };
enum { RECEIVE = 0x10, TRANSMIT = 0x08, BITS = 10 };

static uint32_t bit_cycles(const uart_t *uart) {
    return (uart->baud + 1U) * (uart->status & DOUBLE_SPEED ? 8U : 16U);
}

int uart_fits(uint32_t chip, double line) {
    return chip > line * 0.955 && chip < line * 1.045;
}

void uart_reset(uart_t *uart) {
    uart_sent_fn *const on_sent = uart->on_sent;
    void *const context = uart->context;
    memset(uart, 0, sizeof *uart);
    uart->on_sent = on_sent;
    uart->context = context;
    uart->format = 0x06;
}

uint8_t uart_flags(const uart_t *uart) {
    return (uint8_t)((uart->holding ? UART_RXC : 0) | (uart->status & UART_TXC) |
                     (uart->waiting ? 0 : UART_UDRE));
}

void uart_serve(uart_t *uart) {
    uart->status &= (uint8_t)~UART_TXC;
}

static void begin(uart_t *uart, uint8_t byte, uint64_t cycle) {
    uart->shifting = 1;
    uart->shift = byte;
    uart->done = cycle + (uint64_t)BITS * bit_cycles(uart);
}

static void transmit(uart_t *uart, uint8_t byte, uint64_t cycle) {
    if (!(uart->control & TRANSMIT)) {
        return;
    }
    if (uart->shifting) {
        uart->waiting = 1;
        uart->next = byte;
    } else {
        begin(uart, byte, cycle);
    }
}

void uart_advance(uart_t *uart, uint64_t cycle) {
    while (uart->shifting && uart->done <= cycle) {
        uint64_t const at = uart->done;
        uart->shifting = 0;
        uart->on_sent(uart->context, uart->shift, bit_cycles(uart), at);
        if (uart->waiting) {
            uart->waiting = 0;
            begin(uart, uart->next, at);
        } else {
            uart->status |= UART_TXC;
        }
    }
}

uint64_t uart_next(const uart_t *uart) {
    return uart->shifting ? uart->done : UINT64_MAX;
}

void uart_arrive(uart_t *uart, uint8_t byte, double line) {
    if (!(uart->control & RECEIVE)) {
        return;
    }
    if (uart->holding == UART_HELD) {
        uart->overrun = OVERRUN;
        return;
    }
    int const fits = uart_fits(bit_cycles(uart), line);
    uart->held[uart->holding].byte = fits ? byte : (uint8_t)~byte;
    uart->held[uart->holding].errors = (uint8_t)((fits ? 0 : FRAMING) | uart->overrun);
    uart->overrun = 0;
    uart->holding++;
}

static uint8_t receive(uart_t *uart) {
    uint8_t const byte = uart->held[0].byte;
    if (uart->holding) {
        uart->holding--;
        memmove(uart->held, uart->held + 1, sizeof uart->held - sizeof uart->held[0]);
    }
    return byte;
}

void uart_write(uart_t *uart, uint16_t address, uint8_t value, uint64_t cycle) {
    uart_advance(uart, cycle);
    switch (address) {
    case UART_UCSRA:
        uart->status = (uint8_t)((uart->status & ~value & UART_TXC) | (value & 0x03));
        break;
    case UART_UCSRB:
        if (!(value & RECEIVE)) {
            uart->holding = 0;
            uart->overrun = 0;
        }
        uart->control = value;
        break;
    case UART_UCSRC:
        uart->format = value;
        break;
    case UART_UBRRL:
        uart->baud = (uint16_t)((uart->baud & 0x0F00) | value);
        break;
    case UART_UBRRH:
        uart->baud = (uint16_t)((uart->baud & 0x00FF) | (value & 0x0F) << 8);
        break;
    default:
        transmit(uart, value, cycle);
    }
}

uint8_t uart_read(uart_t *uart, uint16_t address) {
    switch (address) {
    case UART_UCSRA:
        return (uint8_t)(uart_flags(uart) | (uart->status & 0x03) |
                         (uart->holding ? uart->held[0].errors : 0));
    case UART_UCSRB:
        return uart->control;
    case UART_UCSRC:
        return uart->format;
    case UART_UBRRL:
        return (uint8_t)uart->baud;
    case UART_UBRRH:
        return (uint8_t)(uart->baud >> 8);
    default:
        return receive(uart);
    }
}
