#!/bin/sh
# Nearest neighbours on pixels, and the drawings, as the tables beside them have it; DATA is the folder of `mamlrl kanji`:
#     evaluate.sh DATA
set -eu
data=$(realpath "${1:?usage: evaluate.sh DATA}")
cd "$(dirname "$0")"

mamlrl neighbours --config kanji_5way_1shot --data.folder "$data" --json neighbours_5way_1shot.json
mamlrl neighbours --config kanji_5way_5shot --data.folder "$data" --json neighbours_5way_5shot.json
mamlrl neighbours --config kanji_20way_1shot --data.folder "$data" --json neighbours_20way_1shot.json
mamlrl neighbours --config kanji_20way_5shot --data.folder "$data" --json neighbours_20way_5shot.json
python drawings.py "$data" drawings.png
