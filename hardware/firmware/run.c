/* SPDX-License-Identifier: MIT */
#include "run.h"

#include "field.h"
#include "gate.h"
#include "report.h"

static enum state state;
static enum cause cause;
static uint16_t number;
static program_t program;
static uint32_t frames;
static uint32_t heard;

void run_begin(void) {
    state = IDLE;
    cause = BY_COUNT;
    number = 0;
    heard = 0;
}

enum state run_state(void) { return state; }
enum cause run_cause(void) { return cause; }
uint16_t run_number(void) { return number; }
void run_heard(uint32_t stamp) { heard = stamp; }

const char *run_state_name(void) {
    switch (state) {
    case WAITING:
        return TEXT("waiting");
    case RUNNING:
        return TEXT("running");
    case STOPPING:
        return TEXT("stopping");
    case FAULT:
        return TEXT("fault");
    case IDLE:
        break;
    }
    return TEXT("idle");
}

static void over(enum state next) {
    state = next;
    put(PORTB, get(PORTB) & (uint8_t)~MASK(PORTB5));
    report_done();
}

static void launch(void) {
    state = RUNNING;
    put(PORTB, get(PORTB) | MASK(PORTB5));
    report_start(sequencer_start(&program, frames), &program);
}

void run_start(const program_t *new_program, uint32_t new_frames, uint32_t stamp) {
    program = *new_program;
    frames = new_frames;
    heard = stamp;
    cause = BY_COUNT;
    number = number == UINT16_MAX ? 1 : (uint16_t)(number + 1);
    sequencer_begin(); /* a run that never gets past the gate has completed nothing */
    report_run();
    if (field_value(GATE) != 0 && !gate_closed()) {
        state = WAITING;
    } else {
        launch();
    }
}

void run_stop(enum cause why) {
    if (state == WAITING) {
        cause = why;
        over(IDLE);
    } else if (state == RUNNING) {
        cause = why;
        state = STOPPING;
        sequencer_stop();
    }
}

static bool host_silent(void) {
    const uint32_t longest = field_value(HB) * TIMER_TICKS_PER_MS;
    return longest != 0 && timer_count() - heard > longest;
}

void run_step(void) {
    late_t late;
    if (state == RUNNING || state == STOPPING) {
        const bool active = sequencer_active(); /* before late: a fault between the two is seen */
        if (sequencer_late(&late)) {
            cause = BY_FAULT;
            report_fault(&late);
            over(FAULT);
        } else if (!active) {
            over(IDLE);
        }
    }
    if (state == WAITING && gate_closed()) {
        launch();
    }
    if (state == RUNNING && field_value(GATE) != 0 && !gate_closed()) {
        run_stop(BY_GATE);
    }
    if ((state == RUNNING || state == WAITING) && host_silent()) {
        run_stop(BY_HEARTBEAT);
    }
}

void run_abort(void) {
    run_step(); /* what has happened by itself is reported as that */
    const enum state was = state;
    sequencer_abort();
    state = IDLE;
    if (was == WAITING || was == RUNNING || was == STOPPING) {
        cause = BY_ABORT;
        over(IDLE);
    }
}
