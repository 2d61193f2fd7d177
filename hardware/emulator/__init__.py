# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the controller's real image on an emulated ATmega328P; GPL-3.0-or-later, see LICENSE here.

It is built from Debian's libsimavr when first used, serves tests and the virtual rig, and is no
part of the wheel.
"""
