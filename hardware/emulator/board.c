/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An ATmega328P on a board, on libsimavr 1.6. The core, Timer0, ports, watchdog and flash are simavr's;
 * Timer1, USART0 and EEPROM are models after the datasheet that take over their registers.
 */
#include "board.h"

#include <simavr/sim_avr.h>
#include <simavr/sim_core.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip.h"
#include "image.h"

enum { FLAG_POWER = 0x01, FLAG_EXTERNAL = 0x02, NOISE = 0xA5 };

void fail(board_t *board, const char *what) {
    if (!board->error[0]) {
        snprintf(board->error, sizeof board->error, "%s (cycle %llu, program counter 0x%04X)", what,
                 (unsigned long long)board->avr->cycle, (unsigned)board->avr->pc);
    }
}

static _Thread_local board_t *running; /* simavr's logger is one for all and knows no board */

__attribute__((format(printf, 3, 0))) static void keep_errors(avr_t *avr, const int level,
                                                              const char *format, va_list words) {
    char text[200];
    char clean[sizeof text];
    size_t n = 0;
    (void)avr;
    if (level > LOG_ERROR || level == LOG_OUTPUT || !running) {
        return;
    }
    vsnprintf(text, sizeof text, format, words);
    for (const char *c = text; *c; c++) {
        if (*c == '\033') { /* simavr paints its errors red */
            c += strcspn(c, "m");
            if (!*c) {
                break;
            }
        } else if (*c >= ' ') {
            clean[n++] = *c;
        }
    }
    clean[n] = 0;
    fail(running, clean);
}

static avr_cycle_count_t on_limit(struct avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)avr;
    (void)when;
    (void)param;
    return 0; /* it has done its work: the core came back at this cycle */
}

/* What a reset leaves alone: memory, EEPROM, the line from the host, the gate, and time itself. */
static void restart(board_t *board, uint8_t cause) {
    avr_t *const avr = board->avr;
    uint8_t const before = cause == FLAG_POWER ? 0 : avr->data[MCUSR];
    advance_timer(board, avr->cycle);
    avr_reset(avr); /* sets the watchdog's own flag where that asked for it */
    avr->run = board->run;
    avr->run_cycle_limit = UINT32_MAX;
    avr->data[MCUSR] |= before | cause;
    timer1_reset(&board->timer, avr->cycle);
    uart_reset(&board->uart);
    eeprom_reset(&board->eeprom);
    spi_reset(&board->spi);
    board->stalled_until = 0;
    forget_waiting(board);
    set_gate(board);
    plan_line(board);
    plan_memory(board);
    if (board->limit > avr->cycle) {
        plan(board, on_limit, board->limit);
    }
}

/* Memory holds anything after power-up: noise, the same each time. */
static void power_up(board_t *board) {
    avr_t *const avr = board->avr;
    memset(avr->data, NOISE, 32);
    memset(avr->data + 0x100, NOISE, avr->ramend + 1U - 0x100U);
    restart(board, FLAG_POWER);
}

static avr_t *make_chip(const image_t *image) {
    avr_t *const avr = avr_make_mcu_by_name("atmega328p");
    if (!avr) {
        return NULL;
    }
    avr_init(avr);
    avr->frequency = BOARD_CLOCK_HZ;
    memcpy(avr->flash, image->flash, IMAGE_BYTES);
    avr->reset_pc = image->start;
    return avr;
}

board_t *board_open(const char *hex_path, const uint8_t *eeprom, size_t n, char *error,
                    size_t error_size) {
    image_t *const image = malloc(sizeof *image);
    board_t *const board = calloc(1, sizeof *board);
    avr_global_logger_set(keep_errors);
    if (!image || !board) {
        snprintf(error, error_size, "no memory for a board");
    } else if (n > EEPROM_BYTES) {
        snprintf(error, error_size, "the EEPROM has 1024 bytes, not %zu", n);
    } else if (image_load(image, hex_path, error, error_size) == 0) {
        board->avr = make_chip(image);
        if (!board->avr) {
            snprintf(error, error_size, "this libsimavr knows no atmega328p; install libsimavr-dev");
        }
    }
    free(image);
    if (!board || !board->avr) {
        free(board);
        return NULL;
    }
    board->run = board->avr->run;
    memset(board->eeprom.bytes, 0xFF, EEPROM_BYTES);
    if (n) {
        memcpy(board->eeprom.bytes, eeprom, n);
    }
    board->bit_cycles = BOARD_BYTE_CYCLES / 10.0;
    take_registers(board);
    take_vectors(board);
    power_up(board);
    return board;
}

void board_close(board_t *board) {
    if (!board) {
        return;
    }
    avr_terminate(board->avr);
    free(board->avr);
    queue_free(&board->edges);
    queue_free(&board->sent);
    queue_free(&board->coming);
    queue_free(&board->shifted);
    free(board);
}

/* One stretch of instructions up to the next thing that happens, or of sleep. simavr's own loop is not
 * used: it oversleeps by a cycle, serves interrupts in no time and ends a chip that sleeps for ever. */
static void step(board_t *board) {
    avr_t *const avr = board->avr;
    int const stalled = avr->cycle < board->stalled_until;
    avr_flashaddr_t next = avr->pc;
    board->asleep = avr->state == cpu_Sleeping;
    if (avr->state == cpu_Running && !stalled) {
        next = avr_run_one(avr);
    }
    avr_cycle_count_t const idle = avr_cycle_timer_process(avr);
    avr->pc = next;
    if (avr->run != board->run) {
        restart(board, 0);
        return;
    }
    if (stalled) {
        uint64_t const rest =
            board->stalled_until > avr->cycle ? board->stalled_until - avr->cycle : 0;
        avr->cycle += idle < rest ? idle : rest;
        return;
    }
    if (avr->state == cpu_Sleeping) {
        avr->cycle += idle;
    }
    if (board->asleep && avr->interrupt_state < 0) {
        avr->interrupt_state = 1; /* SEI's one instruction of grace was SLEEP itself */
    }
    if (avr->interrupt_state && avr->state == cpu_Running) {
        board->served = 0;
        avr_service_interrupts(avr);
        if (board->served) {
            avr->cycle += SERVICE_CYCLES + (board->asleep ? WAKE_CYCLES : 0);
            follow_all(board);
            plan_timer(board); /* a flag that was cleared can be set again */
        }
    }
}

static void run_core(board_t *board, uint64_t cycle) {
    board->limit = cycle;
    plan(board, on_limit, cycle);
    running = board;
    while (board->avr->cycle < cycle && !board->error[0]) {
        step(board);
        if (board->avr->state == cpu_Crashed) {
            fail(board, "the program has crashed");
        }
    }
    running = NULL;
}

int board_run_until(board_t *board, uint64_t cycle) {
    if (board->avr->cycle < cycle) {
        run_core(board, cycle);
    }
    if (timer1_unsupported(&board->timer)) {
        char text[128];
        snprintf(text, sizeof text, "Timer1's model does not do this: %s",
                 timer1_unsupported(&board->timer));
        fail(board, text);
    }
    if (board->error[0]) {
        return 1;
    }
    if (cycle > board->now) {
        board->now = cycle;
        advance_timer(board, cycle);
        uart_advance(&board->uart, cycle);
    }
    return 0;
}

uint64_t board_cycle(board_t *board) {
    return board->now;
}

const char *board_error(board_t *board) {
    return board->error[0] ? board->error : NULL;
}

void board_send_at(board_t *board, uint64_t cycle, const uint8_t *bytes, size_t n) {
    uint64_t const step_cycles = (uint64_t)(10.0 * board->bit_cycles + 0.5);
    for (size_t i = 0; i < n; i++) {
        uint64_t const soonest = board->line_free + step_cycles;
        uint64_t const wanted = cycle > board->now ? cycle : board->now;
        uint64_t const at = i == 0 && wanted > soonest ? wanted : soonest;
        if (queue_push(&board->coming, at, bytes[i], 0)) {
            fail(board, "no memory for what the host sends; send less at once");
            return;
        }
        board->line_free = at;
    }
    plan_line(board);
}

void board_send(board_t *board, const uint8_t *bytes, size_t n) {
    board_send_at(board, board->now + (uint64_t)(10.0 * board->bit_cycles + 0.5), bytes, n);
}

size_t board_receive(board_t *board, uint8_t *bytes, size_t n) {
    size_t got = 0;
    const board_edge_t *next;
    while (got < n && (next = queue_front(&board->sent)) && next->cycle <= board->now) {
        bytes[got++] = next->channel;
        queue_pop(&board->sent);
    }
    return got;
}

size_t board_edges(board_t *board, board_edge_t *edges, size_t n) {
    size_t got = 0;
    const board_edge_t *next;
    while (got < n && (next = queue_front(&board->edges)) && next->cycle <= board->now) {
        edges[got++] = *next;
        queue_pop(&board->edges);
    }
    return got;
}

void board_reset(board_t *board, int cause) {
    if (cause == BOARD_RESET_POWER) {
        power_up(board);
    } else {
        restart(board, FLAG_EXTERNAL);
    }
}

void board_gate(board_t *board, int closed) {
    board->gate_closed = closed != 0;
    set_gate(board);
}

void board_block(board_t *board, uint32_t cycles) {
    board->stalled_until = board->avr->cycle + cycles;
}

void board_hang(board_t *board) {
    board->stalled_until = UINT64_MAX;
}

size_t board_eeprom(board_t *board, uint8_t *bytes, size_t n) {
    size_t const most = n < EEPROM_BYTES ? n : EEPROM_BYTES;
    memcpy(bytes, board->eeprom.bytes, most);
    return most;
}

int board_level(board_t *board, int channel) {
    const board_edge_t *const next = queue_after(&board->edges, board->now, (uint8_t)channel);
    return next ? !next->level : timer1_level(&board->timer, channel);
}

void board_baud(board_t *board, uint32_t baud) {
    board->bit_cycles = (double)BOARD_CLOCK_HZ / (baud ? baud : 1);
}

uint64_t board_worst_latency(board_t *board) {
    uint64_t const worst = board->worst_latency;
    board->worst_latency = 0;
    return worst;
}

/* Bytes that the SPI has begun to shift out, as edges: the byte stands in `channel`. */
size_t board_spi(board_t *board, board_edge_t *bytes, size_t n) {
    size_t got = 0;
    const board_edge_t *next;
    while (got < n && (next = queue_front(&board->shifted)) && next->cycle <= board->now) {
        bytes[got++] = *next;
        queue_pop(&board->shifted);
    }
    return got;
}

/* Level that the chip gives port B's pin: 0 or 1, -1 where it is an input. */
int board_pin(board_t *board, int pin) {
    uint8_t const bit = (uint8_t)(1 << pin);
    return board->avr->data[DDRB] & bit ? (board->avr->data[PORTB] & bit) != 0 : -1;
}

size_t board_flash(board_t *board, uint8_t *bytes, size_t n) {
    size_t const most = n < IMAGE_BYTES ? n : IMAGE_BYTES;
    memcpy(bytes, board->avr->flash, most);
    return most;
}
