"""A calibration as one offline page."""

from __future__ import annotations

from bsd.page import Heading, Page
from bsd.provenance import toolkit_version
from calibration.bundle.calibration import Calibration
from calibration.report.camera_section import camera_blocks
from calibration.report.geometry_section import geometry_blocks
from calibration.report.judgement import item_table, verdict_blocks
from calibration.report.light_section import light_blocks
from calibration.report.origin_section import origin_blocks


def calibration_page(calibration: Calibration) -> Page:
    """The page; equal calibrations have equal pages.

    Raises
    ------
    UserMistake
        An array is missing, or is not the one that was solved.
    """
    document = calibration.document
    for name in document.arrays:
        calibration.array(name)  # a page never vouches for files that it has not looked at
    page = Page(
        f"Calibration of {document.rig.name or 'a rig'}",
        f"{', '.join(document.settings)}; target recorded {document.geometry.start.utc}",
        footer=f"bsd-toolkit {toolkit_version()}. This file asks for nothing outside itself.",
    )
    page.add(*verdict_blocks(document))
    page.add(Heading("Every figure"), item_table(document))
    page.add(Heading("Geometry"), *geometry_blocks(calibration))
    page.add(Heading("Cameras"), *camera_blocks(calibration))
    for name in document.settings:
        page.add(Heading(f"Light at {name}"), *light_blocks(calibration, name))
    page.add(Heading("Where it comes from"), *origin_blocks(calibration))
    return page
