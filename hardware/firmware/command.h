/* SPDX-License-Identifier: MIT */
/* The verbs: what each command does and answers. Which command may be executed is protocol.c's. */
#ifndef COMMAND_H
#define COMMAND_H

#include "chip.h"

enum error {
    ERROR_SYNTAX = 1,
    ERROR_CRC,
    ERROR_UNKNOWN,
    ERROR_RANGE,
    ERROR_STATE,
    ERROR_TOO_LONG,
    ERROR_SEQUENCE,
    ERROR_PROGRAM
};

enum { ARGUMENTS = 2 };

/* A line taken apart. Words point into the line and end at a space or NUL. */
typedef struct {
    uint16_t number;
    uint8_t count; /* of arguments, also beyond those kept */
    const char *verb;
    const char *arguments[ARGUMENTS];
    uint32_t stamp; /* when its LF had arrived */
} command_t;

/* Do it and write the reply up to its end. False, and nothing written, where it cannot be done yet:
 * call again. */
bool command_execute(const command_t *command);

/* Whether a command's verb is this one (a string in flash). */
bool command_is(const command_t *command, const char *verb);

/* A decimal number without sign or leading zeros: 0, or the error. It ends its word. */
uint8_t command_number(const char *word, uint32_t *number);

/* Begin a reply. One to a numbered command is kept for line_repeat(). */
void reply_ok(const command_t *command);
void reply_error(const command_t *command, uint8_t error);

/* "ERR code word" in a line begun by other means. */
void reply_error_words(uint8_t error);

#endif
