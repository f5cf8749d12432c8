// The page of a panel: it shows HTML, paints pictures, and looks after the controls of the panel around it.

const CONTROLS = "button, input, select, textarea, [contenteditable], [tabindex]";
const ENDS = ["restarting", "autorestarting", "terminating", "dead"];  // of a kernel
const WHAT_PLAY_DOES = { "fa-play": "Play", "fa-pause": "Pause", "fa-stop": "Stop", "fa-retweet": "Repeat" };

function bytes(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function paint(canvas, levels, [height, width], table) {
  const colours = new Uint32Array(bytes(table).slice().buffer);  // a copy begins where 32 bits may begin
  const pixels = new Uint32Array(height * width);
  for (let i = 0; i < pixels.length; i++) pixels[i] = colours[levels[i]];
  if (canvas.width !== width) canvas.width = width;  // to set it clears the canvas
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
  canvas.dispatchEvent(new Event("load"));
}

function write(element, html) {
  if (element.written !== html) element.innerHTML = element.written = html;
}

function mark(element, marks) {
  for (const [name, text] of Object.entries(marks)) {
    if (text && element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

function labelOf(widget) {
  return widget.querySelector(".widget-label")?.textContent || widget.title || widget.querySelector("[title]")?.title;
}

function nameSlider(panel, slider) {
  const name = labelOf(slider);
  const readout = slider.querySelector(".widget-readout");
  const seen = readout && readout.style.display !== "none";
  const shown = panel.querySelector(".cnnlessons-chosen input, .position");  // what a slider without a number moves
  const said = seen ? readout.textContent : shown?.value ?? shown?.textContent;
  mark(slider.querySelector(".noUi-handle"), { "aria-label": name, "aria-valuetext": said });
  if (seen) mark(readout, { role: "textbox", "aria-label": `${name}, number` });
}

function nameToggles(toggles) {
  mark(toggles, { role: "group", "aria-label": labelOf(toggles) });
  for (const button of toggles.querySelectorAll("button")) {
    mark(button, { "aria-pressed": String(button.classList.contains("mod-active")) });
  }
}

function namePlay(button) {
  const icon = Object.keys(WHAT_PLAY_DOES).find((name) => button.querySelector(`.${name}`));
  mark(button, { "aria-label": WHAT_PLAY_DOES[icon], title: WHAT_PLAY_DOES[icon] });
}

// ipywidgets gives no names to sliders and icons and no state to toggles, and JupyterLab takes a letter or an arrow that
// is pressed on a control for a command of its own unless the control itself says otherwise.
function tend(panel) {
  for (const control of panel.querySelectorAll(CONTROLS)) mark(control, { "data-lm-suppress-shortcuts": "true" });
  for (const slider of panel.querySelectorAll(".widget-slider:has(.noUi-handle)")) nameSlider(panel, slider);
  for (const toggles of panel.querySelectorAll(".widget-toggle-buttons")) nameToggles(toggles);
  for (const button of panel.querySelectorAll(".widget-play button")) namePlay(button);
  for (const button of panel.querySelectorAll(".widget-button[title]")) {
    if (!button.textContent.trim()) mark(button, { "aria-label": button.title });
  }
  for (const text of panel.querySelectorAll(".widget-text")) mark(text.querySelector("input"), { "aria-label": labelOf(text) });
}

// On the whole screen a panel is as large as its height and a width of 900 allow, weights and labels too; but not smaller
// than it is: then it is scrolled.
function fit(panel, whole) {
  const around = panel.parentElement.currentCSSZoom ?? 1;  // a presentation has a size of its own
  const set = (zoom) => { panel.style.zoom = whole ? zoom / around : ""; };
  const tooLarge = () => panel.scrollHeight > panel.clientHeight + 2 || panel.scrollWidth > panel.clientWidth + 2;
  let zoom = Math.max(1, innerWidth / 900);
  for (set(zoom); whole && zoom > 1 && tooLarge(); set(zoom)) zoom = Math.max(1, zoom * 0.97);
}

function addProjector(panel) {
  const button = document.createElement("button");
  const isWhole = () => document.fullscreenElement === panel;
  function show() {
    button.textContent = isWhole() ? "Back" : "Whole screen";
    fit(panel, isWhole());
  }
  async function toggle() {
    await (isWhole() ? document.exitFullscreen() : panel.requestFullscreen());
    button.focus();
  }
  button.className = "cnnlessons-projector";
  button.title = "Show this panel on the whole screen, and back (Escape)";
  button.addEventListener("click", toggle);
  panel.addEventListener("keydown", ({ key }) => { if (key === "Escape" && isWhole()) toggle(); });
  panel.addEventListener("fullscreenchange", show);
  window.addEventListener("resize", show);
  if (document.fullscreenEnabled) panel.append(button);
  show();
  return () => {
    window.removeEventListener("resize", show);
    button.remove();
  };
}

function lookAfter(panel, model) {
  const observer = new MutationObserver(() => tend(panel));
  const attributeFilter = ["class", "style", "title", "aria-valuetext"];
  observer.observe(panel, { childList: true, subtree: true, attributes: true, attributeFilter });
  panel.addEventListener("focusin", ({ target }) => {
    const text = target.closest(".widget-text");
    if (!text) return;
    model.set("focused", labelOf(text));
    model.save_changes();
  });
  tend(panel);
  return () => observer.disconnect();
}

// In a picture with `data-points` the reader points at a pixel, with mouse or finger, or moves on by the arrow keys.
function hearPointing(el, model) {
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const within = (place, length) => Math.min(Math.max(Math.floor(place), 0), length - 1);

  function point(canvas, row, column) {
    const place = [within(row, canvas.height), within(column, canvas.width)];
    const ring = canvas.nextElementSibling.style;
    ring.top = `${(100 * (place[0] + 0.5)) / canvas.height}%`;
    ring.left = `${(100 * (place[1] + 0.5)) / canvas.width}%`;
    ring.display = "block";
    if (String(place) === String(model.get("pointed"))) return;
    model.set("pointed", place);
    model.save_changes();
  }
  function pointer({ target, clientX, clientY }) {
    if (!target.matches("[data-points]")) return;
    const { left, top, width, height } = target.getBoundingClientRect();
    point(target, ((clientY - top) / height) * target.height, ((clientX - left) / width) * target.width);
  }
  el.addEventListener("pointermove", pointer);
  el.addEventListener("pointerdown", pointer);
  el.addEventListener("keydown", (event) => {
    if (!(event.key in steps) || !event.target.matches("[data-points]")) return;
    const [row, column] = model.get("pointed").length ? model.get("pointed") : [event.target.height / 2, event.target.width / 2];
    const [down, right] = steps[event.key].map((step) => step * (event.shiftKey ? 10 : 1));
    point(event.target, row + down, column + right);
    event.preventDefault();
  });
}

// A weight is dragged up or down in its field: a hundred pixels change it by 1, a large one by as much as it was.
function hearDragging(panel) {
  panel.addEventListener("pointerdown", ({ target, clientY }) => {
    const field = target.closest(".cnnlessons-weights input");
    const weight = Number(field?.value.replace("−", "-") || NaN);
    if (Number.isNaN(weight)) return;
    const ended = new AbortController();
    const until = { signal: ended.signal };
    let dragged = false;

    function move(event) {
      const up = clientY - event.clientY;
      dragged ||= Math.abs(up) >= 4;  // a click may tremble
      if (!dragged) return;
      field.blur();  // or its text would be marked on the way
      field.value = String(Number((weight + (up * Math.max(1, Math.abs(weight))) / 100).toPrecision(3))).replace("-", "−");
      field.dispatchEvent(new Event("change", { bubbles: true }));
    }
    window.addEventListener("pointermove", move, until);
    window.addEventListener("pointerup", () => ended.abort(), until);
    window.addEventListener("pointercancel", () => ended.abort(), until);
  });
}

// Where the kernel has gone, the panel says so; ipywidgets itself knows only of a restart that the reader asked for.
function watch(panel, session) {
  const goes = () => panel.classList.add("jupyter-widgets-disconnected");
  const hears = (_, status) => ENDS.includes(status) && goes();
  session?.statusChanged.connect(hears);
  session?.kernelChanged.connect(goes);
  return () => {
    session?.statusChanged.disconnect(hears);
    session?.kernelChanged.disconnect(goes);
  };
}

function render({ model, el }) {
  const part = (name) => el.querySelector(`[data-name="${name}"]`);
  let waiting = 0;
  const undo = [() => cancelAnimationFrame(waiting)];

  function wait() {  // ipywidgets puts the page into its panel some time after it has been rendered
    const panel = el.closest(".cnnlessons-panel");
    if (panel) {
      const session = model.widget_manager?.context?.sessionContext;
      undo.push(lookAfter(panel, model), addProjector(panel), watch(panel, session));
      hearDragging(panel);
    } else waiting = requestAnimationFrame(wait);
  }

  function say() {
    for (const [name, words] of Object.entries(model.get("words"))) {
      mark(part(name), { role: "img", "aria-label": words, title: words });
    }
  }

  function draw() {
    const { pictures, texts } = model.get("shown");
    for (const [name, text] of Object.entries(texts)) write(part(name), text);
    for (const [name, { levels, shape, colours }] of Object.entries(pictures)) {
      paint(part(name), bytes(levels), shape, model.get("colours")[colours]);
    }
  }

  function show() {
    el.innerHTML = model.get("value");
    say();
    draw();
  }

  model.on("change:value", show);
  model.on("change:words", say);
  model.on("change:shown", draw);
  hearPointing(el, model);
  show();
  wait();
  return () => undo.forEach((each) => each());
}

export default { render };
