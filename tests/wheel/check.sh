#!/usr/bin/env bash
# Builds the wheel, installs it into a second environment and uses it from an empty folder.
# usage: tests/wheel/check.sh PYTHON
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m build --wheel --outdir "$work/dist" "$root" >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log"; exit 1; }
rm -rf "$root/build"
"$python" - "$work"/dist/*.whl <<'PY'
import sys, zipfile
names = zipfile.ZipFile(sys.argv[1]).namelist()
tops = sorted({name.split("/")[0] for name in names})
bad = [top for top in tops if top in {"tests", "perf", "docs"}]
assert not bad, f"the wheel must not hold {bad}"
assert any(name.endswith("recipes/gopro.yaml") for name in names), "recipes are missing"
assert any(name == "bsd/page.html" for name in names), "the page template is missing"
assert "hardware/firmware/controller.hex" in names, "the firmware is missing"
assert "hardware/timer1/timer1.c" in names, "the host build's sources are missing"
assert not [name for name in names if "emulator" in name], "the emulator is GPL and stays out"
print("wheel holds:", ", ".join(tops))
PY

"$python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check -c "$root/constraints.txt" \
  "$(ls "$work"/dist/*.whl)[acquisition,demo]"
mkdir "$work/empty"
cd "$work/empty"
bsd="$work/env/bin/bsd"
"$bsd" --version
"$bsd" benchmark cost --json >cost.json
"$bsd" dataset render --picture shipped:coffee --set frames=95 --set width_px=128 --set height_px=96 --out sources
"$bsd" dataset synthesize --recipe rendered --split test sources/*.mkv --out BSD_wheel
"$bsd" dataset verify BSD_wheel
"$bsd" benchmark evaluate --model identity --dataset BSD_wheel
"$bsd" benchmark report --results results/*.json --dataset BSD_wheel --out report.html
"$bsd" hardware host --link trigger >host.json &
host=$!
trap 'kill $host; rm -rf "$work"' EXIT
for _ in $(seq 300); do [ -s host.json ] && break; sleep 0.1; done
"$bsd" acquisition doctor --port trigger
kill $host
wait $host
"$bsd" hardware twin --rig-file rig.yaml --set sensor_1.width_px=160 --set sensor_1.height_px=120 \
  --set sensor_2.width_px=160 --set sensor_2.height_px=120 &
rig=$!
trap 'kill $rig; rm -rf "$work"' EXIT
for _ in $(seq 600); do [ -s rig.yaml ] && break; sleep 0.1; done
"$bsd" hardware twin status --rig-file rig.yaml
kill $rig
wait $rig || [ $? -eq 130 ]
[ ! -e rig.yaml ] || { echo "the virtual rig left rig.yaml"; exit 1; }
trap 'rm -rf "$work"' EXIT
echo "the installed wheel works from an empty folder"
