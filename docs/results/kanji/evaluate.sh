#!/bin/sh
# Evaluates the networks in this folder, as the table beside them has it; DATA is the folder of `mamlrl kanji`:
#     evaluate.sh DATA
set -eu
data=$(realpath "${1:?usage: evaluate.sh DATA}")
cd "$(dirname "$0")"

evaluate() {
    name=$1
    shift
    mamlrl evaluate "$name.pt" --data.folder "$data" "$@"
}

for method in maml first_order imaml context; do
    evaluate ${method}_seed0 --json $method.json
done
for head in zero_head random_head; do
    evaluate ${head}_seed0 --step_sizes 0.003 0.01 0.03 0.1 0.3 --json $head.json
done
for config in 5way_1shot 5way_5shot 20way_1shot 20way_5shot; do
    mamlrl neighbours --config kanji_$config --data.folder "$data" --json neighbours_$config.json
done
mamlrl plot adaptation maml.json first_order.json imaml.json context.json zero_head.json random_head.json \
    --output adaptation.png
python drawings.py "$data" drawings.png
