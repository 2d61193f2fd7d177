/* SPDX-License-Identifier: MIT */
/*
 * The firmware's chip.h where there is no chip: registers by their addresses, served by a model.
 *
 * Time moves with each access to a register, so a loop that waits for the timer ends here too.
 * Interrupts are served between accesses.
 */
#ifndef CHIP_HOST_H
#define CHIP_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Addresses in data space, ATmega328P. */
enum {
    PINB = 0x23,
    DDRB = 0x24,
    PORTB = 0x25,
    PIND = 0x29,
    DDRD = 0x2A,
    PORTD = 0x2B,
    TIFR1 = 0x36,
    TCCR0A = 0x44,
    TCCR0B = 0x45,
    OCR0A = 0x47,
    GPIOR1 = 0x4A,
    WDTCSR = 0x60,
    TIMSK0 = 0x6E,
    TIMSK1 = 0x6F,
    TCCR1A = 0x80,
    TCCR1B = 0x81,
    TCCR1C = 0x82,
    TCNT1 = 0x84,
    OCR1A = 0x88,
    OCR1B = 0x8A,
    UCSR0A = 0xC0,
    UCSR0B = 0xC1,
    UCSR0C = 0xC2,
    UBRR0 = 0xC4,
    UDR0 = 0xC6
};

/* Numbers of bits. */
enum { PORF = 0, EXTRF = 1, BORF = 2, WDRF = 3 };
enum { DDB1 = 1, DDB2 = 2, DDB5 = 5, PORTB5 = 5, DDD2 = 2, PORTD2 = 2, PIND2 = 2 };
enum { PINB1 = 1, PINB2 = 2 };
enum { COM1B0 = 4, COM1B1 = 5, COM1A0 = 6, COM1A1 = 7, CS11 = 1, FOC1B = 6, FOC1A = 7 };
enum { TOIE1 = 0, OCIE1A = 1, OCIE1B = 2, TOV1 = 0, OCF1A = 1, OCF1B = 2 };
enum { WGM01 = 1, CS00 = 0, CS02 = 2, OCIE0A = 1 };
enum { WDE = 3, WDCE = 4 };
enum { U2X0 = 1, DOR0 = 3, FE0 = 4, UDRE0 = 5, RXC0 = 7, TXEN0 = 3, RXEN0 = 4 };
enum { UDRIE0 = 5, RXCIE0 = 7, UCSZ00 = 1, UCSZ01 = 2 };

void host_put(uint16_t address, uint8_t value);
uint8_t host_get(uint16_t address);
void host_put16(uint16_t address, uint16_t value);
uint16_t host_get16(uint16_t address);

#define put(reg, value) host_put((reg), (uint8_t)(value))
#define get(reg) host_get(reg)
#define put16(reg, value) host_put16((reg), (uint16_t)(value))
#define get16(reg) host_get16(reg)

#define HANDLER(vector) void vector(void)
void TIMER1_COMPA_vect(void);
void TIMER1_COMPB_vect(void);
void TIMER1_OVF_vect(void);
void TIMER0_COMPA_vect(void);
void USART_RX_vect(void);
void USART_UDRE_vect(void);

#define FLASH
#define TEXT(text) (text)
#define flash_char(at) (*(at))
#define flash_copy(to, from, size) memcpy(to, from, size)

uint8_t chip_lock(void);
void chip_unlock(uint8_t before);
void chip_enable(void);
void chip_wake(void);
void chip_awake(void);
void chip_kick(void);
uint8_t chip_eeprom_read(uint16_t address);
bool chip_eeprom_busy(void);
void chip_eeprom_write(uint16_t address, uint8_t value);

#endif
