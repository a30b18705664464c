#!/bin/sh
# Trains and evaluates 2D navigation with every method under one protocol: docs/results/navigation2d_methods/train.sh runs
# It goes on where it was; the methods may run at the same time, as train.sh runs maml, train.sh runs imaml, and so on.
set -eu
folder=${1:?usage: train.sh FOLDER [METHOD...]}
shift
export OMP_NUM_THREADS=1

options() {
    case $1 in
    maml) ;;
    first_order) echo --adaptation.estimator first_order ;;
    imaml) echo --adaptation.estimator imaml --adaptation.loss likelihood_ratio ;;
    meta_sgd) echo --adaptation.learned_step_size per_parameter ;;
    promp) echo --outer_optimizer promp --adaptation.loss likelihood_ratio ;;
    *) echo "$1 is none of maml, first_order, imaml, meta_sgd, promp" >&2 && exit 2 ;;
    esac
}

for method in "${@:-maml first_order imaml meta_sgd promp}"; do
    for seed in 0 1 2; do
        run=$folder/${method}_seed$seed
        if [ -e "$run/checkpoints/latest.pt" ]; then
            mamlrl train --output "$run" --resume
        else
            # shellcheck disable=SC2046
            mamlrl train --config navigation2d --meta_batch_size 20 --iterations 100 --seed "$seed" \
                --output "$run" $(options "$method")
        fi
    done
    mamlrl evaluate "$folder/${method}"_seed?/checkpoints/latest.pt --json "$folder/$method.json"
done
