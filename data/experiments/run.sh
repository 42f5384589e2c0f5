#!/bin/sh
# Every stored study of trained networks (docs/experiments.md).  Run from the repository's root with the extra ldt[experiments]; each file
# begins with the command that made it.  Two and a half hours of one core, two of them for overlap; a stopped run goes on from its checkpoints in the folder WORK.
# --small does the same in seconds (the tests do that).
set -e
python="${PYTHON:-python}"
out="${1:-data/experiments}"
work="${WORK:-build/experiments}"
shift $(($# > 0 ? 1 : 0))

for study in overlap threshold count samplers; do
    "$python" -m ldt.experiments.studies "$study" --work "$work" -o "$out" "$@"
done
