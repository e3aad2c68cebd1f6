// The screen of invitekit: a grid over rows that stay in the kernel, and the choices beside it.
// No library, no network. Text from records only ever becomes a text node.

const ROW = 30, HEAD = 34, BLOCK = 100, TALLEST = 8e6, DEBOUNCE = 180, KEPT = 40;
const SVG = "http://www.w3.org/2000/svg";
const WIDE = { effective_status: 164, decision: 190, customer_full_name: 230, failure_code: 250, reason: 300, email: 190, country: 130 };
let screens = 0;

/** Make an element: properties are set, "on…" listens, "aria-…"/"data-…"/role are attributes, texts are text. */
function h(tag, given = {}, ...inside) {
  const made = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (tag.startsWith("svg:") || /^(aria-|data-|role$|for$|colspan$|open$)/.test(name)) made.setAttribute(name, value === true ? "" : value);
    else if (name === "style") made.style.cssText = value;
    else made[name] = value;
  }
  made.append(...inside.flat().filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}
/** Draw what stands in a box anew, and leave the focus where it was. */
function keepFocus(box, draw) {
  const all = () => [...box.querySelectorAll("button, input, summary")], at = all().indexOf(document.activeElement);
  draw();
  if (at >= 0) all()[Math.min(at, all().length - 1)]?.focus({ preventScroll: true });
}
/** Let a box hold what is listed. What is there already stays the same element: under the hand, and with its focus. */
function keyed(box, list, key, draw) {
  const there = new Map([...box.children].map((one) => [one.of, one]));
  const drawn = list.map((item) => { const one = draw(item, there.get(key(item))); one.of = key(item); return one; });
  for (const one of there.values()) if (!drawn.includes(one)) one.remove();
  drawn.forEach((one, at) => box.children[at] === one || box.insertBefore(one, box.children[at] ?? null));
}
const fill = (text, values) => (text || "").replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

class Screen {
  constructor(model, el) {
    this.model = model;
    this.id = `ik${++screens}-${Math.random().toString(36).slice(2, 7)}`;
    this.say = {};
    this.v = -1;
    this.pages = new Map();
    this.asked = null;
    this.stale = false;
    this.top = 0;
    this.scale = 1;
    this.active = { row: 0, col: 1 };
    this.anchor = 0;
    this.widths = {};
    this.open = new Set(["decision", "status", "cause"]);
    this.rows = new Map();
    this.counts = { matched: null, total: null, selected: 0, hidden: 0 };
    this.length = null;
    this.state = { columns: [], filter: {}, chips: [], order: [], facts: {}, unit: "rows", ready: false };
    this.build(el);
    this.refined = 0;
    this.waiting = [];
    this.take = (message, sums) => (this.pressed && !sums?.length ? this.waiting.push(message) : this.receive(message, sums));
    model.on("msg:custom", this.take);
    this.seen = new ResizeObserver(() => this.draw());
    this.seen.observe(this.scroller);
    this.greet();
  }

  /** Say hello until rows are counted: what is sent before a kernel listens is lost. */
  greet() {
    this.send({ do: "hello" });
    this.greeting = setTimeout(() => (this.v < 0 || !this.state.ready || this.counts.matched === null) && this.greet(), 3000);
  }

  close() {
    clearTimeout(this.greeting);
    this.model.off("msg:custom", this.take);
    this.seen.disconnect();
    clearTimeout(this.typing);
  }

  send(message) { this.model.send(message); }
  n(number) { return number === null || number === undefined ? "…" : number.toLocaleString(this.state.language === "zh" ? "zh-CN" : "en-US"); }
  words(name, values = {}) { return fill(this.say[name] ?? name, values); }

  // ---- the frame

  build(el) {
    this.live = h("div", { className: "ik-live", role: "status", "aria-live": "polite" });
    this.search = h("input", { type: "search", className: "ik-search", spellcheck: false, autocomplete: "off", oninput: () => this.typed(), onkeydown: (e) => this.searchKey(e) });
    this.count = h("span", { className: "ik-count" });
    this.tools = h("div", { className: "ik-bar ik-tools" });
    this.bar = h("div", { className: "ik-bar" }, this.search, this.count, this.tools);
    this.facts = h("div", { className: "ik-facts", role: "note", hidden: true });
    this.chips = h("div", { className: "ik-chips", role: "list" });
    this.trend = h("div", { className: "ik-trend" });
    this.facets = h("div", { className: "ik-facets", role: "group" });
    this.choice = h("div", { className: "ik-choice" });
    this.head = h("div", { className: "ik-head", role: "row", "aria-rowindex": 1 });
    this.layer = h("div", { className: "ik-layer", role: "presentation" });
    this.spacer = h("div", { className: "ik-spacer", role: "presentation" });
    this.scroller = h("div", { className: "ik-scroller", role: "grid", tabIndex: 0, "aria-multiselectable": "true",
      onscroll: () => this.scrolled(), onkeydown: (e) => this.key(e), onfocus: () => this.draw(), onblur: () => this.hint(null) },
      this.head, this.layer, this.spacer);
    this.scroller.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    this.scroller.addEventListener("click", (e) => this.clicked(e));
    this.layer.addEventListener("dblclick", (e) => this.details(this.rowOf(e)));
    this.scroller.addEventListener("pointermove", (e) => this.hovered(e));
    this.scroller.addEventListener("pointerleave", () => this.hint(null));
    this.tip = h("div", { className: "ik-tip", role: "tooltip", id: `${this.id}-tip`, hidden: true });
    this.note = h("div", { className: "ik-note", hidden: true });
    this.banner = h("div", { className: "ik-banner", role: "alert", hidden: true });
    this.panel = h("aside", { className: "ik-panel", hidden: true, tabIndex: -1 });
    this.extra = h("div", { className: "ik-extra" });
    this.main = h("div", { className: "ik-main" }, this.facets, h("div", { className: "ik-middle" }, this.choice, h("div", { className: "ik-gridbox" }, this.scroller, this.note, this.tip)), this.panel);
    this.root = h("div", { className: "ik", role: "region", "aria-label": "invitekit", style: `height:${this.model.get("height")}px`, onkeydown: (e) => this.rootKey(e) },
      this.banner, this.extra, this.bar, this.facts, this.chips, this.trend, this.main, this.live);
    el.append(this.root);
    this.root.addEventListener("pointerdown", (e) => this.press(e));
    // A notebook takes keys for its own commands: none may leave.
    for (const kind of ["keydown", "keypress", "keyup"]) this.root.addEventListener(kind, (e) => e.stopPropagation());
  }

  /** Draw nothing anew while a button is held down: a click on what has been drawn meanwhile would be lost, or mean another. */
  press(e) {
    if (e.button || !e.target.closest("button, label, summary, .ik-bars, .ik-line")) return;
    clearTimeout(this.letting); // the second of two clicks
    this.pressed = true;
    for (const kind of ["pointerup", "pointercancel"]) document.addEventListener(kind, this.letGo, { once: true });
  }
  letGo = () => { this.letting = setTimeout(() => { this.pressed = false; this.waiting.splice(0).forEach((m) => this.receive(m)); }); };

  drawBar() {
    const s = this.state;
    this.search.placeholder = this.words("search");
    this.search.setAttribute("aria-label", this.words("search"));
    if (document.activeElement !== this.search) this.search.value = s.filter.text ?? "";
    this.search.disabled = !s.ready;
    const jump = h("input", { type: "number", min: 1, className: "ik-jump", placeholder: this.words("go"), "aria-label": this.words("go"),
      onkeydown: (e) => { if (e.key === "Enter" && e.target.value) this.goTo(Math.max(0, +e.target.value - 1), true); } });
    const eye = h("button", { className: "ik-button", "aria-pressed": String(!!s.bare), onclick: () => this.send({ do: "eye", open: !s.bare, first: this.firstRow() }) }, this.words(s.bare ? "eye_open" : "eye_closed"));
    const side = h("button", { className: "ik-button", "aria-pressed": String(!this.facets.hidden), onclick: () => { this.facets.hidden = !this.facets.hidden; this.drawBar(); this.draw(); } }, this.words("filters"));
    const menu = this.menu(this.words("columns"), () => this.state.columns.map((c) => h("label", {}, h("input", { type: "checkbox", checked: c.shown, onchange: (e) => this.showColumn(c.name, e.target.checked) }), c.label)));
    const views = s.views ? this.menu(this.words("views"), () => this.viewMenu()) : null;
    const open = [...this.tools.querySelectorAll("details")].findIndex((one) => one.open);
    keepFocus(this.tools, () => {
      this.tools.replaceChildren(this.everyRow(), jump, side, menu, views ?? "", eye);
      if (open >= 0) { const again = this.tools.querySelectorAll("details")[open]; if (again) { again.open = true; again.fill(); } }
    });
    this.drawCount();
  }

  menu(label, inside) {
    const box = h("div", { className: "ik-menubox" });
    const made = h("details", { className: "ik-menu", ontoggle: () => { if (made.open && !box.firstChild) made.fill(); if (!made.open) box.replaceChildren(); },
      onkeydown: (e) => { if (e.key === "Escape") { made.open = false; made.firstChild.focus(); e.stopPropagation(); } },
      onfocusout: (e) => { if (e.relatedTarget && !made.contains(e.relatedTarget)) made.open = false; } }, h("summary", { className: "ik-button" }, label), box);
    made.fill = () => box.replaceChildren(...inside());
    return made;
  }

  viewMenu() {
    const name = h("input", { type: "text", placeholder: this.words("name"), "aria-label": this.words("name") });
    const save = h("button", { className: "ik-button", onclick: () => name.value.trim() && this.send({ do: "save_view", name: name.value.trim() }) }, this.words("save"));
    return [...this.state.views.map((view) => h("button", { className: "ik-item", onclick: () => this.send({ do: "open_view", name: view }) }, view)), h("div", { className: "ik-row2" }, name, save)];
  }

  /** What a row is now: an invitation or a customer by its newest state, or a row of a file. */
  unit() { return this.state.every_row ? "rows" : this.state.unit; }
  everyRow() {
    if (this.state.unit === "rows") return "";
    const box = h("input", { type: "checkbox", role: "switch", "aria-description": this.words("every_row_hint"), checked: this.state.every_row, disabled: !this.state.ready, onchange: () => this.send({ do: "every_row", on: box.checked }) });
    return h("label", { className: "ik-switch", title: this.words("every_row_hint") }, box, this.words("every_row"));
  }

  drawCount(matched = this.counts.matched, customers = this.counts.customers) {
    const { total } = this.counts, unit = this.unit(), all = total === null || matched === null || matched === total;
    let text = this.words(`${all ? "all" : "some"}_${unit}`, { n: this.n(matched), total: this.n(total) });
    if (unit !== "customers" && customers != null) text += this.words(all ? "of_customers" : "among_customers", { customers: this.n(customers) });
    if (unit === "invitations" && all && this.state.facts.not_sent) text += this.words("not_sent", { n: this.n(this.state.facts.not_sent) });
    this.count.textContent = this.state.ready ? text : "";
    if (!this.pressed && customers !== undefined && this.saidCount !== text) this.saidCount = this.live.textContent = text; // once, and not at each step of a hand
  }
  /** Say which rows cannot be told apart, and which are not counted. */
  drawFacts() {
    const { every_row, facts } = this.state, told = ["masked", "masked_before"].filter((name) => facts[name] && !every_row);
    this.facts.replaceChildren(...told.map((name) => h("span", {}, this.words(name, { n: this.n(facts[name]) }))));
    this.facts.hidden = !told.length;
  }

  drawChips() {
    const chips = this.state.chips.map((chip) => h("span", { className: "ik-chip", role: "listitem" }, h("span", { dir: "auto" }, chip.words),
      h("button", { "aria-label": this.words("remove", { text: chip.words }), title: chip.words, onclick: () => this.refine({ [chip.name]: undefined }) }, "×")));
    if (chips.length > 1) chips.push(h("span", { role: "listitem" }, h("button", { className: "ik-link", onclick: () => this.refine(null) }, this.words("reset"))));
    keepFocus(this.chips, () => this.chips.replaceChildren(...chips));
    this.chips.hidden = !chips.length;
  }

  /** Change the filter by some restrictions; null takes all of them off. */
  refine(change) {
    const filter = change === null ? {} : { ...this.state.filter, ...change };
    for (const name of Object.keys(filter)) if (filter[name] === undefined || filter[name] === "" || (Array.isArray(filter[name]) && !filter[name].length)) delete filter[name];
    this.state.filter = filter;
    if (change === null || "text" in change) this.search.value = filter.text ?? "";
    this.asking(true);
    this.send({ do: "filter", filter, view: this.id, n: ++this.refined });
  }

  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.searchNow(), DEBOUNCE);
  }
  searchNow() {
    clearTimeout(this.typing);
    const text = this.search.value.trim();
    if (text !== (this.state.filter.text ?? "")) this.refine({ text: text || undefined });
  }
  searchKey(e) {
    if (e.key === "Enter") this.searchNow();
    else if (e.key === "Escape") { this.search.value = ""; this.searchNow(); }
    else if (e.key === "ArrowDown") { this.scroller.focus(); e.preventDefault(); }
  }
  rootKey(e) {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) && e.target.type !== "checkbox";
    if (e.key === "/" && !typing) { this.search.focus(); e.preventDefault(); }
    else if (e.key === "Escape" && !this.panel.hidden) this.closeDetails();
  }

  // ---- choices beside the rows

  drawFacets(list) {
    const held = document.activeElement?.dataset?.facet;
    this.facets.setAttribute("aria-label", this.words("filters"));
    keyed(this.facets, list.filter((f) => f.values.length), (f) => f.name, (f, made) => this.facet(f, made));
    if (held) this.facets.querySelector(`[data-facet="${CSS.escape(held)}"]`)?.focus();
  }

  facet(f, made) {
    if (!made) {
      const mark = h("span", { className: "ik-mark", hidden: true }), list = h("div", { className: "ik-values" });
      const part = h("input", { type: "search", className: "ik-part", "aria-label": `${this.words("filters")}: ${f.label}`, placeholder: "…", oninput: () => made.show() });
      made = h("details", { className: "ik-facet", open: this.open.has(f.name), ontoggle: () => (made.open ? this.open.add(f.name) : this.open.delete(f.name)) }, h("summary", {}, f.label, mark), part, list);
      Object.assign(made, { mark, list, word: part });
    }
    made.show = () => {
      const chosen = this.state.filter[f.name] ?? [], part = made.word.value.trim().toLowerCase(), most = Math.max(...f.values.map((v) => v[2]), 1);
      if (chosen.length && made.mark.hidden) made.open = true;
      made.mark.textContent = chosen.length;
      made.mark.hidden = !chosen.length;
      made.word.hidden = f.values.length <= 8 && !part;
      keyed(made.list, f.values.filter((v) => !part || (v[1] ?? this.words("empty")).toLowerCase().includes(part)), (v) => v[0], (v, label) => this.choiceOf(f.name, v, label, most));
    };
    made.show();
    return made;
  }

  choiceOf(name, [value, text, n], label, most) {
    const now = () => this.state.filter[name] ?? [], said = text ?? this.words("empty");
    label ??= h("label", {},
      h("input", { type: "checkbox", "data-facet": `${name}:${value}`, onchange: (e) => this.refine({ [name]: e.target.checked ? [...now(), value] : now().filter((one) => one !== value) }) }),
      h("span", { className: "ik-label", dir: "auto", title: text ?? "" }), h("span", { className: "ik-n" }));
    label.className = n ? "ik-value" : "ik-value ik-none";
    label.style = `--part:${((100 * n) / most).toFixed(1)}%`;
    label.firstChild.checked = now().includes(value);
    label.children[1].textContent = said;
    label.lastChild.textContent = this.n(n);
    return label;
  }

  /** Take a date once its year is typed: 2026 is the year 2, 20 and 202 on the way there. */
  dated(name, day) { if (!day || day > "1") this.refine({ [name]: day || undefined }); }
  drawTrend(days) {
    const { invited_from: from, invited_to: to } = this.state.filter;
    this.dates ??= h("div", { className: "ik-dates" }, ...["from", "to"].flatMap((end) => [this.words(end), h("input", { type: "date", "aria-label": this.words(end), onchange: (e) => this.dated(`invited_${end}`, e.target.value) })]));
    const [first, last] = this.dates.children;
    if (first !== document.activeElement) first.value = from ?? "";
    if (last !== document.activeElement) last.value = to ?? "";
    if (!this.dates.isConnected) this.trend.append(this.dates);
    if (this.dragging) { if (days) this.daysAfterDrag = days; return; } // drawn anew, the bars would lose the pointer
    if (days) { // counts that go ahead leave them as they are
      if (this.trend.children.length > 1) this.trend.firstChild.remove();
      this.trend.prepend(days.length > 1 ? this.bars(days) : h("span"));
      this.trend.hidden = !days.length;
    }
    this.marked?.(from, to);
  }

  /** Bars by day, or by as many days as a pixel or two hold; dragging over them chooses dates. */
  bars(days) {
    const W = 600, H = 46, first = Date.parse(days[0][0]), span = (Date.parse(days[days.length - 1][0]) - first) / 864e5 + 1;
    const step = Math.max(1, Math.ceil(span / 150)), bins = Array.from({ length: Math.ceil(span / step) }, () => [0, 0, 0]);
    for (const [day, all, failed, associated] of days) {
      const bin = bins[Math.floor((Date.parse(day) - first) / 864e5 / step)];
      bin[0] += all; bin[1] += failed; bin[2] += associated;
    }
    const most = Math.max(...bins.map((b) => b[0]), 1), w = W / bins.length;
    const day = (place) => new Date(first + Math.min(Math.max(Math.floor(place * span), 0), span - 1) * 864e5).toISOString().slice(0, 10);
    const svg = h("svg:svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", class: "ik-bars", role: "img", "aria-label": this.words("trend") }, h("svg:title", {}, this.words("trend")));
    bins.forEach((b, at) => {
      let y = H;
      for (const [kind, n] of [["failed", b[1]], ["associated", b[2]], ["others", b[0] - b[1] - b[2]]]) {
        const tall = (n / most) * H;
        y -= tall;
        if (tall > 0) svg.append(h("svg:rect", { x: at * w, y, width: Math.max(w - 0.5, 0.5), height: tall, class: `ik-${kind}` }));
      }
    });
    const place = (iso) => (Date.parse(iso) - first) / 864e5 / span;
    const brush = h("svg:rect", { y: 0, height: H, class: "ik-brush", x: 0, width: 0 });
    const mark = (a, b) => { brush.setAttribute("x", Math.min(a, b) * W); brush.setAttribute("width", Math.abs(b - a) * W); };
    this.marked = (from, to) => mark(from ? Math.max(0, place(from)) : 0, to ? Math.min(1, place(to) + 1 / span) : from ? 1 : 0);
    svg.append(brush);
    const at = (e) => { const box = svg.getBoundingClientRect(); return Math.min(Math.max((e.clientX - box.left) / box.width, 0), 0.99999); };
    const ask = () => { const of = this.undated(); if (this.sums?.of !== of) { this.sums = { of }; this.send({ do: "sums" }); } };
    svg.addEventListener("pointerenter", ask);
    svg.addEventListener("pointerdown", (e) => {
      const start = at(e), dates = (u) => { const [a, b] = [start, at(u)].sort((x, y) => x - y); return b - a < 0.004 ? [] : [day(a), day(b)]; };
      svg.setPointerCapture(e.pointerId);
      this.dragging = true;
      ask();
      svg.onpointermove = (m) => { mark(start, at(m)); this.brushed(...dates(m)); };
      svg.onpointerup = (u) => { const [from, to] = dates(u); this.refine({ invited_from: from, invited_to: to }); };
      svg.onlostpointercapture = () => { // after a release, and where the pointer was taken away
        svg.onpointermove = svg.onpointerup = svg.onlostpointercapture = null;
        const { invited_from, invited_to } = this.state.filter;
        this.marked(invited_from, invited_to);
        this.brushed(invited_from, invited_to, true);
        this.dragging = false;
        if (this.daysAfterDrag) this.drawTrend(this.daysAfterDrag);
        this.daysAfterDrag = null;
      };
    });
    return h("figure", { className: "ik-figure" }, svg, h("figcaption", {}, h("span", {}, days[0][0]), h("span", { className: "ik-legend" }, ...["failed", "associated", "others"].map((kind) => h("span", { className: `ik-key ik-${kind}` }, this.words(kind)))), h("span", {}, days[days.length - 1][0])));
  }

  /** Of which filter the sums of all days have to be by now. */
  undated() { const { invited_from, invited_to, ...rest } = this.state.filter; return JSON.stringify(rest); }
  /** Show the counts of some days, added up here: the kernel's come later, and are the same. Nothing changes its place before the end. */
  brushed(from, to, end) {
    const { of, days, up, facets, matched } = this.sums ?? {};
    if (!days || of !== this.undated()) return;
    const before = (is) => days.filter(is).length - 1, lo = before((d) => d < (from ?? "1")), hi = before((d) => d <= (to ?? "~"));
    let at = 0;
    const n = (all) => { const here = at; at += days.length; return from || to ? up[here + hi] - up[here + lo] : all; };
    const most = (a, b) => b[2] - a[2] || (a[0] === null) - (b[0] === null) || (a[0] < b[0] ? -1 : 1);
    const live = (f) => {
      const values = f.values.map(([value, text, all]) => [value, text, n(all)]), chosen = this.state.filter[f.name] ?? [];
      return { ...f, values: end ? values.filter((v) => v[2] || chosen.includes(v[0])).sort(most) : values };
    };
    this.drawCount(n(matched), null);
    const drawn = new Map(facets.map((f) => [f.name, live(f)]));
    this.drawFacets(this.told.map((f) => drawn.get(f.name) ?? f));
  }

  // ---- columns

  shownColumns() { const by = new Map(this.state.columns.map((c) => [c.name, c])); return this.state.order.map((name) => by.get(name)).filter(Boolean); }
  showColumn(name, shown) {
    const order = shown ? [...this.state.order, name] : this.state.order.filter((one) => one !== name);
    if (order.length) this.send({ do: "columns", shown: order, first: this.firstRow() });
  }
  width(c) {
    return this.widths[c.name] ?? WIDE[c.name] ?? { time: 150, integer: 84, number: 84, code: 124 }[c.kind] ?? 160;
  }
  layout() {
    const widths = this.shownColumns().map((c) => this.width(c));
    this.root.style.setProperty("--cols", `34px ${widths.map((w) => `${w}px`).join(" ")}`);
    this.root.style.setProperty("--wide", `${34 + widths.reduce((a, b) => a + b, 0)}px`);
  }
  drawHead() {
    this.layout();
    this.all = h("input", { type: "checkbox", tabIndex: -1, "aria-label": this.words("select_page"), disabled: !this.state.ready, onclick: (e) => this.choosePage(e.target.checked) });
    this.head.replaceChildren(h("div", { className: "ik-cell ik-check", role: "columnheader", "aria-colindex": 1 }, this.all), ...this.shownColumns().map((c, at) => {
      const by = this.state.by === c.name, sort = by ? (this.state.down ? "descending" : "ascending") : "none";
      return h("div", { className: "ik-cell", role: "columnheader", "aria-sort": sort, "aria-colindex": at + 2 },
        h("button", { className: "ik-sort", tabIndex: -1, title: this.words("sort", { name: c.label }), disabled: !this.state.ready, onclick: () => this.sortBy(c.name) }, c.label, by ? (this.state.down ? " ▾" : " ▴") : ""),
        h("span", { className: "ik-grip", "aria-hidden": "true", onpointerdown: (e) => this.resize(e, c) }));
    }));
    this.scroller.setAttribute("aria-colcount", this.shownColumns().length + 1);
  }
  sortBy(name) {
    const s = this.state, same = s.by === name;
    this.asking(true);
    this.send({ do: "sort", by: same && s.down ? null : name, down: same && !s.down });
  }
  resize(e, c) {
    const from = e.clientX, was = this.width(c), grip = e.target;
    grip.setPointerCapture(e.pointerId);
    grip.onpointermove = (m) => { this.widths[c.name] = Math.max(48, was + m.clientX - from); this.layout(); };
    grip.onpointerup = () => { grip.onpointermove = grip.onpointerup = null; };
    e.preventDefault();
  }

  // ---- rows

  total() { return this.state.ready ? this.length ?? this.counts.matched ?? 0 : this.pages.get(0)?.keys.length ?? 0; }
  tall() { return Math.max(this.scroller.clientHeight - HEAD, ROW); }
  firstRow() { return Math.floor(this.top / ROW); }
  measure() {
    const all = this.total() * ROW, shown = Math.min(all, TALLEST), room = this.tall();
    this.scale = all > shown ? (all - room) / (shown - room) : 1;
    this.spacer.style.height = `${shown}px`;
    this.top = Math.min(this.top, Math.max(0, all - room));
  }
  scrolled() {
    if (Math.abs(this.scroller.scrollTop - this.top / this.scale) > 1) this.top = this.scroller.scrollTop * this.scale;
    this.draw();
  }
  wheel(e) {
    if (this.scale === 1 || e.ctrlKey || !e.deltaY) return;
    // Where a pixel of the bar is many rows, the wheel still goes row by row.
    this.moveTo(this.top + (e.deltaMode === 1 ? e.deltaY * ROW : e.deltaY));
    e.preventDefault();
  }
  moveTo(top) {
    this.top = Math.max(0, Math.min(top, this.total() * ROW - this.tall()));
    this.scroller.scrollTop = this.top / this.scale;
    this.draw();
  }
  goTo(row, take = false) {
    row = Math.max(0, Math.min(row, this.total() - 1));
    const room = this.tall();
    if (row * ROW < this.top) this.moveTo(row * ROW);
    else if ((row + 1) * ROW > this.top + room) this.moveTo((row + 1) * ROW - room);
    this.active.row = row;
    if (take) { this.anchor = row; this.scroller.focus(); }
    this.draw();
  }
  at(row) {
    const page = this.pages.get(Math.floor(row / BLOCK) * BLOCK), at = row % BLOCK;
    return page && at < page.keys.length ? { page, at } : null;
  }

  draw() {
    if (!this.state.columns.length) return;
    this.measure();
    const first = this.firstRow(), last = Math.min(this.total(), Math.ceil((this.top + this.tall()) / ROW) + 1);
    for (const [row, el] of this.rows) if (row < first || row >= last) { el.remove(); this.rows.delete(row); }
    for (let row = first; row < last; row++) {
      let el = this.rows.get(row);
      const there = this.at(row), mark = there ? there.page : null;
      if (!el || el.page !== mark) {
        const made = this.row(row, there);
        el ? el.replaceWith(made) : this.layer.append(made);
        this.rows.set(row, (el = made));
      }
      el.style.transform = `translateY(${row * ROW - this.top}px)`;
      this.flag(el, row, there);
    }
    this.scroller.setAttribute("aria-rowcount", this.total() + 1);
    const cell = document.getElementById(`${this.id}-${this.active.row}-${this.active.col}`);
    cell ? this.scroller.setAttribute("aria-activedescendant", cell.id) : this.scroller.removeAttribute("aria-activedescendant");
    this.drawNote();
    this.drawChoice();
    this.need(first, last);
    if (document.activeElement === this.scroller) this.hint(this.rows.get(this.active.row));
  }

  row(row, there) {
    const made = h("div", { className: there ? "ik-line" : "ik-line ik-wait", role: "row", "aria-rowindex": row + 2 });
    made.page = there ? there.page : null;
    made.row = row;
    const cells = this.shownColumns().map((c, at) => this.cell(c, at + 1, row, there));
    const box = h("input", { type: "checkbox", tabIndex: -1, "aria-label": this.words("of_rows", { n: this.n(row + 1) }) });
    made.append(h("div", { className: "ik-cell ik-check", role: "gridcell", id: `${this.id}-${row}-0`, "aria-colindex": 1 }, box), ...cells);
    return made;
  }

  cell(c, col, row, there) {
    const text = there ? there.page.cells[c.name]?.[there.at] : null;
    const code = there ? there.page.codes[c.name]?.[there.at] : undefined;
    const inside = c.name in (there?.page.codes ?? {}) && text !== null && text !== undefined && c.name !== "failure_code" ? h("span", { className: `ik-badge ik-is-${code}` }, text)
      : c.name === "failure_code" && code ? this.state.hints?.[code]?.[0] ?? text : text ?? "";
    return h("div", { className: `ik-cell ik-${c.kind}`, role: "gridcell", id: `${this.id}-${row}-${col}`, "aria-colindex": col + 1, dir: "auto", title: typeof inside === "string" ? inside : "" }, inside);
  }

  flag(el, row, there) {
    const chosen = !!there?.page.picked?.[there.at], can = !!there?.page.can?.[there.at], box = el.firstChild.firstChild;
    box.checked = chosen;
    box.disabled = !can;
    el.setAttribute("aria-selected", String(chosen));
    el.classList.toggle("ik-chosen", chosen);
    for (const old of el.querySelectorAll(".ik-active")) if (row !== this.active.row) old.classList.remove("ik-active");
    if (row === this.active.row) [...el.children].forEach((cell, at) => cell.classList.toggle("ik-active", at === this.active.col));
  }

  /** Ask for what is shown and not there; one question at a time, as an older one is stopped by the next. */
  need(first, last) {
    if (!this.state.ready) return;
    const from = Math.floor(first / BLOCK) * BLOCK, to = Math.ceil(last / BLOCK) * BLOCK;
    // As long as nothing is counted: an answer of no rows would take the place of the first page.
    if (to <= from) return;
    let lacks = this.stale;
    for (let at = from; at < to; at += BLOCK) if (!this.pages.has(at)) lacks = true;
    if (!lacks || (this.asked && this.asked.v === this.v && this.asked.from <= from && this.asked.to >= to)) return;
    this.asked = { v: this.v, from, to };
    this.send({ do: "page", first: from, count: to - from });
  }

  takePage(m) {
    if (m.v !== this.v) return;
    this.asking(false);
    // Until all are counted, no more rows are drawn than are there.
    if (m.first === 0 && this.length !== null) this.length = m.keys.length < BLOCK ? m.keys.length : Math.max(this.length, BLOCK);
    if (this.stale) this.pages.clear();
    this.stale = false;
    this.asked = null;
    for (let at = 0; at < Math.max(m.keys.length, 1); at += BLOCK) {
      const cut = (list) => list?.slice(at, at + BLOCK), each = (held) => Object.fromEntries(Object.entries(held).map(([name, list]) => [name, cut(list)]));
      this.pages.set(m.first + at, { keys: cut(m.keys), cells: each(m.cells), codes: each(m.codes), picked: cut(m.picked), can: cut(m.can) });
    }
    while (this.pages.size > KEPT) this.pages.delete(this.pages.keys().next().value);
    this.draw();
    if (this.ahead?.v === m.v) this.takeCounts(this.ahead);
    this.root.dataset.page = m.v;
  }

  drawNote() {
    const s = this.state, none = this.total() === 0;
    const first = !s.ready && !this.pages.size;
    this.note.hidden = !(none || first) ;
    if (this.note.hidden) return;
    if (first || (s.ready && this.counts.matched === null)) this.note.replaceChildren(h("span", { className: "ik-spin" }), this.words("loading"));
    else if (s.chips.length) this.note.replaceChildren(h("strong", {}, this.words("none")), h("span", {}, this.words("none_filter")),
      h("button", { className: "ik-button", onclick: () => this.refine(null) }, this.words("reset")));
    else this.note.replaceChildren(h("strong", {}, this.words("no_rows")));
  }

  // ---- choosing

  drawChoice() {
    const { selected, hidden, matched } = this.counts, s = this.state;
    if (!s.ready) {
      const step = this.step && this.words("step", { text: this.words(`step_${this.step.name}`), at: this.n(this.step.at), of: this.n(this.step.of) });
      this.choice.replaceChildren(h("span", { className: "ik-preparing", role: "status" }, h("span", { className: "ik-spin" }), this.preparing(), step ? ` ${step}` : ""));
      return;
    }
    const here = [...this.rows.keys()].map((row) => this.at(row)).filter(Boolean).filter((one) => one.page.can?.[one.at]);
    const chosen = here.filter((one) => one.page.picked[one.at]).length;
    if (this.all) { this.all.checked = here.length > 0 && chosen === here.length; this.all.indeterminate = chosen > 0 && chosen < here.length; }
    const part = [h("strong", {}, this.words("selected", { n: this.n(selected) }))];
    if (hidden) part.push(h("span", { className: "ik-warn" }, this.words("hidden", { n: this.n(hidden) })));
    const link = (word, act, values) => h("button", { className: "ik-link", onclick: () => this.choose({ act }) }, this.words(word, values));
    if (matched && this.counts.can) part.push(link("select_all", "all", { n: this.n(this.counts.can) }));
    if (selected) part.push(link("clear", "none"));
    if (s.undo) part.push(link("undo", "undo"));
    part.push(...this.acts());
    const told = part.map((one) => one.textContent + one.disabled).join("|");
    if (this.choice.told === told) return;
    this.choice.told = told;
    this.choice.replaceChildren(...part);
  }

  /** What is said until the rows are there. */
  preparing() { return this.words("preparing"); }
  /** What else can be done with who is chosen, with one record, and beside the rows: of a screen that is more. */
  acts() { return []; }
  detailActs() { return []; }
  drawExtra() {}
  more() {}

  /** Dim what is shown while other rows are asked for; answers that come at once are not noticed. */
  asking(on) { this.root.classList.toggle("ik-busy", on); this.scroller.setAttribute("aria-busy", String(on)); }
  choose(message) { this.send({ do: "choose", v: this.v, ...message }); }
  toggle(row, on) {
    const there = this.at(row);
    if (!there || !there.page.can?.[there.at]) return;
    const chosen = on ?? !there.page.picked[there.at];
    there.page.picked[there.at] = +chosen;
    this.choose({ act: chosen ? "add" : "remove", keys: [there.page.keys[there.at]] });
    this.draw();
  }
  choosePage(on) {
    const keys = [...this.rows.keys()].map((row) => this.at(row)).filter((one) => one && one.page.can?.[one.at]).map((one) => one.page.keys[one.at]);
    if (keys.length) this.choose({ act: on ? "add" : "remove", keys });
  }
  range(from, to, on) { this.choose({ act: "range", from, to, add: on }); }
  /** Which row is meant. */
  rowOf(e) {
    const line = e.target.closest?.(".ik-line");
    if (line) return line.row;
    const row = Math.floor((e.clientY - this.scroller.getBoundingClientRect().top - HEAD + this.top) / ROW);
    return e.target === this.layer && row < this.total() ? row : null;
  }
  clicked(e) {
    const row = this.rowOf(e);
    if (row === null) return;
    const cell = e.target.closest(".ik-cell"), col = cell ? [...cell.parentNode.children].indexOf(cell) : Math.max(1, this.active.col);
    this.active = { row, col };
    if (col === 0) {
      if (e.shiftKey && this.anchor !== row) this.range(this.anchor, row, !this.at(row)?.page.picked[this.at(row).at]);
      else { this.toggle(row); this.anchor = row; }
    } else this.anchor = row;
    this.scroller.focus({ preventScroll: true });
    this.draw();
    if (col !== 0 && !this.panel.hidden) this.details(row);
  }
  key(e) {
    if (e.target !== this.scroller) return;
    const { row, col } = this.active, page = Math.max(1, Math.floor(this.tall() / ROW) - 1), last = this.total() - 1, cols = this.shownColumns().length;
    const go = { ArrowDown: row + 1, ArrowUp: row - 1, PageDown: row + page, PageUp: row - page }[e.key];
    if (go !== undefined) {
      const to = Math.max(0, Math.min(go, last));
      if (e.shiftKey) this.range(this.anchor, to, true); else this.anchor = to;
      this.goTo(to);
    } else if (e.key === "Home" || e.key === "End") {
      if (e.ctrlKey || e.metaKey) { this.goTo(e.key === "Home" ? 0 : last); this.anchor = this.active.row; }
      else { this.active.col = e.key === "Home" ? 0 : cols; this.reveal(); }
    } else if (e.key === "ArrowLeft" || e.key === "ArrowRight") { this.active.col = Math.max(0, Math.min(cols, col + (e.key === "ArrowLeft" ? -1 : 1))); this.reveal(); }
    else if (e.key === " ") this.toggle(row);
    else if (e.key === "Enter") this.details(row);
    else if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "a") this.choose({ act: "all" });
    else if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "z") this.choose({ act: "undo" });
    else return;
    e.preventDefault();
  }
  reveal() {
    this.draw();
    const cell = document.getElementById(`${this.id}-${this.active.row}-${this.active.col}`);
    if (!cell) return;
    const left = cell.offsetLeft, right = left + cell.offsetWidth, seen = this.scroller;
    if (left < seen.scrollLeft) seen.scrollLeft = left;
    else if (right > seen.scrollLeft + seen.clientWidth) seen.scrollLeft = right - seen.clientWidth;
  }

  // ---- why, and who

  hovered(e) { const row = this.rowOf(e); this.hint(row === null ? null : this.rows.get(row)); }
  hint(line) {
    const there = line ? this.at(line.row) : null, code = there?.page.codes.failure_code?.[there.at], known = code && this.panel.hidden && this.state.hints?.[code];
    if (!known) { this.tip.hidden = true; this.scroller.removeAttribute("aria-describedby"); return; }
    if (this.tip.code !== code) { this.tip.code = code; this.tip.replaceChildren(h("strong", {}, known[0]), h("span", {}, known[1])); }
    this.tip.hidden = false;
    this.scroller.setAttribute("aria-describedby", this.tip.id);
    const y = HEAD + line.row * ROW - this.top + ROW + 2, room = this.scroller.clientHeight;
    this.tip.style.top = `${y + this.tip.offsetHeight > room ? Math.max(HEAD, y - ROW - 4 - this.tip.offsetHeight) : y}px`;
  }
  details(row) {
    const there = row === null ? null : this.at(row);
    if (there && there.page.keys[there.at] !== null) this.send({ do: "details", key: there.page.keys[there.at] });
  }
  drawDetails(d) {
    if (!d) return;
    const text = (name) => d.fields.find((f) => f.name === name)?.text, why = ["cause", "advice"].filter((name) => text(name));
    const decision = text("reason") ? h("div", { className: "ik-why" }, h("strong", {}, text("decision")), h("p", {}, text("reason")), h("p", {}, text("next_step") ?? "")) : null;
    const told = why.length ? h("div", { className: "ik-why" }, ...why.map((name) => h("p", {}, h("strong", {}, `${this.words(name)}: `), text(name)))) : null;
    const rows = d.fields.filter((f) => !["cause", "advice", "reason", "next_step"].includes(f.name)).flatMap((f) => [h("dt", {}, f.label), h("dd", { dir: "auto" }, f.text)]);
    const past = d.invitations.length ? [h("h4", {}, `${this.words("history")} (${this.n(d.invitations.length)})`), ...d.invitations.map((one) => this.invitation(one))] : [];
    const name = text("customer_full_name") ?? text("account_name") ?? text("record_id") ?? "";
    this.panel.replaceChildren(h("header", {}, h("h3", { dir: "auto" }, name), h("button", { className: "ik-button", "aria-label": this.words("close"), onclick: () => this.closeDetails() }, "×")), decision ?? "", told ?? "", ...this.detailActs(d), ...past, h("dl", {}, ...rows));
    this.panel.scrollTop = 0;
    this.panel.setAttribute("aria-label", this.words("details"));
    this.panel.hidden = false;
    this.draw();
  }
  /** One invitation of a customer, and what the files said of it, the newest first. */
  invitation({ attempt, sent_at, method, state, states }) {
    const title = [attempt ? this.words("attempt", { n: this.n(attempt), day: sent_at }) : this.words("attempt_not_sent"), method, state];
    const rows = states.map(([first, last, ...said]) => h("tr", {}, h("td", {}, h("span", {}, first ?? ""), first === last ? "" : [" – ", h("span", {}, last)]), h("td", { dir: "auto" }, said.filter(Boolean).join(": "))));
    return h("section", { className: "ik-attempt" }, h("h5", {}, title.filter(Boolean).join(" · ")),
      h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, this.words("in_files")), h("th", {}, this.words("said_there")))), h("tbody", {}, ...rows)));
  }
  dropLines() { this.rows.forEach((el) => el.remove()); this.rows.clear(); }
  /** Forget what the eye showed, or did not show, before. */
  hide() { this.pages.clear(); if (!this.panel.hidden) this.panel.hidden = true; return true; }
  closeDetails() { this.panel.hidden = true; this.scroller.focus({ preventScroll: true }); this.draw(); }

  // ---- what the kernel says

  /** Take the kernel's filter, unless what was chosen since is still on its way. */
  takeFilter({ filter, heard }) { if ((heard[this.id] ?? 0) >= this.refined) this.state.filter = filter; }
  takeCounts({ kind, v, facets, days, filter, heard, ...counts }) {
    Object.assign(this.counts, { customers: undefined }, counts);
    this.length = this.ahead = null;
    this.drawCount(); this.draw();
  }
  takeState(m, page) {
    const { kind, v, heard, filter, ...rest } = m, anew = v !== this.v, fresh = anew || rest.ready !== this.state.ready;
    if (anew) {
      this.pages.clear();
      this.dropLines();
      this.top = this.active.row = this.anchor = this.scroller.scrollTop = 0;
      this.panel.hidden = true;
      this.counts.can = null;
      if (this.v < 0) this.counts.matched = null;
    }
    if (fresh) this.length = this.counts.matched ?? 0;
    if (rest.every_row !== this.state.every_row) this.sums = null; // they are of other rows
    this.takeFilter(m);
    this.v = v;
    this.banner.hidden = true;
    if (JSON.stringify(rest.order) !== JSON.stringify(this.state.order) || (rest.bare !== this.state.bare && this.hide()) || rest.ready !== this.state.ready) { this.stale = true; this.asked = null; this.dropLines(); }
    Object.assign(this.state, rest);
    // The first page comes by itself.
    if (fresh) this.asked = { v, from: 0, to: BLOCK };
    this.scroller.setAttribute("aria-label", this.words(`all_${this.unit()}`, { total: this.n(this.state.total) }));
    this.drawBar(); this.drawFacts(); this.drawChips(); this.drawHead(); this.drawExtra();
    page ? this.takePage(page) : this.draw();
  }

  receive(m, [sums] = []) {
    if (m.kind !== "error" && m.v < this.v) return; // overtaken
    if (m.kind === "selection" && this.ahead?.v === m.v) Object.assign(this.ahead, { selected: m.selected, hidden: m.hidden });
    if (m.v > this.v && ["preview", "counts", "customers", "selection"].includes(m.kind) && !m.filter) return; // its state is still to come
    if ("bare" in m && m.kind !== "state" && m.bare !== !!this.state.bare) return; // asked for before the eye was clicked
    const does = {
      hello: () => { this.sums = null; this.say = m.words; Object.assign(this.state, { hints: m.hints, language: m.language, mode: m.mode }); },
      state: () => this.takeState(m),
      preview: () => { this.pages.set(0, m); this.draw(); },
      page: () => { if (m.state) this.takeState({ v: m.v, ...m.state }, m); else this.takePage(m); },
      counts: () => {
        if (m.filter) { this.ahead = m; this.takeFilter(m); this.drawCount(m.matched); } // its page is still to come
        else this.takeCounts(m);
        this.drawFacets(this.told = m.facets); this.drawTrend(m.days);
        this.root.dataset.settled = m.v;
      },
      step: () => { this.step = m; this.drawChoice(); },
      customers: () => { this.counts.customers = m.customers; this.drawCount(); },
      selection: () => {
        Object.assign(this.counts, { selected: m.selected, hidden: m.hidden });
        this.state.undo = m.undo; this.stale = true; this.asked = null;
        this.live.textContent = this.words("selected", { n: this.n(m.selected) });
        this.draw();
      },
      details: () => this.drawDetails(m.details),
      sums: () => {
        this.root.dataset.sums = +(this.root.dataset.sums ?? 0) + 1; // how often, and never of what
        this.sums = { ...m, of: JSON.stringify(m.filter), up: sums && new Uint32Array(sums.buffer.slice(sums.byteOffset, sums.byteOffset + sums.byteLength)) };
      },
      error: () => {
        this.asking(false);
        this.banner.replaceChildren(h("strong", {}, m.problem), ` ${m.hint} `, h("button", { className: "ik-button", onclick: () => { this.banner.hidden = true; this.v = -1; this.send({ do: "hello" }); } }, this.words("retry")));
        this.banner.hidden = false;
      },
    };
    (does[m.kind] ?? (() => this.more(m)))();
  }
}
