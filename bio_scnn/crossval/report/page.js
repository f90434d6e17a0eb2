// Without a pointer that hovers, a first tap must show the text before a link leads away.
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
