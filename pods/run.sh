#!/usr/bin/env bash
# Run one experiment on a fresh machine: clone, set up, pull, train, push. Git and the DVC remote
# carry everything. The same command resumes a killed run, here or on another machine.
#
# It reads only the environment:
#   REPOSITORY  Git URL                        REVISION   commit to start from
#   EXPERIMENT  its name in `dvc exp show`     OVERRIDES  key=value of params.yaml, one a line
#   REMOTE      DVC remote, s3://…; empty: the repository's own
#   MIRROR      s3://… for training's state, which outlives the machine; empty: none
#   TARGETS     stages, such as "train"; empty: all
#   JOBS        2: OVERRIDES is a sweep, lr=1e-5,2e-5, run by DVC's queue, 2 at a time; empty: one run
#   EXTRAS      files of requirements/ to install, such as "trackers audio"
#   BUNDLE      Git bundle with commits that REPOSITORY lacks; empty: none
#   WORKDIR     where the clone lives, on a disk that outlives the machine if there is one
#   VENV        environment that has the packages; empty: one is made in the clone
#   RESTART     1: forget the experiment's state and result, train from the start
#   STOP_COMMAND  run after success, such as "sudo shutdown -h now"; empty: none
#   GIT_TOKEN and AWS_…, HF_TOKEN, WANDB_API_KEY: credentials; no file and no command line has them
set -euo pipefail

fail() { echo "run.sh: $*" >&2; exit 1; }
say() { echo "run.sh: $(date -u +%H:%M:%S) $*"; }

# A network that breaks costs a wait, not the result: ten tries in half an hour.
retry() {
  local pause=${RETRY_PAUSE_S:-4} try
  for try in 1 2 3 4 5 6 7 8 9; do
    "$@" && return
    say "try $try of 10 failed, again in $pause s: $*"
    sleep "$pause"
    pause=$((pause < 256 ? pause * 2 : pause))
  done
  "$@"
}

for name in REPOSITORY REVISION EXPERIMENT; do
  [ -n "${!name:-}" ] || fail "$name is not set"
done
for program in git flock; do
  command -v "$program" > /dev/null || fail "$program is not installed: apt-get install git util-linux"
done
WORKDIR=${WORKDIR:-$HOME/mothertongue}
mkdir -p "$WORKDIR"
# Every process of the run inherits this lock, so that a stage that outlives its run keeps others out.
# It is not in WORKDIR, as a network volume may know no locks. idle.sh looks for it too.
exec 9> "/tmp/pod-$(id -u)-$(cksum <<< "$WORKDIR" | cut -d " " -f 1).lock"
flock --nonblock 9 || fail "$WORKDIR: another run has locked it"

if [ -n "${GIT_TOKEN:-}" ]; then
  # shellcheck disable=SC2016  # Git asks this for the password, so that no file holds it
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=credential.helper GIT_CONFIG_VALUE_0='!f() { echo "username=${GIT_USER:-x-access-token}"; echo "password=$GIT_TOKEN"; }; f'
fi
export GIT_TERMINAL_PROMPT=0
export GIT_COMMITTER_NAME=${GIT_COMMITTER_NAME:-mothertongue} GIT_COMMITTER_EMAIL=${GIT_COMMITTER_EMAIL:-pod@localhost}
export GIT_AUTHOR_NAME=${GIT_AUTHOR_NAME:-$GIT_COMMITTER_NAME} GIT_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL:-$GIT_COMMITTER_EMAIL}

say "$EXPERIMENT on $REVISION"
if [ ! -d "$WORKDIR/repository" ]; then
  rm -rf "$WORKDIR/partial"
  git clone --quiet "$REPOSITORY" "$WORKDIR/partial"
  mv "$WORKDIR/partial" "$WORKDIR/repository"
fi
cd "$WORKDIR/repository"
git fetch --quiet origin
[ -z "${BUNDLE:-}" ] || git fetch --quiet "$BUNDLE" "+refs/pods/*:refs/pods/*"
if [ "${RESTART:-}" != 1 ] && git ls-remote --exit-code origin "refs/exps/*/$EXPERIMENT${JOBS:+-1}" > /dev/null; then
  fail "$EXPERIMENT is taken: $REPOSITORY has an experiment of this name; choose another, or restart it"
fi
git cat-file -e "$REVISION^{commit}" 2> /dev/null \
  || fail "REVISION: $REVISION is not in $REPOSITORY: push it, or send it as a bundle"
# A killed run leaves its params and half of dvc.lock behind; the lock above says that none is running.
rm -f .git/index.lock .dvc/tmp/rwlock
git checkout --quiet --force --detach "$REVISION"

if [ -z "${VENV:-}" ]; then
  VENV=$PWD/.venv
  if command -v uv > /dev/null; then
    [ -d "$VENV" ] || uv venv --quiet --python ">=3.11" "$VENV"
    uv pip install --quiet --python "$VENV" --requirement requirements.txt
    install=(uv pip install --quiet --python "$VENV")
  else
    make setup
    install=("$VENV/bin/python" -m pip install --quiet --disable-pip-version-check)
  fi
  for extra in ${EXTRAS:-}; do
    "${install[@]}" --requirement "requirements/$extra.txt"
  done
fi
export PATH=$VENV/bin:$PATH VIRTUAL_ENV=$VENV
if command -v nvidia-smi > /dev/null; then
  python -c 'import torch; torch.zeros(1, device="cuda")' \
    || fail "torch $(python -c 'import torch; print(torch.__version__)') can't use the GPU: $(nvidia-smi | grep -o 'Driver Version.*CUDA Version: [0-9.]*')"
fi

if [ -n "${REMOTE:-}" ]; then
  dvc remote add --quiet --local --force --default pod "$REMOTE"
  dvc remote modify --local pod verify true
fi
# What can't be stored is not worth training.
git push --dry-run --quiet origin HEAD:refs/pods/check || fail "$REPOSITORY can't be pushed to"
python -m commands.pod check --mirror "${MIRROR:-}"

# A sweep's experiments are NAME-1, NAME-2, ...
drop() { git for-each-ref --format="delete %(refname)" "refs/exps/*/*/$1" | git update-ref --stdin; }
if [ "${RESTART:-}" = 1 ]; then
  [ -z "${MIRROR:-}" ] || python -m commands.pod forget --mirror "$MIRROR/$EXPERIMENT"
  rm -rf .dvc/tmp/scratch
  drop "$EXPERIMENT${JOBS:+-*}"
fi
words=()
while IFS= read -r override; do
  [ -z "$override" ] || words+=(-S "$override")
done <<< "${OVERRIDES:-}"
[ -z "${MIRROR:-}" ] || words+=(-S "operations.checkpoint_mirror=$MIRROR/$EXPERIMENT")
read -ra targets <<< "${TARGETS:-}"

results() { git for-each-ref --format='%(refname)' "refs/exps/*/*/$EXPERIMENT${JOBS:+-*}"; }
if [ -n "$(results)" ]; then
  say "$EXPERIMENT has been run here; what is left is to push it"
elif [ -n "${JOBS:-}" ]; then
  dvc exp run --queue --pull --allow-missing --name "$EXPERIMENT" "${words[@]}" "${targets[@]}"
  dvc exp run --run-all --jobs "$JOBS"
else
  if [ "${#targets[@]}" = 0 ]; then
    # The mirror of its state goes when training ends: store the model before other stages use it.
    drop "$EXPERIMENT.train"
    dvc exp run --pull --allow-missing --name "$EXPERIMENT.train" "${words[@]}" train
    retry dvc push --quiet --run-cache
  fi
  dvc exp run --pull --allow-missing --name "$EXPERIMENT" "${words[@]}" "${targets[@]}"
fi

# Data first: who sees the experiment can also pull it. Git pushes it as `dvc exp push` does.
mapfile -t refs < <(results)
[ "${#refs[@]}" -gt 0 ] || fail "$EXPERIMENT: no such experiment after the run"
retry dvc push --quiet --run-cache
retry git push --quiet ${RESTART:+--force} origin "${refs[@]}"
say "$EXPERIMENT is pushed: dvc exp pull origin $EXPERIMENT"
[ -z "${STOP_COMMAND:-}" ] || eval "$STOP_COMMAND"
