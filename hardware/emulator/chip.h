/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands behind board.h here: simavr's core and the models that replace parts of it. */
#ifndef BSD_CHIP_H
#define BSD_CHIP_H

#include <simavr/sim_avr.h>

#include "../timer1/timer1.h"
#include "board.h"
#include "eeprom.h"
#include "queue.h"
#include "spi.h"
#include "uart.h"

enum { PINB = 0x23, DDRB = 0x24, PORTB = 0x25, DDRD = 0x2A, PORTD = 0x2B, MCUSR = 0x54 };
enum { SERVICE_CYCLES = 4, WAKE_CYCLES = 4 };

/* Interrupts that follow the models: the first four are Timer1's. */
enum { CAPTURE, MATCH_A, MATCH_B, OVERFLOW, RECEIVED, EMPTY, SENT, EE_READY, VECTORS };

struct board {
    avr_t *avr;
    avr_run_t run; /* simavr's watchdog replaces avr->run to ask for a reset */
    timer1_t timer;
    uart_t uart;
    eeprom_t eeprom;
    spi_t spi;
    avr_int_vector_t vectors[VECTORS];
    struct {
        avr_io_write_t call;
        void *param;
    } port_write[3]; /* simavr's own for PINB, DDRB, PORTB */
    avr_io_read_t pins_read;
    void *pins_param;
    queue_t edges, sent, coming, shifted;
    uint64_t now;           /* time as told: the core may be some cycles ahead */
    uint64_t limit;         /* where the core is to come back */
    uint64_t stalled_until; /* the CPU stands still */
    uint64_t line_free;     /* the last byte sent to the chip has come in */
    double bit_cycles;      /* of the line's other end */
    uint64_t raised_at[4];  /* since when Timer1's interrupts have been waiting, by vector */
    uint64_t worst_latency;
    int gate_closed, served, asleep;
    char error[256];
};

/* The first thing that went wrong stays as the board's error. */
void fail(board_t *board, const char *what);

/* Call it when `cycle` has come, UINT64_MAX for not at all. */
void plan(board_t *board, avr_cycle_timer_t call, uint64_t cycle);

/* Bring Timer1 up to `cycle`, taking note of when each interrupt began to wait. */
void advance_timer(board_t *board, uint64_t cycle);

/* Make each interrupt's request what its flag and its mask say. */
void follow_all(board_t *board);
void forget_waiting(board_t *board);
void take_vectors(board_t *board);

/* Hang the models in the place of simavr's registers; apply the gate. */
void take_registers(board_t *board);
void set_gate(board_t *board);

/* Plan what comes next, after a reset or where the model was changed from outside its registers. */
void plan_timer(board_t *board);
void plan_line(board_t *board);
void plan_memory(board_t *board);

#endif
