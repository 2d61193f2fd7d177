/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Interrupt requests as levels, and how long Timer1's wait for their service. */
#include "chip.h"

/* The flag has the same place in its register as the mask's bit. */
static struct {
    uint8_t number, mask_register, bit;
} const sources[VECTORS] = {
    {10, TIMER1_TIMSK1, 5}, {11, TIMER1_TIMSK1, 1}, {12, TIMER1_TIMSK1, 2}, {13, TIMER1_TIMSK1, 0},
    {18, UART_UCSRB, 7},    {19, UART_UCSRB, 5},    {20, UART_UCSRB, 6},    {22, EEPROM_EECR, 3},
};

static uint8_t flag(int source) {
    return (uint8_t)(1U << sources[source].bit);
}

static int is_queued(const avr_t *avr, const avr_int_vector_t *vector) {
    const avr_int_pending_t *const queue = &avr->interrupts.pending;
    for (unsigned i = queue->read; i != queue->write; i = (i + 1) % avr_int_pending_fifo_size) {
        if (queue->buffer[i] == vector) {
            return 1;
        }
    }
    return 0;
}

/* simavr latches an interrupt when it is raised; here each follows its flag and its mask, as on the
 * chip. An entry that simavr's queue still holds is woken, not doubled. */
static void follow(board_t *board, int source, int wanted) {
    avr_t *const avr = board->avr;
    avr_int_vector_t *const vector = &board->vectors[source];
    if (!wanted) {
        vector->pending = 0;
        return;
    }
    if (vector->pending) {
        return;
    }
    if (source <= OVERFLOW && board->raised_at[source] == UINT64_MAX) {
        board->raised_at[source] = avr->cycle;
    }
    if (!is_queued(avr, vector)) {
        avr_raise_interrupt(avr, vector);
        return;
    }
    vector->pending = 1;
    if (avr->sreg[S_I] && avr->interrupt_state == 0) {
        avr->interrupt_state = 1;
    }
    if (avr->state == cpu_Sleeping) {
        avr->state = cpu_Running;
    }
}

void follow_all(board_t *board) {
    uint8_t const timer = timer1_flags(&board->timer) & board->timer.mask;
    uint8_t const uart = uart_flags(&board->uart) & board->uart.control;
    for (int source = CAPTURE; source <= OVERFLOW; source++) {
        if (!(timer & flag(source))) {
            board->raised_at[source] = UINT64_MAX;
        }
        follow(board, source, timer & flag(source));
    }
    for (int source = RECEIVED; source <= SENT; source++) {
        follow(board, source, uart & flag(source));
    }
    follow(board, EE_READY, eeprom_pending(&board->eeprom, board->avr->cycle));
}

static void note_latency(board_t *board, int source) {
    uint64_t const since = board->raised_at[source];
    uint64_t const entry = board->avr->cycle + SERVICE_CYCLES + (board->asleep ? WAKE_CYCLES : 0);
    if (since != UINT64_MAX && entry - since > board->worst_latency) {
        board->worst_latency = entry - since;
    }
}

static void on_service(struct avr_irq_t *irq, uint32_t value, void *param) {
    board_t *const board = param;
    int const number = (int)value;
    (void)irq;
    if (!number || board->avr->sreg[S_I]) { /* a return from an interrupt */
        return;
    }
    board->served = 1;
    if (number == sources[SENT].number) {
        uart_serve(&board->uart);
    }
    for (int source = CAPTURE; source <= OVERFLOW; source++) {
        if (number == sources[source].number) {
            note_latency(board, source);
            timer1_clear(&board->timer, flag(source));
            board->raised_at[source] = UINT64_MAX;
        }
    }
}

void advance_timer(board_t *board, uint64_t cycle) {
    for (uint64_t next = timer1_next(&board->timer); next <= cycle;
         next = timer1_next(&board->timer)) {
        uint8_t const before = timer1_flags(&board->timer);
        timer1_advance(&board->timer, next);
        uint8_t const news = timer1_flags(&board->timer) & board->timer.mask & (uint8_t)~before;
        for (int source = CAPTURE; news && source <= OVERFLOW; source++) {
            if (news & flag(source)) {
                board->raised_at[source] = next;
            }
        }
    }
    timer1_advance(&board->timer, cycle);
}

void forget_waiting(board_t *board) {
    for (int source = CAPTURE; source <= OVERFLOW; source++) {
        board->raised_at[source] = UINT64_MAX;
    }
}

void take_vectors(board_t *board) {
    for (int i = 0; i < VECTORS; i++) {
        board->vectors[i].vector = sources[i].number;
        board->vectors[i].enable = (avr_regbit_t){
            .reg = sources[i].mask_register, .bit = sources[i].bit & 7, .mask = 1};
        avr_register_vector(board->avr, &board->vectors[i]);
    }
    forget_waiting(board);
    avr_irq_register_notify(avr_get_interrupt_irq(board->avr, AVR_INT_ANY) + AVR_INT_IRQ_RUNNING,
                            on_service, board);
}

