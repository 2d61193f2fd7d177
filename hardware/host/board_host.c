/* SPDX-License-Identifier: MIT */
/* board.h over the host build: the firmware's main loop, run up to a given cycle. */
#include <stdio.h>
#include <stdlib.h>

#include "chip_host.h"
#include "controller.h"
#include "engine.h"

enum { STEP_CYCLES = 300 }; /* about what one round of the main loop takes on the chip */

struct board {
    bool open;
    uint64_t now; /* time as told: the firmware may be one round of its loop ahead */
};

static board_t the_board;

static void note_edge(void *context, int channel, int level, uint64_t cycle) {
    (void)context;
    const event_t edge = {.cycle = cycle, .what = (uint8_t)channel, .level = (uint8_t)level};
    if (!queue_push(&engine.edges, edge)) {
        engine_fail("no memory for the edges");
    }
}

static void reset(uint8_t cause) {
    memset(engine.registers, 0, sizeof engine.registers);
    engine.registers[GPIOR1] = (uint8_t)(1 << cause); /* what start.c leaves there */
    timer1_reset(&engine.timer, engine.now);
    uart_reset(&engine.uart, engine.now);
    if (cause == PORF) {
        engine.eeprom_ready = engine.now; /* any other reset lets a write end that has begun */
    }
    engine.tick_at = UINT64_MAX;
    engine.stalled_until = 0;
    engine.ticked = false;
    engine.watched = false;
    engine.bite_at = UINT64_MAX;
    engine.enabled = false;
    engine.asleep = false;
    controller_begin();
}

board_t *board_open(const char *hex_path, const uint8_t *eeprom, size_t n, char *error,
                    size_t error_size) {
    (void)hex_path;
    if (the_board.open) {
        snprintf(error, error_size, "this copy of the host build has a board already");
        return NULL;
    }
    if (n > BOARD_EEPROM_BYTES) {
        snprintf(error, error_size, "the EEPROM has 1024 bytes, not %zu", n);
        return NULL;
    }
    memset(&engine, 0, sizeof engine);
    memset(engine.eeprom, 0xFF, sizeof engine.eeprom);
    if (n != 0) {
        memcpy(engine.eeprom, eeprom, n);
    }
    timer1_on_level(&engine.timer, note_edge, NULL);
    the_board.open = true;
    the_board.now = 0;
    reset(PORF);
    return &the_board;
}

void board_close(board_t *board) {
    uart_free(&engine.uart);
    queue_free(&engine.edges);
    board->open = false;
}

uint64_t board_cycle(board_t *board) {
    return board->now;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* Time goes by without the CPU: it stands still, or it sleeps. Ends early where the watchdog bites. */
static void pass(uint64_t until) {
    engine_advance(least(until, engine.bite_at));
    if (engine.now >= engine.bite_at) {
        reset(WDRF);
    }
}

/* One stretch: the CPU's standing still, its sleep up to the next event, or a round of its loop. */
static void go_on(uint64_t limit) {
    if (engine.now >= engine.bite_at) {
        reset(WDRF);
    }
    if (engine.now < engine.stalled_until) {
        pass(least(limit, engine.stalled_until));
        return;
    }
    engine_serve();
    if (engine.asleep && !engine.awake) {
        pass(least(limit, engine_next()));
        return;
    }
    engine.asleep = false;
    engine_advance(engine.now + STEP_CYCLES);
    engine_serve();
    controller_step();
    engine.asleep = true;
}

int board_run_until(board_t *board, uint64_t cycle) {
    while (engine.now < cycle && engine.error == NULL) {
        go_on(cycle);
        if (timer1_unsupported(&engine.timer) != NULL) {
            engine_fail(timer1_unsupported(&engine.timer));
        }
    }
    if (board_error(board) != NULL) {
        return 1;
    }
    if (cycle > board->now) {
        board->now = cycle;
    }
    return 0;
}

const char *board_error(board_t *board) {
    (void)board;
    return engine.error;
}

void board_send(board_t *board, const uint8_t *bytes, size_t n) {
    board_send_at(board, 0, bytes, n);
}

void board_send_at(board_t *board, uint64_t cycle, const uint8_t *bytes, size_t n) {
    if (n != 0 && engine.uart.line_free < board->now) {
        engine.uart.line_free = board->now;
    }
    if (!uart_send(&engine.uart, cycle, bytes, n)) {
        engine_fail("no memory for the bytes to send");
    }
}

size_t board_receive(board_t *board, uint8_t *bytes, size_t n) {
    size_t taken = 0;
    for (const event_t *byte; taken < n && (byte = queue_first(&engine.uart.sent)) != NULL &&
                              byte->cycle <= board->now;
         taken++) {
        bytes[taken] = byte->what;
        queue_pop(&engine.uart.sent);
    }
    return taken;
}

size_t board_edges(board_t *board, board_edge_t *edges, size_t n) {
    size_t taken = 0;
    for (const event_t *edge; taken < n && (edge = queue_first(&engine.edges)) != NULL &&
                              edge->cycle <= board->now;
         taken++) {
        edges[taken] =
            (board_edge_t){.cycle = edge->cycle, .channel = edge->what, .level = edge->level};
        queue_pop(&engine.edges);
    }
    return taken;
}

void board_reset(board_t *board, int cause) {
    (void)board;
    reset(cause == BOARD_RESET_POWER ? PORF : EXTRF);
}

void board_gate(board_t *board, int closed) {
    (void)board;
    engine.gate_closed = closed != 0;
}

void board_block(board_t *board, uint32_t cycles) {
    (void)board;
    engine.stalled_until = engine.now + cycles;
}

void board_hang(board_t *board) {
    (void)board;
    engine.stalled_until = UINT64_MAX;
}

size_t board_eeprom(board_t *board, uint8_t *bytes, size_t n) {
    (void)board;
    if (n > BOARD_EEPROM_BYTES) {
        n = BOARD_EEPROM_BYTES;
    }
    memcpy(bytes, engine.eeprom, n);
    return n;
}

int board_level(board_t *board, int channel) {
    const event_t *const next = queue_after(&engine.edges, board->now, (uint8_t)channel);
    return next != NULL ? !next->level : timer1_level(&engine.timer, channel);
}
