/* SPDX-License-Identifier: MIT */
#include "controller.h"

#include "cause.h"
#include "field.h"
#include "gate.h"
#include "line.h"
#include "name.h"
#include "protocol.h"
#include "report.h"
#include "run.h"
#include "serial.h"
#include "tick.h"

static bool event_owed; /* an answer went last: now an event may, or a busy host would starve them */

void controller_begin(void) {
    timer_begin(); /* first: it makes the pins safe where the start-up code did not run */
    cause_begin();
    serial_begin();
    gate_begin();
    name_begin();
    field_begin();
    sequencer_begin();
    run_begin();
    protocol_begin();
    report_begin();
    event_owed = false;
    tick_begin();
    chip_enable();
}

static void talk(void) {
    const bool waiting = protocol_collect();
    const bool due = report_due();
    if (!line_room()) {
        return; /* the serial handler wakes us when there is */
    }
    if (waiting && !(event_owed && due) && protocol_answer()) {
        event_owed = true;
        chip_wake();
    } else if (due) {
        report_send();
        event_owed = false;
        chip_wake();
    }
}

void controller_step(void) {
    chip_awake(); /* before the work: what an interrupt adds meanwhile wakes us again */
    if (tick_take()) {
        gate_tick();
    }
    run_step();
    name_step();
    talk();
    chip_kick(); /* here and nowhere else */
}
