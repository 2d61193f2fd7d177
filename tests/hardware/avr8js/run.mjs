// SPDX-License-Identifier: MIT
// Runs the trigger firmware on avr8js and prints the edges of its two outputs as JSON.
//
// Standard input: {"hex": path, "lines": [command lines without LF], "limit_s": board seconds}
// Standard output: {"edges": [[cycle, channel, level], ...], "answers": [lines from the board]}
// A command is sent when the board has answered the one before; the run ends with EVT DONE.
import { readFileSync } from 'node:fs';
import {
  AVRClock, AVREEPROM, AVRIOPort, AVRTimer, AVRUSART, AVRWatchdog, CPU, EEPROMMemoryBackend,
  avrInstruction, clockConfig, portBConfig, portDConfig, timer0Config, timer1Config, usart0Config,
  watchdogConfig,
} from 'avr8js';

const CLOCK_HZ = 16_000_000;
const FLASH_WORDS = 0x4000;
// avr8js drops a byte that arrives while the firmware writes UCSRB: send when its sender is at rest.
const QUIET_CYCLES = 2_000;

function loadHex(path) {
  const bytes = new Uint8Array(FLASH_WORDS * 2).fill(0xff);
  for (const record of readFileSync(path, 'ascii').split(/\r?\n/)) {
    if (record[0] !== ':' || record.slice(7, 9) !== '00') continue;
    const count = parseInt(record.slice(1, 3), 16);
    const start = parseInt(record.slice(3, 7), 16);
    for (let i = 0; i < count; i++) bytes[start + i] = parseInt(record.slice(9 + 2 * i, 11 + 2 * i), 16);
  }
  return new Uint16Array(bytes.buffer);
}

function makeBoard(hex) {
  const cpu = new CPU(loadHex(hex));
  new AVRTimer(cpu, timer0Config);
  new AVRTimer(cpu, timer1Config);
  new AVREEPROM(cpu, new EEPROMMemoryBackend(1024));
  new AVRWatchdog(cpu, watchdogConfig, new AVRClock(cpu, CLOCK_HZ, clockConfig));
  new AVRIOPort(cpu, portDConfig).setPin(2, true); // gate input open: the pull-up holds it high
  const serial = new AVRUSART(cpu, usart0Config, CLOCK_HZ);
  // On the chip UDRE says that the register is empty as long as it is; avr8js clears it when the
  // interrupt is served. This makes it a level there too.
  serial.UDRE.constant = true;
  return { cpu, outputs: new AVRIOPort(cpu, portBConfig), serial };
}

// avr8js lets its clock events happen between instructions, up to four cycles late: an edge is
// stamped with the cycle for which its event was due.
let due = 0;

function recordEdges({ outputs }) {
  const edges = [];
  outputs.addListener((now, before) => {
    for (const channel of [1, 2]) {
      const mask = 1 << channel; // PB1 is channel 1, PB2 channel 2
      if ((now ^ before) & mask) edges.push([due, channel, now & mask ? 1 : 0]);
    }
  });
  return edges;
}

function converse({ cpu, serial }, lines) {
  const waiting = lines.map((line) => [...Buffer.from(`${line}\n`, 'ascii')]);
  const talk = { answers: [], done: false, sendAt: Infinity };
  let sending = [];
  const sendByte = () => sending.length && serial.writeByte(sending.shift());
  serial.onRxComplete = sendByte;
  serial.onLineTransmit = (line) => {
    talk.answers.push(line);
    talk.done ||= line.startsWith('EVT DONE');
    if (line.startsWith('EVT BOOT') || /^\d+:/.test(line)) talk.sendAt = cpu.cycles + QUIET_CYCLES;
  };
  talk.sendNext = () => {
    talk.sendAt = Infinity;
    sending = waiting.shift() ?? [];
    sendByte();
  };
  return talk;
}

const request = JSON.parse(readFileSync(0, 'utf8'));
const board = makeBoard(request.hex);
const edges = recordEdges(board);
const talk = converse(board, request.lines);
const limit = request.limit_s * CLOCK_HZ;
const settle = CLOCK_HZ / 100; // ten milliseconds more, in which nothing may move
let end = limit;
while (board.cpu.cycles < end) {
  avrInstruction(board.cpu);
  due = Math.min(board.cpu.cycles, board.cpu.nextClockEvent?.cycles ?? Infinity);
  board.cpu.tick();
  if (board.cpu.cycles >= talk.sendAt) talk.sendNext();
  if (talk.done && end === limit) end = Math.min(limit, board.cpu.cycles + settle);
}
process.stdout.write(JSON.stringify({ edges, answers: talk.answers }));
