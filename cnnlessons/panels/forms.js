// Forms of the exercises: questions with a field or choices, and lines to put in order.

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const button = (label, attributes = {}) =>
  make("button", { type: "button", class: "jupyter-widgets jupyter-button widget-button", ...attributes }, label);

let groups = 0;

// ----- a question

function question({ name, asks, choices }, hand) {
  const group = `cnnlessons-question-${groups++}`;
  const field = choices.length
    ? make("div", {}, ...choices.map((text) => make("label", {}, make("input", { type: "radio", name: group, value: text }), ` ${text}`)))
    : make("label", {}, "Your answer, a number: ", make("input", { type: "text", inputmode: "decimal", autocomplete: "off" }));
  const said = make("div", { role: "status" });
  const answering = button("Answer", { "aria-label": `Answer question ${name}` });
  const given = () => field.querySelector(choices.length ? "input:checked" : "input")?.value;
  const answer = () => {
    if (given()) hand(given());
    else said.textContent = "Nothing is answered yet.";
  };
  answering.addEventListener("click", answer);
  field.addEventListener("keydown", (event) => event.key === "Enter" && answer());
  return [make("fieldset", {}, make("legend", {}, asks), field, answering, said), said];
}

// ----- lines to put in order: a click puts a line in or takes it out, arrows and dragging move it

const HOW = "Click a line, or press Enter on it, to put it in or to take it out. Arrow up and down, or the mouse, move it. "
  + "Some lines do not belong.";

function puzzle({ first, lines }, hand) {
  const inside = make("ol", { "aria-label": "Your function, in order" });
  const outside = make("ul", { "aria-label": "Lines left" });
  const moved = make("p", { role: "status", class: "moved" });
  const said = make("div", { role: "status" });
  const order = [];  // places in `lines`, from 0
  const buttons = lines.map((text, place) => line(text, place));

  function line(text, place) {
    const each = button("", { class: "line", draggable: "true" });
    each.append(make("code", {}, text));
    each.addEventListener("click", () => put(place, order.includes(place) ? -1 : order.length));
    each.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const now = order.indexOf(place);
      if (now >= 0) put(place, Math.min(order.length - 1, Math.max(0, now + step)));
    });
    each.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("text/plain", `line ${place}`);
      event.dataTransfer.effectAllowed = "move";
    });
    return each;
  }

  function put(place, to) {
    const now = order.indexOf(place);
    if (now >= 0) order.splice(now, 1);
    if (to >= 0) order.splice(to, 0, place);
    const focused = document.activeElement;
    show();
    if (buttons.includes(focused)) focused.focus();
    moved.textContent = to >= 0 ? `Line ${order.indexOf(place) + 1} of ${order.length}` : "Taken out";
  }

  function drop(list, event) {
    const dragged = /^line (\d+)$/.exec(event.dataTransfer.getData("text/plain"));
    if (!dragged) return;
    event.preventDefault();
    const place = Number(dragged[1]), others = order.filter((other) => other !== place);
    const middle = (other) => { const { top, height } = buttons[other].getBoundingClientRect(); return top + height / 2; };
    put(place, list === inside ? others.filter((other) => middle(other) < event.clientY).length : -1);
  }

  function show() {
    inside.replaceChildren(...order.map((place) => make("li", {}, buttons[place])));
    outside.replaceChildren(...buttons.filter((_, place) => !order.includes(place)).map((each) => make("li", {}, each)));
  }

  for (const list of [inside, outside]) {
    list.addEventListener("dragover", (event) => event.preventDefault());
    list.addEventListener("drop", (event) => drop(list, event));
  }
  const check = button("Check", { class: "jupyter-widgets jupyter-button widget-button check" });
  check.addEventListener("click", () => hand(order));
  show();
  const top = make("pre", {}, first);
  return [make("div", { class: "puzzle" }, make("p", {}, HOW), top, inside, make("p", {}, "Lines left:"), outside, moved, check, said), said];
}

function render({ model, el }) {
  const places = {};
  el.replaceChildren(
    ...model.get("entries").map((entry) => {
      const hand = (answer) => model.send({ name: entry.name, answer });
      const [element, said] = (entry.lines ? puzzle : question)(entry, hand);
      places[entry.name] = said;
      return element;
    }),
  );
  const show = () => {
    for (const [name, html] of Object.entries(model.get("shown"))) {
      if (places[name].innerHTML !== html) places[name].innerHTML = html;
    }
  };
  model.on("change:shown", show);
  show();
  return () => model.off("change:shown", show);
}

export default { render };
