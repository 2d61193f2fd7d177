/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registers of Timer1, USART0, the EEPROM and the ports, as instructions see them. */
#include <simavr/avr_extint.h>
#include <simavr/avr_ioport.h>

#include "chip.h"

enum { SBI = 0x9A00, CHANNEL_PINS = 0x06, GATE_PIN = 2 };

void plan(board_t *board, avr_cycle_timer_t call, uint64_t cycle) {
    avr_t *const avr = board->avr;
    if (cycle == UINT64_MAX) {
        avr_cycle_timer_cancel(avr, call, board);
    } else {
        avr_cycle_timer_register(avr, cycle > avr->cycle ? cycle - avr->cycle : 0, call, board);
    }
}

static avr_cycle_count_t on_timer(struct avr_t *avr, avr_cycle_count_t when, void *param) {
    board_t *const board = param;
    (void)when;
    advance_timer(board, avr->cycle);
    follow_all(board);
    uint64_t const next = timer1_next(&board->timer);
    return next == UINT64_MAX ? 0 : next;
}

void plan_timer(board_t *board) {
    plan(board, on_timer, timer1_next(&board->timer));
}

static uint16_t opcode(const avr_t *avr) {
    return (uint16_t)(avr->flash[avr->pc] | avr->flash[avr->pc + 1] << 8);
}

/* IN and OUT move their byte in their only cycle, everything else in its second one. */
static uint64_t access_cycle(const avr_t *avr) {
    return avr->cycle + ((opcode(avr) & 0xF000) == 0xB000 ? 0 : 1);
}

static uint8_t read_timer(struct avr_t *avr, avr_io_addr_t address, void *param) {
    board_t *const board = param;
    advance_timer(board, access_cycle(avr));
    return timer1_read(&board->timer, address, board->timer.now);
}

static void write_timer(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    board_t *const board = param;
    uint16_t const code = opcode(avr);
    if (address == TIMER1_TIFR1 && (code & 0xFF00) == SBI) {
        value = (uint8_t)(1 << (code & 7)); /* SBI touches its one bit, simavr writes back all */
    }
    advance_timer(board, access_cycle(avr));
    timer1_write(&board->timer, address, value, board->timer.now);
    avr->data[address] = value;
    follow_all(board);
    plan_timer(board);
}

static void on_level(void *context, int channel, int level, uint64_t cycle) {
    board_t *const board = context;
    if (queue_push(&board->edges, cycle, (uint8_t)channel, (uint8_t)level)) {
        fail(board, "no memory for edges; fetch them more often");
    }
}

static void write_port(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    board_t *const board = param;
    int const i = address - PINB;
    uint16_t const code = opcode(avr);
    if (address == PINB && (code & 0xFF00) == SBI) {
        value = (uint8_t)(1 << (code & 7));
    }
    board->port_write[i].call(avr, address, value, board->port_write[i].param);
    advance_timer(board, access_cycle(avr));
    timer1_port(&board->timer, avr->data[DDRB], avr->data[PORTB], board->timer.now);
}

static uint8_t read_pins(struct avr_t *avr, avr_io_addr_t address, void *param) {
    board_t *const board = param;
    uint8_t pins = board->pins_read(avr, address, board->pins_param);
    advance_timer(board, access_cycle(avr));
    pins &= (uint8_t)~CHANNEL_PINS;
    return (uint8_t)(pins | timer1_level(&board->timer, 1) << 1 |
                     timer1_level(&board->timer, 2) << 2);
}

/* Closed: to ground. Open: as high as the chip's own pull-up makes it; without that, low. */
void set_gate(board_t *board) {
    avr_t *const avr = board->avr;
    avr_ioport_external_t external = {.name = 'D', .mask = board->gate_closed ? 1 << GATE_PIN : 0};
    int const pulled = !board->gate_closed && ((avr->data[PORTD] & ~avr->data[DDRD]) >> GATE_PIN) & 1;
    avr_extint_set_strict_lvl_trig(avr, 0, 0); /* simavr would look at a low PD2 in every cycle */
    avr_ioctl(avr, AVR_IOCTL_IOPORT_SET_EXTERNAL('D'), &external);
    avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('D'), GATE_PIN), (uint32_t)pulled);
}

static avr_cycle_count_t on_uart(struct avr_t *avr, avr_cycle_count_t when, void *param) {
    board_t *const board = param;
    (void)when;
    uart_advance(&board->uart, avr->cycle);
    follow_all(board);
    uint64_t const next = uart_next(&board->uart);
    return next == UINT64_MAX ? 0 : next;
}

static void on_sent(void *context, uint8_t byte, uint32_t bit_cycles, uint64_t cycle) {
    board_t *const board = context;
    uint8_t const heard = uart_fits(bit_cycles, board->bit_cycles) ? byte : (uint8_t)~byte;
    if (queue_push(&board->sent, cycle, heard, 0)) {
        fail(board, "no memory for what the chip says; fetch it more often");
    }
}

static avr_cycle_count_t on_byte(struct avr_t *avr, avr_cycle_count_t when, void *param) {
    board_t *const board = param;
    const board_edge_t *next;
    (void)when;
    while ((next = queue_front(&board->coming)) && next->cycle <= avr->cycle) {
        uart_arrive(&board->uart, next->channel, board->bit_cycles);
        queue_pop(&board->coming);
    }
    follow_all(board);
    return next ? next->cycle : 0;
}

void plan_line(board_t *board) {
    const board_edge_t *const next = queue_front(&board->coming);
    plan(board, on_byte, next ? next->cycle : UINT64_MAX);
}

static uint8_t read_uart(struct avr_t *avr, avr_io_addr_t address, void *param) {
    board_t *const board = param;
    uart_advance(&board->uart, avr->cycle);
    uint8_t const value = uart_read(&board->uart, address);
    follow_all(board);
    return value;
}

static void write_uart(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    board_t *const board = param;
    uart_write(&board->uart, address, value, avr->cycle);
    avr->data[address] = value;
    follow_all(board);
    plan(board, on_uart, uart_next(&board->uart));
}

static avr_cycle_count_t on_written(struct avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)avr;
    (void)when;
    follow_all(param);
    return 0;
}

void plan_memory(board_t *board) {
    if (board->eeprom.busy_until > board->avr->cycle) {
        plan(board, on_written, board->eeprom.busy_until);
    }
}

static uint8_t read_eeprom(struct avr_t *avr, avr_io_addr_t address, void *param) {
    board_t *const board = param;
    return eeprom_read(&board->eeprom, address, avr->cycle);
}

static void write_eeprom(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    board_t *const board = param;
    eeprom_write(&board->eeprom, address, value, avr->cycle);
    avr->data[address] = value;
    follow_all(board);
    plan_memory(board);
}

static void on_shift(void *context, uint8_t byte, uint64_t cycle) {
    board_t *const board = context;
    if (queue_push(&board->shifted, cycle, byte, 0)) {
        fail(board, "no memory for what the SPI shifts; fetch it more often");
    }
}

static uint8_t read_spi(struct avr_t *avr, avr_io_addr_t address, void *param) {
    board_t *const board = param;
    return spi_read(&board->spi, address, access_cycle(avr));
}

static void write_spi(struct avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    board_t *const board = param;
    spi_write(&board->spi, address, value, access_cycle(avr));
    avr->data[address] = value;
    if (board->spi.unsupported) {
        fail(board, board->spi.unsupported);
    }
}

static void take(board_t *board, avr_io_addr_t address, avr_io_read_t read, avr_io_write_t write) {
    avr_io_addr_t const i = AVR_DATA_TO_IO(address);
    board->avr->io[i].r.c = read;
    board->avr->io[i].r.param = board;
    board->avr->io[i].w.c = write;
    board->avr->io[i].w.param = board;
}

void take_registers(board_t *board) {
    static uint8_t const timer[] = {TIMER1_TIFR1, TIMER1_GTCCR, TIMER1_TIMSK1, 0x80, 0x81, 0x82, 0x84,
                                    0x85,         0x86,         0x87,          0x88, 0x89, 0x8A, 0x8B};
    static uint8_t const uart[] = {UART_UCSRA, UART_UCSRB, UART_UCSRC,
                                   UART_UBRRL, UART_UBRRH, UART_UDR};
    timer1_on_level(&board->timer, on_level, board);
    board->uart.on_sent = on_sent;
    board->uart.context = board;
    board->spi.on_shift = on_shift;
    board->spi.context = board;
    for (size_t i = 0; i < sizeof timer; i++) {
        take(board, timer[i], read_timer, write_timer);
    }
    for (size_t i = 0; i < sizeof uart; i++) {
        take(board, uart[i], read_uart, write_uart);
    }
    for (avr_io_addr_t address = EEPROM_EECR; address <= EEPROM_EEARH; address++) {
        take(board, address, read_eeprom, write_eeprom);
    }
    for (avr_io_addr_t address = SPI_SPCR; address <= SPI_SPDR; address++) {
        take(board, address, read_spi, write_spi);
    }
    for (avr_io_addr_t address = PINB; address <= PORTB; address++) {
        avr_io_addr_t const i = AVR_DATA_TO_IO(address);
        board->port_write[address - PINB].call = board->avr->io[i].w.c;
        board->port_write[address - PINB].param = board->avr->io[i].w.param;
        board->avr->io[i].w.c = write_port;
        board->avr->io[i].w.param = board;
    }
    board->pins_read = board->avr->io[AVR_DATA_TO_IO(PINB)].r.c;
    board->pins_param = board->avr->io[AVR_DATA_TO_IO(PINB)].r.param;
    board->avr->io[AVR_DATA_TO_IO(PINB)].r.c = read_pins;
    board->avr->io[AVR_DATA_TO_IO(PINB)].r.param = board;
}

