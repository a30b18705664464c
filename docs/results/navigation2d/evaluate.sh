#!/bin/sh
# Evaluates all published policies of 2D navigation on 1000 goals each (250 by transitions), as the tables of docs/results have it.
set -eu
cd "$(dirname "$0")/.."

evaluate() {
    json=$1
    shift
    mamlrl evaluate --evaluation.tasks 1000 --json "$json" "$@"
    python ../brief.py "$json"
}

for config in navigation2d navigation2d_text; do
    evaluate $config/episodes.json $config/seed?.pt
    evaluate $config/transitions.json $config/seed?.pt --sampling.unit transitions --evaluation.tasks 250
done
evaluate navigation2d_tuned/episodes.json navigation2d_tuned/seed?.pt
for method in maml first_order meta_sgd imaml promp linearized_imaml e_maml context oracle; do
    evaluate navigation2d_methods/$method.json navigation2d_methods/${method}_seed?.pt
done
evaluate navigation2d_methods/pretrained.json navigation2d_methods/pretrained_seed?.pt --step_sizes 0.02 0.1 0.2 0.5 1.0
