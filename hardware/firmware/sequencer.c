/* SPDX-License-Identifier: MIT */
#include "sequencer.h"

/* While low, a channel goes to its next rise in hops that clear a pin that is low already: nothing
 * happens if they are served late. Only the last one sets. It is at least 4096 ticks (2 ms) long where
 * the program leaves room, so a late service has that long to arm it. */
#define HOP 8192
#define HALF_HOP 4096

/* Ticks: halt() takes less than this from its last look at the count until the pins are low. */
#define NEAR 16

enum phase { REST, HOPPING, RISING, HIGH };

typedef struct {
    enum phase phase;
    uint16_t at;        /* tick of the match that is armed */
    uint16_t part;      /* remainder of the frame's begin, in 1 / PD ticks */
    uint32_t left;      /* ticks from `at` to the rise */
    uint32_t begin;     /* count at which the frame begins */
    uint32_t completed; /* frames; also the number of the one in work */
} channel_t;

/* Touched by the handlers, and elsewhere under chip_lock() only. */
static channel_t channels[CHANNELS];
static program_t program;
static uint32_t limit;
static bool bounded;
static bool cut;
static bool is_late;
static late_t late;

void sequencer_begin(void) {
    for (uint8_t i = 0; i < CHANNELS; i++) {
        channels[i].phase = REST;
        channels[i].completed = 0;
    }
    cut = false;
    is_late = false;
}

INLINE bool falls_soon(uint8_t i) {
    return channels[i].phase == HIGH && (uint16_t)(channels[i].at - timer_tick()) < NEAR;
}

/* End everything; what the hardware has done but no handler has seen yet is still counted. No pin may
 * change between the look at it and its being forced, or what is told would not be what happened: no
 * match sets any more, and a fall that is near is let come. */
static void halt(void) {
    timer_clear_at_matches();
    while (falls_soon(0) || falls_soon(1)) {
    }
    const uint8_t levels = timer_levels();
    timer_force_low();
    for (uint8_t i = 0; i < CHANNELS; i++) {
        channel_t *const channel = &channels[i];
        if (levels & timer_pin(i)) {
            cut = true;
        } else if (channel->phase == HIGH) {
            channel->completed++;
        }
        channel->phase = REST;
    }
    chip_wake();
}

/* An edge could not be set in time: it would come a turn of the timer later, 32 ms. */
static void fail(uint8_t i) {
    is_late = true;
    late.channel = i;
    late.frame = channels[i].completed;
    halt();
}

/* Arm the match `step` ticks after the last one. False where that tick has passed without a match, as
 * it may after interrupts were blocked for long. The count is compared only after it has left the tick
 * in question, when the flag is certain. */
INLINE bool arm(uint8_t i, uint16_t step) {
    channel_t *const channel = &channels[i];
    const uint16_t from = channel->at;
    const uint16_t at = (uint16_t)(from + step);
    channel->at = at;
    timer_match_at(i, at);
    uint16_t passed;
    do {
        passed = (uint16_t)(timer_tick() - from);
    } while (passed == step);
    return passed < step || timer_matched(i);
}

INLINE uint16_t next_hop(channel_t *channel) {
    const uint32_t left = channel->left;
    uint16_t step = HOP;
    if (left <= HOP) {
        step = (uint16_t)left;
        channel->phase = RISING;
    } else if (left <= HOP + HALF_HOP) {
        step = HALF_HOP;
    }
    channel->left = left - step;
    return step;
}

/* The action is chosen before the match is moved: the old match lies behind, the new one may be near.
 * A hop that was missed is only one to skip; a missed rise is a fault. */
INLINE void approach(uint8_t i) {
    channel_t *const channel = &channels[i];
    bool in_time;
    do {
        const uint16_t step = next_hop(channel);
        if (channel->phase == RISING) {
            timer_set_at_match(i);
        }
        in_time = arm(i, step);
    } while (!in_time && channel->phase == HOPPING);
    if (!in_time) {
        fail(i);
    }
}

/* A pulse has ended. False where it was the last, else the next frame is the one to go for. */
INLINE bool next_frame(uint8_t i) {
    channel_t *const channel = &channels[i];
    const uint32_t completed = channel->completed + 1;
    channel->completed = completed;
    chip_wake();
    if (bounded && completed == limit) {
        channel->phase = REST;
        return false;
    }
    uint32_t period = program.whole;
    const uint16_t room = (uint16_t)(program.parts - program.part);
    uint16_t part = channel->part;
    if (part >= room) {
        part = (uint16_t)(part - room);
        period++;
    } else {
        part = (uint16_t)(part + program.part);
    }
    channel->part = part;
    channel->begin += period;
    channel->left = period - program.width[i];
    channel->phase = HOPPING;
    return true;
}

INLINE void matched(uint8_t i) {
    channel_t *const channel = &channels[i];
    const enum phase phase = channel->phase;
    if (phase == RISING) {
        channel->phase = HIGH;
        timer_clear_at_match(i);
        if (!arm(i, program.width[i])) {
            fail(i);
        }
    } else if (phase == HOPPING || (phase == HIGH && next_frame(i))) {
        approach(i);
    }
}

HANDLER(TIMER1_COMPA_vect) { matched(0); }
HANDLER(TIMER1_COMPB_vect) { matched(1); }

ticks_t sequencer_start(const program_t *new_program, uint32_t frames) {
    const uint8_t lock = chip_lock();
    program = *new_program;
    limit = frames;
    bounded = frames != 0;
    cut = false;
    is_late = false;
    timer_force_low();
    const ticks_t begin = ticks_sum(timer_now(), SEQUENCER_LEAD);
    for (uint8_t i = 0; i < CHANNELS; i++) {
        channel_t *const channel = &channels[i];
        channel->completed = 0;
        channel->part = 0;
        channel->begin = begin.low;
        channel->left = SEQUENCER_LEAD + program.delay[i];
        channel->phase = HOPPING;
        /* A pin changes at the end of the tick that matches: count from one before. */
        const uint16_t step = next_hop(channel);
        channel->at = (uint16_t)(begin.low - SEQUENCER_LEAD - 1 + step);
        timer_match_at(i, channel->at); /* far off, so the old match cannot set the pin */
        if (channel->phase == RISING) {
            timer_set_at_match(i);
        }
    }
    timer_watch_matches();
    chip_unlock(lock);
    return begin;
}

/* The channel that is further on says which frame has begun. The other one is at most one behind; it
 * goes on to the same number. */
void sequencer_stop(void) {
    const uint8_t lock = chip_lock();
    const channel_t *const ahead =
        &channels[channels[1].completed > channels[0].completed ? 1 : 0];
    const int32_t since = (int32_t)(timer_stamp() + SEQUENCER_MARGIN - ahead->begin);
    const uint32_t last = ahead->completed + (since >= 0 || ahead->phase == HIGH ? 1 : 0);
    if (!bounded || last < limit) {
        limit = last;
        bounded = true;
    }
    for (uint8_t i = 0; i < CHANNELS; i++) {
        channel_t *const channel = &channels[i];
        if (channel->completed == limit && channel->phase != REST) {
            timer_clear_at_match(i);
            channel->phase = REST;
        }
    }
    chip_wake();
    chip_unlock(lock);
}

void sequencer_abort(void) {
    const uint8_t lock = chip_lock();
    halt();
    chip_unlock(lock);
}

static enum phase phase_of(uint8_t channel) {
    const uint8_t lock = chip_lock();
    const enum phase phase = channels[channel].phase;
    chip_unlock(lock);
    return phase;
}

bool sequencer_active(void) { return phase_of(0) != REST || phase_of(1) != REST; }

bool sequencer_cut(void) { return cut; }

bool sequencer_late(late_t *what) {
    const uint8_t lock = chip_lock();
    const bool was = is_late;
    *what = late;
    chip_unlock(lock);
    return was;
}

uint32_t sequencer_completed(uint8_t channel) {
    const uint8_t lock = chip_lock();
    const uint32_t completed = channels[channel].completed;
    chip_unlock(lock);
    return completed;
}
