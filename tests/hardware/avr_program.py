"""Small programs for the emulated chip, compiled where a test needs them."""

import shutil
import subprocess
from pathlib import Path

import pytest

HEAD = """
#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
static void line(void) {
    UCSR0A = 1 << U2X0; UBRR0 = 3; UCSR0B = 1 << RXEN0 | 1 << TXEN0;
}
static void say(uint8_t byte) { while (!(UCSR0A & 1 << UDRE0)) { } UDR0 = byte; }
static uint8_t hear(void) { while (!(UCSR0A & 1 << RXC0)) { } return UDR0; }
static inline void unused(void) { (void)line; (void)say; (void)hear; }
"""


def compiled(folder: Path, source: str, *flags: str) -> Path:
    """Path of the image of a C program for an ATmega328P at 16 MHz; `HEAD` stands before it."""
    if shutil.which("avr-gcc") is None:
        pytest.skip("no avr-gcc: sudo apt install gcc-avr avr-libc")
    text, elf, image = folder / "program.c", folder / "program.elf", folder / "program.hex"
    text.write_text(HEAD + source)
    chip = ["-mmcu=atmega328p", "-Os", "-std=gnu11", "-DF_CPU=16000000UL"]
    run(["avr-gcc", *chip, *flags, str(text), "-o", str(elf)])
    run(["avr-objcopy", "-O", "ihex", str(elf), str(image)])
    return image


def run(words: list[str]) -> None:
    """Run a tool that must succeed."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
