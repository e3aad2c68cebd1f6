/** The start of the page: the drop zone, the workspaces and files of the folder, and the sample. */

import { button } from "./dialog.ts";
import { type Child, h } from "./dom.ts";
import { type AddFiles, Target } from "./files.ts";
import type { PageContext } from "./page.ts";
import type { PageRequest } from "./protocol.ts";

type Ask = (request: PageRequest) => void;

/** `ask` sends what was chosen. */
export function firstVisit(page: PageContext, adding: AddFiles, ask: Ask): Child[] {
  const { offered, workspace } = page.state;
  const { files } = offered;
  const workspaces = offered.workspaces.filter((name) => name !== workspace);
  return [
    h(
      "div.drop-zone",
      {},
      h("p.drop-here", {}, page.text("drop_here")),
      adding.chooser(),
      h("p.soft", {}, page.text("drop_from")),
      h("p.soft", {}, page.text("drop_why")),
    ),
    workspaces.length > 0 &&
      h(
        "section",
        {},
        h("h3", {}, page.text("recent")),
        h(
          "div.recent",
          {},
          workspaces.map((name) => recent(name, ask)),
        ),
      ),
    files.length > 0 && folder(page, files, ask),
    h(
      "p",
      {},
      button(page.text("try_sample"), () => ask({ type: "try_sample" })),
    ),
  ];
}

function recent(workspace: string, ask: Ask): HTMLElement {
  return button(workspace, () => ask({ type: "open", files: [], uploads: [], workspace }));
}

function folder(page: PageContext, files: string[], ask: Ask): HTMLElement {
  const boxes = files.map((value) => h("input", { type: "checkbox", value }));
  const target = new Target(page);
  const open = () => {
    const chosen = boxes.filter(({ checked }) => checked).map(({ value }) => value);
    ask({ type: "open", files: chosen, uploads: [], workspace: chosen.length ? target.value : "" });
  };
  return h(
    "section",
    {},
    h("h3", {}, page.text("in_folder")),
    h(
      "div.folder",
      {},
      boxes.map((box) => h("label", {}, box, " ", box.value)),
    ),
    target.element,
    button(page.text("open_files"), open, "button.main"),
  );
}
