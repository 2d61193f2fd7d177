/* SPDX-License-Identifier: MIT */
/* How every reply begins. */
#include "command.h"
#include "line.h"

static void begin(const command_t *command) {
    if (command->number != 0) {
        line_begin_kept();
    } else {
        line_begin();
    }
    line_number(command->number);
    line_char(':');
}

void reply_ok(const command_t *command) {
    begin(command);
    line_text(TEXT("OK"));
}

void reply_error(const command_t *command, uint8_t error) {
    begin(command);
    reply_error_words(error);
}

static const char *error_word(uint8_t error) {
    switch (error) {
    case ERROR_CRC:
        return TEXT("crc");
    case ERROR_UNKNOWN:
        return TEXT("unknown");
    case ERROR_RANGE:
        return TEXT("range");
    case ERROR_STATE:
        return TEXT("state");
    case ERROR_TOO_LONG:
        return TEXT("too-long");
    case ERROR_SEQUENCE:
        return TEXT("sequence");
    case ERROR_PROGRAM:
        return TEXT("program");
    default:
        return TEXT("syntax");
    }
}

void reply_error_words(uint8_t error) {
    line_text(TEXT("ERR "));
    line_number(error);
    line_char(' ');
    line_text(error_word(error));
}
