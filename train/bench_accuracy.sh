#!/bin/sh
# bench_accuracy.sh CORPORA: ours and other systems on the same folds of RAVDESS. What is finished lies in out/.
set -eu
ravdess=$1/ravdess_speech/manifest.csv
ours=out/crossval/seed-0
# As in make_model.sh.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=268435456 MALLOC_ARENA_MAX=1
[ -e "$ours/results.json" ] || bedside-train crossval --manifest "$ravdess" --corpora "$1" --out "$ours" \
    --int8 --random-split
bedside-train compare --manifest "$ravdess" --crossval "$ours" --out out/compare
