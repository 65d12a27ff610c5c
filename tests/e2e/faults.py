# SPDX-License-Identifier: MIT
"""Daemons whose calls fail, or that are killed at one, by the preloaded library tests/fault/faultio.c (fixture `faultio`), which says what a fault is."""

import os


def arm(daemon, faultio, folder, fault=None):
    """Its next start has the fault; without one it is for the test to set daemon.environment["FAULT"]."""
    daemon.environment = {"LD_PRELOAD": faultio, "FAULT_LOG": os.path.join(folder, "fired")}
    if fault:
        daemon.environment["FAULT"] = fault


def fired(daemon):
    try:
        with open(daemon.environment["FAULT_LOG"]) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def killed_and_started(daemon, fault=None):
    """It is launched, the fault kills it, and it is started again without."""
    if fault:
        daemon.environment["FAULT"] = fault
    daemon.launch()
    assert daemon.process.wait(30) == -9, daemon.log()
    daemon.process = None
    assert fired(daemon)
    daemon.environment = {}
    daemon.start()
