#!/bin/sh
# Evaluates the networks in this folder, as the tables beside them have it; DATA is the folder of `mamlrl kanji`:
#     evaluate.sh DATA
set -eu
data=$(realpath "${1:?usage: evaluate.sh DATA}")
cd "$(dirname "$0")"

mamlrl evaluate maml_seed0.pt --data.folder "$data" --json maml.json
mamlrl evaluate maml_seed0.pt --data.folder "$data" --shots 5 --evaluation.steps 3 --json maml_5_shots.json
mamlrl evaluate first_order_seed0.pt --data.folder "$data" --json first_order.json
mamlrl evaluate random_seed0.pt --data.folder "$data" --step_sizes 0.03 0.1 0.4 1.0 --json random.json
mamlrl neighbours --config kanji_5way_1shot --data.folder "$data" --json neighbours_5way_1shot.json
mamlrl neighbours --config kanji_5way_5shot --data.folder "$data" --json neighbours_5way_5shot.json
mamlrl neighbours --config kanji_20way_1shot --data.folder "$data" --json neighbours_20way_1shot.json
mamlrl neighbours --config kanji_20way_5shot --data.folder "$data" --json neighbours_20way_5shot.json
mamlrl plot adaptation maml.json first_order.json dense.json random.json --output adaptation.png
python drawings.py "$data" drawings.png
