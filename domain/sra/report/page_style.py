"""The style sheet of the HTML report. ``BRAND`` is replaced by the tenant's colour; contrasts hold without it."""

STYLE = """
:root { --ink: #1d2733; --muted: #4f5b68; --rule: #c3ccd5; --alarm: #a3211a; --doubt: #7a4b00; --head: #eef2f5; }
* { box-sizing: border-box; }
html { font: 16px/1.5 system-ui, "Segoe UI", "Noto Sans", "Helvetica Neue", Arial, sans-serif; color: var(--ink); }
body { margin: 0 auto; max-width: 80rem; padding: 1rem 1.5rem 3rem; background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 2.1rem; line-height: 1.2; margin: 1.5rem 0 .25rem; }
h2 { font-size: 1.4rem; line-height: 1.25; margin: 2.75rem 0 1rem; padding-bottom: .3rem; border-bottom: 2px solid BRAND; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
a { color: #174a7c; }
.skip { position: absolute; left: -100rem; }
.skip:focus { position: static; }
.running { display: flex; gap: 1.5rem; align-items: baseline; flex-wrap: wrap; color: var(--muted); font-size: .85rem; }
.running p { margin: 0; }
.brand { font-weight: 700; color: var(--ink); font-size: 1rem; }
.brand img { max-height: 3.5rem; vertical-align: middle; }
.state { font-weight: 700; border: 1px solid currentColor; padding: 0 .5rem; }
.state.draft, .alarm { color: var(--alarm); }
p.alarm { border-left: 4px solid var(--alarm); padding-left: .75rem; }
.practice { font-size: 1.35rem; margin: 0 0 1rem; }
.muted, .note { color: var(--muted); }
.note { font-size: .9rem; }
.none { color: var(--muted); font-style: italic; }
.unknown { color: var(--doubt); font-style: italic; }
.code { font-family: ui-monospace, "Noto Sans Mono", Consolas, monospace; font-size: .85em; color: var(--muted); }
.line { display: block; }
.strong, span.line.alarm { font-weight: 700; }
.label { color: var(--alarm); font-weight: 700; border: 2px solid var(--alarm); padding: .25rem .75rem; }
dl { margin: 1rem 0; }
dl div { display: grid; grid-template-columns: min(14rem, 35%) 1fr; gap: .25rem 1rem; padding: .2rem 0; }
dt { color: var(--muted); }
dd { margin: 0; }
.signature { border-top: 1px solid var(--ink); margin: 1rem 0; max-width: 32rem; }
.signature p { margin: .25rem 0; }
.scroll { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; padding: .45rem .55rem; border-bottom: 1px solid var(--rule); min-width: 4rem; }
thead th { background: var(--head); border-top: 2px solid var(--ink); }
tbody th { font-weight: 400; }
.very_low, .low, .moderate, .high, .very_high { font-weight: 700; }
span.very_low, span.low, span.moderate, span.high, span.very_high {
  display: inline-block; padding: 0 .45rem; border-radius: 2px; white-space: nowrap; }
.very_low { background: #f1f4f6; } .low { background: #d3dde6; } .moderate { background: #f0cd6b; }
.high { background: #b84b17; color: #fff; } .very_high { background: #7d1410; color: #fff; }
.empty { color: var(--muted); }
.matrix th, .matrix td { border: 2px solid #fff; }
.matrix tbody th { background: var(--head); }
figure { margin: 1rem 0; }
figure svg { max-width: none; height: auto; }
figcaption { color: var(--muted); font-size: .9rem; }
nav ul { columns: 2 20rem; padding-left: 1.2rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--rule); color: var(--muted); font-size: .85rem; }
.draft::after { content: "DRAFT"; position: fixed; inset: 40% 0 auto 0; text-align: center; font-size: min(9rem, 24vw);
  font-weight: 700; white-space: nowrap;  color: #1d27330d; transform: rotate(-30deg); pointer-events: none; }
p.draft::after { content: none; }
@media screen and (max-width: 60rem) {
  th, td { min-width: 9rem; }
  th:first-child, td:first-child { min-width: 5rem; }
}
@media print {
  html { font-size: 9.5pt; }
  body { max-width: none; padding: 0; }
  .skip, nav { display: none; }
  .scroll { overflow: visible; }
  figure { break-inside: avoid; }
  figure svg { max-width: 100%; max-height: 150mm; width: auto; }
  h2, h3, caption { break-after: avoid; }
  tr, .signature { break-inside: avoid; }
  thead { display: table-header-group; }
  section.cover, section.proposed { break-after: page; }
  section.proposed { break-before: page; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
@page { size: letter; margin: 16mm 14mm; }
@page wide { size: letter landscape; }
section.landscape { page: wide; }
"""
