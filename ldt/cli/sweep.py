"""``ldt-rate sweep``: a grid of models x levels x methods into a file of records, which a stopped run goes on with."""

from __future__ import annotations

import os
from typing import Any

import click

from ldt.cli.options import number as as_number
from ldt.cli.options import output_options, scheduler_option, workers_of
from ldt.cli.picture import picture_of, plot_option
from ldt.cli.render import INTERRUPTED, Output, aligned, exit_code


@click.command("sweep")
@click.argument("sweep_file", metavar="SWEEP")
@click.option("-o", "--output", required=True, metavar="FILE", help="Append one JSON line a finished point to FILE.")
@click.option(
    "--workers", type=as_number, default=os.cpu_count() or 1, metavar="N",
    help="Threads that sample (default: one a core); the numbers do not depend on it.",
)  # fmt: skip
@scheduler_option
@plot_option("-log P of all points")
@output_options(csv=False, file=False)
def command(sweep_file: str, output: str, workers: Any, scheduler: str | None, plot: str | None, out: Output) -> int:
    """Compute every point of SWEEP (a TOML file, docs/sweeps.md) that FILE has no record of.

    Each finished point is on disk before the next begins: after Ctrl-C, kill or a crash the same command goes on from there.
    """
    from ldt.api import question
    from ldt.cli.progress import Bar
    from ldt.numerics.workers import mapper
    from ldt.scaling.records import Store
    from ldt.scaling.sweeps import notes_on, read_sweep, run

    sweep = read_sweep(sweep_file)
    mapper(workers)[1]()  # a bad number is said before anything is written
    picture = picture_of(plot, out)
    with Store(output) as store, Bar(out, "sweep") as bar:
        for note in notes_on(sweep, store):
            out.say(note)
        have = sum(p.key in store.known and store.known[p.key].usable for p in sweep.points)
        out.say(f"sweep: {len(sweep.points)} points, {have} recorded already")
        try:
            found = run(sweep, store, question, workers=workers_of(workers, scheduler), progress=bar.update)
        except KeyboardInterrupt:
            have = sum(p.key in store.known and store.known[p.key].usable for p in sweep.points)
            out.say(f"interrupted: {have} of {len(sweep.points)} points are recorded; the same command goes on from there")
            return INTERRUPTED
    rows = [("points", str(len(found.records))), ("computed", str(found.computed)), ("recorded before", str(found.reused))]
    rows += [(name, str(n)) for name, n in found.statuses.items()]
    failed = {r.reason for r in found.records if r.status == "failed"}
    record = {
        "sweep": sweep.name, "seed": sweep.seed, "records": output, "points": len(found.records), "computed": found.computed,
        "reused": found.reused, "statuses": found.statuses, "notes": list(found.notes),
    }  # fmt: skip
    out.answer(record, aligned([*rows, *(("failed", reason) for reason in sorted(failed)[:5]), ("records", output)]))
    if picture is not None:
        picture.draw(found.plot, width=7.2, height=5.2)
    return exit_code(r.status for r in found.records)
