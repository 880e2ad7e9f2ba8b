"""A description as a page: one file of HTML that needs no network and no JavaScript."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from onebox.config import format_bytes
from onebox.describe.cards import card
from onebox.describe.correlations import Correlations
from onebox.describe.details import Details
from onebox.describe.figures import short
from onebox.describe.heat_map import heat_map, legend
from onebox.describe.markup import escaped, isolated, percent
from onebox.describe.overview import Described, chips, numbers_table, others_table
from onebox.describe.remarks import Remark, remarks
from onebox.describe.style import style
from onebox.engine.report import FitReport

FEW_NAMES = 30  # of as many columns the list of names begins unfolded
STRONGEST = 15  # pairs of columns


def page(table: pa.Table, report: FitReport, details: Details, note: str) -> str:
    """The whole document.

    Parameters
    ----------
    table : pyarrow.Table
        ``Description.to_arrow()``.
    report : FitReport
    details : Details
    note : str
        What readers must know first; may be empty.
    """
    columns = [
        Described(facts, own, remarks(facts, own), f"c{number}")
        for number, (facts, own) in enumerate(
            zip(table.to_pylist(), details.columns, strict=True), start=1
        )
    ]
    size = f"{report.rows:,} rows x {len(columns):,} column{'s' if len(columns) != 1 else ''}"
    sections = _sections(columns, details.correlations, report.rows)
    links = "".join(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in sections)
    body = "".join(
        f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{title}</h2>{content}</section>'
        for anchor, title, content in sections
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        # Were a text ever to get through as markup, the browser would still run and load nothing.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{size}</title>\n<style>{style()}</style>\n</head>\n<body>\n"
        f"{_header(size, columns, details.source, note)}"
        f'<nav class="jump" aria-label="Sections">{links}</nav>\n<main>\n{_index(columns)}{body}'
        f"</main>\n{_footer(report)}</body>\n</html>\n"
    )


def _sections(
    columns: list[Described], correlations: Correlations | None, rows: int
) -> list[tuple[str, str, str]]:
    """Anchor, title and content of each part of the page."""
    numbers = [one for one in columns if one.numeric]
    others = [one for one in columns if not one.numeric]
    sections = []
    if numbers:
        sections.append(("numbers", f"Numbers ({len(numbers):,})", numbers_table(numbers)))
    if others:
        sections.append(("others", f"Text, dates, others ({len(others):,})", others_table(others)))
    if correlations is not None:
        sections.append(("correlations", "Correlations", _correlations(correlations, rows)))
    cards = f'<div class="cards">{"".join(map(card, columns))}</div>'
    return [*sections, ("columns", "Column by column", cards)]


def _header(size: str, columns: list[Described], source: str, note: str) -> str:
    cells = sum(one.rows for one in columns)
    missing = sum(one.facts["missing"] for one in columns)
    gaps = f"{percent(missing, cells)} of the values are" if missing else "no values are"
    kinds = Counter(remark.kind for one in columns for remark in one.remarks)
    tally = "".join(
        f"<li>{chips([Remark(kind, f'{count:,} of {len(columns):,} columns')])} {count:,} "
        f"column{'s' if count != 1 else ''}</li>"
        for kind, count in kinds.most_common()
    )
    return (
        f'<header>\n<h1>{size}</h1>\n<p class="quiet">{isolated(source)}; {gaps} missing</p>\n'
        f"{f'<p class=note role=note>{escaped(note)}</p>' if note else ''}"
        f"{f'<ul class=tally aria-label=Warnings>{tally}</ul>' if tally else ''}\n</header>\n"
    )


def _index(columns: list[Described]) -> str:
    names = "".join(
        f'<li><a href="#{one.anchor}">{isolated(short(one.name, 60))}</a></li>' for one in columns
    )
    unfolded = " open" if len(columns) <= FEW_NAMES else ""
    return (
        f'<details class="index"{unfolded}><summary>All columns by name</summary>'
        f'<ol class="names">{names}</ol></details>\n'
    )


def _correlations(correlations: Correlations, rows: int) -> str:
    n, shown = correlations.n_rows, len(correlations.names)
    some = f"From a sample of {n:,} rows: ± {1 / n**0.5:.2g}."
    words = some if n < rows else f"Of all {n:,} rows."
    if shown < correlations.n_candidates:
        words += (
            f" Shown are the {shown} columns with the strongest correlations of the "
            f"{correlations.n_candidates:,} that vary."
        )
    pairs = "".join(
        f'<tr><th scope="row" class="words">{isolated(short(one, 40))}</th>'
        f'<td class="words">{isolated(short(other, 40))}</td><td>{value:.2f}</td></tr>'
        for one, other, value in correlations.strongest(STRONGEST)
    )
    return (
        f"<p>Pearson correlations of the numbers, over the rows in which both have a finite value. "
        f'{words}</p>{legend()}<div class="together"><div class="scroll">{heat_map(correlations)}'
        '</div><div class="scroll"><table><caption>The strongest</caption><thead><tr>'
        '<th scope="col" class="words">column</th><th scope="col" class="words">and column</th>'
        f'<th scope="col">correlation</th></tr></thead><tbody>{pairs}</tbody></table></div></div>'
    )


def _footer(report: FitReport) -> str:
    read = f", {format_bytes(report.bytes_read)} read" if report.bytes_read else ""
    return (
        f'<footer class="quiet">Described by onebox in {report.seconds:.2f} s, '
        f"{report.passes} pass{'es' if report.passes != 1 else ''} over the data{read}. "
        "Quantiles are off by at most 1/64 of themselves; a ~ stands before an estimate.</footer>\n"
    )
