// The field of the digit pad: lines drawn by mouse, finger, pen or keys. A point is [row, column], both from 0 to 1.

const SIDE = 560;  // pixels of the canvas, twice as many as it is wide on the page
const STEP = 0.03;  // of the side, for one press of an arrow
const ARROWS = {
  ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
  Home: [-1, -1], PageUp: [-1, 1], End: [1, -1], PageDown: [1, 1],  // as they lie on the number pad
};
const LABEL = "Drawing pad. Arrow keys move the pen, Space puts it down and lifts it, Backspace takes a stroke back.";
const HINTS = {
  start: "Mouse, finger or keys: arrows move, Space puts the pen down.",
  up: "Pen up: arrows move, Space puts it down, Backspace undoes.",
  down: "Pen down: arrows draw, two at once aslant. Space lifts it.",
};
const BUTTON = (label, title) =>
  `<button type="button" class="jupyter-widgets jupyter-button widget-button" title="${title}">${label}</button>`;

const inside = (number) => Math.round(1e4 * Math.min(1, Math.max(0, number))) / 1e4;

function drawLine(pen, line) {
  pen.beginPath();
  pen.moveTo(line[0][1] * SIDE, line[0][0] * SIDE);
  for (const [row, column] of line) pen.lineTo(column * SIDE, row * SIDE);  // a single point becomes a dot
  pen.stroke();
}

function invite(pen) {
  Object.assign(pen, { fillStyle: "#9a9a9a", font: "32px sans-serif", textAlign: "center" });
  pen.fillText("Draw a digit here", SIDE / 2, SIDE / 2);
}

function drawCursor(pen, [row, column], down) {
  pen.beginPath();
  pen.arc(column * SIDE, row * SIDE, 15, 0, 7);
  pen.fillStyle = "#ff8a3d";
  if (down) pen.fill();
  pen.lineWidth = 6;
  pen.strokeStyle = down ? "#141414" : "#ff8a3d";
  pen.stroke();
}

function render({ model, el }) {
  el.innerHTML = `<canvas width="${SIDE}" height="${SIDE}" tabindex="0" role="application"></canvas>
    <p class="note" role="status"></p>${BUTTON("Undo", "Take the last stroke back")}${BUTTON("Clear", "Take all strokes back")}`;
  const [canvas, hint, undoing, clearing] = el.children;
  canvas.setAttribute("aria-label", LABEL);
  const pen = canvas.getContext("2d");
  let lines = [], cursor = [0.5, 0.5], held = new Set(), byKeys = false, drawing = false, sending = false;

  function draw() {
    pen.fillStyle = "#141414";
    pen.fillRect(0, 0, SIDE, SIDE);
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: 36, lineCap: "round", lineJoin: "round" });
    for (const line of lines) drawLine(pen, line);
    if (!lines.length && !byKeys) invite(pen);
    if (byKeys) drawCursor(pen, cursor, drawing);
  }

  function say(what) {
    hint.textContent = HINTS[what];
  }

  function send() {
    draw();
    sending = true;
    model.set("strokes", lines.map((line) => [...line]));
    sending = false;
    model.save_changes();  // ipywidgets keeps one message on its way, and of the later ones the last
  }

  function listen() {  // to what the kernel does; who is drawing right now is not interrupted
    if (sending || drawing) return;
    lines = model.get("strokes").map((line) => [...line]);
    draw();
  }

  function put(point) {
    drawing = true;
    lines.push([point]);
    send();
  }

  function lift() {
    drawing = false;
    if (byKeys) say("up");
  }

  function takeBack(count) {
    if (!lines.length) model.set("emptied", model.get("emptied") + 1);
    lines.splice(count);
    lift();
    send();
  }

  const placeOf = ({ clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [inside((clientY - top) / height), inside((clientX - left) / width)];
  };

  canvas.onpointerdown = (event) => {
    if (!event.isPrimary || event.button) return;
    canvas.setPointerCapture(event.pointerId);
    byKeys = false;
    put(placeOf(event));
  };
  canvas.onpointermove = (event) => {
    if (!drawing || byKeys || !event.isPrimary) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    lines.at(-1).push(...(moves.length ? moves : [event]).map(placeOf));
    send();
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (drawing && !byKeys) lift();
  };

  function move(key) {
    held.add(key);
    for (const axis of [0, 1]) {
      const way = [...held].reduce((sum, arrow) => sum + ARROWS[arrow][axis], 0);
      cursor[axis] = inside(cursor[axis] + STEP * way);
    }
    if (!drawing) return draw();
    lines.at(-1).push([...cursor]);
    send();
  }

  function press() {
    if (drawing) return takeOff();
    put([...cursor]);
    say("down");
  }

  function takeOff() {
    lift();
    draw();
  }

  const undo = () => takeBack(Math.max(0, lines.length - 1));
  const clear = () => takeBack(0);
  const KEYS = { " ": press, Backspace: undo, Delete: clear };
  undoing.onclick = undo;  // here and not in the kernel: a stroke that begins at once would overtake the answer
  clearing.onclick = clear;

  canvas.onkeydown = (event) => {
    const action = event.key in ARROWS ? () => move(event.key) : KEYS[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && event.key === " ") return;
    if (!byKeys) [byKeys, drawing] = [true, false];
    if (hint.textContent === HINTS.start) say("up");
    action();
  };
  canvas.onkeyup = ({ key }) => held.delete(key);
  canvas.onfocus = () => {
    byKeys = canvas.matches(":focus-visible");  // reached by Tab: the pen is shown
    draw();
  };
  canvas.onblur = () => {
    held.clear();
    if (byKeys) takeOff();
    byKeys = false;
    draw();
  };

  model.on("change:strokes", listen);
  say("start");
  listen();
}

export default { render };
