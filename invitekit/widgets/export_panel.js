// The export panel of invitekit: what leaves is chosen and seen here; the records stay in the kernel.
// No library, no network. Text only ever becomes a text node.

let panels = 0;

/** Put texts and elements into an element, in place of what was there. */
const put = (element, ...inside) => { element.replaceChildren(...inside.flat(2).filter((one) => one || one === 0)); return element; };
/** Make an element "tag.class": properties are set, "on…" listens, "aria-…"/role/for are attributes, texts are text. */
function h(tag, given = {}, ...inside) {
  const [kind, ...classes] = tag.split("."), made = document.createElement(kind);
  made.className = classes.map((one) => `ikx-${one}`).join(" ");
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (/^(aria-|role$|for$|scope$)/.test(name)) made.setAttribute(name, value);
    else made[name] = value;
  }
  return put(made, ...inside);
}
/** Make a button of these words. */
const press = (words, onclick, more = {}, kind = "") => h(`button.button${kind}`, { type: "button", onclick, ...more }, words);
const fill = (text, values) => (text ?? "").replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const FORMATS = { parquet: "Parquet", csv: "CSV", xlsx: "XLSX" };

class Panel {
  constructor(model, el) {
    this.model = model;
    this.id = `ikx${++panels}-${Math.random().toString(36).slice(2, 7)}`;
    this.form = {};
    this.verdicts = new Map();
    this.root = h("div", { className: "ikx", role: "region", "aria-label": "invitekit" });
    this.live = h("div.live", { role: "status", "aria-live": "polite" });
    // A notebook takes keys for its own commands: none may leave.
    for (const kind of ["keydown", "keypress", "keyup"]) this.root.addEventListener(kind, (e) => e.stopPropagation());
    el.append(this.root);
    this.take = (message) => this.receive(message);
    model.on("msg:custom", this.take);
    this.send({ do: "hello" });
  }

  close() { this.model.off("msg:custom", this.take); }
  send(message) { this.model.send(message); }
  w(name, values = {}) { return fill(this.say[name] ?? name, values); }

  // ---- the frame, once the words are known

  build() {
    const w = (name) => this.w(name);
    this.held = h("span.soft");
    this.table = h("tbody");
    this.name = this.input("name", () => this.set({ file: `${this.name.value.trim()}.${this.format}` }));
    this.ending = h("span.soft");
    this.purpose = this.input("purpose", () => this.set({ purpose: this.purpose.value.trim() }), { pattern: "[a-z0-9_\\-]{1,64}", "aria-describedby": `${this.id}-note` });
    this.scrubNote = h("p.soft", {}, w("scrub_note"));
    this.key = h("p");
    this.button = press(w("export"), () => this.export(), { disabled: true }, ".main");
    this.bar = h("progress", { "aria-label": w("export") });
    this.far = h("span");
    this.stop = press(w("cancel"), () => { this.stop.disabled = this.waited = true; this.far.textContent = w("cancelling"); this.send({ do: "cancel" }); });
    this.run = h("div.run", { hidden: true }, this.bar, this.far, this.stop);
    this.ask = h("div.note.warn", { role: "alertdialog", hidden: true, onkeydown: (e) => e.key === "Escape" && this.answer(false) });
    this.problem = h("div.note.bad", { role: "alert", hidden: true });
    this.result = h("section.note.good", { hidden: true, tabIndex: -1, "aria-label": w("done") });
    this.list = h("div");
    const line = (name, ...inside) => h("div.line", {}, h("label.name", { for: `${this.id}-${name}` }, w(name)), h("div.field", {}, inside));
    this.remarks = line("remarks", this.radios("remarks", { drop: w("drop"), scrub: w("scrub") }, (remarks) => this.set({ remarks })), this.scrubNote);
    put(this.root, h("header", {}, h("h3", {}, w("title")), this.held),
      h("fieldset", {}, h("legend", {}, w("level")), h("div.cards", {}, this.levels.map((one) => this.card(one)))),
      h("details", { open: true }, h("summary", {}, w("columns")), h("p.soft", {}, w("made_up_note")), this.sheet("columns", ["column", "becomes", "made_up"], this.table)),
      h("fieldset", {}, h("legend", {}, w("file")), line("format", this.radios("format", FORMATS, (format) => this.set({ file: `${this.name.value.trim()}.${format}` }))),
        line("name", h("div.joined", {}, this.name, this.ending)), line("purpose", this.purpose, h("p.soft", { id: `${this.id}-note` }, w("purpose_note"))), this.remarks, line("key", this.key)),
      h("div.act", {}, this.button, this.run), this.ask, this.problem, this.result, h("section", {}, h("h4", {}, w("history")), this.list), this.live);
  }

  input(name, onchange, more) { return h("input", { type: "text", id: `${this.id}-${name}`, spellcheck: false, autocomplete: "off", onchange, ...more }); }
  radio(group, value, choose, more) { return h("input", { type: "radio", name: `${this.id}-${group}`, value, onchange: () => choose(value), ...more }); }
  radios(group, options, choose) {
    return h("div.options", { id: `${this.id}-${group}`, role: "radiogroup", "aria-label": this.w(group) }, Object.entries(options).map(([value, name]) => h("label.option", {}, this.radio(group, value, choose), name)));
  }
  card({ level, name, mark, says }) {
    const id = `${this.id}-${level}`;
    return h("label.card", {}, this.radio("level", level, () => this.set({ level }), { "aria-labelledby": `${id}-name`, "aria-describedby": `${id}-mark ${id}-says` }),
      h("span.card-name", { id: `${id}-name` }, name), h(level === "aggregated" ? "span.mark.free" : "span.mark", { id: `${id}-mark` }, mark), h("span.says", { id: `${id}-says` }, says));
  }
  /** A table that scrolls by itself, by keys too. */
  sheet(name, titles, body) {
    return h("div.scroll", { tabIndex: 0, role: "group", "aria-label": this.w(name) }, h(`table.${name}`, {}, h("thead", {}, h("tr", {}, titles.map((one) => h("th", { scope: "col" }, this.w(one))))), body));
  }

  // ---- the form

  get format() { return this.form.file.split(".").pop().toLowerCase(); }
  set(change) { this.send({ do: "set", ...change }); }
  /** All of the form: a name that is typed and not yet left counts too. */
  whole() {
    const chosen = (group) => this.root.querySelector(`input[name="${this.id}-${group}"]:checked`)?.value;
    return { level: chosen("level"), file: `${this.name.value.trim()}.${chosen("format") ?? this.format}`, purpose: this.purpose.value.trim(), remarks: chosen("remarks") };
  }

  drawForm(m) {
    this.form = m;
    const check = (group, value) => this.root.querySelectorAll(`input[name="${this.id}-${group}"]`).forEach((one) => { one.checked = one.value === value; });
    const ending = m.file.includes(".") ? this.format : "";
    check("level", m.level); check("format", ending); check("remarks", m.remarks);
    const write = (input, value) => { if (document.activeElement !== input) input.value = value; };
    write(this.name, ending ? m.file.slice(0, -ending.length - 1) : m.file);
    write(this.purpose, m.purpose);
    this.ending.textContent = `.${ending}`;
    this.scrubNote.hidden = m.remarks !== "scrub";
    this.remarks.hidden = m.level === "aggregated";
    this.key.textContent = m.key;
    put(this.table, ...m.columns.map((c) => h(`tr.${c.kind}`, {}, h("th", { scope: "row" }, c.label),
      h("td", {}, c.action, c.into ? h("code", { title: c.into }, c.into) : null),
      h("td", {}, c.made_up === null ? "" : [h("span.soft", { title: c.made_up }, c.made_up), " → ", h("code", { title: c.example ?? "" }, c.example ?? this.w("empty"))]))));
    if (m.problem) this.trouble(m.problem); else if (this.refused) this.problem.hidden = true;
    this.refused = !!m.problem;
    this.able();
  }
  able() { this.button.disabled = this.refused !== false || this.total === 0; }

  // ---- exporting

  export(overwrite = false) {
    for (const one of [this.ask, this.problem, this.result]) one.hidden = true;
    this.send({ do: "export", ...this.whole(), overwrite });
  }
  drawAsk(file) {
    const text = h("p", { id: `${this.id}-ask` }, this.w("exists", { file }));
    const keep = press(this.w("keep"), () => this.answer(false));
    this.ask.setAttribute("aria-labelledby", text.id);
    put(this.ask, text, keep, press(this.w("replace"), () => this.answer(true), {}, ".danger"));
    this.ask.hidden = false;
    keep.focus();
  }
  answer(replace) {
    this.ask.hidden = true;
    if (replace) this.export(true); else this.name.focus();
  }
  drawProgress({ step, done, total, text, left }) {
    const held = this.run.hidden && this.root.contains(document.activeElement);
    for (const one of [this.ask, this.problem, this.result, this.button]) one.hidden = true;
    this.run.hidden = false;
    this.waited ||= step === "proving" && document.activeElement === this.stop; // it goes away, and the focus with it
    this.stop.hidden = step === "proving";
    if (step === "preparing") this.stop.disabled = false;
    if (step === "writing" && total) { this.bar.max = total; this.bar.value = done; } else this.bar.removeAttribute("value");
    if (!this.stop.disabled) this.far.textContent = text + left;
    const quarter = `${step}${total ? Math.floor((4 * done) / total) : ""}`;
    if (quarter !== this.quarter) { this.quarter = quarter; this.live.textContent = text; }
    if (held) this.stop.focus();
  }
  /** An export has ended: the button is back, and who waited at its progress is led to what became of it. */
  ended(note) {
    const waited = this.waited || this.run.contains(document.activeElement);
    this.run.hidden = true;
    this.button.hidden = this.stop.disabled = this.waited = false;
    this.quarter = null;
    note.hidden = false;
    if (waited) (note === this.result ? note : this.button).focus({ preventScroll: true });
  }
  trouble({ problem, hint }) {
    put(this.problem, h("strong", {}, problem), hint && h("p", {}, hint));
    this.ended(this.problem);
  }
  drawResult(m) {
    put(this.result, h("h4", {}, `${this.w("done")}: `, h("span", { dir: "auto" }, m.file)), h("p.facts", {}, m.facts.map((one) => h("span", {}, one))),
      this.way(m), h("p", {}, h("strong", {}, m.still)), m.said.map((one) => h("p", {}, one)),
      h("details", {}, h("summary", {}, m.passed), h("ul", {}, m.gates.map((gate) => h("li", {}, gate)))));
    this.live.textContent = `${this.w("done")}: ${m.file}, ${m.facts[1]}`;
    this.ended(this.result);
  }

  /** A link where the server can give the file, and where it lies. */
  way({ paths, file }) {
    const address = this.address(paths);
    const link = address && h("a.button.download", { href: address, download: file, target: "_blank" }, `${this.w("download")} ${file}`);
    return h("p.way", {}, link, h("span.soft", {}, `${this.w("where")} `, h("code", {}, paths[0])));
  }
  address(paths) {
    const config = document.getElementById("jupyter-config-data");
    const { baseUrl, serverRoot } = config ? JSON.parse(config.textContent) : {};
    if (!baseUrl || !serverRoot) return null;
    const root = `${serverRoot.replace(/\\/g, "/").replace(/^~(?=\/|$)/, this.home).replace(/\/+$/, "")}/`;
    const path = paths.find((one) => one.startsWith(root));
    const parts = path?.slice(root.length).split("/");
    if (!parts || parts.some((part) => part.startsWith("."))) return null; // the server gives no hidden files
    return `${baseUrl}files/${parts.map(encodeURIComponent).join("/")}`;
  }

  // ---- the history

  drawHistory({ rows, note }) {
    this.shown = { rows, note };
    const notes = note === "no_history" && rows?.length ? null : h("p.soft", {}, this.w(note));
    const titles = ["when", "status", "level_head", "rows_head", "size", "file_head", "verify"];
    put(this.list, notes, rows?.length ? this.sheet("history", titles, h("tbody", {}, rows.map((row) => this.pastLine(row)))) : null);
  }
  pastLine(row) {
    const address = row.paths.length ? this.address(row.paths) : null, verdict = this.verdicts.get(row.id);
    const verify = row.paths.length ? press(this.w("verify"), (e) => { e.target.textContent = this.w("verifying"); this.send({ do: "verify", id: row.id }); },
      { id: `${this.id}-verify-${row.id}`, "aria-label": `${this.w("verify")}: ${row.file}` }) : h("span.soft", {}, row.missing);
    const said = verdict ? h(`tr.said.is-${verdict.good ? "completed" : "failed"}`, {}, h("td", { colSpan: 7 }, verdict.words)) : null;
    return [h("tr", {}, h("td", {}, row.when), h(`td.is-${row.status}`, {}, row.status_words), h("td", {}, row.level), h("td.number", {}, row.rows), h("td.number", {}, row.size),
      h("td", { dir: "auto", title: row.purpose ?? "" }, address ? h("a", { href: address, download: row.file, target: "_blank" }, row.file) : row.file), h("td", {}, verify)), said];
  }

  // ---- what the kernel says

  receive(m) {
    const does = {
      hello: () => { Object.assign(this, { say: m.words, levels: m.levels, home: m.home }); this.root.lang = m.language; this.build(); },
      form: () => this.drawForm(m),
      count: () => { this.total = m.total; this.held.textContent = m.words; this.able(); },
      ask: () => this.drawAsk(m.file),
      progress: () => this.drawProgress(m),
      problem: () => this.trouble(m),
      cancelled: () => this.trouble({ problem: this.w("cancelled") }),
      result: () => this.drawResult(m),
      history: () => this.drawHistory(m),
      verified: () => { this.verdicts.set(m.id, m); this.drawHistory(this.shown); this.live.textContent = m.words; document.getElementById(`${this.id}-verify-${m.id}`)?.focus(); },
    };
    if (this.say || m.kind === "hello") does[m.kind]?.();
  }
}

export default {
  render({ model, el }) {
    const panel = new Panel(model, el);
    return () => panel.close();
  },
};
