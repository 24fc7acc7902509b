#!/usr/bin/env bash
# The tmux session of a pod: run.sh with the environment that was sent, which is removed once read.
cd "$(dirname "$0")" || exit
set -o allexport
# shellcheck disable=SC1091
source ./environment
set +o allexport
rm environment
# The log outlives the pod, and tee outlives a SIGTERM, under which training still saves its state.
exec > >(trap '' INT TERM HUP; exec tee -a run.log) 2>&1
trap : TERM
bash run.sh
echo "run.sh ended with $?"
