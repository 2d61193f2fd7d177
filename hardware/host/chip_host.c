/* SPDX-License-Identifier: MIT */
/* The CPU's surroundings: registers, interrupts, Timer0's tick, watchdog, EEPROM, and time itself. */
#include "engine.h"

#include "chip_host.h"

/* How long things take on the chip, roughly: the edges do not depend on it, the latencies do. */
enum { ACCESS_CYCLES = 2, ENTER_CYCLES = 40, LEAVE_CYCLES = 30, EEPROM_CYCLES = 54400 };

engine_t engine;

void engine_fail(const char *what) {
    if (engine.error == NULL) {
        engine.error = what;
    }
}

void engine_advance(uint64_t cycle) {
    engine.now = cycle;
    timer1_advance(&engine.timer, cycle);
    uart_advance(&engine.uart, cycle, engine.registers[UCSR0B] & (1 << RXEN0));
    while (engine.tick_at <= cycle) {
        engine.ticked = true;
        engine.tick_at += engine.tick_cycles;
    }
}

/* The handler of the interrupt that comes first; its flag is cleared where its service does so. */
static void (*take_interrupt(void))(void) {
    const uint8_t *const registers = engine.registers;
    const uint8_t matches = timer1_flags(&engine.timer) & registers[TIMSK1];
    if (matches & TIMER1_OCFA) {
        timer1_clear(&engine.timer, TIMER1_OCFA);
        return TIMER1_COMPA_vect;
    }
    if (matches & TIMER1_OCFB) {
        timer1_clear(&engine.timer, TIMER1_OCFB);
        return TIMER1_COMPB_vect;
    }
    if (matches & TIMER1_TOV) {
        timer1_clear(&engine.timer, TIMER1_TOV);
        return TIMER1_OVF_vect;
    }
    if (engine.ticked && (registers[TIMSK0] & (1 << OCIE0A))) {
        engine.ticked = false;
        return TIMER0_COMPA_vect;
    }
    if (engine.uart.count && (registers[UCSR0B] & (1 << RXCIE0))) {
        return USART_RX_vect;
    }
    if (engine.now >= engine.uart.empty_at && (registers[UCSR0B] & (1 << UDRIE0))) {
        return USART_UDRE_vect;
    }
    return NULL;
}

void engine_serve(void) {
    void (*handler)(void);
    while (engine.enabled && (handler = take_interrupt()) != NULL) {
        engine.enabled = false;
        engine_advance(engine.now + ENTER_CYCLES);
        handler();
        engine_advance(engine.now + LEAVE_CYCLES);
        engine.enabled = true;
    }
}

uint64_t engine_next(void) {
    uint64_t next = timer1_next(&engine.timer);
    const event_t *const byte = queue_first(&engine.uart.coming);
    if (engine.tick_at < next) {
        next = engine.tick_at;
    }
    if (byte != NULL && byte->cycle < next) {
        next = byte->cycle;
    }
    if ((engine.registers[UCSR0B] & (1 << UDRIE0)) && engine.uart.empty_at < next) {
        next = engine.uart.empty_at;
    }
    return next > engine.now ? next : engine.now + 1;
}

static bool is_timer1(uint16_t address) {
    return address == TIFR1 || address == TIMSK1 || (address >= TCCR1A && address <= OCR1B + 1);
}

static void start_tick(void) {
    const bool runs = engine.registers[TCCR0A] == 1 << WGM01 &&
                      engine.registers[TCCR0B] == (1 << CS02 | 1 << CS00);
    engine.tick_cycles = 1024 * (engine.registers[OCR0A] + UINT64_C(1));
    engine.tick_at = runs ? engine.now + engine.tick_cycles : UINT64_MAX;
}

static void check_serial(void) {
    const uint8_t *const registers = engine.registers;
    if ((registers[UCSR0B] & (1 << TXEN0)) &&
        (registers[UBRR0] != 3 || registers[UBRR0 + 1] != 0 || !(registers[UCSR0A] & (1 << U2X0)))) {
        engine_fail("the serial port is not set to 500,000 baud");
    }
}

void host_put(uint16_t address, uint8_t value) {
    engine_advance(engine.now + ACCESS_CYCLES);
    if (address == UDR0) {
        if (!uart_write(&engine.uart, value, engine.now)) {
            engine_fail("no memory for the bytes sent");
        }
    } else {
        engine.registers[address] = value;
    }
    if (is_timer1(address)) {
        timer1_write(&engine.timer, address, value, engine.now);
    } else if (address == DDRB || address == PORTB) {
        timer1_port(&engine.timer, engine.registers[DDRB], engine.registers[PORTB], engine.now);
    } else if (address == TCCR0B || address == OCR0A) {
        start_tick();
    } else if (address == WDTCSR) {
        engine.watched = (value & (1 << WDE)) != 0;
        chip_kick();
    } else if (address == UCSR0B) {
        check_serial();
    }
    engine_serve();
}

uint8_t host_get(uint16_t address) {
    engine_advance(engine.now + ACCESS_CYCLES);
    uint8_t value = engine.registers[address];
    if (is_timer1(address)) {
        value = timer1_read(&engine.timer, address, engine.now);
    } else if (address == UDR0) {
        value = uart_read(&engine.uart);
    } else if (address == UCSR0A) {
        value = (uint8_t)((value & (1 << U2X0)) | (engine.uart.count ? 1 << RXC0 : 0) |
                          (engine.now >= engine.uart.empty_at ? 1 << UDRE0 : 0) |
                          (engine.uart.overrun ? 1 << DOR0 : 0));
    } else if (address == PINB) {
        value = (uint8_t)(timer1_level(&engine.timer, 1) << PINB1 |
                          timer1_level(&engine.timer, 2) << PINB2);
    } else if (address == PIND) {
        const bool pulled_up = engine.registers[PORTD] & (1 << PORTD2);
        value = engine.gate_closed || !pulled_up ? 0 : 1 << PIND2;
    }
    engine_serve();
    return value;
}

/* The high byte is written first and read last, as the chip's TEMP byte wants it. */
void host_put16(uint16_t address, uint16_t value) {
    host_put(address + 1, (uint8_t)(value >> 8));
    host_put(address, (uint8_t)value);
}

uint16_t host_get16(uint16_t address) {
    const uint8_t low = host_get(address);
    return (uint16_t)(host_get(address + 1) << 8 | low);
}

uint8_t chip_lock(void) {
    const bool before = engine.enabled;
    engine.enabled = false;
    return before;
}

void chip_unlock(uint8_t before) {
    engine.enabled = before;
    engine_serve();
}

void chip_enable(void) { chip_unlock(true); }
void chip_wake(void) { engine.awake = true; }
void chip_awake(void) { engine.awake = false; }

/* Two to the power of WDP times 2048 cycles of 128 kHz. */
void chip_kick(void) {
    const uint8_t power = engine.registers[WDTCSR] & 7;
    engine.bite_at =
        engine.watched ? engine.now + (UINT64_C(2048) << power) * (BOARD_CLOCK_HZ / 128000) : UINT64_MAX;
}

/* Amid a write the chip reads nothing: its data register keeps what it had, 0 after a reset. */
uint8_t chip_eeprom_read(uint16_t address) {
    return engine.now < engine.eeprom_ready ? 0 : engine.eeprom[address];
}

bool chip_eeprom_busy(void) {
    engine_advance(engine.now + ACCESS_CYCLES);
    return engine.now < engine.eeprom_ready;
}

void chip_eeprom_write(uint16_t address, uint8_t value) {
    engine.eeprom[address] = value;
    engine.eeprom_ready = engine.now + EEPROM_CYCLES;
}
