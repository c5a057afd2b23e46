#!/bin/sh
# make_model.sh CORPORA SEED...: train, measure and convert the shipped model, and write its card. What is
# finished lies in out/ and is not done again.
set -eu
corpora=$1
shift
ravdess=$corpora/ravdess_speech/manifest.csv

for seed; do
    found=out/crossval/seed-$seed
    random=
    [ "$seed" = "$1" ] && random=--random-split
    [ -e "$found/results.json" ] || bedside-train crossval --manifest "$ravdess" --corpora "$corpora" \
        --seed "$seed" --out "$found" --int8 $random
    [ -e "$found/bed.json" ] || bedside-train bed --crossval "$found" --out "$found/bed.json"
done

first=out/crossval/seed-$1
[ -e "$first/robustness.json" ] || bedside-train robustness --crossval "$first" --out "$first/robustness.json" \
    --noise "$corpora/noise_speechcommands" --elsewhere "$corpora/emospeech_in/manifest.csv" --map none=
[ -e out/ward/ward.json ] || bedside-train ward --crossval "$first" --corpora "$corpora" --out out/ward \
    --hours 6 --episodes 8
bedside-train fit --manifest "$ravdess" --corpora "$corpora" --seed "$1" \
    --crossval "$first" --ward out/ward --version 0.4.1 --out out/final
bedside-quantize out/final/model.keras --calibration out/final/train.csv --evaluation "$ravdess" \
    --out model/bedside-ser.tflite
bedside-train card --model model/bedside-ser.tflite --crossval out/crossval --ward out/ward --out model
