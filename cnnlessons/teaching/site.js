// A panel of the site shows the page that was made for the position of its slider; what must be scrolled takes the focus.
for (const panel of document.querySelectorAll(".cnnlessons-answers")) {
  const slider = panel.querySelector("input"), pages = panel.querySelectorAll("template");
  slider.addEventListener("input", () => {
    const { dataset, innerHTML } = pages[slider.value];
    panel.querySelector(".cnnlessons-page").innerHTML = innerHTML;
    panel.querySelector("output").textContent = dataset.words;
    slider.setAttribute("aria-valuetext", dataset.words);
  });
}
const reachable = () => {
  for (const part of document.querySelectorAll("pre, .output, .table-wrapper, .math-wrapper")) {
    if (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight) part.tabIndex = 0;
  }
};
addEventListener("resize", reachable);
document.addEventListener("toggle", reachable, true);  // a folded output has no width
reachable();
