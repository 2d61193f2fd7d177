"""``python -m acquisition.health.device_list PRODUCER``: its devices as JSON.

A process of its own, since a producer may crash or hang, and can be loaded once only.
"""

from __future__ import annotations

import ctypes
import json
import sys

_FIELDS = ("serial_number", "id_", "vendor", "model", "access_status")


def main(path: str) -> int:
    """Print a list of {serial, id, vendor, model, access}; a complaint and 1 where it fails."""
    from genicam import gentl
    from harvesters.core import Harvester

    harvester = Harvester()
    try:
        _ = ctypes.CDLL(path).GCInitLib  # harvesters passes over what it cannot load
        harvester.add_file(path, check_existence=True)
        harvester.update()
        found = []
        for device in harvester.device_info_list:
            told: dict[str, object] = {}
            for name in _FIELDS:
                try:
                    told[name.rstrip("_")] = getattr(device, name)
                except (gentl.GenericException, AttributeError):
                    told[name.rstrip("_")] = None
            found.append(told)
    except (gentl.GenericException, AttributeError, OSError, ValueError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        sys.stderr.write(f"{lines[0]}\n")
        return 1
    finally:
        harvester.reset()
    sys.stdout.write(json.dumps(found, default=str) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
