"""Turns the QR code that deploy/lib/qr.awk draws for a terminal into a picture (PBM) for a reader of such codes."""
import sys

SCALE = 4  # pixels of a module

rows = []
for line in sys.stdin.read().splitlines():
    shown = line.split("\x1b[30;107m")[1].split("\x1b")[0]
    rows.append([c in "█▀" for c in shown])
    rows.append([c in "█▄" for c in shown])
print(f"P1\n{len(rows[0]) * SCALE} {len(rows) * SCALE}")
for row in rows:
    for _ in range(SCALE):
        print(" ".join(str(int(dark)) for dark in row for _ in range(SCALE)))
