"""Both cameras and the trigger with nothing of ours: bare_script.py PRODUCER [PORT] [FRAMES]."""

import binascii
import sys

import serial
from harvesters.core import Harvester

producer, port, frames = (*sys.argv[1:], *("", "5")[len(sys.argv) - 2 :])
harvester = Harvester()
harvester.add_file(producer)
harvester.update()
names = sorted(info.serial_number for info in harvester.device_info_list)[:2]
cameras = [harvester.create({"serial_number": name}) for name in names]
for camera in cameras:
    nodes = camera.remote_device.node_map
    wanted = {"Width": 320, "Height": 240, "PixelFormat": "Mono8"}
    trigger = {"ExposureMode": "TriggerWidth", "TriggerSource": "Line1", "TriggerMode": "On"}
    for name, value in (wanted | (trigger if nodes.has_node("TriggerMode") else {})).items():
        nodes.get_node(name).value = value
    camera.start()
if port:
    board = serial.Serial(port, 500_000, timeout=3)
    board.read_until(b"fw=")  # opening the port resets it
    for text in (b"0:OPEN 7", b"1:RUN %d" % int(frames)):
        board.write(b"%s*%04X\n" % (text, binascii.crc_hqx(text, 0xFFFF)))
for name, camera in list(zip(names, cameras, strict=True)) * int(frames):
    with camera.fetch(timeout=30) as buffer:
        print(name, buffer.module.frame_id, buffer.payload.components[0].data.mean())  # noqa: T201
harvester.reset()
