"""Style sheet and script of the HTML report.

Colours are those of Okabe and Ito, told apart with any colour vision; every status has a symbol
too.
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1e23;--soft:#5c6470;--line:#d5d9df;
--panel:#f5f6f8;--link:#0a58a8;--passed:#cdebdf;--failed:#d55e00;--error:#a3337a;--xfail:#f7e3a8;
--xpass:#a9d5f2;--skipped:#eceef1;--exact:#1b1e23;--floor:#0072b2;--measured:#d55e00}
@media(prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#e6e8eb;--soft:#9aa3af;
--line:#363c45;--panel:#1e2228;--link:#7db8f0;--passed:#14503b;--failed:#d55e00;--error:#b8478f;
--xfail:#5d4a0c;--xpass:#134f77;--skipped:#262b32;--exact:#e6e8eb;--floor:#56b4e9;
--measured:#ff8c3a}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:80rem;background:var(--paper);color:var(--ink);
font:16px/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;margin:.2rem 0}h2{font-size:1.25rem;margin:2.2rem 0 .4rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}p{margin:.4rem 0}a{color:var(--link)}
code{font:.9em ui-monospace,monospace}.soft{color:var(--soft)}
.scroll{overflow-x:auto;max-width:100%;border:1px solid var(--line);border-radius:6px}
table{border-collapse:separate;border-spacing:0;font-size:.86rem}
th,td{padding:.25rem .55rem;text-align:left;font-weight:400;overflow-wrap:normal;
border-bottom:1px solid var(--line)}
tr:last-child>*{border-bottom:0}
tr>:first-child{position:sticky;left:0;background:var(--paper);border-right:1px solid var(--line);
z-index:1;max-width:13rem;overflow-wrap:anywhere;min-width:8.2rem}
.num{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.matrix thead th{vertical-align:bottom}.check a{color:inherit;text-decoration:none}
.matrix tbody th a{color:var(--link)}.like{min-width:16rem}
.matrix thead .check{padding:.4rem 0;width:1.9rem;min-width:1.9rem}
.check span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap;margin:0 auto;
display:block}
.matrix td.cell{padding:1px}
.cell a{display:block;height:1.75rem;min-width:1.75rem;line-height:1.75rem;text-align:center;
text-decoration:none;color:var(--ink);border-radius:3px;font-weight:600}
.passed{background:var(--passed)}.failed{background:var(--failed)}.error{background:var(--error)}
.xfail{background:var(--xfail)}.xpass{background:var(--xpass)}.skipped{background:var(--skipped)}
.cell a.failed,.cell a.error,b.failed,b.error{color:#fff}
#tip{position:sticky;bottom:0;background:var(--panel);border:1px solid var(--line);z-index:3;
border-radius:6px;padding:.5rem .7rem;margin:.5rem 0;min-height:2.6rem;font-size:.9rem}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;font-size:.86rem;margin:.6rem 0}
b.mark{display:inline-block;width:1.5em;line-height:1.5em;text-align:center;border-radius:3px;
margin-right:.35em;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem;margin:.5rem 0;
font-size:.92rem}
dt{color:var(--soft)}dd{margin:0;white-space:pre-wrap;min-width:0}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
figure{margin:.6rem 0;min-width:0}figcaption{font-size:.86rem;color:var(--soft)}
svg{display:block;width:100%;max-width:36rem;height:auto}
svg text{font:12px system-ui,sans-serif;fill:var(--soft)}
.end{text-anchor:end}.middle{text-anchor:middle}
path{fill:none;stroke-width:1.6}.grid{stroke:var(--line);stroke-width:1}
path.exact{stroke:var(--exact)}path.floor{stroke:var(--floor);stroke-dasharray:6 3}
path.measured{stroke:var(--measured)}path.dots{stroke-width:5;stroke-linecap:round}
.key:before{content:"";display:inline-block;width:1.4em;margin:0 .35em .25em 0;
border-top:2px solid}
.key.exact:before{border-color:var(--exact)}
.key.floor:before{border-color:var(--floor);border-top-style:dashed}
.key.measured:before{border-color:var(--measured)}
.key{margin-right:.9em;white-space:nowrap}
details{border:1px solid var(--line);border-radius:6px;margin:.3rem 0;padding:.1rem .7rem;
background:var(--paper)}details.rest{background:var(--panel)}
summary{cursor:pointer;padding:.3rem 0}details dl{margin:.2rem 0 .6rem}
.problem{border-left:5px solid var(--error);background:var(--panel);padding:.5rem .8rem;
white-space:pre-wrap}
:target{scroll-margin-top:1rem}details:target,details:has(:target){border-color:var(--link)}
@media(max-width:40rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.35rem}
tr>:first-child{max-width:8.2rem}}
"""

# Without a pointer that hovers, a first tap must show the text before a link leads away.
SCRIPT = """
const tip=document.getElementById("tip"),matrix=document.querySelector(".matrix");
function show(event){const a=event.target.closest("a[title]");if(!a)return;
tip.textContent=a.title+" ";if(event.type==="click"&&matchMedia("(hover:none)").matches){
event.preventDefault();const more=document.createElement("a");more.href=a.hash;
more.textContent="details";tip.append(more)}}
for(const type of["pointerover","focusin","click"])matrix.addEventListener(type,show);
function reveal(){const it=document.getElementById(decodeURIComponent(location.hash.slice(1)));
for(let at=it;at;at=at.parentElement)if(at.tagName==="DETAILS")at.open=true;
if(it)it.scrollIntoView()}
addEventListener("hashchange",reveal);reveal();
"""
