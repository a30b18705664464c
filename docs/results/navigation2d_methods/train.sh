#!/bin/sh
# Trains and evaluates 2D navigation with several methods under one protocol; interrupted, it goes on where it was:
#     train.sh FOLDER maml first_order imaml meta_sgd promp
# A method is an overlay in configs/methods.
set -eu
folder=${1:?usage: train.sh FOLDER METHOD...}
shift
export OMP_NUM_THREADS=1

for method in "$@"; do
    for seed in 0 1 2; do
        run=$folder/${method}_seed$seed
        if [ -e "$run/checkpoints/latest.pt" ]; then
            mamlrl train --output "$run" --resume
        else
            mamlrl train --config navigation2d --config "$method" --meta_batch_size 20 --iterations 60 \
                --seed "$seed" --output "$run"
        fi
    done
    mamlrl evaluate "$folder/${method}"_seed?/checkpoints/latest.pt --json "$folder/$method.json"
done
