#!/bin/sh
# bench_accuracy.sh CORPORA: ours and other systems on the same folds of RAVDESS. What is finished lies in out/.
set -eu
ravdess=$1/ravdess_speech/manifest.csv
ours=out/crossval/seed-0
[ -e "$ours/results.json" ] || bedside-train crossval --manifest "$ravdess" --corpora "$1" --out "$ours" \
    --int8 --random-split
bedside-train compare --manifest "$ravdess" --crossval "$ours" --out out/compare
