/* SPDX-License-Identifier: MIT */
#include "report.h"

#include "cause.h"
#include "line.h"
#include "run.h"
#include "version.h"

/* PULSE events wait in no queue: the next one follows from the schedule. A host that keeps the line
 * busy makes them fall behind; beyond this many the oldest is given up. */
#define BACKLOG 32

static bool boot_due;
static bool start_due;
static bool fault_due;
static bool done_due;
static late_t fault;
static ticks_t begin;  /* of the frame that is reported next */
static uint16_t part;  /* its remainder, in 1 / PD ticks */
static uint32_t whole; /* the frame period */
static uint16_t part_step;
static uint16_t parts;
static uint32_t reported; /* frames */
static uint16_t lost;

void report_begin(void) {
    boot_due = true;
    lost = 0;
    report_run();
}

void report_run(void) {
    start_due = false;
    fault_due = false;
    done_due = false;
    reported = 0;
}

void report_start(ticks_t first, const program_t *program) {
    begin = first;
    part = 0;
    whole = program->whole;
    part_step = program->part;
    parts = program->parts;
    start_due = true;
}

void report_fault(const late_t *late) {
    fault = *late;
    fault_due = true;
}

void report_done(void) { done_due = true; }

uint16_t report_lost(void) { return lost; }

/* Frames complete on both channels and not yet reported. */
static uint32_t behind(void) {
    const uint32_t first = sequencer_completed(0);
    const uint32_t second = sequencer_completed(1);
    return (first < second ? first : second) - reported;
}

bool report_due(void) {
    return boot_due || start_due || fault_due || done_due || behind() != 0;
}

static void next_frame(void) {
    const uint32_t sum = (uint32_t)part + part_step;
    const bool carry = sum >= parts;
    part = (uint16_t)(carry ? sum - parts : sum);
    begin = ticks_sum(begin, whole + carry);
    reported++;
}

static const char *cause_word(void) {
    switch (run_cause()) {
    case BY_STOP:
        return TEXT("stop");
    case BY_HEARTBEAT:
        return TEXT("heartbeat");
    case BY_GATE:
        return TEXT("gate");
    case BY_OPEN:
        return TEXT("open");
    case BY_ABORT:
        return TEXT("abort");
    case BY_FAULT:
        return TEXT("fault");
    case BY_COUNT:
        break;
    }
    return TEXT("count");
}

static void event(const char *name) {
    line_begin();
    line_text(TEXT("EVT "));
    line_text(name);
}

static void send_boot(void) {
    boot_due = false;
    line_break(); /* the reset may have torn a line, and BOOT must not be lost with it */
    event(TEXT("BOOT"));
    line_word(TEXT("cause"), cause_name());
    line_text(TEXT(" proto=" PROTOCOL_VERSION " fw=" FIRMWARE_VERSION));
}

static void send_start(void) {
    start_due = false;
    event(TEXT("START"));
    line_field(TEXT("run"), run_number());
    line_time(TEXT("t"), begin);
}

static void send_pulse(void) {
    while (behind() > BACKLOG) {
        next_frame();
        lost += lost != UINT16_MAX;
    }
    event(TEXT("PULSE"));
    line_field(TEXT("n"), reported);
    line_time(TEXT("t"), begin);
    next_frame();
}

static void send_fault(void) {
    fault_due = false;
    event(TEXT("FAULT cause=late"));
    line_field(TEXT("channel"), fault.channel + 1U);
    line_field(TEXT("n"), fault.frame);
}

static void send_done(void) {
    done_due = false;
    event(TEXT("DONE"));
    line_field(TEXT("run"), run_number());
    line_field(TEXT("n1"), sequencer_completed(0));
    line_field(TEXT("n2"), sequencer_completed(1));
    line_word(TEXT("cause"), cause_word());
    line_field(TEXT("cut"), sequencer_cut());
}

void report_send(void) {
    if (boot_due) {
        send_boot();
    } else if (start_due) {
        send_start();
    } else if (behind() != 0) {
        send_pulse();
    } else if (fault_due) {
        send_fault();
    } else {
        send_done();
    }
    line_end();
}
