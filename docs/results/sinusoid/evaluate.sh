#!/bin/sh
# Evaluates the networks in this folder on 6000 tasks each, as the table and figures of docs/results have it.
set -eu
cd "$(dirname "$0")"

evaluate() {
    name=$1
    shift
    mamlrl evaluate "$name.pt" --evaluation.tasks 6000 "$@"
}

for shots in 5 10 20; do
    evaluate maml_seed0 --evaluation.shots $shots --json maml_${shots}_shots.json
done
evaluate first_order_seed0 --json first_order.json
evaluate meta_sgd_seed0 --evaluation.later_step_factor 0.05 --json meta_sgd.json
evaluate imaml_seed0 --evaluation.tasks 600 --json imaml.json # each step solves the inner problem, which takes longer
evaluate pretrained_seed0 --evaluation.first_step_size 0.01 --json pretrained.json
evaluate oracle_seed0 --json oracle.json
evaluate averaged_none --evaluation.first_step_size 0.02 --json averaged_none.json
evaluate averaged_l2 --evaluation.first_step_size 0.02 --json averaged_l2.json
evaluate averaged_mean --evaluation.first_step_size 0.02 --json averaged_mean.json
mamlrl plot adaptation maml_*_shots.json --output adaptation.png
mamlrl plot adaptation maml_5_shots.json pretrained.json oracle.json --output baselines.png
mamlrl plot fits maml_seed0.pt --output fits.png
