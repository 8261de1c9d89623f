"""Kill the running node at random moments under load, and see that nothing is lost or done twice.

``fractura node`` is started, sent made-up radiographs by C-STORE and by HTTP, and killed with
SIGKILL, again and again. A receiver of its own takes the results. In the end every radiograph that
was acknowledged must have one reading, the receiver each of its results, and the log none of the
patients' names and numbers.

    python benchmarks/service_kill.py --kills 50
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from fractura.service.work.readers import LEASE_SECONDS
from tests.service.kills import Forked, campaign, spawn_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--each", type=int, default=12, help="radiographs for each kill")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--preloaded",
        action="store_true",
        help="fork each process from one that has imported everything, so that it starts fast",
    )
    options = parser.parse_args()
    forked = partial(Forked, lease_seconds=LEASE_SECONDS)
    spawn = forked if options.preloaded else spawn_command
    with tempfile.TemporaryDirectory() as folder:
        outcome = campaign(
            Path(folder), spawn, kills=options.kills, each=options.each, seed=options.seed
        )
    for name, value in asdict(outcome).items():
        print(f"{name:<12}{value}")
    if not outcome.is_whole:
        raise SystemExit("something was lost, done twice or told")


if __name__ == "__main__":
    main()
