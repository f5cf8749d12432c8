// The course's part in JupyterLab: it presents a lesson as slides, and gives pictures the words stored with them.
//
// A federated extension written by hand, without a build: JupyterLab calls `init` and `get` at the end of this file.
(() => {
  // The notebook that the command `cnnlessons present` opens, in a workspace of its own.
  const ASKED = decodeURIComponent(location.pathname.match(/\/lab\/workspaces\/presenting\/tree\/(.*)/)?.[1] ?? "");
  const WIDTH = 960;  // CSS pixels that a slide has across at size 1: the widest panel, with its margins
  const SIZES = [0.6, 2.5];
  const MARKS = ["cnn-away", "cnn-folded", "cnn-upto", "cnn-from"];  // what a presentation sets on cells

  const STYLE = `
.cnn-around {
  contain: none !important; content-visibility: visible !important; transform: none !important;
  will-change: auto !important; z-index: auto !important;
}
.cnn-stage {
  position: fixed !important; inset: 0 !important; width: 100vw !important; height: 100vh !important;
  max-width: none !important; max-height: none !important; z-index: 1000 !important;
  background: var(--jp-layout-color0);
}
.cnn-stage > :not(.jp-Notebook) { visibility: hidden !important; }
.cnn-stage > .jp-Notebook {
  inset: 0 0 auto 0 !important; width: 100% !important; height: calc(100% - 34px) !important;
  max-width: none !important; max-height: none !important; --jp-cell-prompt-width: 0px; --jp-notebook-padding: 8px;
}
.cnn-stage :is(.cnn-away, .jp-Notebook-footer, .jp-InputPrompt, .jp-OutputPrompt, .jp-cell-toolbar, .jp-Collapser) {
  display: none !important;
}
/* A cell whose text goes on above its heading: that stands on the slide before, the rest on the next one. */
.cnn-stage .cnn-upto .jp-RenderedMarkdown > :is(h1, h2, :is(h1, h2) ~ *),
.cnn-stage .cnn-from .jp-RenderedMarkdown:has(> :is(h1, h2)) > :not(h1, h2, :is(h1, h2) ~ *) {
  display: none !important;
}
.cnn-stage .jp-WindowedPanel-outer::after { display: none !important; }  /* room past the last cell */
.cnn-stage .cm-content { white-space: break-spaces !important; }
.cnn-stage .cnn-folded .jp-Cell-outputWrapper { display: none !important; }
.cnn-stage .cnn-folded::after {
  content: "Guess first. Shift + Enter runs the cell and unfolds the answer."; display: block; padding: 8px 12px;
  color: var(--jp-ui-font-color1);
}
.cnn-bar {
  position: fixed; inset: auto 0 0 0; height: 34px; z-index: 1001; display: flex; align-items: center; gap: 4px;
  padding: 0 12px; background: var(--jp-layout-color1); border-top: 1px solid var(--jp-border-color2);
  color: var(--jp-ui-font-color1); font: 14px var(--jp-ui-font-family);
}
.cnn-bar button {
  min-width: 30px; height: 26px; border: 1px solid transparent; border-radius: 4px; background: none; color: inherit;
  font: inherit; cursor: pointer;
}
.cnn-bar button:is(:hover, :focus-visible) { border-color: currentcolor; }
.cnn-bar [role=status] { flex: 1; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.cnn-bar [data-name=state] { padding-right: 12px; }
.cnn-blank { position: fixed; inset: 0; z-index: 1002; background: #000; color: #000; }
`;

  // What a key does. A remote pointer sends PageUp, PageDown, and "b" or "." for a blank screen.
  const KEYS = {
    ArrowRight: "next", ArrowLeft: "previous", PageDown: "forward", PageUp: "back", " ": "forward",
    ArrowDown: "down", ArrowUp: "up", Home: "first", End: "last", "+": "larger", "=": "larger", "-": "smaller",
    b: "blank", ".": "blank", n: "notes", f: "whole", Escape: "leave",
  };
  const BUTTONS = [
    ["previous", "‹", "Previous section (←)"], ["next", "›", "Next section (→)"],
    ["smaller", "−", "Smaller (−)"], ["larger", "+", "Larger (+)"],
    ["blank", "Blank", "Blank the screen (B)"], ["notes", "Notes", "Notes in a second window (N)"],
    ["run", "Run all", "Run all cells; the answers to predictions stay folded"],
    ["leave", "Leave", "Leave the presentation (Escape)"],
  ];

  // Keys that stay where they are typed: all in text, those that press a button, those that move another control.
  const TEXT = ".cm-editor, textarea, select, [contenteditable=true], input:not([type=checkbox], [type=radio]), "
    + ".jp-Dialog, .lm-Menu, .jp-DocumentSearch-overlay";
  const THEIRS = [
    ["button, a, summary, [type=checkbox]", [" ", "Enter"]],
    ["[data-lm-suppress-shortcuts]", [" ", "Enter", "ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Home", "End"]],
  ];

  const isA = (target, selector) => Boolean(target?.closest?.(selector));
  const tagsOf = (cell) => cell.model.getMetadata("tags") ?? [];
  const teacherOf = (cell) => cell.model.getMetadata("cnnlessons")?.teacher;
  const sourceOf = (cell) => cell.model.sharedModel.getSource();

  function element(kind, properties, ...children) {
    const made = Object.assign(document.createElement(kind), properties);
    made.append(...children);
    return made;
  }

  // The heading of a Markdown cell, and whether text stands above it.
  function headingOf(cell) {
    if (cell.model.type !== "markdown") return null;
    const found = sourceOf(cell).replace(/^```[^]*?^```/gm, "\n").match(/^#{1,2} +(.*)/m);
    return found && { title: found[1].replace(/[`*]/g, ""), late: /\S/.test(found.input.slice(0, found.index)) };
  }

  // A section is everything from one heading of level 1 or 2 to the next; `tail` is the cell whose text ends it and
  // whose heading begins the next one.
  function sectionsOf(notebook) {
    const sections = [];
    for (const cell of notebook.widgets) {
      const heading = headingOf(cell);
      if (heading?.late && sections.length) sections.at(-1).tail = cell;
      if (heading || !sections.length) sections.push({ title: heading?.title ?? "", cells: [] });
      sections.at(-1).cells.push(cell);
    }
    return sections;
  }

  // Let `node` cover the window, and put what lies behind it out of reach of Tab and of screen readers. JupyterLab's
  // own layout stays as it is, so that nothing has to be put back but what is marked here.
  function stage(node) {
    const around = [], behind = [];
    for (let inner = node; inner.id !== "main" && inner.parentElement; inner = inner.parentElement) {
      around.push(inner.parentElement);
      behind.push(...[...inner.parentElement.children].filter((each) => each !== inner && !each.inert));
    }
    node.classList.add("cnn-stage");
    for (const each of around) each.classList.add("cnn-around");
    for (const each of behind) each.inert = true;
    return () => {
      node.classList.remove("cnn-stage");
      for (const each of around) each.classList.remove("cnn-around");
      for (const each of behind) each.inert = false;
    };
  }

  class Presentation {
    constructor(panel, { CodeCell, NotebookActions, ended }) {
      this.panel = panel;
      this.notebook = panel.content;
      this.scroller = this.notebook.node.querySelector(".jp-WindowedPanel-outer") ?? this.notebook.node;
      this.execute = (cell) => CodeCell.execute(cell, panel.sessionContext);
      this.size = 1;
      this.begun = Date.now();
      this.waiting = new Set();  // cells that `run` has not come to, or is at
      this.undo = [ended, this.remember(), stage(panel.node), this.makeBar(), () => this.second?.close()];
      for (const cell of this.notebook.widgets) cell.toggleClass("cnn-folded", tagsOf(cell).includes("predict"));
      this.listen(NotebookActions);
      this.at = this.sections().findIndex(({ cells }) => cells.includes(this.notebook.activeCell));
      this.show(this.at);
    }

    // Return what brings back the place, the cell and the mode that the notebook is in now.
    remember() {
      const { scroller, notebook } = this, { scrollTop } = scroller, { activeCell, mode } = notebook;
      return () => {
        for (const cell of notebook.widgets) for (const name of MARKS) cell.removeClass(name);
        scroller.style.zoom = "";
        notebook.activeCellIndex = Math.max(0, notebook.widgets.indexOf(activeCell));
        this.focus();
        notebook.mode = mode;
        this.panel.update();  // Lumino has measured the panel while it was large
        requestAnimationFrame(() => { scroller.scrollTop = scrollTop; });
      };
    }

    makeBar() {
      this.where = element("span", { role: "status" });
      this.state = element("span");
      this.state.dataset.name = "state";
      const buttons = BUTTONS.map(([name, text, title]) => {
        const button = element("button", { textContent: text, title, ariaLabel: title });
        button.addEventListener("click", () => { this[name](); if (name !== "leave") this.focus(); });
        return button;
      });
      const bar = element("nav", { className: "cnn-bar", ariaLabel: "Presentation" });
      bar.append(this.where, this.state, ...buttons);
      document.body.append(bar);
      return () => bar.remove();
    }

    listen(NotebookActions) {
      const connect = (signal, slot) => { signal.connect(slot); this.undo.push(() => signal.disconnect(slot)); };
      const hear = (target, event, slot, capture) => {
        target.addEventListener(event, slot, capture);
        this.undo.push(() => target.removeEventListener(event, slot, capture));
      };
      hear(window, "keydown", (event) => this.hear(event), true);
      hear(window, "resize", () => this.fit());
      connect(this.notebook.model.cells.changed, () => setTimeout(() => this.left || this.show(this.at, null)));
      connect(this.notebook.activeCellChanged, () => this.holdCell());
      connect(NotebookActions.executed, (_, { cell }) => this.unfold(cell));
      connect(this.panel.sessionContext.statusChanged, (_, status) => {
        this.state.textContent = status === "busy" ? "running …" : "";
      });
      const observer = new ResizeObserver(() => this.fit());
      observer.observe(this.scroller.firstElementChild);
      this.undo.push(() => observer.disconnect());
      const clock = setInterval(() => this.tellTime(), 1000);
      this.undo.push(() => clearInterval(clock));
    }

    // ---- where we are

    sections() {
      return sectionsOf(this.notebook);
    }

    section() {
      return this.sections()[this.at];
    }

    // What follows a prediction waits until its cell has run: the text below it often tells the answer.
    shown() {
      const { cells, tail } = this.section();
      const waits = cells.findIndex((cell) => cell.hasClass("cnn-folded"));
      return waits < 0 ? [...cells, ...tail ? [tail] : []] : cells.slice(0, waits + 1);
    }

    unfold(cell) {
      cell.removeClass("cnn-folded");
      if (this.section().cells.includes(cell)) this.show(this.at, null);
    }

    // Show a section from its "start" or its "end"; `place` null leaves cell and place as they are.
    show(at, place = "start") {
      const sections = this.sections();
      this.at = Math.max(0, Math.min(at, sections.length - 1));
      const shown = this.shown(), { cells, tail } = this.section();
      for (const cell of this.notebook.widgets) {
        cell.toggleClass("cnn-away", !shown.includes(cell));
        cell.toggleClass("cnn-upto", cell === tail);
        cell.toggleClass("cnn-from", this.at > 0 && cell === cells[0]);
      }
      this.where.textContent = `${this.at + 1} / ${sections.length} · ${sections[this.at].title}`;
      if (place) {
        const first = shown.find((cell) => cell.model.type === "code") ?? shown[0];
        this.notebook.activeCellIndex = this.notebook.widgets.indexOf(first);
        this.focus();
      }
      this.fit();
      if (place) this.scroller.scrollTop = place === "end" ? this.scroller.scrollHeight : 0;
      this.tell();
    }

    // After the last cell of a slide has run JupyterLab chooses the next one, which is not to be seen.
    holdCell() {
      const { notebook } = this, shown = this.shown().map((cell) => notebook.widgets.indexOf(cell));
      const held = Math.max(shown[0], Math.min(notebook.activeCellIndex, shown.at(-1)));
      if (held !== notebook.activeCellIndex) notebook.activeCellIndex = held;
    }

    focus() {
      this.notebook.mode = "command";
      this.notebook.activeCell?.node.focus({ preventScroll: true });
    }

    // As large as the width allows, and no panel wider than the window.
    fit() {
      const set = (zoom) => { this.scroller.style.zoom = zoom.toFixed(3); };
      const panels = [...this.scroller.querySelectorAll(".cnnlessons-panel")];
      const tooWide = (each) => each.scrollWidth > each.clientWidth + 2;
      let zoom = (this.panel.node.clientWidth / WIDTH) * this.size;
      for (set(zoom); zoom > 0.4 && panels.some(tooWide); set(zoom)) zoom *= 0.95;
    }

    page(step) {
      const { scrollTop, scrollHeight, clientHeight } = this.scroller;
      const rest = step > 0 ? scrollHeight - clientHeight - scrollTop : scrollTop;
      if (rest > 4) this.scroll(step * 0.9 * clientHeight);
      else if (this.sections()[this.at + step]) this.show(this.at + step, step > 0 ? "start" : "end");
    }

    scroll(pixels) {
      this.scroller.scrollBy({ top: pixels, behavior: "instant" });
    }

    // ---- what keys and buttons do

    next() { this.show(this.at + 1); }
    previous() { this.show(this.at - 1); }
    first() { this.show(0); }
    last() { this.show(this.sections().length - 1); }
    forward() { this.page(1); }
    back() { this.page(-1); }
    down() { this.scroll(80); }
    up() { this.scroll(-80); }
    larger() { this.resize(1.1); }
    smaller() { this.resize(1 / 1.1); }

    resize(factor) {
      this.size = Math.max(SIZES[0], Math.min(this.size * factor, SIZES[1]));
      this.fit();
    }

    // As by hand from top to bottom, up to an error.
    async run() {
      await this.panel.sessionContext.ready;
      if (this.waiting.size) return;
      this.waiting = new Set(this.notebook.widgets.filter(({ model }) => model.type === "code"));
      for (const cell of this.waiting) {
        if (!cell.isDisposed && !await this.renew(cell)) break;
        this.waiting.delete(cell);
      }
      this.waiting.clear();
    }

    // Run a cell and tell whether that went well. What it has shown stays until something new comes, and what is folded
    // stays so, in the file too.
    async renew(cell) {
      const { outputHidden, model: { outputs } } = cell, old = outputs.toJSON();
      if (!this.panel.sessionContext.session?.kernel) return false;
      const going = this.execute(cell);  // which clears the outputs at once
      cell.outputHidden = outputHidden;
      outputs.fromJSON(old);
      outputs.clear(true);
      const reply = await going.catch(() => null);  // the cell shows it; undefined: there was nothing to run
      const well = reply === undefined || reply?.content.status === "ok";
      if (well && outputs.clearNext) outputs.clear();
      return well;
    }

    // While `run` is at work Shift + Enter only unfolds an answer: the stored one of a cell that it will come to, since
    // those above have not run yet; of an earlier cell, into which nobody is writing, the new one, which is there.
    foretells(target) {
      const { activeCell } = this.notebook, folded = activeCell?.hasClass("cnn-folded") && !isA(target, TEXT);
      return isA(target, ".jp-Cell") && (this.waiting.has(activeCell) || (this.waiting.size > 0 && folded));
    }

    foretell() {
      this.unfold(this.notebook.activeCell);
      this.notebook.activeCellIndex += 1;
      this.focus();
    }

    // Show the first panel in sight on the whole screen.
    whole() {
      const buttons = [...this.scroller.querySelectorAll(".cnnlessons-projector")];
      buttons.find((each) => each.checkVisibility())?.click();
    }

    blank() {
      if (this.black) {
        this.black.remove();
        this.black = null;
        return;
      }
      this.black = element("div", { className: "cnn-blank", role: "status", textContent: "The screen is blank." });
      this.black.addEventListener("click", () => this.blank());
      (document.fullscreenElement ?? document.body).append(this.black);
    }

    leave() {
      if (this.left) return;
      this.left = true;
      if (this.black) this.blank();
      for (const each of this.undo.reverse()) each();
    }

    hear(event) {
      const { key, target } = event;
      const action = event.key === " " && event.shiftKey ? "back" : KEYS[key.length === 1 ? key.toLowerCase() : key];
      if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
      if (this.black) this.blank();
      else if (key === "Enter" && event.shiftKey && this.foretells(target)) this.foretell();
      else if (document.fullscreenElement?.matches(".cnnlessons-panel")) {
        if (action !== "blank" || isA(target, TEXT)) return;
        this.blank();
      } else if (isA(target, TEXT)) {
        if (key !== "Escape" || !isA(target, ".cnnlessons-panel")) return;
        this.focus();
      } else if (THEIRS.find(([selector]) => isA(target, selector))?.[1].includes(key)) return;
      else if (action) this[action]();
      else if (key.length > 1) return;  // Tab, Enter …; letters would cut or insert cells
      event.preventDefault();
      event.stopImmediatePropagation();
    }

    // ---- the second window

    notes() {
      this.second = window.open("", "cnnlessons-notes", "popup,width=560,height=640");
      if (!this.second) {
        this.state.textContent = "The browser does not let a second window open.";
        return;
      }
      this.second.onkeydown = (event) => this.hear(event);
      this.tell();
    }

    // A section's notes and predictions, and what a teacher's note says of the part that it belongs to.
    notesHere() {
      const { cells } = this.section(), above = this.sections().slice(0, this.at + 1).flatMap((each) => each.cells);
      const parts = above.map(teacherOf).filter(Boolean), begun = cells.map(teacherOf).filter(Boolean);
      const notes = cells.map((cell) => cell.model.getMetadata("cnnlessons")?.notes).filter(Boolean).map(written);
      for (const part of begun.length ? begun : parts.slice(-1)) {
        const lengths = Object.entries(part.minutes ?? {}).filter(([, length]) => length);
        const minutes = lengths.map(([whole, length]) => `${length} of ${whole}`).join(", ");
        const said = { Goal: part.goal, Minutes: minutes, Ask: begun.length && part.ask, Board: part.board };
        for (const [name, each] of Object.entries(said)) if (each) notes.push(labelled(`${name}.`, each));
      }
      return [...notes, ...predictionsOf(cells, Object.assign({}, ...parts.map(({ wrong }) => wrong)))];
    }

    tell() {
      if (!this.second || this.second.closed) return;
      const { document: page } = this.second, sections = this.sections(), notes = this.notesHere();
      this.clock = element("p", { id: "clock" });
      page.title = "Notes";
      page.documentElement.lang = "en";
      page.body.style.cssText = "font: 18px/1.5 sans-serif; margin: 20px; color: #222; background: #fff";
      page.body.replaceChildren(element("main", {},
        element("h1", { textContent: `${this.at + 1} / ${sections.length} · ${sections[this.at].title}` }),
        this.clock,
        element("p", { textContent: `Next: ${sections[this.at + 1]?.title ?? "the end"}` }),
        ...(notes.length ? notes : ["No notes for this section."]),
      ));
      this.tellTime();
    }

    tellTime() {
      const seconds = Math.floor((Date.now() - this.begun) / 1000);
      const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      if (this.clock) this.clock.textContent = `${time} since the start`;
    }
  }

  // Notes are a text, or a list or an object of them.
  function written(note) {
    if (typeof note !== "object") return element("p", { textContent: String(note) });
    return element("ul", {}, ...Object.entries(note).map(([name, each]) =>
      element("li", {}, Array.isArray(note) ? written(each) : labelled(`${name}:`, each))));
  }

  const labelled = (name, said) => element("p", {}, element("b", { textContent: `${name} ` }), said);

  // Of each prediction what is asked, what its cell printed as an answer, and its mistakes (`wrong`, by the cell's id).
  function predictionsOf(cells, wrong) {
    let asked = "";
    return cells.flatMap((cell) => {
      asked = sourceOf(cell).match(/[^]*\*\*Predict[.*,]+\s+([^]+?)(?:\n\n|\n```|$)/)?.[1] ?? asked;
      if (!tagsOf(cell).includes("predict")) return [];
      const printed = cell.model.outputs.toJSON().map(({ text }) => [text ?? ""].flat().join("")).join("");
      const found = printed.match(/Answer: (.+?)(?:\. What did you .*)?$|You predicted (.+)\.\nThat is the answer\./m);
      const mistakes = Object.entries(wrong[cell.model.id] ?? {});
      return [
        labelled("Predict.", asked.replace(/\s+/g, " ")),
        labelled("Answer:", found?.[1] ?? found?.[2] ?? "run the cell"),
        ...(mistakes.length ? [labelled("Many will say", ""), written(Object.fromEntries(mistakes))] : []),
      ];
    });
  }

  // ---- What JupyterLab loads

  let scope;

  async function shared(name) {
    const [version] = Object.values(scope[name]);
    return (await version.get())();
  }

  async function plugins() {
    const { INotebookTracker, NotebookActions } = await shared("@jupyterlab/notebook");
    const { CodeCell } = await shared("@jupyterlab/cells");
    const { CommandToolbarButton, ICommandPalette } = await shared("@jupyterlab/apputils");
    const { IRenderMimeRegistry, RenderedImage } = await shared("@jupyterlab/rendermime");
    const command = "cnnlessons:present";

    function activate(app, tracker, palette) {
      let now = null, kept = null;
      document.head.append(element("style", { textContent: STYLE }));

      async function present(panel) {
        await panel.revealed;
        now = new Presentation(panel, { CodeCell, NotebookActions, ended: () => { now = null; ended(panel); } });
        return now;
      }

      function ended({ isDisposed, context }) {
        if (isDisposed) return;
        if (context === kept?.context) context.model.dirty = kept.changed();
        else if (context.model.dirty && context.contentsModel?.writable) context.save();
      }

      // A lesson that was opened to be presented stays as it is on the disk. JupyterLab saves what counts as changed:
      // of this lesson only a text that differs when the presentation has been left.
      function keep({ content, context }) {
        const { model } = context, texts = () => content.widgets.map(sourceOf).join("\n\n"), before = texts();
        const changed = () => !now && texts() !== before;
        const check = () => { if (model.dirty && !changed()) model.dirty = false; };
        kept = { context, changed };
        model.stateChanged.connect(check);
        check();
      }
      app.commands.addCommand(command, {
        label: "Present",
        caption: "Present this notebook: a slide a section; Escape leaves",
        isEnabled: () => tracker.currentWidget !== null && tracker.currentWidget === app.shell.currentWidget,
        execute: () => { if (!now) return present(tracker.currentWidget).then(() => undefined); },
      });
      palette?.addItem({ command, category: "Notebook Operations" });
      app.docRegistry.addWidgetExtension("Notebook", {
        createNew: ({ toolbar }) => {
          const button = new CommandToolbarButton({ commands: app.commands, id: command });
          toolbar.insertAfter("cellType", "present", button) || toolbar.addItem("present", button);
          return button;
        },
      });
      tracker.currentChanged.connect((_, panel) => { if (now && now.panel !== panel) now.leave(); });
      if (ASKED) {
        app.restored.then(async () => {
          const there = () => tracker.currentWidget?.context.path === ASKED;
          while (!there()) await new Promise((resolve) => setTimeout(resolve, 50));
          const panel = tracker.currentWidget;
          const presentation = await present(panel);
          keep(panel);
          presentation.run();
        });
      }
    }

    class Described extends RenderedImage {
      async render(model) {
        await super.render(model);
        const words = model.metadata[this.mimeType]?.alt;
        if (words) this.node.querySelector("img").alt = words;
      }
    }

    return [
      { id: command, autoStart: true, requires: [INotebookTracker], optional: [ICommandPalette], activate },
      {
        id: "cnnlessons:descriptions",
        autoStart: true,
        requires: [IRenderMimeRegistry],
        activate: (_, rendermime) => rendermime.addFactory(
          { safe: true, mimeTypes: ["image/png"], createRenderer: (options) => new Described(options) },
          85,  // before JupyterLab's own, which has 90
        ),
      },
    ];
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB.cnnlessons = {
    init: (given) => { scope = given; },
    get: async () => {
      const all = await plugins();
      return () => ({ __esModule: true, default: all });
    },
  };
})();
