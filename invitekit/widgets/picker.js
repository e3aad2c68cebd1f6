// What the picker has beside the grid: decisions as tabs, rules with their effect, confirm, write, and what was done.

class Picker extends Screen {
  build(el) {
    super.build(el);
    this.waits = new Set();
    this.tabs = h("div", { className: "ik-tabs", role: "tablist", onkeydown: (e) => this.tabKey(e) });
    this.rules = h("div", { className: "ik-bar" });
    this.said = h("div", { className: "ik-said", hidden: true, role: "status" });
    this.dialog = h("dialog", { className: "ik-dialog", onclose: () => this.scroller.focus({ preventScroll: true }) });
    this.warned = h("div", { className: "ik-warn", role: "status", hidden: true });
    this.extra.append(this.rules, this.warned, this.said, this.tabs);
    this.root.append(this.dialog);
    this.facets.hidden = true;
  }

  drawExtra() {
    this.drawTabs();
    this.drawRules();
  }

  preparing() { return this.words("planning"); }

  // ---- decisions as tabs

  tabList() {
    const again = ["resend_now", "resend_as_reseller"], by = new Map(this.state.tabs.map(([code, label, n]) => [code, { codes: [code], label, n }]));
    if (!by.size) return [];
    const first = { codes: again, label: this.words("again"), n: again.reduce((sum, code) => sum + by.get(code).n, 0) };
    const rest = [...by.values()].filter((tab) => !again.includes(tab.codes[0]) && tab.n), all = { codes: [], label: this.words(this.state.every_row ? "everything_rows" : "everything_customers"), n: this.state.total };
    return [first, ...rest, all];
  }
  drawTabs() {
    const now = JSON.stringify([...(this.state.filter.decision ?? [])].sort());
    this.tabs.setAttribute("aria-label", this.words("decisions"));
    keepFocus(this.tabs, () => this.tabs.replaceChildren(...this.tabList().map((tab) => {
      const on = JSON.stringify([...tab.codes].sort()) === now;
      return h("button", { className: "ik-tab", role: "tab", "aria-selected": String(on), tabIndex: on ? 0 : -1, onclick: () => this.refine({ decision: tab.codes }) }, tab.label, h("span", { className: "ik-n" }, this.n(tab.n)));
    })));
    if (this.tabs.firstChild && !this.tabs.querySelector('[tabindex="0"]')) this.tabs.firstChild.tabIndex = 0;
  }
  tabKey(e) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key], all = [...this.tabs.children], at = all.indexOf(document.activeElement);
    if (!step || at < 0) return;
    all[(at + step + all.length) % all.length].focus();
    e.preventDefault();
  }

  // ---- rules, and their effect before they are applied

  drawRules() {
    const s = this.state;
    if (!s.rules) return;
    const menu = this.menu(this.words("rules"), () => this.ruleFields());
    menu.classList.add("ik-left");
    const past = s.workspace ? h("button", { className: "ik-button", onclick: () => this.send({ do: "outcomes" }) }, this.words("outcomes")) : null;
    const open = s.unlogged.length ? h("button", { className: "ik-button ik-open", onclick: () => this.unlogged() }, this.words("unlogged", { n: s.unlogged.length })) : null;
    const own = s.workspace && (s.held || s.own_marked) ? h("button", { className: "ik-button", onclick: () => this.ownAccount() }, this.words(s.held ? "own_account" : "own_account_undo", { n: this.n(s.held ?? 0) })) : "";
    this.warned.replaceChildren(...(s.warnings ?? []).map((text) => h("div", {}, text)));
    this.warned.hidden = !s.warnings?.length;
    this.rules.replaceChildren(h("span", { className: "ik-sentence" }, s.rules_said), menu, h("span", { className: "ik-grow" }), own, open ?? "", past ?? "", s.workspace ? "" : h("span", { className: "ik-warn" }, this.words("no_memory")));
  }
  ruleFields() {
    const fields = Object.entries(this.state.rules).map(([name, value]) => {
      const input = h("input", { type: "number", min: name === "cool_down_days" ? 0 : 1, max: name === "batch_size" ? 100 : 3650, value: value ?? "", placeholder: "∞", name });
      return [h("label", { className: "ik-rule" }, this.words(name), input), input];
    });
    const read = () => Object.fromEntries(fields.map(([, input]) => [input.name, input.value === "" ? null : Number(input.value)]));
    return [...fields.map(([label]) => label), h("button", { className: "ik-button ik-act", onclick: (e) => { e.target.closest("details").open = false; this.busy("effect_wait"); this.send({ do: "try_rules", rules: read() }); } }, this.words("effect"))];
  }
  busy(word) { this.said.replaceChildren(h("span", { className: "ik-spin" }), this.words(word)); this.said.hidden = false; }
  effect(m) {
    this.said.hidden = true;
    const rows = m.rows.map(([label, before, after]) => h("tr", {}, h("td", {}, label), h("td", { className: "ik-number" }, this.n(before)), h("td", { className: "ik-number" }, this.n(after)), h("td", { className: `ik-number ${after === before ? "" : "ik-changed"}` }, after === before ? "=" : `${after > before ? "+" : "−"}${this.n(Math.abs(after - before))}`)));
    this.ask(this.words("effect"), [h("p", {}, m.said), this.table([this.words("decisions"), this.words("now"), this.words("then"), ""], rows)],
      [this.words("apply"), () => { this.busy("effect_wait"); this.send({ do: "use_rules" }); }], this.words("keep"));
  }
  table(head, rows) { return h("div", { className: "ik-past", tabIndex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, ...head.map((text) => h("th", {}, text)))), h("tbody", {}, ...rows))); }

  // ---- confirm and write

  acts() {
    const n = this.counts.selected;
    return [h("span", { className: "ik-grow" }), h("button", { className: "ik-button ik-act", disabled: !n, onclick: () => this.send({ do: "confirm" }) }, n ? this.words("make", { n: this.n(n) }) : this.words("make_none"))];
  }
  ask(title, inside, [label, act], cancel = this.words("cancel")) {
    const id = `${this.id}-title`, back = document.activeElement;
    this.dialog.setAttribute("aria-labelledby", id);
    this.dialog.replaceChildren(h("h3", { id }, title), h("div", { className: "ik-body", tabIndex: 0 }, ...inside), h("footer", {},
      label ? h("button", { className: "ik-button ik-act", onclick: () => { this.dialog.close(); act(); } }, label) : "", h("button", { className: "ik-button", onclick: () => this.dialog.close() }, cancel)));
    this.dialog.onclose = () => (back?.isConnected ? back : this.scroller).focus({ preventScroll: true });
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.querySelector("footer button").focus();
  }
  confirm(m) {
    const group = ([name, values]) => h("div", { className: "ik-group" }, h("h4", {}, this.state.columns.find((c) => c.name === name)?.label ?? name), ...values.map(([text, n]) => h("div", { className: "ik-pair" }, h("span", {}, text ?? this.words("no_cause")), h("span", { className: "ik-n" }, this.n(n)))));
    const rows = m.rows.map((row) => h("tr", {}, ...row.map((text) => h("td", { dir: "auto" }, text ?? ""))));
    const left = m.left_out.map(([text, n, can]) => h("div", { className: "ik-pair" }, h("span", {}, can ? this.words("not_chosen", { text }) : text), h("span", { className: "ik-n" }, this.n(n))));
    this.ask(this.words("confirm", { n: this.n(m.count), batches: this.n(m.batches) }), [
      m.again ? h("p", { className: "ik-warn", role: "alert" }, h("strong", {}, this.words("known", { n: this.n(m.again) }))) : "",
      h("p", { className: "ik-warn" }, this.words("personal", { folder: m.folder })), h("div", { className: "ik-groups" }, ...m.groups.map(group)),
      h("h4", {}, this.words("first", { n: m.rows.length })), this.table(m.labels, rows), h("h4", {}, this.words("left_out")), ...left],
      [m.count ? this.words("write", { n: this.n(m.count) }) : "", () => { this.busy("writing"); this.send({ do: "write", digest: m.digest }); }]);
  }
  written(m) {
    this.said.hidden = true;
    const steps = ["step_open", "step_search", "step_send", "step_log", "step_delete"].filter((step) => step !== "step_log" || m.ids.length);
    this.ask(this.words("written", { n: this.n(m.customers) }), [h("p", {}, h("code", { className: "ik-path" }, m.folder)),
      h("ul", {}, ...m.files.map(([name, n]) => h("li", {}, name, n === null ? "" : ` (${this.n(n)})`))), h("h4", {}, this.words("next")), h("ol", {}, ...steps.map((step) => h("li", {}, this.words(step))))], ["", null], this.words("close"));
  }

  // ---- what was done

  /** A field for a date: the day that the plan is for; else today, where this browser is. */
  dayField(label) {
    const today = new Date(Date.now() - 6e4 * new Date().getTimezoneOffset()).toISOString().slice(0, 10);
    return h("input", { type: "date", value: this.state.day ?? today, "aria-label": this.words(label) });
  }
  unlogged() {
    const by = h("input", { type: "text", value: this.state.user, "aria-label": this.words("by") }), at = this.dayField("sent_on");
    const act = (does, id) => () => { this.dialog.close(); this.busy(does === "log" ? "effect_wait" : "writing"); this.send({ do: does, batch_id: id, by: by.value.trim(), at: at.value }); if (does === "discard") this.said.hidden = true; };
    const rows = this.state.unlogged.map(([id, number, n, at]) => h("tr", {}, h("td", {}, id), h("td", { className: "ik-number" }, this.n(n)), h("td", {}, at), h("td", {}, h("button", { className: "ik-button", onclick: act("log", id) }, this.words("log")), h("button", { className: "ik-link", onclick: act("discard", id) }, this.words("discard")))));
    this.ask(this.words("unlogged", { n: rows.length }), [h("p", {}, this.words("unlogged_why")), h("label", { className: "ik-rule" }, this.words("by"), by), h("label", { className: "ik-rule" }, this.words("sent_on"), at), this.table([this.words("batch"), this.words("customers"), this.words("at"), ""], rows)], ["", null], this.words("close"));
  }
  outcomes(m) {
    const rows = m.rows.map((row) => h("tr", {}, ...row.map((value, at) => h("td", { className: at > 2 ? "ik-number" : "" }, value ?? ""))));
    this.ask(this.words("outcomes"), rows.length ? [this.table(m.names.map((name) => this.words(`o_${name}`)), rows)] : [h("p", {}, this.words("no_outcomes"))], ["", null], this.words("close"));
  }
  ownAccount() {
    const undo = !this.state.held, by = h("input", { type: "text", value: this.state.user, "aria-label": this.words("by") }), on = this.dayField("done_on");
    const act = () => { this.busy("effect_wait"); this.send({ do: undo ? "unmark_own" : "mark_own", by: by.value.trim(), on: on.value }); };
    this.ask(this.words(undo ? "own_account_undo" : "own_account", { n: this.n(this.state.held) }), [h("p", {}, this.words("own_account_why")), h("label", { className: "ik-rule" }, this.words("by"), by), undo ? "" : h("label", { className: "ik-rule" }, this.words("done_on"), on)],
      [this.words(undo ? "take_back" : "mark_done"), act]);
  }
  detailActs(d) {
    const reason = d.codes?.reason_code;
    if (!this.state.workspace) return [];
    if (reason === "marked_resolved") return [h("div", { className: "ik-row2 ik-done" }, h("button", { className: "ik-button", onclick: () => { this.busy("effect_wait"); this.send({ do: "unmark", v: this.v, key: d.key, by: this.state.user }); } }, this.words("take_back")))];
    if (!["customer_must_act", "contact_support", "blocked"].includes(reason)) return [];
    const on = this.dayField("done_on"), note = h("input", { type: "text", placeholder: this.words("note"), "aria-label": this.words("note") });
    return [h("div", { className: "ik-row2 ik-done" }, on, note, h("button", { className: "ik-button", onclick: () => { this.busy("effect_wait"); this.send({ do: "mark", v: this.v, key: d.key, on: on.value, note: note.value, by: this.state.user }); } }, this.words("mark_done")))];
  }

  send(message) {
    this.waits.add({ try_rules: "effect", write: "written" }[message.do] ?? message.do);
    super.send(message);
  }
  /** Show what this view has asked for; of another view's questions only what they change is seen here. */
  more(m) {
    if (!this.waits.delete(m.kind)) return;
    const does = { effect: () => this.effect(m), confirm: () => this.confirm(m), written: () => this.written(m), outcomes: () => this.outcomes(m) };
    does[m.kind]?.();
  }
  receive(m, sums) {
    if (m.kind === "error" || m.kind === "hello") this.said.hidden = true;
    super.receive(m, sums);
  }
}

export default {
  render({ model, el }) {
    const screen = new Picker(model, el);
    return () => screen.close();
  },
};
