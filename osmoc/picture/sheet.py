"""How the SVG picture looks: colours for light and dark, heads of arrows, and a sign for each kind of data.

All names begin with `osmoc`: a picture set into a page must not paint the page. A sign has no class of its own, for
what `use` shows inherits from there and is out of reach of selectors.
"""

from typing import Final

STYLE: Final = """\
.osmoc { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
.osmoc text { fill: #1f2328; font-size: 13px; }
.osmoc .heading { font-size: 18px; font-weight: 600; }
.osmoc .name { font-weight: 600; }
.osmoc .small { font-size: 11px; fill: #59636e; }
.osmoc .end { text-anchor: end; }
.osmoc .paper { fill: #ffffff; }
.osmoc .group > rect { fill: #f6f8fa; stroke: #d1d9e0; }
.osmoc .bundle > rect { fill: none; stroke: #afb8c1; stroke-dasharray: 3 4; }
.osmoc .card { fill: #ffffff; stroke: #afb8c1; }
.osmoc .lead .card { stroke: #9a6700; }
.osmoc .star { fill: #bf8700; }
.osmoc .badge { fill: #ddf4ff; }
.osmoc .gpu { fill: #0550ae; font-size: 11px; font-weight: 600; text-anchor: middle; }
.osmoc .icon { fill: none; stroke: #59636e; stroke-width: 1.2; }
.osmoc .arrow { fill: none; stroke: #59636e; stroke-width: 1.5; }
.osmoc .dataset { stroke: #0969da; stroke-dasharray: 5 4; }
.osmoc text.linked { fill: #0969da; }
.osmoc use.linked { stroke: #0969da; }
.osmoc .head { fill: #59636e; }
.osmoc .dataset-head { fill: #0969da; }
.osmoc .arrow:hover { stroke-width: 3; }
@media (prefers-color-scheme: dark) {
.osmoc text { fill: #f0f6fc; }
.osmoc .small { fill: #9198a1; }
.osmoc .paper { fill: #0d1117; }
.osmoc .group > rect { fill: #151b23; stroke: #3d444d; }
.osmoc .bundle > rect { stroke: #656c76; }
.osmoc .card { fill: #212830; stroke: #656c76; }
.osmoc .lead .card { stroke: #d29922; }
.osmoc .star { fill: #e3b341; }
.osmoc .badge { fill: #0c2d6b; }
.osmoc .gpu { fill: #a5d6ff; }
.osmoc .icon, .osmoc .arrow { stroke: #9198a1; }
.osmoc .dataset, .osmoc use.linked { stroke: #4493f8; }
.osmoc text.linked { fill: #4493f8; }
.osmoc .head { fill: #9198a1; }
.osmoc .dataset-head { fill: #4493f8; }
}"""

SIGNS: Final = """\
<marker id="osmoc-head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" \
markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="head" d="M0 0L10 5L0 10z"/></marker>
<marker id="osmoc-dataset-head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" \
markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="dataset-head" d="M0 0L10 5L0 10z"/></marker>
<path id="osmoc-star" d="M0-6.5L1.6-2.2L6.2-2L2.6.8L3.8 5.3L0 2.7L-3.8 5.3L-2.6.8L-6.2-2L-1.6-2.2z"/>
<path id="osmoc-dataset" d="M-4.5-3.2a4.5 1.7 0 0 0 9 0a4.5 1.7 0 0 0-9 0v6.4a4.5 1.7 0 0 0 9 0v-6.4"/>
<path id="osmoc-url" d="M-3 3.5h5.8a2.4 2.4 0 0 0 .3-4.8a3.5 3.5 0 0 0-6.7-.7a2.8 2.8 0 0 0 .6 5.5z"/>
<path id="osmoc-run" d="M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0M0-2.6V0l2 1.4"/>
<path id="osmoc-checkpoint" d="M-4.5-4.5h7l2 2v7h-9zM-2-4.5v3h4v-3M-2.5 4.5v-3.5h5v3.5"/>"""
