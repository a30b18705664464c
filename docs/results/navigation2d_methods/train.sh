#!/bin/sh
# Trains and evaluates 2D navigation with several methods under one protocol; interrupted, it goes on where it was:
#     train.sh FOLDER maml first_order imaml meta_sgd promp
set -eu
folder=${1:?usage: train.sh FOLDER METHOD...}
shift
export OMP_NUM_THREADS=1

options() {
    case $1 in
    maml) ;;
    first_order) echo --adaptation.estimator first_order ;;
    imaml)
        echo --adaptation.estimator imaml --adaptation.loss likelihood_ratio --adaptation.gradient_steps 4 \
            --adaptation.step_size 0.1 --adaptation.proximal.optimizer line_search --adaptation.proximal.weight 5 \
            --adaptation.proximal.damping 5 --adaptation.proximal.cg_iterations 5 --adaptation.proximal.cg_tolerance 1e-6
        ;;
    meta_sgd) echo --adaptation.learned_step_size per_parameter ;;
    promp) echo --outer_optimizer promp --adaptation.loss likelihood_ratio ;;
    *) echo "$1 is none of maml, first_order, imaml, meta_sgd, promp" >&2 && exit 2 ;;
    esac
}

for method in "$@"; do
    for seed in 0 1 2; do
        run=$folder/${method}_seed$seed
        if [ -e "$run/checkpoints/latest.pt" ]; then
            mamlrl train --output "$run" --resume
        else
            # shellcheck disable=SC2046
            mamlrl train --config navigation2d --meta_batch_size 20 --iterations 60 --seed "$seed" \
                --output "$run" $(options "$method")
        fi
    done
    mamlrl evaluate "$folder/${method}"_seed?/checkpoints/latest.pt --json "$folder/$method.json"
done
