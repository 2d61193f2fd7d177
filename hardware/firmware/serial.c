/* SPDX-License-Identifier: MIT */
#include "serial.h"

#include "timer.h"

#define DIVISOR 3 /* 16 MHz / 8 / (3 + 1) = 500,000 baud exactly, double speed */
#define RX_SIZE 128
#define RX_LAST (RX_SIZE - 1)
#define STAMP_BYTES 4
#define LINE_ROOM 128 /* the longest line: when there is room for it again, the main loop may go on */

static struct {
    uint8_t bytes[RX_SIZE];
    volatile uint8_t head; /* written by the handler only */
    volatile uint8_t tail; /* written by the main loop only */
    bool torn;             /* something was lost after the last byte kept */
    bool fresh;            /* the last byte kept was an LF */
} rx;

static struct {
    uint8_t bytes[256]; /* as many as an index has values: it wraps by itself */
    volatile uint8_t head;
    volatile uint8_t tail;
} tx;

void serial_begin(void) {
    rx.head = 0;
    rx.tail = 0;
    rx.torn = false;
    rx.fresh = true;
    tx.head = 0;
    tx.tail = 0;
    put(UCSR0A, MASK(U2X0));
    put16(UBRR0, DIVISOR);
    put(UCSR0C, MASK(UCSZ01) | MASK(UCSZ00));
    put(UCSR0B, MASK(RXCIE0) | MASK(RXEN0) | MASK(TXEN0));
}

INLINE uint8_t keep(uint8_t head, uint16_t half) {
    rx.bytes[head] = (uint8_t)half;
    head = (head + 1) & RX_LAST;
    rx.bytes[head] = (uint8_t)(half >> 8);
    return (head + 1) & RX_LAST;
}

/* The time goes into the ring behind its LF, so that it cannot be mistaken for another line's. */
HANDLER(USART_RX_vect) {
    const uint8_t status = get(UCSR0A);
    const uint8_t byte = get(UDR0);
    uint8_t head = rx.head;
    const uint8_t used = (uint8_t)(head - rx.tail) & RX_LAST;
    if (status & MASK(DOR0)) {
        rx.torn = true;
    }
    if (byte == '\n' && rx.fresh && !rx.torn) {
        return; /* an empty line */
    }
    if ((status & MASK(FE0)) || used > RX_LAST - 2 - STAMP_BYTES) {
        rx.torn = true;
        return;
    }
    if (rx.torn) {
        rx.bytes[head] = SERIAL_DAMAGE;
        head = (head + 1) & RX_LAST;
        rx.torn = false;
    }
    rx.bytes[head] = byte;
    head = (head + 1) & RX_LAST;
    rx.fresh = byte == '\n';
    if (rx.fresh) {
        /* In halves: a 32-bit value would make the handler save eight registers more. */
        const uint16_t tick = timer_tick();
        head = keep(head, tick);
        head = keep(head, timer_turn(tick));
    }
    rx.head = head;
    if (rx.fresh || used >= RX_SIZE / 2) {
        chip_wake(); /* a byte amid a line can wait: the main loop sleeps on */
    }
}

bool serial_read(uint8_t *byte) {
    const uint8_t tail = rx.tail;
    if (tail == rx.head) {
        return false;
    }
    *byte = rx.bytes[tail];
    rx.tail = (tail + 1) & RX_LAST;
    return true;
}

uint32_t serial_stamp(void) {
    uint32_t stamp = 0;
    for (uint8_t i = 0; i < STAMP_BYTES; i++) {
        uint8_t byte = 0;
        serial_read(&byte);
        stamp |= (uint32_t)byte << (8 * i);
    }
    return stamp;
}

uint8_t serial_room(void) { return (uint8_t)(tx.tail - tx.head - 1); }

void serial_write(uint8_t byte) {
    const uint8_t head = tx.head;
    tx.bytes[head] = byte;
    tx.head = (uint8_t)(head + 1);
}

void serial_flush(void) {
    const uint8_t lock = chip_lock();
    put(UCSR0B, get(UCSR0B) | MASK(UDRIE0));
    chip_unlock(lock);
}

HANDLER(USART_UDRE_vect) {
    const uint8_t tail = tx.tail;
    if (tail == tx.head) {
        put(UCSR0B, get(UCSR0B) & (uint8_t)~MASK(UDRIE0));
        return;
    }
    put(UDR0, tx.bytes[tail]);
    tx.tail = (uint8_t)(tail + 1);
    if ((uint8_t)(tx.tail - tx.head - 1) == LINE_ROOM) {
        chip_wake();
    }
}
