/* SPDX-License-Identifier: MIT */
/* One chip, modelled as far as the firmware uses it. There is one of it in a loaded library. */
#ifndef HOST_ENGINE_H
#define HOST_ENGINE_H

#include "board.h"
#include "timer1/timer1.h"
#include "uart.h"

typedef struct {
    uint64_t now;
    timer1_t timer;
    uart_t uart;
    queue_t edges;
    uint8_t registers[256];
    uint8_t eeprom[BOARD_EEPROM_BYTES];
    uint64_t eeprom_ready;
    uint64_t tick_at; /* Timer0's next match */
    uint64_t tick_cycles;
    uint64_t bite_at;       /* the watchdog's */
    uint64_t stalled_until; /* the CPU stands still */
    bool ticked;            /* Timer0's flag */
    bool watched;           /* the watchdog is on */
    bool enabled;           /* interrupts */
    bool awake;             /* there is work for the main loop */
    bool asleep;            /* it sleeps */
    bool gate_closed;
    const char *error; /* the first one stays */
} engine_t;

extern engine_t engine;

void engine_fail(const char *what);

/* Let the models come up to that cycle; no interrupt is served. */
void engine_advance(uint64_t cycle);

/* Serve what waits, where interrupts are on. */
void engine_serve(void);

/* Nothing wants service before this cycle; always after now. */
uint64_t engine_next(void);

#endif
