"""The commands as one program. Nothing heavy is imported here, or ``--help`` would have to wait."""

from __future__ import annotations

from cyclopts import App

import onebox as ob
from onebox.cli.demo import demo
from onebox.cli.describe import describe
from onebox.cli.fit import fit
from onebox.cli.predict import predict
from onebox.cli.score import score
from onebox.cli.transform import transform

app = App(
    name="onebox",
    help="Statistical learning for data larger than memory, on one machine.",
    version=ob.__version__,
    help_format="markdown",
)
for command in (describe, fit, predict, transform, score, demo):
    app.command(command)
