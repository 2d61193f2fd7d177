/* SPDX-License-Identifier: MIT */
#include "command.h"

#include "cause.h"
#include "field.h"
#include "gate.h"
#include "line.h"
#include "name.h"
#include "protocol.h"
#include "report.h"
#include "run.h"
#include "version.h"

typedef bool handler_t(const command_t *command);

static bool ends(char c) { return c == '\0' || c == ' '; }

bool command_is(const command_t *command, const char *verb) {
    const char *word = command->verb;
    while (flash_char(verb) != '\0' && flash_char(verb) == *word) {
        verb++;
        word++;
    }
    return flash_char(verb) == '\0' && ends(*word);
}

uint8_t command_number(const char *word, uint32_t *number) {
    if (*word == '0' && !ends(word[1])) {
        return ERROR_SYNTAX;
    }
    uint32_t value = 0;
    bool fits = true;
    for (; !ends(*word); word++) {
        const uint8_t digit = (uint8_t)(*word - '0');
        if (digit > 9) {
            return ERROR_SYNTAX;
        }
        fits = fits && (value < 429496729 || (value == 429496729 && digit <= 5));
        value = value * 10 + digit;
    }
    *number = value;
    return fits ? 0 : ERROR_RANGE;
}

static void refuse_state(const command_t *command) {
    reply_error(command, ERROR_STATE);
    line_word(TEXT("state"), run_state_name());
}

static void write_name(void) {
    line_char(' ');
    line_text(TEXT("name="));
    for (const char *c = name_text(); *c != '\0'; c++) {
        line_char(*c);
    }
}

static bool do_identify(const command_t *command) {
    reply_ok(command);
    line_text(TEXT(" proto=" PROTOCOL_VERSION " fw=" FIRMWARE_VERSION " chip=atmega328p"));
    line_field(TEXT("tick_ns"), TIMER_TICK_NS);
    write_name();
    return true;
}

static bool do_configuration(const command_t *command) {
    reply_ok(command);
    for (uint8_t i = 0; i < FIELDS; i++) {
        line_field(field_name((enum field)i), field_value((enum field)i));
    }
    return true;
}

static bool do_status(const command_t *command) {
    reply_ok(command);
    line_word(TEXT("state"), run_state_name());
    line_field(TEXT("run"), run_number());
    line_field(TEXT("n1"), sequencer_completed(0));
    line_field(TEXT("n2"), sequencer_completed(1));
    line_field(TEXT("bad"), protocol_bad());
    line_field(TEXT("lost"), report_lost());
    line_word(TEXT("boot"), cause_name());
    line_field(TEXT("gate"), gate_closed());
    line_time(TEXT("t"), timer_past(command->stamp));
    return true;
}

static bool set_name(const command_t *command) {
    const char *const name = command->arguments[1];
    if (!name_fits(name)) {
        reply_error(command, ERROR_RANGE);
        return true;
    }
    if (!name_keep(name)) {
        return false;
    }
    reply_ok(command);
    write_name();
    return true;
}

static bool is_name(const char *word) {
    const command_t command = {.verb = word};
    return command_is(&command, TEXT("NAME"));
}

static bool do_set(const command_t *command) {
    const char *const word = command->arguments[0];
    const enum field field = field_named(word);
    if (field == FIELDS && !is_name(word)) {
        reply_error(command, ERROR_UNKNOWN);
        return true;
    }
    if (run_state() != IDLE) {
        refuse_state(command);
        return true;
    }
    if (field == FIELDS) {
        return set_name(command);
    }
    uint32_t value;
    uint8_t error = command_number(command->arguments[1], &value);
    if (error == 0 && !field_set(field, value)) {
        error = ERROR_RANGE;
    }
    if (error != 0) {
        reply_error(command, error);
    } else {
        reply_ok(command);
        line_field(field_name(field), value);
    }
    return true;
}

static bool do_run(const command_t *command) {
    if (report_due()) {
        return false; /* the last run's events come before this one's */
    }
    uint32_t frames;
    program_t program;
    const uint8_t error = command_number(command->arguments[0], &frames);
    if (error != 0) {
        reply_error(command, error);
        return true;
    }
    if (run_state() != IDLE) {
        refuse_state(command);
        return true;
    }
    const enum misfit misfit = field_program(frames, &program);
    if (misfit != MISFIT_NONE) {
        reply_error(command, ERROR_PROGRAM);
        line_field(TEXT("channel"), misfit);
        return true;
    }
    run_start(&program, frames, command->stamp);
    reply_ok(command);
    line_field(TEXT("run"), run_number());
    line_field(TEXT("n"), frames);
    return true;
}

static bool answer_state(const command_t *command) {
    reply_ok(command);
    line_word(TEXT("state"), run_state_name());
    return true;
}

static bool do_stop(const command_t *command) {
    run_stop(BY_STOP);
    return answer_state(command);
}

static bool do_abort(const command_t *command) {
    run_abort();
    return answer_state(command);
}

static bool do_time(const command_t *command) {
    const uint32_t first = sequencer_completed(0);
    const uint32_t second = sequencer_completed(1);
    reply_ok(command);
    line_field(TEXT("n"), first < second ? first : second);
    line_time(TEXT("t"), timer_past(command->stamp));
    return true;
}

typedef struct {
    char verb[6];
    uint8_t arguments;
    handler_t *handler;
} verb_t;

static const verb_t verbs[] FLASH = {
    {"ID?", 0, do_identify}, {"CFG?", 0, do_configuration}, {"STAT?", 0, do_status},
    {"SET", 2, do_set},      {"RUN", 1, do_run},            {"STOP", 0, do_stop},
    {"ABORT", 0, do_abort},  {"HB", 0, do_time},            {"TIME?", 0, do_time},
};

bool command_execute(const command_t *command) {
    for (uint8_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (command_is(command, verbs[i].verb)) {
            verb_t verb;
            flash_copy(&verb, &verbs[i], sizeof verb);
            if (command->count == verb.arguments) {
                return verb.handler(command);
            }
            reply_error(command, ERROR_SYNTAX);
            return true;
        }
    }
    reply_error(command, ERROR_UNKNOWN);
    return true;
}
