#!/bin/sh
# Evaluates the networks in this folder, as the table of docs/results has it; DATA is the folder of `mamlrl strokes`:
#     evaluate.sh DATA
set -eu
data=$(realpath "${1:?usage: evaluate.sh DATA}")
cd "$(dirname "$0")"

evaluate() {
    name=$1
    shift
    mamlrl evaluate "$name.pt" --data.folder "$data" --evaluation.steps 10 "$@"
}

for method in maml first_order imaml; do
    evaluate ${method}_seed0 --json $method.json
done
evaluate random_head_seed0 --evaluation.first_step_size 0.1 --json random_head.json
evaluate zero_head_seed0 --evaluation.first_step_size 0.03 --json zero_head.json
mamlrl plot adaptation maml.json first_order.json imaml.json random_head.json zero_head.json --output adaptation.png
