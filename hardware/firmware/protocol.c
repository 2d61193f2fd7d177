/* SPDX-License-Identifier: MIT */
#include "protocol.h"

#include <string.h>

#include "command.h"
#include "crc.h"
#include "line.h"
#include "run.h"
#include "serial.h"

enum { LONGEST = 63, TAIL = 5 }; /* characters of a line, and of "*" and CRC at its end */

static char text[LONGEST + 2]; /* the line that comes in, room for a CR and a NUL */
static uint8_t length;         /* more than LONGEST + 1 where it did not fit */
static bool waiting;           /* `text` is a command to answer */
static command_t command;
static uint16_t bad;

static bool opened; /* a conversation */
static uint16_t nonce;
static uint16_t last;                    /* number of the last command executed, 0 = none */
static char last_text[LONGEST + 1 - TAIL]; /* and what it said */

void protocol_begin(void) {
    length = 0;
    waiting = false;
    bad = 0;
    opened = false;
    nonce = 0;
    last = 0;
}

uint16_t protocol_bad(void) { return bad; }

static bool is_letter(char c) {
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'z';
}

static bool is_value(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* Check the CRC and cut it off. */
static bool crc_fits(void) {
    if (length < TAIL || text[length - TAIL] != '*') {
        return false;
    }
    length -= TAIL;
    uint16_t crc = CRC_START;
    for (uint8_t i = 0; i < length; i++) {
        crc = crc_add(crc, (uint8_t)text[i]);
    }
    for (uint8_t i = 0; i < TAIL - 1; i++) {
        const uint8_t nibble = (uint8_t)(crc >> 12);
        if (text[length + 1 + i] != (char)(nibble < 10 ? '0' + nibble : 'A' - 10 + nibble)) {
            return false;
        }
        crc = (uint16_t)(crc << 4);
    }
    text[length] = '\0';
    return true;
}

static bool read_number(const char **at) {
    const char *const first = *at;
    uint32_t number = 0;
    uint8_t digits = 0;
    for (; first[digits] >= '0' && first[digits] <= '9' && digits < 6; digits++) {
        number = number * 10 + (uint8_t)(first[digits] - '0');
    }
    *at = first + digits + 1;
    command.number = (uint16_t)number;
    return digits >= 1 && number <= UINT16_MAX && (*first != '0' || digits == 1) &&
           first[digits] == ':';
}

/* command = seq ":" verb *( SP argument ) */
static bool grammar_fits(void) {
    const char *at = text;
    if (!read_number(&at)) {
        return false;
    }
    command.verb = at;
    while (is_letter(*at) || *at == '?') {
        at++;
    }
    if (at == command.verb) {
        return false;
    }
    command.count = 0;
    while (*at == ' ') {
        at++;
        if (!is_value(*at)) {
            return false;
        }
        if (command.count < ARGUMENTS) {
            command.arguments[command.count] = at;
        }
        command.count++;
        while (is_value(*at)) {
            at++;
        }
    }
    return at == text + length; /* a NUL amid the line is no end */
}

static void refuse_damaged(uint8_t error) {
    bad += bad != UINT16_MAX;
    if (line_room()) { /* where they come faster than answers leave, counting them must do */
        line_begin();
        line_text(TEXT("?:"));
        reply_error_words(error);
        line_end();
    }
}

static void line_ended(void) {
    command.stamp = serial_stamp();
    if (length >= 1 && length <= LONGEST + 1 && text[length - 1] == '\r') {
        length--;
    }
    if (length > LONGEST) {
        refuse_damaged(ERROR_TOO_LONG);
    } else if (length != 0) {
        if (!crc_fits()) {
            refuse_damaged(ERROR_CRC);
        } else if (!grammar_fits()) {
            refuse_damaged(ERROR_SYNTAX);
        } else {
            waiting = true;
        }
    }
    length = 0;
}

bool protocol_collect(void) {
    uint8_t byte;
    while (!waiting && serial_read(&byte)) {
        if (byte == '\n') {
            line_ended();
            chip_wake(); /* one line a round: a flood of them must not hold up the rest */
            break;
        } else if (length <= LONGEST) {
            text[length++] = (char)byte;
        } else {
            length = LONGEST + 2;
        }
    }
    return waiting;
}

static uint16_t expected(void) {
    if (!opened) {
        return 0;
    }
    return last == UINT16_MAX ? 1 : (uint16_t)(last + 1);
}

/* Not kept: the reply to the command that this one is not stays the one to repeat. */
static void refuse_sequence(uint16_t expect) {
    line_begin();
    line_number(command.number);
    line_char(':');
    reply_error_words(ERROR_SEQUENCE);
    line_field(TEXT("expect"), expect);
}

static void open_conversation(void) {
    uint32_t number = 0;
    uint8_t error = command.count == 1 ? command_number(command.arguments[0], &number) : ERROR_SYNTAX;
    if (error == 0 && (number == 0 || number > UINT16_MAX)) {
        error = ERROR_RANGE;
    }
    if (error != 0) {
        reply_error(&command, error);
        return;
    }
    if (!opened || number != nonce) {
        run_stop(BY_OPEN);
        opened = true;
        nonce = (uint16_t)number;
        last = 0;
    }
    reply_ok(&command);
    line_field(TEXT("nonce"), nonce);
    line_field(TEXT("last"), last);
}

/* Number 0 stands outside the order. */
static void answer_outside(void) {
    if (command_is(&command, TEXT("OPEN"))) {
        open_conversation();
    } else if (command_is(&command, TEXT("ID?")) || command_is(&command, TEXT("STAT?"))) {
        command_execute(&command);
    } else {
        refuse_sequence(expected());
        return;
    }
    run_heard(command.stamp);
}

static bool is_repetition(void) {
    return opened && command.number == last && strcmp(text, last_text) == 0;
}

static bool answer_next(void) {
    if (!command_execute(&command)) {
        return false;
    }
    last = command.number;
    strcpy(last_text, text);
    run_heard(command.stamp);
    return true;
}

bool protocol_answer(void) {
    if (is_repetition() && last != 0) {
        run_heard(command.stamp);
        line_repeat();
        waiting = false;
        return true;
    }
    if (command.number == 0) {
        answer_outside();
    } else if (!opened || command.number != expected()) {
        refuse_sequence(expected());
    } else if (command_is(&command, TEXT("OPEN"))) {
        refuse_sequence(0);
    } else if (!answer_next()) {
        return false;
    }
    line_end();
    waiting = false;
    return true;
}
