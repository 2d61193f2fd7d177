"""What goes to a consumer that reads nothing."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from hardware.twin.frame import FrameHeader, FrameSink

pytestmark = pytest.mark.unit

FLAGS = struct.Struct("<2I")
CRASH = 1


def test_a_crash_waits_for_the_frame_under_way_and_its_caller_does_not() -> None:
    mine, consumers = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with mine, consumers, consumers.makefile("rb") as told:
        sink = FrameSink(mine)
        size = 4_000_000  # beyond any buffer of the socket
        header = FrameHeader(0, 0, 2000, 2000, 0x01080001, size, size)
        sender = threading.Thread(target=sink.send, args=(header, bytes(size)), daemon=True)
        sender.start()
        consumers.recv(1, socket.MSG_PEEK)  # it has begun, and is stuck: nobody reads on
        ordered: list[bool] = []
        caller = threading.Thread(target=lambda: ordered.append(sink.crash()), daemon=True)
        caller.start()
        caller.join(20)
        assert ordered == [True]
        frame = told.read(72 + size)
        assert (len(frame), FLAGS.unpack_from(frame)[1]) == (72 + size, 0)
        assert FLAGS.unpack_from(told.read(72))[1] == CRASH
        sender.join(5)


def test_a_crash_of_a_consumer_that_has_gone_is_refused() -> None:
    mine, consumers = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    consumers.close()
    with mine:
        assert FrameSink(mine).crash() is False
