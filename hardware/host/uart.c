/* SPDX-License-Identifier: MIT */
#include "uart.h"

#include "board.h"

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

void uart_reset(uart_t *uart, uint64_t now) {
    queue_cut(&uart->sent, now); /* a byte cut off by a reset is no byte */
    uart->shift_free = now;
    uart->empty_at = now;
    uart->count = 0;
    uart->overrun = false;
}

void uart_advance(uart_t *uart, uint64_t now, bool listening) {
    for (const event_t *next; (next = queue_first(&uart->coming)) && next->cycle <= now;) {
        if (listening && uart->count < UART_DEPTH) {
            uart->received[uart->count++] = next->what;
        } else {
            uart->overrun = listening;
        }
        queue_pop(&uart->coming);
    }
}

uint8_t uart_read(uart_t *uart) {
    const uint8_t byte = uart->received[0];
    uart->received[0] = uart->received[1];
    uart->received[1] = uart->received[2];
    if (uart->count) {
        uart->count--;
    }
    uart->overrun = false;
    return byte;
}

bool uart_write(uart_t *uart, uint8_t byte, uint64_t now) {
    uart->empty_at = later(now, uart->shift_free);
    uart->shift_free = uart->empty_at + BOARD_BYTE_CYCLES;
    return queue_push(&uart->sent, (event_t){.cycle = uart->shift_free, .what = byte});
}

bool uart_send(uart_t *uart, uint64_t earliest, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uart->line_free = later(uart->line_free + BOARD_BYTE_CYCLES, earliest);
        if (!queue_push(&uart->coming, (event_t){.cycle = uart->line_free, .what = bytes[i]})) {
            return false;
        }
    }
    return true;
}

void uart_free(uart_t *uart) {
    queue_free(&uart->coming);
    queue_free(&uart->sent);
}
