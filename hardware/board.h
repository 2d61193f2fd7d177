/* SPDX-License-Identifier: MIT */
/*
 * One trigger controller in a box: a chip at 16 MHz with its serial line, two output pins and a gate.
 *
 * Two engines have this interface: the emulator (the real firmware image) and the host build (the same
 * C sources over the model of Timer1). Time is the absolute count of CPU cycles since power-up; it goes
 * on over resets and moves only in board_run_until().
 */
#ifndef BSD_BOARD_H
#define BSD_BOARD_H

#include <stddef.h>
#include <stdint.h>

enum { BOARD_CLOCK_HZ = 16000000, BOARD_BYTE_CYCLES = 320, BOARD_EEPROM_BYTES = 1024 };
enum { BOARD_RESET_POWER = 0, BOARD_RESET_EXTERNAL = 1 };

typedef struct board board_t;

/* A pin's level changed; channel 1 is OC1A on PB1, channel 2 is OC1B on PB2. */
typedef struct board_edge {
    uint64_t cycle;
    uint8_t channel;
    uint8_t level;
    uint8_t pad[6];
} board_edge_t;

/* The state after power-up at cycle 0. `eeprom` holds the first `n` bytes, the rest is erased (0xFF).
 * NULL, and one line in `error`, where that fails. The host engine has no image: hex_path is ignored. */
board_t *board_open(const char *hex_path, const uint8_t *eeprom, size_t n, char *error,
                    size_t error_size);
void board_close(board_t *board);

uint64_t board_cycle(board_t *board);

/* Run until that cycle and stop there (the program may be some cycles ahead, unseen). 0, or nonzero where it cannot go on: see board_error(). */
int board_run_until(board_t *board, uint64_t cycle);
const char *board_error(board_t *board); /* NULL where all is well */

/* Bytes to the chip, one per 320 cycles (10 bits at 500,000 baud): from now on or as soon as those
 * before them are through; with _at, the first one arrives at `cycle` at the earliest. */
void board_send(board_t *board, const uint8_t *bytes, size_t n);
void board_send_at(board_t *board, uint64_t cycle, const uint8_t *bytes, size_t n);

/* Take up to `n` bytes whose stop bit has left the chip, or edges that have happened. */
size_t board_receive(board_t *board, uint8_t *bytes, size_t n);
size_t board_edges(board_t *board, board_edge_t *edges, size_t n);

void board_reset(board_t *board, int cause);
void board_gate(board_t *board, int closed);

/* From now: no interrupt is served and the CPU stands still for so many cycles. */
void board_block(board_t *board, uint32_t cycles);

/* From now: the CPU runs in a circle with interrupts off until something resets it. */
void board_hang(board_t *board);

/* The first `n` bytes of the EEPROM as it is now; returns how many. */
size_t board_eeprom(board_t *board, uint8_t *bytes, size_t n);

int board_level(board_t *board, int channel);

/* An engine that executes the image has these too. */

/* Speed of the host's end of the line; bytes of a line that does not fit arrive as noise. */
void board_baud(board_t *board, uint32_t baud);

/* Most cycles between a flag of Timer1 whose interrupt was enabled and the first instruction of its
 * service, since this was last asked. */
uint64_t board_worst_latency(board_t *board);

/* The first `n` bytes of the flash as it is now: what a bootloader has written; returns how many. */
size_t board_flash(board_t *board, uint8_t *bytes, size_t n);

#endif
