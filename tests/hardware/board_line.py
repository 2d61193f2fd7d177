"""A board as the trigger client's line and clock: its time moves while the client waits."""

from hardware.board import CLOCK_HZ, Board

_SLICE_CYCLES = CLOCK_HZ // 5_000  # 200 µs


class BoardLine:
    """Transport and clock of one board in lock-step."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.name = "board"
        self.closed = False

    def monotonic_ns(self) -> int:
        return self._board.cycle * 1_000_000_000 // CLOCK_HZ

    def write(self, data: bytes) -> None:
        self._board.send(data)

    def read(self, timeout_s: float) -> bytes:
        limit = self._board.cycle + max(0, round(timeout_s * CLOCK_HZ))
        while not (got := self._board.receive()) and self._board.cycle < limit:
            self._board.run_until(min(limit, self._board.cycle + _SLICE_CYCLES))
        return got

    def close(self) -> None:
        self.closed = True
