/* SPDX-License-Identifier: MIT */
#include "field.h"

#define SHORTEST_PERIOD 2000UL     /* ticks */
#define LONGEST_PERIOD 20000000UL  /* ticks */
#define SHORTEST_HEARTBEAT 100UL   /* ms, unless 0 */
#define HALF_HOUR 3600000000UL     /* ticks */

typedef struct {
    char name[5];
    uint32_t least;
    uint32_t most;
    uint32_t start;
} range_t;

static const range_t ranges[FIELDS] FLASH = {
    [W1] = {"W1", 100, 60000, 32000},
    [D1] = {"D1", 0, 16000000, 0},
    [W2] = {"W2", 100, 60000, 4000},
    [D2] = {"D2", 0, 16000000, 14000},
    [PN] = {"PN", SHORTEST_PERIOD, 4294967295, 400000},
    [PD] = {"PD", 1, 65535, 3},
    [HB] = {"HB", 0, 500, 500},
    [GATE] = {"GATE", 0, 1, 0},
};

static uint32_t values[FIELDS];

static range_t range_of(enum field field) {
    range_t range;
    flash_copy(&range, &ranges[field], sizeof range);
    return range;
}

void field_begin(void) {
    for (uint8_t i = 0; i < FIELDS; i++) {
        values[i] = range_of((enum field)i).start;
    }
}

enum field field_named(const char *name) {
    for (uint8_t i = 0; i < FIELDS; i++) {
        const char *mine = ranges[i].name;
        const char *theirs = name;
        while (flash_char(mine) != '\0' && flash_char(mine) == *theirs) {
            mine++;
            theirs++;
        }
        if (flash_char(mine) == '\0' && (*theirs == '\0' || *theirs == ' ')) {
            return (enum field)i;
        }
    }
    return FIELDS;
}

const char *field_name(enum field field) { return ranges[field].name; }

uint32_t field_value(enum field field) { return values[field]; }

bool field_set(enum field field, uint32_t value) {
    const range_t range = range_of(field);
    if (value < range.least || value > range.most ||
        (field == HB && value != 0 && value < SHORTEST_HEARTBEAT)) {
        return false;
    }
    values[field] = value;
    return true;
}

/* Without a heartbeat nobody may be there to stop it: it must end by itself within two hours. */
static bool too_long_unheard(uint32_t frames, uint32_t period) {
    const uint32_t most = 4 * (HALF_HOUR / period) + 4 * (HALF_HOUR % period) / period;
    return values[HB] == 0 && (frames == 0 || frames > most);
}

enum misfit field_program(uint32_t frames, program_t *program) {
    program->parts = (uint16_t)values[PD];
    program->whole = values[PN] / program->parts;
    program->part = (uint16_t)(values[PN] % program->parts);
    if (program->whole < SHORTEST_PERIOD || program->whole > LONGEST_PERIOD ||
        (program->whole == LONGEST_PERIOD && program->part != 0) ||
        too_long_unheard(frames, program->whole)) {
        return MISFIT_BOTH;
    }
    for (uint8_t i = 0; i < CHANNELS; i++) {
        const uint32_t width = values[i == 0 ? W1 : W2];
        program->width[i] = (uint16_t)width;
        program->delay[i] = values[i == 0 ? D1 : D2];
        if (program->delay[i] + width + SEQUENCER_GAP > program->whole) {
            return i == 0 ? MISFIT_FIRST : MISFIT_SECOND;
        }
    }
    return MISFIT_NONE;
}
