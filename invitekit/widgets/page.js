// The page: a header, the tabs, and one screen in each; the screens themselves run in the server's process.
// No library, no network. Texts only ever become text nodes.

const TABS = ["pick", "explore", "export"], AGAIN = [300, 1000, 2000, 5000];
const at = (id) => document.getElementById(id);

/** Make an element: "on…" listens, "aria-…" and role are attributes, the rest are properties. */
function h(tag, given = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (/^(aria-|role$)/.test(name)) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...inside.flat().filter((one) => one || one === 0));
  return made;
}

/** What a screen gets in place of a notebook's model: the same messages, over the page's socket. */
class Model {
  constructor(page, tab) { Object.assign(this, { page, tab, listeners: new Set() }); }
  get() { return undefined; }
  send(message) { this.page.send(this.tab, message); }
  on(_kind, listener) { this.listeners.add(listener); }
  off(_kind, listener) { this.listeners.delete(listener); }
  deliver(message, buffers) { for (const listener of this.listeners) listener(message, buffers); }
}

class Page {
  constructor() {
    this.state = { status: "none", words: {} };
    this.views = new Map();
    this.dismissed = null;
    addEventListener("hashchange", () => this.showTab());
    this.connect();
  }

  words(name, values = {}) { return (this.state.words[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? ""); }
  n(number) { return number.toLocaleString(this.state.language === "zh" ? "zh-CN" : "en-US"); }
  get tab() { const tab = location.hash.slice(1); return TABS.includes(tab) ? tab : TABS[0]; }

  // ---- the socket

  connect(failed = 0) {
    const socket = new WebSocket(`ws://${location.host}/socket`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { failed = 0; if (this.lost) { this.lost = false; this.problem(null); } if (this.state.status === "open") { this.drop(); this.open(); } };
    socket.onmessage = ({ data }) => this.hear(data);
    socket.onclose = () => {
      this.lost = true;
      if (failed > 1) this.problem({ problem: this.words("lost"), hint: this.words("lost_hint") });
      setTimeout(() => this.connect(failed + 1), AGAIN[Math.min(failed, AGAIN.length - 1)]);
    };
    this.socket = socket;
    this.half = null;
  }
  send(to, message) { if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ to, message })); }

  /** A message, then as many binary parts as it says. */
  hear(data) {
    if (typeof data === "string") this.half = { ...JSON.parse(data), parts: [] };
    else this.half.parts.push(new DataView(data));
    if (this.half.parts.length < this.half.buffers) return;
    const { from, message, parts } = this.half;
    if (from !== "page") this.views.get(from)?.model.deliver(message, parts);
    else if (message.kind === "state") this.take(message);
    else if (message.kind === "progress") this.progress(message);
    else if (message.kind === "problem") this.problem(message);
  }

  // ---- what is open

  take(state) {
    const other = state.run !== this.state.run || state.status !== this.state.status;
    this.state = state;
    document.documentElement.lang = state.language;
    if (!other) return; // said again, as another tab was opened
    this.drop();
    if (state.status !== "loading") this.problem(null);
    this.header();
    this.notice();
    ({ choose: () => this.choose(), loading: () => this.wait(), open: () => this.open() })[state.status]();
  }
  /** Let go of the screens here: they are drawn anew from what the server knows. */
  drop() {
    for (const { close } of this.views.values()) close();
    this.views.clear();
  }

  header() {
    const s = this.state, open = s.status === "open";
    const files = open && s.files.length > 1 ? this.words("n_files", { n: this.n(s.files.length) }) : s.files?.[0];
    const facts = !open ? [] : [
      h("span", { title: s.files.join("\n") }, files ?? this.words("no_files")), h("span", {}, this.words("all_rows", { total: this.n(s.records) })),
      s.rejected ? h("span", { className: "warning" }, this.words("n_rejected", { n: this.n(s.rejected) })) : null,
      s.as_of ? h("span", {}, this.words("plan_day", { day: s.as_of })) : null, s.workspace ? h("span", {}, this.words("in_workspace", { name: s.workspace })) : null,
    ];
    document.title = open ? `${s.workspace ?? files ?? ""} · invitekit` : "invitekit";
    at("header").replaceChildren(h("h1", {}, "invitekit"), h("div", { className: "facts" }, facts),
      ...(open ? [h("button", { type: "button", onclick: () => this.send("page", { type: "choose" }) }, this.words("open_other"))] : []));
  }
  notice() {
    const { added = [], run } = this.state, known = added.filter(([, there]) => there), fresh = added.filter(([, there]) => !there);
    const close = h("button", { type: "button", onclick: () => { this.dismissed = run; this.notice(); } }, this.words("close"));
    const records = this.state.unknown?.records;
    const ask = records ? h("p", { className: "warning" }, this.words("words_unknown", { n: this.n(records) }), " ",
      h("button", { type: "button", onclick: () => this.teach() }, this.words("words_say"))) : null;
    const line = (word, files) => files.length ? h("p", { title: files.map(([name]) => name).join("\n") }, this.words(word, { n: this.n(files.length) })) : null;
    const shown = this.dismissed !== run && (added.length || ask) && this.state.status === "open";
    at("notice").replaceChildren(...(shown ? [h("div", {}, line("files_added", fresh), line("files_known", known), ask), close] : []));
  }
  problem(said) {
    at("problem").hidden = !said;
    at("problem").replaceChildren(...(said ? [h("strong", {}, said.problem), ` ${said.hint ?? ""}`] : []));
    if (said?.tab) this.views.get(said.tab)?.wait.remove();
  }

  // ---- choosing files, waiting, and the tabs

  choose() {
    const { files, workspaces } = this.state.offered, one = (value, text = value) => h("option", { value }, text);
    const list = h("select", { multiple: true, size: Math.min(Math.max(files.length, 3), 12) }, files.map((name) => one(name)));
    const workspace = h("select", {}, one("", this.words("no_workspace")), workspaces.map((name) => one(name)));
    const go = () => this.send("page", { type: "open", files: [...list.selectedOptions].map((option) => option.value), workspace: workspace.value });
    at("main").replaceChildren(h("section", { className: "choose" }, h("h2", {}, this.words("open_what")), h("p", {}, this.words("open_why")),
      files.length ? h("label", {}, this.words("files"), list) : h("p", {}, this.words("nothing_here")),
      h("label", {}, this.words("workspace"), workspace), h("button", { type: "button", className: "main", onclick: go }, this.words("open_files"))));
  }
  /** Ask what unknown words mean; what is not chosen stays unknown. */
  teach() {
    const fields = this.state.unknown.columns.map(({ column, label, values, words }) => [column, h("fieldset", {}, h("legend", {}, label), words.map(([word, n, likely]) => {
      const likeliest = values.find(([code]) => code === likely)?.[1];
      const choice = h("select", { name: word }, h("option", { value: "" }, this.words("words_leave")), values.map(([code, text]) => h("option", { value: code }, text)));
      return h("label", {}, h("span", {}, h("b", {}, word), ` ${this.words("words_rows", { n: this.n(n) })}`, likeliest ? ` ${this.words("words_likely", { value: likeliest })}` : ""), choice);
    }))]);
    const save = () => this.send("page", { type: "teach", words: Object.fromEntries(fields.map(([column, field]) =>
      [column, Object.fromEntries([...field.querySelectorAll("select")].filter(({ value }) => value).map(({ name, value }) => [name, value]))])) });
    this.drop();
    at("notice").replaceChildren();
    at("main").replaceChildren(h("section", { className: "choose" }, h("h2", {}, this.words("words_title")), h("p", {}, this.words("words_why")),
      fields.map(([, field]) => field), h("div", {}, h("button", { type: "button", className: "main", onclick: save }, this.words("words_save")), " ",
        h("button", { type: "button", onclick: () => { this.problem(null); this.notice(); this.open(); } }, this.words("cancel")))));
    at("main").querySelector("select").focus();
  }
  wait() {
    this.bar = h("progress");
    at("main").replaceChildren(h("div", { className: "wait", role: "status" }, h("p", {}, this.words("loading")), this.bar));
  }
  progress({ done, total }) { if (this.bar && total) Object.assign(this.bar, { max: total, value: done }); }

  open() {
    const key = (e) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
      if (step) location.hash = TABS[(TABS.indexOf(this.tab) + step + TABS.length) % TABS.length];
    };
    this.tabs = h("div", { className: "tabs", role: "tablist", onkeydown: key }, TABS.map((tab) =>
      h("button", { type: "button", role: "tab", id: `tab-${tab}`, "aria-controls": `screen-${tab}`, onclick: () => { location.hash = tab; } }, this.words(`tab_${tab}`))));
    this.screens = TABS.map((tab) => h("section", { className: "screen", role: "tabpanel", id: `screen-${tab}`, "aria-labelledby": `tab-${tab}`, hidden: true }));
    at("main").replaceChildren(this.tabs, ...this.screens);
    this.showTab();
  }
  async showTab() {
    if (this.state.status !== "open") return;
    const now = this.tab, held = this.tabs.contains(document.activeElement);
    TABS.forEach((tab, place) => {
      const button = this.tabs.children[place];
      button.setAttribute("aria-selected", String(tab === now));
      button.tabIndex = tab === now ? 0 : -1;
      this.screens[place].hidden = tab !== now;
      if (tab === now && held) button.focus();
    });
    if (this.views.has(now)) return;
    const model = new Model(this, now), view = { model, close: () => {}, wait: h("p", { className: "wait", role: "status" }, this.words("loading")) };
    const el = this.screens[TABS.indexOf(now)];
    this.views.set(now, view);
    el.replaceChildren(view.wait);
    const module = await import(`./${now}.js`);
    if (this.views.get(now) !== view) return; // another was opened meanwhile
    model.on("msg:custom", () => view.wait.remove());
    view.close = module.default.render({ model, el });
  }
}

window.invitekit = new Page();
