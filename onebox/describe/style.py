"""How the page looks: one style sheet for light and dark, for phones, wide screens and paper."""

from __future__ import annotations

from onebox.describe.heat_map import LEVELS

# The ends and the middle of the heat map: blue and orange are told apart by everyone.
LIGHT = {"n": "#1f5fa8", "l": "#eef0f2", "p": "#b3500a"}
DARK = {"n": "#78b6ff", "l": "#232b35", "p": "#ffa45c"}

SHEET = """
:root { color-scheme: light dark;
  --ground: #fff; --raised: #f6f7f9; --line: #d9dee4; --text: #1b2026; --quiet: #56606b;
  --link: #1558a6; --bar: #4076b4; --deep: #1d3f66; --rest: #e4e8ed; --alert: #8a3b00;
  --alert-ground: #fdeee0; --hint: #2b4a6f; --hint-ground: #e8eff7; --on-deep: #fff; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #11161c; --raised: #1a2129; --line: #323c47; --text: #e5e9ed; --quiet: #a0abb7;
  --link: #86bcff; --bar: #6ba0dc; --deep: #cfe3fa; --rest: #2b343f; --alert: #ffc08a;
  --alert-ground: #3b2715; --hint: #b5d2f3; --hint-ground: #1e2f43; --on-deep: #11161c; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 3.2rem; -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 110rem; padding: 0 1.5rem 3rem; background: var(--ground);
  color: var(--text); font: 1rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 2px; }
h1 { margin: 1.4rem 0 .2rem; font-size: 1.7rem; line-height: 1.2; }
h2 { margin: 2.4rem 0 .7rem; font-size: 1.25rem; }
h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
p { margin: .3rem 0; max-width: 48rem; }
.quiet, caption, .type, dt, figcaption { color: var(--quiet); }
.note { margin: 1rem 0; padding: .7rem 1rem; border-left: 4px solid var(--alert);
  background: var(--alert-ground); color: var(--alert); font-weight: 600; }
nav.jump { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: 0 1.2rem;
  margin: 1rem -1.5rem 0; padding: .6rem 1.5rem; background: var(--ground);
  border-bottom: 1px solid var(--line); }
summary { cursor: pointer; color: var(--link); padding: .3rem 0; }
ol.names { columns: 12rem; column-gap: 1.5rem; margin: .3rem 0; padding: 0; list-style: none; }
ol.names li { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
ul.tally { display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; margin: .6rem 0; padding: 0;
  list-style: none; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
caption { text-align: left; padding: 0 0 .4rem; }
th, td { padding: .35rem .6rem; text-align: right; vertical-align: middle;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th { color: var(--quiet); font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { padding-left: 0; }
table.overview { width: 100%; }
table.overview tbody tr:hover { background: var(--raised); }
table.overview th[scope=row] { text-align: left; font-weight: 600; white-space: normal;
  overflow-wrap: anywhere; min-width: 9rem; max-width: 24rem; }
.type { font-weight: 400; font-size: .8rem; }
td.words, th.words { text-align: left; white-space: normal; overflow-wrap: anywhere; }
td.figure { width: 8rem; } th.figure { text-align: left; }
.chip { display: inline-block; margin: .1rem .25rem .1rem 0; padding: 0 .45rem; border-radius: .7rem;
  font-size: .75rem; font-weight: 600; line-height: 1.5; white-space: nowrap;
  background: var(--alert-ground); color: var(--alert); }
.chip.hint { background: var(--hint-ground); color: var(--hint); }
svg { display: block; } svg.spark { width: 8rem; height: 1.9rem; }
svg.histogram { width: 100%; height: 8.5rem; }
svg.share { width: 100%; height: .55rem; min-width: 2rem; }
.bar { fill: var(--bar); stroke: var(--raised); stroke-width: .5; vector-effect: non-scaling-stroke; }
svg.spark .bar, svg.share .bar { stroke: none; }
.bar:hover { fill: var(--deep); } .rest { fill: var(--rest); }
.axis, .whisker { fill: none; stroke: var(--quiet); vector-effect: non-scaling-stroke; }
.box { fill: var(--rest); stroke: var(--quiet); vector-effect: non-scaling-stroke; }
.median { fill: none; stroke: var(--text); stroke-width: 2; vector-effect: non-scaling-stroke; }
.s0, .s1, .s2, .s3, .s4 { fill: var(--bar); stroke: var(--ground); stroke-width: 1;
  vector-effect: non-scaling-stroke; }
.s1 { fill-opacity: .78; } .s2 { fill-opacity: .6; } .s3 { fill-opacity: .45; }
.s4 { fill-opacity: .32; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr));
  gap: 1rem; }
.card { padding: .9rem 1rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--raised); min-width: 0; }
.card:target { outline: 3px solid var(--link); }
.card ul { margin: .4rem 0 0; padding: 0; list-style: none; font-size: .85rem; }
figure { margin: .7rem 0 0; } figcaption { font-size: .8rem; }
.ends { display: flex; justify-content: space-between; font-size: .8rem; color: var(--quiet);
  font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.2rem, 1fr)); gap: .35rem .8rem;
  margin: .7rem 0 0; font-size: .85rem; }
dl div { min-width: 0; } dl .long { grid-column: span 2; } dt { font-size: .75rem; }
dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
table.top { width: 100%; margin-top: .7rem; table-layout: fixed; font-size: .85rem; }
table.top th, table.top td { padding: .2rem .4rem; border: 0; }
table.top th[scope=row] { width: 38%; text-align: left; font-weight: 400; white-space: normal;
  overflow-wrap: anywhere; padding-left: 0; }
table.top td.count { width: 8.2rem; padding-right: 0; }
.together { display: flex; flex-wrap: wrap; gap: 1.5rem 3rem; align-items: flex-start; }
.together > * { min-width: 0; max-width: 100%; }
svg.heat { max-width: none; } svg.heat text { fill: var(--text); dominant-baseline: central; }
svg.heat text.number { font-size: 12px; text-anchor: middle; pointer-events: none; }
svg.heat text.deep { fill: var(--on-deep); }
svg.heat path:hover { stroke: var(--text); stroke-width: 1.5; }
.legend { display: flex; align-items: center; gap: .5rem; }
.unknown { fill: none; stroke: var(--line); }
footer { margin-top: 2.5rem; padding-top: .7rem; border-top: 1px solid var(--line); font-size: .85rem; }
@media (min-width: 80rem) { svg.spark { width: 12rem; } }
@media (max-width: 60rem) { .wide { display: none; } }
@media (max-width: 40rem) { body { padding: 0 .8rem 2rem; } nav.jump { margin: .8rem -.8rem 0;
  padding: .5rem .8rem; gap: 0 .9rem; font-size: .9rem; } h1 { font-size: 1.35rem; }
  .medium { display: none; } th, td { padding: .35rem .35rem; } svg.spark { width: 5.5rem; }
  td.figure { width: 5.5rem; } table.overview th[scope=row] { min-width: 6rem; } }
@media print { nav.jump, details.index { display: none; } .card { break-inside: avoid; } }
"""


def style() -> str:
    """The whole sheet: the one above and the shades of the heat map."""
    dark = _shades(DARK)
    return f"{SHEET}{_shades(LIGHT)}@media (prefers-color-scheme: dark) {{ {dark} }}\n"


def _shades(ends: dict[str, str]) -> str:
    rules = [f".l0 {{ fill: {ends['l']}; }}"]
    for sign in "np":
        for level in range(1, LEVELS + 1):
            rules.append(
                f".{sign}{level} {{ fill: {mixed(ends['l'], ends[sign], level / LEVELS)}; }}"
            )
    return "".join(rules)


def mixed(one: str, other: str, share: float) -> str:
    """A colour between two.

    >>> mixed("#000000", "#ff8000", 0.5)
    '#804000'
    """
    pairs = ((int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)
